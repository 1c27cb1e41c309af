package authz_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// document makes a request one of a browser that opens a page.
const document = "sec-fetch-dest: document"

// stale is the session of a member whose factors were verified long ago.
func stale() clerktest.Claims {
	c := acme("org:member")
	c.Extra = map[string]any{"fva": []int{9999, -1}}
	return c
}

func metadataOf(a authz.Answer, name string) string {
	for _, h := range a.Metadata {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// TestHiddenRoutes: to a client they are not there; the log knows better.
func TestHiddenRoutes(t *testing.T) {
	w := newWorld(t, `
denials: {detail: true, selectOrgUrl: /select}
routes:
  - {name: secret, path: "/secret/{org}", require: {org: "{org}"}, onDeny: {status: 404}}
  - {name: fresh, path: /fresh, require: {reverification: strict}, onDeny: {status: 404}}
  - {name: closed, path: /closed, access: deny, onDeny: {status: 404}}
  - {name: hello, path: /hello, access: optional, onDeny: {status: 404}}
  - {name: open, path: /open/**}
`)
	member, alone := w.bearer(acme("org:member")), w.bearer(clerktest.Claims{User: "user_bob"})
	w.allow(w.ask("GET", "/secret/acme", member), "x-user-id: user_ada", "x-org-id: org_acme")
	for name, a := range map[string]authz.Answer{
		"session-token-and-uat-missing": w.ask("GET", "/secret/acme"),
		"token-invalid":                 w.ask("GET", "/secret/acme", "authorization: Bearer a.b.c"),
		"org-mismatch":                  w.ask("GET", "/secret/globex", member),
		"org-required":                  w.ask("GET", "/secret/acme", alone, document),
		"access-denied":                 w.ask("GET", "/closed", member),
		"session-pending":               w.ask("GET", "/secret/acme", w.bearer(clerktest.Claims{User: "user_bob", Status: "pending"}), document),
	} {
		w.deny(a, 404, "not-found")
		if got := metadataOf(a, "reason"); got != name {
			t.Errorf("the reason in the metadata is %q, want %q", got, name)
		}
		for _, h := range a.ResponseHeaders {
			if h.Name != "content-type" && h.Name != "cache-control" {
				t.Errorf("%s: the client gets %s: %s", name, h.Name, h.Value)
			}
		}
		if strings.Contains(string(a.Body), "detail") || strings.Contains(string(a.Body), name) {
			t.Errorf("%s: the client reads %s", name, a.Body)
		}
	}
	w.deny(w.ask("GET", "/hello", "authorization: Bearer a.b.c"), 404, "not-found")
	w.deny(w.ask("GET", "/fresh", w.bearer(stale())), 403, "reverification-required")
	w.deny(w.ask("GET", "/secret/acme", member, member), 400, "request-malformed")
	w.deny(w.ask("GET", "/open", "authorization: Bearer a.b.c"), 401, "token-invalid")
	// A browser with a session to renew is still sent through Clerk: without that,
	// nobody could open the page again once the token has expired.
	a := w.ask("GET", "/secret/acme", document, fmt.Sprintf("cookie: __client_uat=%d", now.Unix()))
	w.deny(a, 307, "client-uat-but-no-session-token")
	w.deny(w.ask("GET", "/secret/acme", document), 404, "not-found")
}

// TestForbiddenRedirects send documents, and nobody else, somewhere in place of a
// 403.
func TestForbiddenRedirects(t *testing.T) {
	w := newWorld(t, `
denials: {selectOrgUrl: /select}
routes:
  - {name: upgrade, path: /pro, require: {org: any, plan: pro}, onDeny: {redirect: /upgrade?from=pro}}
  - {name: elsewhere, path: /far, require: {role: admin}, onDeny: {redirect: "https://acme.com/ask"}}
  - {name: fresh, path: /fresh, require: {reverification: strict}, onDeny: {redirect: /upgrade}}
  - {name: plain, path: /plain, require: {org: any, role: admin}}
`)
	alone := w.bearer(clerktest.Claims{User: "user_bob"})
	for path, want := range map[string]string{
		"/pro": "https://api.example.com/upgrade?from=pro", "/far": "https://acme.com/ask", "/fresh": "", "/plain": "",
	} {
		a := w.ask("GET", path, w.bearer(stale()), document)
		if got := denialHeader(a, "location"); got != want || (a.Status == 307) != (want != "") || a.Allow {
			t.Errorf("%s: %d to %q, want %q", path, a.Status, got, want)
		}
		if a = w.ask("GET", path, w.bearer(stale())); a.Status != 403 {
			t.Errorf("%s for a program: %d", path, a.Status)
		}
	}
	if got := denialHeader(w.ask("GET", "/pro", alone, document), "location"); got != "https://api.example.com/upgrade?from=pro" {
		t.Errorf("without an organisation to %q", got)
	}
	if got := denialHeader(w.ask("GET", "/plain", alone, document), "location"); got != "https://api.example.com/select" {
		t.Errorf("without an organisation to %q", got)
	}
	if a := w.ask("GET", "/pro"); a.Status != 401 {
		t.Errorf("nobody: %d", a.Status)
	}
}

const shadowed = `
mode: shadow
identity: {headers: {x-user-id: user.id, x-org-id: org.id, x-role: org.role}}
routes:
  - {name: pay, path: "/orgs/{org}/pay", require: {org: "{org}", role: admin}, onDeny: {status: 404}}
  - {name: enforced, path: /enforced, mode: enforce}
  - {name: closed, path: /closed, access: deny}
  - {name: hello, path: /hello, access: optional}
  - {name: hook, path: /hook, webhook: {secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0}}
  - {name: fresh, path: /fresh, require: {reverification: strict}}
`

// TestShadow: who would get 401 or 403 passes, with what was verified and nothing
// that was forged.
func TestShadow(t *testing.T) {
	w := newWorld(t, shadowed)
	member := w.bearer(acme("org:member"))
	forged := []string{"x-user-id: root", "x_user_id: root", "x-role: org:admin", "X_Role: org:admin"}
	known := []string{"x-user-id: user_ada", "x-org-id: org_acme", "x-role: org:member"}
	for _, tt := range []struct {
		path   string
		send   []string
		shadow string
		set    []string
	}{
		{"/orgs/acme/pay", nil, "session-token-and-uat-missing", nil},
		{"/orgs/acme/pay", []string{document}, "session-token-and-uat-missing", nil},
		{"/orgs/acme/pay", []string{document, fmt.Sprintf("cookie: __client_uat=%d", now.Unix())}, "client-uat-but-no-session-token", nil},
		{"/orgs/acme/pay", []string{"authorization: Bearer a.b.c"}, "token-invalid", nil},
		{"/orgs/acme/pay", []string{w.bearer(clerktest.Claims{User: "user_bob", Status: "pending"})}, "session-pending", nil},
		{"/orgs/acme/pay", []string{member}, "role-required", known},
		{"/orgs/acme/pay", []string{w.bearer(acme("org:admin"))}, "", []string{known[0], known[1], "x-role: org:admin"}},
		{"/fresh", []string{w.bearer(stale())}, "reverification-required", known},
		{"/closed", []string{member}, "access-denied", nil},
		{"/nowhere", []string{member}, "no-route", nil},
		{"/hello", []string{"authorization: Bearer a.b.c"}, "token-invalid", nil},
		{"/hook", nil, "webhook-signature-missing", nil},
	} {
		a := w.ask("GET", tt.path, append(tt.send, forged...)...)
		w.allow(a, tt.set...)
		if got := metadataOf(a, "shadow"); got != tt.shadow || metadataOf(a, "outcome") != "pass" || metadataOf(a, "reason") != "" {
			t.Errorf("%s %q: metadata %v, want shadow %q", tt.path, tt.send, a.Metadata, tt.shadow)
		}
		for _, name := range []string{"x_user_id", "x_role"} {
			if !slices.Contains(a.Remove, name) {
				t.Errorf("%s %q: %s reaches the service: %v", tt.path, tt.send, name, a.Remove)
			}
		}
		for _, name := range []string{"x-user-id", "x-org-id", "x-role"} {
			set := slices.ContainsFunc(a.Set, func(h authz.Header) bool { return h.Name == name })
			if set == slices.Contains(a.Remove, name) {
				t.Errorf("%s %q: %s is set: %v, removed: %v", tt.path, tt.send, name, set, !set)
			}
		}
		if len(a.AddResponse) > 0 {
			t.Errorf("%s %q: the client gets %v", tt.path, tt.send, a.AddResponse)
		}
	}
	w.deny(w.ask("GET", "/enforced"), 401, "session-token-and-uat-missing")
	w.deny(w.ask("GET", "/orgs/acme/pay", member, member), 400, "request-malformed")
	w.deny(w.ask("GET", "/a/../b"), 400, "path-ambiguous")
}

// outage is a source without keys.
type outage struct{}

func (outage) Key(string) (*jwks.Key, error) { return nil, jwks.ErrUnavailable }

// TestShadowEnforcesOutages: what cannot be decided is not passed on.
func TestShadowEnforcesOutages(t *testing.T) {
	w := newWorld(t, shadowed, func(k *authz.Keys) { k.Lookup = outage{} })
	w.deny(w.ask("GET", "/orgs/acme/pay", w.bearer(acme("org:admin"))), 503, "keys-unavailable")
	fault := authz.New(authz.Options{Observer: panicking{}})
	fault.Use(w.compile(shadowed))
	if a := fault.Check(t.Context(), request("GET", "/closed")); a.Allow || a.Status != 503 {
		t.Errorf("a panic in shadow mode: %+v", a)
	}
}

func TestIdentityHeadersOfThePolicy(t *testing.T) {
	w := newWorld(t, `
identity:
  headers: {x-plan: claims.metadata.plan, x-town: claims.town, x-meta: {claim: metadata, encode: base64json}, remote-user: user.id}
  forwardAuthorization: false
  forwardSessionCookies: false
routes:
  - {name: open, path: /open, access: public}
  - {name: me, path: /me}
`)
	claims := acme("org:admin")
	claims.Extra = map[string]any{"metadata": map[string]any{"plan": "gold"}, "town": "Zürich"}
	a := w.ask("GET", "/me", w.bearer(claims), "x-user-id: root", "remote_user: root", "x-plan: free", "X_Plan: free",
		"cookie: a=1; __session=x; __session_Ab=x; __client_uat=0; __client_uat_Ab=1; __refresh_Ab=x; __clerk_db_jwt=x; __sessions=y; b=\"2\"")
	w.allow(a, "x-plan: gold", "x-meta: eyJwbGFuIjoiZ29sZCJ9", "remote-user: user_ada", `cookie: a=1; __sessions=y; b="2"`)
	for _, name := range []string{"x-user-id", "x-org-id", "x-town", "remote_user", "x_plan", "authorization"} {
		if !slices.Contains(a.Remove, name) {
			t.Errorf("%s is not removed: %v", name, a.Remove)
		}
	}
	if v := w.observed[len(w.observed)-1].Verdict; !slices.Equal(v.Dropped, []string{"x-town"}) {
		t.Errorf("dropped %v", v.Dropped)
	}
	a = w.ask("GET", "/open", "authorization: Bearer a", "cookie: __session=x", "x-town: forged")
	w.allow(a)
	for _, name := range []string{"x-user-id", "x-org-id", "x-town", "x-plan", "x-meta", "remote-user", "authorization", "cookie"} {
		if !slices.Contains(a.Remove, name) {
			t.Errorf("on a public route %s is not removed: %v", name, a.Remove)
		}
	}
	w.allow(w.ask("GET", "/open", "cookie: a=1;b=2"))
}

const preflights = `
preflight: pass
routes:
  - {name: pay, path: /pay, methods: [POST], require: {role: admin}}
  - {name: asked, path: /asked, preflight: check}
  - {name: put, path: /both, methods: [PUT], preflight: check}
  - {name: both, path: /both}
  - {name: hook, path: /hook, webhook: {secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0}}
  - {name: closed, path: /closed, access: deny}
  - {name: options, path: /named, methods: [OPTIONS], preflight: check}
  - {name: named, path: /named}
  - {name: api, path: /api/**}
`

func TestPreflights(t *testing.T) {
	w := newWorld(t, preflights)
	const origin, post = "origin: https://app.example.com", "access-control-request-method: POST"
	forged := "x-user-id: root"
	for _, path := range []string{"/pay", "/both", "/api/x"} {
		a := w.ask("OPTIONS", path, origin, post, forged, "authorization: Bearer a.b.c")
		w.allow(a)
		if !slices.Contains(a.Remove, "x-user-id") {
			t.Errorf("%s: %v", path, a.Remove)
		}
	}
	if got := metadataOf(w.ask("OPTIONS", "/pay", origin, post), "route"); got != "pay" {
		t.Errorf("the route is %q", got)
	}
	w.deny(w.ask("OPTIONS", "/pay", origin, "access-control-request-method: PUT"), 403, "no-route")
	w.deny(w.ask("OPTIONS", "/asked", origin, post), 401, "session-token-and-uat-missing")
	w.deny(w.ask("OPTIONS", "/both", origin, "access-control-request-method: PUT"), 401, "session-token-and-uat-missing")
	w.deny(w.ask("OPTIONS", "/hook", origin, post), 401, "webhook-signature-missing")
	w.deny(w.ask("OPTIONS", "/closed", origin, post), 403, "access-denied")
	w.deny(w.ask("OPTIONS", "/nowhere", origin, post), 403, "no-route")
	w.deny(w.ask("OPTIONS", "/named", origin, post), 401, "session-token-and-uat-missing")
	w.deny(w.ask("OPTIONS", "/api/../closed", origin, post), 400, "path-ambiguous")
	for _, a := range []authz.Answer{
		w.ask("OPTIONS", "/api/x"), w.ask("OPTIONS", "/api/x", origin), w.ask("OPTIONS", "/api/x", post),
		w.ask("POST", "/api/x", origin, post), w.ask("options", "/api/x", origin, post),
	} {
		w.deny(a, 401, "session-token-and-uat-missing")
	}
	// A framework that takes the method from another header would see no preflight.
	if a := w.ask("OPTIONS", "/api/x", origin, post, "X-HTTP-Method-Override: DELETE"); !slices.Contains(a.Remove, "x-http-method-override") {
		t.Errorf("the method can be overridden: %v", a.Remove)
	}
	// The announced request would have two readings, and so has its preflight.
	cased := newWorld(t, "preflight: pass\nroutes: [{name: put, path: /Admin, methods: [PUT]}, {name: rest, path: '/{x}'}]\n")
	cased.allow(cased.ask("OPTIONS", "/admin", origin, post))
	cased.deny(cased.ask("OPTIONS", "/admin", origin, "access-control-request-method: PUT"), 400, "path-ambiguous")
	bare := newWorld(t, "preflight: pass\nroutes: [{name: api, path: /api/**}]\n")
	if a := bare.ask("OPTIONS", "/api/x", origin, post, "x-http-method: DELETE"); !slices.Contains(a.Remove, "x-http-method") {
		t.Errorf("the method can be overridden: %v", a.Remove)
	}
	checked := newWorld(t, strings.Replace(preflights, "preflight: pass\n", "", 1))
	checked.deny(checked.ask("OPTIONS", "/api/x", origin, post), 401, "session-token-and-uat-missing")
}

// TestExplainCaller decides for whoever is said to call.
func TestExplainCaller(t *testing.T) {
	w := newWorld(t, routes)
	admin := policy.Identity{UserID: "user_1", OrgID: "org_acme", OrgSlug: "acme", OrgRole: "org:admin", OrgPermissions: []string{"org:invoices:manage"}}
	machine := policy.Identity{MachineID: "mch_1", TokenType: "m2m_token"}
	admin.TokenType = "session_token"
	for _, tt := range []struct {
		method, path string
		who          authz.Caller
		want         string
	}{
		{"POST", "/orgs/acme/invoices", authz.Caller{Identity: &admin}, "pass"},
		{"POST", "/orgs/globex/invoices", authz.Caller{Identity: &admin}, "403 org-mismatch"},
		{"GET", "/me", authz.Caller{}, "401 session-token-and-uat-missing"},
		{"GET", "/me", authz.Caller{Presented: true, Code: "token-expired"}, "401 token-expired"},
		{"GET", "/me", authz.Caller{Identity: &machine}, "401 token-type-mismatch"},
		{"GET", "/me", authz.Caller{Identity: &policy.Identity{UserID: "user_1"}}, "401 token-type-mismatch"},
		{"GET", "/hello", authz.Caller{}, "pass"},
		{"GET", "/hello", authz.Caller{Presented: true, Code: "token-expired"}, "401 token-expired"},
		{"GET", "/closed", authz.Caller{Identity: &admin}, "403 access-denied"},
		{"GET", "/a/../b", authz.Caller{Identity: &admin}, "400 path-ambiguous"},
	} {
		v, a := w.engine.ExplainCaller(request(tt.method, tt.path, "authorization: Bearer not.looked.at"), tt.who)
		got := "pass"
		if !a.Allow {
			got = fmt.Sprint(a.Status, " ", v.Code)
		}
		if got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.method, tt.path, got, tt.want)
		}
	}
	if len(w.observed) > 0 {
		t.Error("explaining was observed")
	}
}
