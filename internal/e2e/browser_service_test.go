package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"html/template"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// webService is the application: pages that say who is asking, as the headers
// have it, and no code about that.
type webService struct {
	*httptest.Server

	mu      sync.Mutex
	all     []webRequest
	cookies []string // the cookie header of each
	caching string   // cache-control of the pages
}

// webRequest is a request that the service saw.
type webRequest struct{ Method, Target, User, Org string }

func newWebService(t *testing.T) *webService {
	s := &webService{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// shownPage is what a page of the service says.
type shownPage struct{ Target, User, Org string }

var pageOfService = template.Must(template.New("page").Parse(`<!doctype html>
<title>the service</title><link rel="icon" href="data:,">
<h1 id="target">{{.Target}}</h1>
<p>user <b id="user">{{.User}}</b>, organisation <b id="org">{{.Org}}</b></p>
<form method="post" action="/notes"><button id="write" name="note" value="1">Write a note</button></form>
`))

// readPage is how a test reads it.
const readPage = `(() => { const text = id => document.getElementById(id)?.textContent ?? "no such page";
	return {Target: text("target"), User: text("user"), Org: text("org")} })()`

// ServeHTTP implements http.Handler.
func (s *webService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == faviconPath {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a := webRequest{r.Method, r.URL.RequestURI(), r.Header.Get("X-User-Id"), r.Header.Get("X-Org-Id")}
	if caching := s.record(a, strings.Join(r.Header["Cookie"], "; ")); caching != "" {
		w.Header().Set("Cache-Control", caching)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pageOfService.Execute(w, shownPage{a.Target, a.User, a.Org}) // the client has gone
}

func (s *webService) record(a webRequest, cookies string) (caching string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.cookies = append(s.all, a), append(s.cookies, cookies)
	return s.caching
}

// cache makes the pages say how they may be cached.
func (s *webService) cache(control string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caching = control
}

func (s *webService) received() []webRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// since returns what arrived after the first from requests.
func (s *webService) since(from int) []webRequest {
	if all := s.received(); len(all) > from {
		return all[from:]
	}
	return nil
}

// lastCookie is a cookie of the newest request.
func (s *webService) lastCookie(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pair := range strings.SplitSeq(s.cookies[len(s.cookies)-1], "; ") {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// selfSigned makes a certificate for a host, and its key, as PEM.
func selfSigned(t *testing.T, host string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	draft := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, draft, draft, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", encoded)
}
