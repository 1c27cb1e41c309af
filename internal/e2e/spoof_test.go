package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// spoofPolicy has a route for each way of treating credentials. It depends on
// the method, so that headers which ask for another method must go.
const spoofPolicy = `
routes:
  - {name: public, path: "/public/**", access: public}
  - {name: optional, path: "/optional/**", access: optional}
  - {name: erase, path: "/members/**", methods: [DELETE], require: {role: org:admin}}
  - {name: members, path: "/members/**", methods: [GET, POST]}
`

// listener is a way in which Envoy treats what a client sends.
type listener struct {
	name        string
	underscores bool // header names may have them
	change      func(*envoytest.Config)
}

// listeners are all that matters to a forgery. The last one says no more of a
// request than has to be said.
func listeners(needed any) []listener {
	return []listener{
		{"shipped file", false, func(*envoytest.Config) {}},
		{"underscores allowed", true, func(c *envoytest.Config) { c.AllowUnderscores = true }},
		{"unprotected", true, func(c *envoytest.Config) { c.Unsafe = true }},
		{"unprotected, needed headers alone", true, func(c *envoytest.Config) { c.Unsafe, c.AllowedHeaders = true, needed }},
	}
}

// caller is who sends a request, and what a service may be told about it.
type caller struct{ name, token, user, org string }

func spoofCallers(c *clerk) []caller {
	alone := clerktest.Claims{User: "user_bob", ExpiresIn: time.Hour}
	member := clerktest.Claims{User: "user_ada", ExpiresIn: time.Hour, Org: clerktest.Org{ID: "org_acme", Slug: "acme", Role: "org:member"}}
	return []caller{
		{"nobody", "", "", ""},
		{"a user without organisation", c.Token(alone), "user_bob", ""},
		{"a user with organisation", c.Token(member), "user_ada", "org_acme"},
	}
}

// post is an Envoy with an echo behind it.
type post struct {
	listener
	envoy *envoytest.Envoy
	echo  *envoytest.Echo
	who   []caller
}

func TestForgedIdentityNeverArrives(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+spoofPolicy).ready()
	who := spoofCallers(c)
	for _, v := range variants {
		for _, l := range listeners(s.neededHeaders(t)) {
			t.Run(v.name+", "+l.name, func(t *testing.T) {
				t.Parallel()
				echo := envoytest.NewEcho(t)
				p := &post{l, v.envoy(t, s, echo.Addr, l.change), echo, who}
				for _, f := range forgeries() {
					t.Run(f.name, func(t *testing.T) { p.tryEverywhere(t, f) })
				}
				t.Run("upper case over HTTP2", p.upperCase)
				t.Run("connection header", p.nominated)
				t.Run("lines", p.oddLines)
				t.Run("bodies", p.bodies)
				t.Run("trailers over HTTP2", p.trailers)
			})
		}
	}
}

// forgery is a set of header fields, sent as they are.
type forgery struct {
	name   string
	fields []envoytest.Field
}

