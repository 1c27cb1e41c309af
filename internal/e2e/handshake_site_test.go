package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// site is an application behind Clerkgate: the sidecar, an Envoy in front, and a
// service that reports what arrived. At the end of the test, nothing that was
// sent to it may be in the sidecar's output.
type site struct {
	*clerk
	sidecar *sidecar
	envoy   *envoytest.Envoy
	service recorder
	*secrets
	visits atomic.Int64
}

// recorder is a service that keeps what arrived.
type recorder interface{ Received() []envoytest.Received }

// newSite starts a site with this policy, whose sidecar tells all that it can.
func newSite(t *testing.T, c *clerk, policy string, v variant, change ...func(*envoytest.Config)) *site {
	t.Helper()
	echo := envoytest.NewEcho(t)
	return guarded(t, c, policy).site(t, v, echo, echo.Addr, change...)
}

// site puts an Envoy of this variant between the sidecar and a service.
func (s *guardedSidecar) site(t *testing.T, v variant, service recorder, address string, change ...func(*envoytest.Config)) *site {
	t.Helper()
	return &site{clerk: s.clerk, sidecar: s.sidecar, envoy: v.envoy(t, s.sidecar, address, change...), service: service, secrets: s.secrets}
}

// guardedSidecar is a sidecar that must keep secrets.
type guardedSidecar struct {
	*clerk
	*sidecar
	*secrets
}

// guarded starts a sidecar at its most talkative level, and at the end of the
// test looks for secrets in all that it has ever printed.
func guarded(t *testing.T, c *clerk, policy string) *guardedSidecar {
	t.Helper()
	s := &guardedSidecar{c, startSidecar(t, policy, "--log-level", "debug").ready(), &secrets{texts: map[string]string{}}}
	s.keep("a secret key", c.SecretKey())
	t.Cleanup(func() {
		s.stop() // its last words count, too
		s.wantKept(t, s.log())
	})
	return s
}

// secrets are texts that must be in no output, each with what it is. They may be
// kept from several goroutines.
type secrets struct {
	mu    sync.Mutex
	texts map[string]string
}

// shortestSecret is the length from which on a text is looked for. Shorter ones
// occur by chance, and are no secrets.
const shortestSecret = 8

func (s *secrets) keep(what string, texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		for _, part := range append(strings.Split(text, "."), text) { // a token's signature is a secret by itself
			if len(part) >= shortestSecret && (part == text || strings.HasPrefix(text, "eyJ")) {
				s.texts[part] = what
			}
		}
	}
}

// keepRequest keeps the credentials of a request: its query, its cookies, its
// Authorization.
func (s *secrets) keepRequest(target string, headers []string) {
	_, query, _ := strings.Cut(target, "?")
	s.keep("a query", query)
	for pair := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(pair, "=")
		s.keep("a query value", value)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "cookie":
			for pair := range strings.SplitSeq(value, "; ") {
				_, content, _ := strings.Cut(pair, "=")
				s.keep("a cookie", content)
			}
		case "authorization":
			_, token, _ := strings.Cut(value, " ")
			s.keep("a token", token)
		}
	}
}

// keepAnswer keeps what only the client may know of an answer.
func (s *secrets) keepAnswer(h http.Header) {
	s.keep("a new cookie", h.Values("Set-Cookie")...)
	for _, location := range h.Values("Location") {
		_, query, _ := strings.Cut(location, "?")
		s.keep("a redirect", location, query)
	}
}

// wantKept checks that none of the texts is in what was printed.
func (s *secrets) wantKept(t *testing.T, printed string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.texts) == 0 || !strings.Contains(printed, `"msg":"decision"`) {
		t.Errorf("%d secrets were sent, and this was printed, which proves nothing: %.200q", len(s.texts), printed)
	}
	for text, what := range s.texts {
		if strings.Contains(printed, text) {
			t.Errorf("the sidecar printed %s: %q", what, text)
		}
	}
}

// call is a request that a test sends. The zero call is GET / at localhost:3000.
type call struct {
	method, host, target string
	headers              []string // lines such as "Accept: text/html"
	body                 string
	http2                bool
	unannounced          bool // a body over HTTP/2 without its length
}

// visit is a call and what became of it.
type visit struct {
	call
	answer  *envoytest.Answer
	arrived []envoytest.Received
}

// visitMark is a header that numbers visits, so that what arrives is known to be
// of one of them.
const visitMark = "x-visit"

// send sends a call, with an identity that it has no right to.
func (s *site) send(t *testing.T, c call) *visit {
	t.Helper()
	c = c.complete()
	s.keepRequest(c.target, c.headers)
	number := strconv.FormatInt(s.visits.Add(1), 10)
	v := &visit{call: c, answer: c.to(t, s.envoy.Addr, visitMark+": "+number, "X-User-Id: user_root", "X-Org-Id: org_root")}
	s.keepAnswer(v.answer.Header)
	for _, r := range s.service.Received() {
		if mark := r.Headers[visitMark]; len(mark) == 1 && mark[0] == number {
			v.arrived = append(v.arrived, r)
		}
	}
	return v
}

