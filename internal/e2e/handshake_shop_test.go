package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// shop is a service that sets cookies of its own and keeps the bodies that it got.
type shop struct {
	addr string

	mu       sync.Mutex
	received []envoytest.Received
	bodies   []string
}

// shopCookies are what the service itself has to say to a browser.
func shopCookies() []string { return []string{"cart=7; Path=/; HttpOnly", "theme=dark; Path=/"} }

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	return s
}

// ServeHTTP answers with what arrived.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := envoytest.Received{
		Server: "echo", Method: r.Method, Path: r.RequestURI, Host: r.Host,
		Headers: map[string][]string{}, BodyLength: len(body),
	}
	for name, values := range r.Header {
		got.Headers[strings.ToLower(name)] = values
	}
	s.mu.Lock()
	s.received, s.bodies = append(s.received, got), append(s.bodies, string(body))
	s.mu.Unlock()
	w.Header()["Set-Cookie"] = shopCookies()
	_ = json.NewEncoder(w).Encode(got)
}

// Received returns what arrived so far, oldest first.
func (s *shop) Received() []envoytest.Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]envoytest.Received{}, s.received...)
}

// lastBody is the body of the newest request.
func (s *shop) lastBody() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[len(s.bodies)-1]
}

// newBackend starts a Backend API that answers as it is told to, and returns the
// line of the clerk section that names it.
func newBackend(t *testing.T) (api *backendtest.Endpoint, setting string) {
	t.Helper()
	api = backendtest.NewEndpoint()
	server := httptest.NewServer(api)
	t.Cleanup(func() { api.Release(); server.Close() })
	return api, "apiUrl: " + server.URL
}

// suffixed is the name of a cookie that only this instance uses.
func (c *clerk) suffixed(name string) string {
	_, rest, _ := strings.Cut(c.Cookies("x"), "__session_")
	suffix, _, _ := strings.Cut(rest, "=")
	return name + "_" + suffix
}

// quote writes a value as JSON.
func quote(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// memberOf is a session of this user in this organisation.
func memberOf(user, org string, change ...func(*clerktest.Claims)) clerktest.Claims {
	claims := clerktest.Claims{User: user}
	if org != "" {
		claims.Org = clerktest.Org{ID: "org_" + org, Slug: org, Role: "org:member"}
	}
	for _, f := range change {
		f(&claims)
	}
	return claims
}