// forgeries claim to be user_root of org_root, or what helps with that.
func forgeries() []forgery {
	var all []forgery
	var every []envoytest.Field
	for _, name := range []string{"x-%s-id", "x_%s_id", "x-%s_id", "x_%s-id", "X-%s-Id", "X_%s_Id", "X-%s_Id", "X_%s-Id", "X-%s-ID", "X_%s_ID"} {
		user, org := "user", "org"
		if strings.HasPrefix(name, "X") {
			user, org = "User", "Org"
		}
		if strings.HasSuffix(name, "ID") {
			user, org = "USER", "ORG"
		}
		fields := []envoytest.Field{{Name: fmt.Sprintf(name, user), Value: "user_root"}, {Name: fmt.Sprintf(name, org), Value: "org_root"}}
		every = append(every, fields...)
		all = append(all, forgery{fields[0].Name, fields})
	}
	more := func(name string, pairs ...string) {
		f := forgery{name: name}
		for i := 0; i < len(pairs); i += 2 {
			f.fields = append(f.fields, envoytest.Field{Name: pairs[i], Value: pairs[i+1]})
		}
		all = append(all, f)
	}
	all = append(all, forgery{"every spelling at once", every})
	more("nothing")
	more("the user alone", "x-user-id", "user_root")
	more("the organisation alone", "x-org-id", "org_root")
	more("the organisation alone, underscored", "x_org_id", "org_root")
	more("two lines", "x-user-id", "user_root", "x-user-id", "user_root2", "x-org-id", "org_root", "x-org-id", "org_root2")
	more("two lines, underscored", "x_user_id", "user_root", "x_user_id", "user_root2", "x_org-id", "org_root", "x_org-id", "org_root2")
	more("a true value first", "x-user-id", "user_ada", "x-user-id", "user_root", "x-org-id", "org_acme", "x-org-id", "org_root")
	more("the true value under another spelling", "x_user_id", "user_ada", "x_org_id", "org_acme")
	more("both cases", "x-user-id", "user_root", "X-User-Id", "user_root", "x-org-id", "org_root", "X-ORG-ID", "org_root")
	more("both cases, underscored", "x_user_id", "user_root", "X_USER_ID", "user_root", "x_org_id", "org_root", "X_Org_Id", "org_root")
	more("a hyphen and an underscore", "x-user-id", "user_root", "x_user_id", "user_root", "x-org_id", "org_root", "x-org-id", "org_root")
	more("empty", "x-user-id", "", "x-org-id", "")
	more("empty, underscored", "x_user_id", "", "x_org_id", "")
	more("empty, then not", "x-user-id", "", "x-user-id", "user_root", "x-org-id", "", "x-org-id", "org_root")
	more("lists", "x-user-id", "user_ada,user_root", "x-org-id", ", org_root")
	more("lists, underscored", "x_user_id", "user_ada,user_root", "x_org_id", ",")
	more("spaces around", "x-user-id", "  user_root\t", "x-org-id", " org_root ")
	more("bytes that are no text", "x-user-id", "user_\xff\xfe", "x-org-id", "org_\xc3")
	more("Clerk's internals", "x-clerk-auth-token", "t", "x-clerk-auth-status", "signed-in", "x-clerk-clerk-url", "/", "x-clerk-anything", "1", "X-Clerk-Auth-Reason", "r")
	more("Clerk's internals, underscored", "x_clerk_auth_token", "t", "x_clerk-auth_status", "signed-in", "x-clerk_anything", "1")
	more("another method", "x-http-method-override", "DELETE", "x-http-method", "DELETE", "x-method-override", "DELETE")
	more("another method, underscored", "x_http_method_override", "DELETE", "x-http_method", "DELETE", "x_method-override", "DELETE")
	more("another method, twice", "x-http-method-override", "GET", "x-http-method-override", "DELETE")
	return all
}

func lowered(fields []envoytest.Field) []envoytest.Field {
	out := make([]envoytest.Field, len(fields))
	for i, f := range fields {
		out[i] = envoytest.Field{Name: strings.ToLower(f.Name), Value: f.Value}
	}
	return out
}

// tryEverywhere sends a forgery on each kind of route, as each caller, over
// each protocol. It stops at the first that succeeds. HTTP/2 has names in lower
// case only.
func (p *post) tryEverywhere(t *testing.T, f forgery) {
	for _, area := range []string{"public", "optional", "members"} {
		for _, who := range p.who {
			for _, a := range []attack{
				{area: area, who: who, protocol: "HTTP/1.1", fields: f.fields},
				{area: area, who: who, protocol: "HTTP/2", fields: lowered(f.fields)},
			} {
				p.try(t, a)
				if t.Failed() {
					t.Fatalf("on the %s route, by %s, over %s", area, who.name, a.protocol)
				}
			}
		}
	}
}

// upperCase sends one name that HTTP/2 does not have. Envoy takes a second to
// end the connection.
func (p *post) upperCase(t *testing.T) {
	p.try(t, attack{area: "members", who: p.ada(), protocol: "HTTP/2", fields: []envoytest.Field{{Name: "X-User-Id", Value: "user_root"}}})
}

// attack is one request with forged headers.
type attack struct {
	area     string // public, optional or members
	who      caller
	protocol string
	fields   []envoytest.Field
}

