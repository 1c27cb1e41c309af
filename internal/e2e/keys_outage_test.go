package e2e_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

const (
	servingStatus    = healthv1.HealthCheckResponse_SERVING
	notServingStatus = healthv1.HealthCheckResponse_NOT_SERVING
)

// closedPort is a loopback port that refuses connections and cannot be taken by
// anyone else, until it is opened.
type closedPort struct {
	t       testing.TB
	file    *os.File
	address string
}

// newClosedPort binds a socket and does not listen.
func newClosedPort(t testing.TB) *closedPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "port")
	t.Cleanup(func() { _ = file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	return &closedPort{t, file, address.String()}
}

// open serves the handler there.
func (p *closedPort) open(handler http.Handler) {
	p.t.Helper()
	if err := syscall.Listen(int(p.file.Fd()), 64); err != nil {
		p.t.Fatal(err)
	}
	l, err := net.FileListener(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	server.Start()
	p.t.Cleanup(server.Close)
}

// TestKeyServerDownAtStart: the sidecar lives, is not ready, lets public routes
// pass, and needs no restart.
func TestKeyServerDownAtStart(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(*testing.T, *clerk) (heal func())
	}{
		{"connection refused", func(t *testing.T, c *clerk) func() {
			port := newClosedPort(t)
			c.JWKSURL = "http://" + port.address + clerktest.JWKSPath
			return func() { port.open(c.Handler()) }
		}},
		{"status 503", func(_ *testing.T, c *clerk) func() {
			c.Endpoint().Fail(http.StatusServiceUnavailable)
			return c.Endpoint().Heal
		}},
		{"a set without keys", func(_ *testing.T, c *clerk) func() {
			c.Endpoint().Publish()
			return func() { c.Endpoint().Publish(c.Signer()) }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClerk(t, clerktest.Options{Live: true})
			heal := tt.fail(t, c)
			s := startSidecar(t, c.section(patientKeys)+keysRoutes)
			s.await("a failed fetch", says("keys not fetched"))
			e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
			whileKeyless(t, s, e, c)
			heal()
			s.ready()
			if status, body := s.readyz(); status != http.StatusOK || body != "ok" {
				t.Errorf("/readyz with keys: %d %q", status, body)
			}
			if got := s.ask(t).serving(t); got != servingStatus {
				t.Errorf("health with keys: %v", got)
			}
			identity(t, allowed(t, envoytest.Get(t, e.Addr, "/me", bearer(c.token()))), "user_ada", "")
		})
	}
}

// whileKeyless checks a sidecar that has no keys yet.
func whileKeyless(t *testing.T, s *sidecar, e *envoytest.Envoy, c *clerk) {
	t.Helper()
	if status, body := s.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, "keys") {
		t.Errorf("/readyz without keys: %d %q", status, body)
	}
	if status := s.livez(); status != http.StatusOK {
		t.Errorf("/livez without keys: %d", status)
	}
	if got := s.ask(t).serving(t); got != notServingStatus {
		t.Errorf("health without keys: %v", got)
	}
	for _, public := range []string{"/healthz", "/hello"} {
		identity(t, allowed(t, envoytest.Get(t, e.Addr, public)), "", "")
	}
	allowed(t, envoytest.Get(t, e.Addr, "/healthz", bearer(c.token())))
	for what, answer := range map[string]*envoytest.Answer{
		"a valid token":                      envoytest.Get(t, e.Addr, "/me", bearer(c.token())),
		"a valid cookie":                     envoytest.Get(t, e.Addr, "/me", "Cookie: "+c.Cookies(c.token())),
		"a valid token on an optional route": envoytest.Get(t, e.Addr, "/hello", bearer(c.token())),
		"an unknown key id":                  envoytest.Get(t, e.Addr, "/me", bearer(c.forged("ins_forged"))),
	} {
		denied(t, answer, http.StatusServiceUnavailable, "keys-unavailable")
		if answer.Header.Get("Retry-After") == "" || answer.Header.Get("X-Clerk-Auth-Reason") != "" || answer.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: headers %v, want retry-after, and nothing that blames the token", what, answer.Header)
		}
	}
	denied(t, envoytest.Get(t, e.Addr, "/me"), http.StatusUnauthorized, "session-token-and-uat-missing")
	denied(t, envoytest.Get(t, e.Addr, "/me", bearer("garbage")), http.StatusUnauthorized, "token-invalid")
	denied(t, envoytest.Get(t, e.Addr, "/nowhere"), http.StatusForbidden, "no-route")
}

