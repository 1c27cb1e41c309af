package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// ada is the caller with user and organisation.
func (p *post) ada() caller { return p.who[len(p.who)-1] }

// exchange sends a request as ada, over HTTP/1.1, and returns the answer with what arrived.
func (p *post) exchange(t *testing.T, request, body string, lines ...string) (*envoytest.Answer, []envoytest.Received) {
	t.Helper()
	before := len(p.echo.Received())
	head := append([]string{request + " HTTP/1.1", "Host: service.test", bearer(p.ada().token)}, lines...)
	answer := envoytest.HTTP1(t, p.envoy.Addr, envoytest.Lines(head...)+body)
	return answer, p.echo.Received()[before:]
}

// nominated sends a Connection header (RFC 9110 section 7.6.1), which makes a
// proxy drop the headers that it names. Envoy drops them as they come in, before
// the check. Naming an identity header must not drop the verified one on the
// way out, and whoever names the credentials goes without them.
func (p *post) nominated(t *testing.T) {
	for _, tt := range []struct {
		connection, target string
		status             int
		verified           bool
	}{
		{"x-user-id", "/members/a", 200, true},
		{"X-User-Id, X-Org-Id", "/members/a", 200, true},
		{"close, x-user-id", "/members/a", 200, true},
		{"keep-alive, x_user_id", "/members/a", 200, true},
		{"x-user-id", "/public/a", 200, false},
		{"authorization", "/public/a", 200, false},
		{"authorization", "/optional/a", 200, false},
		{"authorization", "/members/a", 401, false},
		{"Authorization, x-user-id", "/members/a", 401, false},
	} {
		answer, arrived := p.exchange(t, "GET "+tt.target, "", "Connection: "+tt.connection, "X-User-Id: user_root", "X-Org-Id: org_root")
		if answer.Status != tt.status || (len(arrived) == 1) != (tt.status == http.StatusOK) {
			t.Fatalf("Connection: %s, to %s: status %d and %d arrived, want %d", tt.connection, tt.target, answer.Status, len(arrived), tt.status)
		}
		for _, got := range arrived {
			p.wantIdentity(t, got, tt.verified)
			if values := got.Headers["connection"]; len(values) > 0 {
				t.Errorf("connection: %q arrived, and would make a proxy at the service drop what was verified", values)
			}
		}
	}
}

// wantIdentity checks that ada's identity arrived, or none.
func (p *post) wantIdentity(t *testing.T, got envoytest.Received, verified bool) {
	t.Helper()
	user, org := "", ""
	if verified {
		user, org = p.ada().user, p.ada().org
	}
	identity(t, got, user, org)
	wantNoInternals(t, got)
}

// oddLines sends header lines that parsers read in different ways. Each may be
// refused; what arrives has the verified identity and nothing else.
func (p *post) oddLines(t *testing.T) {
	reached := 0
	for _, line := range []string{
		"X-User-Id : user_root",
		"X-User-Id\t: user_root",
		" X-User-Id: user_root",
		"\tX-User-Id: user_root",
		"X-A: b\r\n X-User-Id: user_root", // obs-fold: one value, or two lines
		"X-A: b\r\n\tX-User-Id: user_root",
		"X-User-Id:\r\n user_root",
		"X-User-Id:user_root",
		"X-User-Id:\tuser_root",
		"X-A: b\nX-User-Id: user_root",
		"X-A: b\rX-User-Id: user_root",
		"X-A: b\x00\r\nX-User-Id: user_root",
		"X-User-Id\x00: user_root",
		"X-User-Id\x00X: user_root",
		"X-User-Id\x0b: user_root",
		"X-User-Id\x0c: user_root",
		"X-User-Id\xa0: user_root",
		"\ufeffX-User-Id: user_root",
		"X-User\u2010Id: user_root",
		"X-User-Id;: user_root",
		"\"X-User-Id\": user_root",
		": user_root",
		"X-User-Id",
		":x-user-id: user_root",
		"X-User-Id: user_root\r\nX-Org-Id: org_root",
	} {
		answer, arrived := p.exchange(t, "GET /members/a", "", line)
		if len(arrived) > 1 || len(arrived) == 0 && answer.Status == http.StatusOK {
			t.Errorf("%q: status %d, and %d arrived", line, answer.Status, len(arrived))
		}
		for _, got := range arrived {
			reached++
			p.wantIdentity(t, got, true)
			if got.Path != "/members/a" {
				t.Errorf("%q: path %q arrived", line, got.Path)
			}
		}
		if t.Failed() {
			t.Fatalf("with the line %q", line)
		}
	}
	if reached == 0 {
		t.Error("nothing arrived: that proves nothing")
	}
}