func (a attack) target() string { return "/" + a.area + "/a?b=c" }

// own are the header fields that each caller sends and a service may see.
func (a attack) own() []envoytest.Field {
	own := []envoytest.Field{{Name: "cookie", Value: "theme=dark"}, {Name: "x-user-identity", Value: "kept"}}
	if a.who.token != "" {
		own = append(own, envoytest.Field{Name: "authorization", Value: "Bearer " + a.who.token})
	}
	return own
}

func (a attack) send(t *testing.T, address string) *envoytest.Answer {
	t.Helper()
	fields := append(a.own(), a.fields...)
	if a.protocol == "HTTP/2" {
		return envoytest.HTTP2(t, address, envoytest.Fields("GET", "service.test", a.target(), fields...), nil)
	}
	lines := make([]string, len(fields))
	for i, f := range fields {
		lines[i] = f.Name + ": " + f.Value
	}
	return envoytest.Get(t, address, a.target(), lines...)
}

// refused reports whether the listener refuses such a request by itself:
// underscores where they are not allowed, and upper case over HTTP/2 (RFC 9113
// section 8.2.1).
func (a attack) refused(l listener) bool {
	for _, f := range a.fields {
		if !l.underscores && strings.Contains(f.Name, "_") || a.protocol == "HTTP/2" && f.Name != strings.ToLower(f.Name) {
			return true
		}
	}
	return false
}

// try sends an attack and checks what arrived against what was verified.
func (p *post) try(t *testing.T, a attack) {
	t.Helper()
	before := len(p.echo.Received())
	answer := a.send(t, p.envoy.Addr)
	arrived := p.echo.Received()[before:]
	switch {
	case a.refused(p.listener):
		if answer.Status != http.StatusBadRequest && (answer.Status != 0 || a.protocol == "HTTP/1.1") {
			t.Errorf("status %d (reset %q), want Envoy to refuse it", answer.Status, answer.Reset)
		}
		a.wantNothing(t, arrived)
	case a.area == "members" && a.who.token == "":
		if answer.Status != http.StatusUnauthorized {
			t.Errorf("status %d (reset %q), want 401", answer.Status, answer.Reset)
		}
		a.wantNothing(t, arrived)
	case answer.Status != http.StatusOK || len(arrived) != 1:
		t.Errorf("status %d (reset %q), and %d requests arrived; want 200 and one: %s", answer.Status, answer.Reset, len(arrived), answer.Body)
	default:
		a.wantVerified(t, arrived[0])
	}
}

func (a attack) wantNothing(t *testing.T, arrived []envoytest.Received) {
	t.Helper()
	if len(arrived) > 0 {
		t.Errorf("arrived all the same: %+v", arrived)
	}
}

// wantVerified checks that a request arrived with the caller's identity, with
// the caller's own headers, and with nothing that was forged.
func (a attack) wantVerified(t *testing.T, got envoytest.Received) {
	t.Helper()
	user, org := a.who.user, a.who.org
	if a.area == "public" { // credentials are not looked at
		user, org = "", ""
	}
	identity(t, got, user, org)
	wantNoInternals(t, got)
	if got.Method != http.MethodGet || got.Path != a.target() {
		t.Errorf("%s %s arrived", got.Method, got.Path)
	}
	for _, own := range a.own() {
		if values := got.Headers[own.Name]; len(values) != 1 || values[0] != own.Value {
			t.Errorf("%s: %q arrived, want %q", own.Name, values, own.Value)
		}
	}
}

// wantNoInternals checks that no spelling of a name arrived that makes services
// behind Clerk's own middlewares believe, or change the method.
func wantNoInternals(t *testing.T, got envoytest.Received) {
	t.Helper()
	for name, values := range got.Headers {
		switch twin := strings.ReplaceAll(strings.ToLower(name), "_", "-"); {
		case strings.HasPrefix(twin, "x-clerk-"),
			twin == "x-http-method-override", twin == "x-http-method", twin == "x-method-override":
			t.Errorf("%s: %q arrived", name, values)
		}
	}
}