// livez returns the status of the admin listener's /livez.
func (s *sidecar) livez() int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Admin+"/livez", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestOutageKeepsTheLastKeys: while the endpoint fails, everything that the keys
// can settle goes on.
func TestOutageKeepsTheLastKeys(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("keys: {refresh: 100ms, cooldown: 1s}")+keysRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	ask := func(token string) *envoytest.Answer { return envoytest.Get(t, e.Addr, "/me", bearer(token)) }
	cached := c.token()
	allowed(t, ask(cached))
	impostor := c.with(jwkstest.NewSigner(c.Signer().ID))

	c.Endpoint().Fail(http.StatusInternalServerError)
	for range 3 {
		s.awaitNext(s.mark(), "a failed refresh", says("keys not fetched"))
		allowed(t, ask(cached))
		allowed(t, ask(c.token()))
		denied(t, ask(impostor.token()), http.StatusUnauthorized, "token-invalid-signature")
		denied(t, ask(c.forged("ins_forged")), http.StatusServiceUnavailable, "keys-unavailable")
	}
	if status, _ := s.readyz(); status != http.StatusOK {
		t.Errorf("/readyz in an outage that the keys survive: %d", status)
	}

	from := s.mark()
	c.Endpoint().Heal()
	s.awaitNext(from, "the end of the outage", says("keys fetched again"))
	allowed(t, ask(cached))
	denied(t, ask(c.forged("ins_other")), http.StatusUnauthorized, "jwk-kid-mismatch")
}

// TestStaleKeysStopWorking: an outage that is longer than keys.stale ends in 503,
// not before, and ends without a restart.
func TestStaleKeysStopWorking(t *testing.T) {
	t.Parallel()
	const stale = 3 * time.Second
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("keys: {refresh: 100ms, cooldown: 1h, stale: 3s}")+keysRoutes).ready()
	a := s.ask(t)
	cached := c.token()
	expect(t, a, "with fresh keys", cached, "pass")

	confirmedAfter := time.Now()
	c.refreshed(t)
	outage := s.mark()
	c.Endpoint().Fail(http.StatusInternalServerError)
	s.awaitNext(outage, "a failed refresh", says("keys not fetched"))
	confirmedBefore := time.Now()
	for refused := false; !refused; {
		from, before := s.mark(), time.Now()
		answer := a.get(t, "/me", bearer(cached)).String()
		after := time.Now()
		switch answer {
		case "pass":
			if before.Sub(confirmedBefore) > stale {
				t.Fatalf("a token passed %v after the last good fetch", before.Sub(confirmedBefore))
			}
			s.awaitNext(from, "another failed refresh", says("keys not fetched"))
		case noKeys:
			if after.Sub(confirmedAfter) < stale {
				t.Fatalf("refused %v after the last good fetch", after.Sub(confirmedAfter))
			}
			refused = true
		default:
			t.Fatal(answer)
		}
	}
	expect(t, a, "a token not seen before", c.token(), noKeys)
	if r := a.get(t, "/healthz"); r.String() != "pass" {
		t.Errorf("a public route: %s", r)
	}
	if status, body := s.readyz(); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz with stale keys: %d %q", status, body)
	}
	from := s.mark()
	c.Endpoint().Heal()
	s.awaitNext(from, "keys again", says("keys fetched again"))
	expect(t, a, "with keys again", cached, "pass")
	if status, _ := s.readyz(); status != http.StatusOK {
		t.Errorf("/readyz with keys again: %d", status)
	}
}

// TestCheckMayWaitForAKey: a check that waits for the endpoint has the time that
// Envoy's configuration gives to a check, a second as shipped, and is not given up
// after a fraction of it.
func TestCheckMayWaitForAKey(t *testing.T) {
	const slow = 400 * time.Millisecond // the endpoint's answer
	c := newClerk(t, clerktest.Options{Live: true})
	next := c.with(jwkstest.NewSigner("ins_next"))
	s := startSidecar(t, c.section(patientKeys)+keysRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	c.Endpoint().Hang()
	t.Cleanup(c.Endpoint().Heal)
	answer := make(chan string, 1)
	client, url, token := httpClient(t), "http://"+e.Addr+"/me", next.token()
	go func() {
		got, err := ask(t.Context(), client, url, token)
		if err != nil {
			got = err.Error()
		}
		answer <- got
	}()
	c.awaitFetches(t, 2)
	select {
	case got := <-answer:
		t.Fatalf("answered before the key was there: %s", got)
	case <-time.After(slow):
	}
	c.Endpoint().Publish(c.Signer(), next.Signer())
	c.Endpoint().Heal()
	if got := <-answer; got != "pass" {
		t.Errorf("a token whose key took %v to fetch: %s", slow, got)
	}
}