// bodies sends identity headers where a body is, or after it.
func (p *post) bodies(t *testing.T) {
	inner := "GET /members/inner HTTP/1.1\r\nHost: service.test\r\nX-User-Id: user_root\r\n\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(inner), inner)
	for _, tt := range []struct {
		name, body string
		lines      []string
	}{
		{"a body that looks like a request", inner, []string{fmt.Sprintf("Content-Length: %d", len(inner))}},
		{"the same in a chunk", chunked + "\r\n", []string{"Transfer-Encoding: chunked"}},
		{"forged headers with chunks", chunked + "\r\n", []string{"Transfer-Encoding: chunked", "X-User-Id: user_root", "X-Org-Id: org_root"}},
		{"trailers", chunked + envoytest.Lines("X-User-Id: user_root", "X-Org-Id: org_root", "X-Clerk-Auth-Status: signed-in"), []string{"Transfer-Encoding: chunked"}},
		{"announced trailers", chunked + envoytest.Lines("X-User-Id: user_root"), []string{"Transfer-Encoding: chunked", "Trailer: X-User-Id", "TE: trailers"}},
	} {
		answer, arrived := p.exchange(t, "POST /members/a", tt.body, tt.lines...)
		if answer.Status != http.StatusOK || len(arrived) != 1 || arrived[0].BodyLength != len(inner) {
			t.Fatalf("%s: status %d, arrived %+v", tt.name, answer.Status, arrived)
		}
		p.wantIdentity(t, arrived[0], true)
		// Whatever came after that body must not have become part of the next request.
		if _, arrived = p.exchange(t, "GET /public/a", ""); len(arrived) != 1 {
			t.Fatalf("%s: %d requests arrive afterwards, want 1", tt.name, len(arrived))
		}
		p.wantIdentity(t, arrived[0], false)
	}
}

// trailers sends identity headers in the trailers of an HTTP/2 request.
func (p *post) trailers(t *testing.T) {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.envoy.Addr+"/members/a", io.NopCloser(strings.NewReader("abc")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.ada().token)
	request.Trailer = http.Header{"X-User-Id": {"user_root"}, "X-Org-Id": {"org_root"}}
	if p.underscores {
		request.Trailer["X_user_id"] = []string{"user_root"}
	}
	before := len(p.echo.Received())
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	arrived := p.echo.Received()[before:]
	if response.StatusCode != http.StatusOK || len(arrived) != 1 || arrived[0].BodyLength != 3 {
		t.Fatalf("status %d, arrived %+v", response.StatusCode, arrived)
	}
	p.wantIdentity(t, arrived[0], true)
}

// TestWSGISeesTheVerifiedIdentityOnly: a WSGI program cannot tell X_User_Id from
// X-User-Id, and nothing but Clerkgate stands before this one.
func TestWSGISeesTheVerifiedIdentityOnly(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+spoofPolicy).ready()
	wsgi := envoytest.NewWSGI(t)
	for _, v := range []variant{variants[0], variants[3]} {
		for _, l := range listeners(s.neededHeaders(t))[2:] {
			t.Run(v.name+", "+l.name, func(t *testing.T) {
				e := v.envoy(t, s, wsgi.Addr, l.change)
				for _, f := range forgeries() {
					for _, who := range spoofCallers(c) {
						wantWSGI(t, e, f, who)
					}
				}
			})
		}
	}
}

// wantWSGI sends a forgery to the program, and checks whom that sees.
func wantWSGI(t *testing.T, e *envoytest.Envoy, f forgery, who caller) {
	t.Helper()
	for _, area := range []string{"public", "optional", "members"} {
		if area == "members" && who.token == "" {
			continue
		}
		var got envoytest.Routed
		attack{area: area, who: who, protocol: "HTTP/1.1", fields: f.fields}.send(t, e.Addr).Decode(t, http.StatusOK, &got)
		user, org := who.user, who.org
		if area == "public" {
			user, org = "", ""
		}
		if got.Server != "wsgi" || got.UserID != user || got.OrgID != org {
			t.Errorf("%s on the %s route: the program sees %+v, want %q and %q", f.name, area, got, user, org)
		}
	}
}

// TestTheServicesAnswerIsLeftAlone: what is taken from requests stays in answers.
func TestTheServicesAnswerIsLeftAlone(t *testing.T) {
	said := http.Header{
		"X-User-Id":              {"from-the-service"},
		"X_user_id":              {"from-the-service"},
		"X-Org-Id":               {"one", "two"},
		"X-Clerk-Auth-Status":    {"signed-out"},
		"X-Http-Method-Override": {"DELETE"},
		"Www-Authenticate":       {`Basic realm="the service"`},
		"Cache-Control":          {"max-age=60"},
		"Set-Cookie":             {"a=1; Path=/", "b=2; Path=/"},
		"Content-Type":           {"application/problem+json"},
		"Authorization":          {"Bearer x"},
	}
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+spoofPolicy).ready()
	backend := service(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range said {
			w.Header()[name] = values
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "the service's own")
	})
	token := c.Token(clerktest.Claims{User: "user_bob", ExpiresIn: time.Hour})
	for _, v := range []variant{variants[0], lean} {
		e := v.envoy(t, s, backend)
		for _, target := range []string{"/public/a", "/members/a"} {
			answer := envoytest.Get(t, e.Addr, target, bearer(token), "X-User-Id: user_root")
			if answer.Status != http.StatusUnauthorized || string(answer.Body) != "the service's own" {
				t.Errorf("%s: status %d: %s", target, answer.Status, answer.Body)
			}
			got := http.Header{}
			for name := range said {
				got[http.CanonicalHeaderKey(name)] = answer.Header.Values(name)
			}
			if diff := cmp.Diff(said, got); diff != "" {
				t.Errorf("%s: headers (-said +arrived):\n%s", target, diff)
			}
		}
	}
}

// service starts an HTTP server and returns its address.
func service(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