func (c call) complete() call {
	for field, otherwise := range map[*string]string{&c.method: http.MethodGet, &c.host: "localhost:3000", &c.target: "/"} {
		if *field == "" {
			*field = otherwise
		}
	}
	return c
}

// to sends a call with further headers to an Envoy.
func (c call) to(t *testing.T, address string, more ...string) *envoytest.Answer {
	t.Helper()
	headers := append(append([]string{}, c.headers...), more...)
	if c.http2 {
		fields := envoytest.Fields(c.method, c.host, c.target)
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			fields = append(fields, envoytest.Field{Name: strings.ToLower(name), Value: value})
		}
		if c.body != "" && !c.unannounced {
			fields = append(fields, envoytest.Field{Name: "content-length", Value: strconv.Itoa(len(c.body))})
		}
		return envoytest.HTTP2(t, address, fields, []byte(c.body))
	}
	lines := append([]string{c.method + " " + c.target + " HTTP/1.1", "Host: " + c.host}, headers...)
	if c.method != http.MethodGet && c.method != http.MethodHead {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(c.body)))
	}
	return envoytest.HTTP1(t, address, envoytest.Lines(lines...)+c.body)
}

// url is the address of the call in the browser that sent it.
func (c call) url() string { return "http://" + c.host + c.target }

// wantPass checks that the visit reached the service, once, as this caller.
func (v *visit) wantPass(t *testing.T, user, org string) envoytest.Received {
	t.Helper()
	if v.answer.Status != http.StatusOK || len(v.arrived) != 1 {
		t.Fatalf("status %d (reset %q), and %d requests arrived; want 200 and one: %v %s", v.answer.Status, v.answer.Reset, len(v.arrived), v.answer.Header, v.answer.Body)
	}
	identity(t, v.arrived[0], user, org)
	wantNoInternals(t, v.arrived[0])
	return v.arrived[0]
}

// wantNothing checks that the visit ended before the service, in an answer that
// nobody may keep.
func (v *visit) wantNothing(t *testing.T) {
	t.Helper()
	if len(v.arrived) > 0 {
		t.Errorf("it reached the service: %+v", v.arrived)
	}
	if got := v.answer.Header.Values("Cache-Control"); len(got) != 1 || got[0] != "no-store" {
		t.Errorf("cache-control: %q, want no-store", got)
	}
}

// wantDenied checks a denial: status, code, and what the SDK would say of it,
// which is empty if it would say nothing.
func (v *visit) wantDenied(t *testing.T, status int, code, clerkReason string) problem {
	t.Helper()
	v.wantNothing(t)
	if got := v.answer.Header.Get("Location"); got != "" {
		t.Errorf("location: %q, want none", got)
	}
	v.wantReason(t, "signed-out", clerkReason)
	if strings.HasPrefix(v.method, http.MethodHead) { // the code would be in the body
		if v.answer.Status != status {
			t.Errorf("status %d, want %d", v.answer.Status, status)
		}
		return problem{}
	}
	return denied(t, v.answer, status, code)
}

// wantReason checks the headers in which the SDK says why nobody is signed in.
func (v *visit) wantReason(t *testing.T, status, reason string) {
	t.Helper()
	if reason == "" {
		status = ""
	}
	want := []string{status, reason, ""}
	got := []string{v.answer.Header.Get("X-Clerk-Auth-Status"), v.answer.Header.Get("X-Clerk-Auth-Reason"), v.answer.Header.Get("X-Clerk-Auth-Message")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("x-clerk-auth-status, -reason and -message (-want +got):\n%s", diff)
	}
}

// wantCookies checks the Set-Cookie lines, verbatim and each by itself.
func (v *visit) wantCookies(t *testing.T, want ...string) {
	t.Helper()
	if got := v.answer.Header.Values("Set-Cookie"); !slices.Equal(got, want) {
		t.Errorf("set-cookie (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// wantRedirect checks that the visit was sent elsewhere, and returns where to.
func (v *visit) wantRedirect(t *testing.T) *url.URL {
	t.Helper()
	v.wantNothing(t)
	location := v.answer.Header.Values("Location")
	if v.answer.Status != http.StatusTemporaryRedirect || len(location) != 1 {
		t.Fatalf("status %d, location %q: want 307 and one: %s", v.answer.Status, location, v.answer.Body)
	}
	to, err := url.Parse(location[0])
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// parameters are the parts of a query in their order, decoded.
func parameters(t *testing.T, query string) (list []string) {
	t.Helper()
	for pair := range strings.SplitSeq(query, "&") {
		decoded, err := url.QueryUnescape(pair)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, decoded)
	}
	return list
}

// sessionToken is a session token as the official SDK's own tests sign them, with
// nothing in it that need not be there.
func (c *clerk) sessionToken(change func(*clerktest.Claims)) string {
	claims := clerktest.Claims{User: "user_12345", Version: 1, Remove: []string{"sid", "fva"}, RemoveHeader: []string{"cat"}}
	if change != nil {
		change(&claims)
	}
	return c.Token(claims)
}
