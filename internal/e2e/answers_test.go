package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

const answersPolicy = `
routes:
  - {name: health, path: /healthz, access: public}
  - {name: hello, path: /hello, access: optional}
  - {name: closed, path: /closed, access: deny}
  - {name: read, path: "/orgs/{org}/invoices/**", methods: [GET], require: {org: "{org}"}}
  - {name: pay, path: "/orgs/{org}/invoices/**", methods: [POST], require: {org: "{org}", role: [org:admin, org:billing], permission: org:invoices:manage}}
  - {name: personal, path: /personal, require: {org: none}}
  - {name: me, path: /me}
`

// acme is a caller whose active organisation is org_acme.
func acme(version int, role string, permissions ...string) clerktest.Claims {
	return clerktest.Claims{User: "user_ada", Version: version, AuthorizedParty: "https://app.example.com",
		Org: clerktest.Org{ID: "org_acme", Slug: "acme", Role: role, Permissions: permissions}}
}

func TestPassesThroughEnvoy(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("authorizedParties: [https://app.example.com]\n    missingAzp: allow-cookie")+answersPolicy).ready()
	echo := envoytest.NewEcho(t)
	alone := clerktest.Claims{User: "user_bob", AuthorizedParty: "https://app.example.com"}
	cookie := func(claims clerktest.Claims) string { return "Cookie: theme=dark; " + c.Cookies(c.Token(claims)) }
	handshaken := alone // a token that a handshake minted has no azp
	handshaken.AuthorizedParty = ""

	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			e := v.envoy(t, s, echo.Addr)
			for _, tt := range []struct {
				name, request string
				header        string
				user, org     string
			}{
				{"public, nothing sent", "GET /healthz", "", "", ""},
				{"public, garbage sent", "GET /healthz", "Authorization: Bearer x, y z", "", ""},
				{"public, a valid token is not looked at", "GET /healthz", bearer(c.Token(alone)), "", ""},
				{"optional, nothing sent", "GET /hello", "", "", ""},
				{"optional, another scheme", "GET /hello", "Authorization: Basic dXNlcjpwYXNz", "", ""},
				{"optional, a token", "GET /hello", bearer(c.Token(alone)), "user_bob", ""},
				{"optional, a pending session counts as none", "GET /hello", bearer(c.Token(clerktest.Claims{User: "user_bob", AuthorizedParty: "https://app.example.com", Status: "pending"})), "", ""},
				{"v2 by header", "GET /me?q=1", bearer(c.Token(alone)), "user_bob", ""},
				{"v2 by header, with organisation", "GET /me", bearer(c.Token(acme(2, "org:admin"))), "user_ada", "org_acme"},
				{"v1 by header, with organisation", "GET /me", bearer(c.Token(acme(1, "org:admin"))), "user_ada", "org_acme"},
				{"v2 by cookie", "GET /me", cookie(acme(2, "org:admin")), "user_ada", "org_acme"},
				{"v1 by cookie", "GET /me", cookie(acme(1, "org:admin")), "user_ada", "org_acme"},
				{"cookie without azp", "GET /me", cookie(handshaken), "user_bob", ""},
				{"the scheme in lower case", "GET /me", "Authorization: bearer " + c.Token(alone), "user_bob", ""},
				{"organisation by slug", "GET /orgs/acme/invoices/7", bearer(c.Token(acme(2, "org:member"))), "user_ada", "org_acme"},
				{"organisation by id", "HEAD /orgs/org_acme/invoices", bearer(c.Token(acme(2, "org:member"))), "user_ada", "org_acme"},
				{"role and permission, v2", "POST /orgs/acme/invoices", bearer(c.Token(acme(2, "org:admin", "org:invoices:manage"))), "user_ada", "org_acme"},
				{"role and permission, v1", "POST /orgs/acme/invoices", bearer(c.Token(acme(1, "org:billing", "org:invoices:manage"))), "user_ada", "org_acme"},
				{"no organisation wanted", "GET /personal", bearer(c.Token(alone)), "user_bob", ""},
			} {
				t.Run(tt.name, func(t *testing.T) {
					lines := []string{tt.request + " HTTP/1.1", "Host: api.example.com"}
					if tt.header != "" {
						lines = append(lines, tt.header)
					}
					if strings.HasPrefix(tt.request, "POST") {
						lines = append(lines, "Content-Length: 0")
					}
					a := envoytest.HTTP1(t, e.Addr, envoytest.Lines(lines...))
					if a.Status != http.StatusOK {
						t.Fatalf("status %d: %s", a.Status, a.Body)
					}
					got := echo.Last(t)
					if method, target, _ := strings.Cut(tt.request, " "); got.Method != method || got.Path != target {
						t.Errorf("%s %s arrived", got.Method, got.Path)
					}
					identity(t, got, tt.user, tt.org)
				})
			}
		})
	}
}

// denialTable lists each denial that a request can earn while keys and policy
// are there.
func denialTable(c *clerk) []denialCase {
	party := "https://app.example.com"
	alone := clerktest.Claims{User: "user_bob", AuthorizedParty: party}
	with := func(change func(*clerktest.Claims)) string {
		claims := alone
		change(&claims)
		return bearer(c.Token(claims))
	}
	stranger := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	sameKid := c.Signer().ID
	return []denialCase{
		{"nothing sent", "GET /me", "", 401, "session-token-and-uat-missing", "session-token-and-uat-missing"},
		{"not a token", "GET /me", "Authorization: Bearer garbage", 401, "token-invalid", "token-invalid"},
		{"an empty bearer counts as a word", "GET /me", "Authorization: Bearer", 401, "token-invalid", "token-invalid"},
		{"another scheme", "GET /me", "Authorization: Basic dXNlcjpwYXNz", 401, "session-token-and-uat-missing", "session-token-and-uat-missing"},
		{"expired", "GET /me", with(func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-time.Hour) }), 401, "token-expired", "session-token-expired-refresh-non-eligible-no-refresh-cookie"},
		{"expired, not GET", "DELETE /me", with(func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-time.Hour) }), 401, "token-expired", "session-token-expired-refresh-non-eligible-non-get"},
		{"not yet", "GET /me", with(func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(time.Hour) }), 401, "session-token-nbf", "session-token-nbf"},
		{"another's key under our id", "GET /me", bearer(stranger.Token(clerktest.Claims{User: "user_bob", Header: map[string]any{"kid": sameKid}})), 401, "token-invalid-signature", "token-invalid-signature"},
		{"an unknown key id", "GET /me", bearer(stranger.Token(alone)), 401, "jwk-kid-mismatch", "jwk-kid-mismatch"},
		{"another issuer", "GET /me", with(func(k *clerktest.Claims) { k.Issuer = "https://clerk.evil.example" }), 401, "token-invalid-issuer", "token-invalid-issuer"},
		{"another party", "GET /me", with(func(k *clerktest.Claims) { k.AuthorizedParty = "https://evil.example" }), 401, "token-invalid-authorized-parties", "token-invalid-authorized-parties"},
		{"no party", "GET /me", with(func(k *clerktest.Claims) { k.AuthorizedParty = "" }), 401, "token-invalid-authorized-parties", "token-invalid-authorized-parties"},
		{"a template token", "GET /me", with(func(k *clerktest.Claims) { k.Header = map[string]any{"cat": "cl_B7d4PD222AAA"} }), 401, "token-type-mismatch", "token-type-mismatch"},
		{"a machine token", "GET /me", with(func(k *clerktest.Claims) { k.User = "mch_1"; k.Header = map[string]any{"cat": "cl_B7d4PD333AAA"} }), 401, "token-type-mismatch", "token-type-mismatch"},
		{"an OAuth token", "GET /me", with(func(k *clerktest.Claims) { k.Header = map[string]any{"typ": "at+jwt"} }), 401, "token-type-mismatch", "token-type-mismatch"},
		{"a pending session", "GET /me", with(func(k *clerktest.Claims) { k.Status = "pending" }), 401, "session-pending", ""},
		{"an invalid token on an optional route", "GET /hello", "Authorization: Bearer garbage", 401, "token-invalid", "token-invalid"},
		{"a session cookie without client_uat", "GET /me", "Cookie: __session=" + c.Token(alone), 401, "session-token-but-no-client-uat", "session-token-but-no-client-uat"},
		{"client_uat without a session cookie", "GET /me", "Cookie: __client_uat=1700000000", 401, "client-uat-but-no-session-token", "client-uat-but-no-session-token"},

		{"no organisation", "GET /orgs/acme/invoices", bearer(c.Token(alone)), 403, "org-required", ""},
		{"another organisation", "GET /orgs/globex/invoices", bearer(c.Token(acme(2, "org:admin"))), 403, "org-mismatch", ""},
		{"another role", "POST /orgs/acme/invoices", bearer(c.Token(acme(2, "org:member", "org:invoices:manage"))), 403, "role-required", ""},
		{"a permission missing", "POST /orgs/acme/invoices", bearer(c.Token(acme(2, "org:admin", "org:invoices:read"))), 403, "permission-required", ""},
		{"an organisation where none may be", "GET /personal", bearer(c.Token(acme(2, "org:admin"))), 403, "org-forbidden", ""},
		{"no route", "GET /nowhere", bearer(c.Token(alone)), 403, "no-route", ""},
		{"no route for the method", "DELETE /orgs/acme/invoices", bearer(c.Token(acme(2, "org:admin"))), 403, "no-route", ""},
		{"a denied route", "GET /closed", bearer(c.Token(alone)), 403, "access-denied", ""},

		{"an ambiguous path", "GET /me;x=1", bearer(c.Token(alone)), 400, "path-ambiguous", ""},
		{"words after the token", "GET /me", bearer(c.Token(alone)) + " more", 400, "request-malformed", ""},
		{"two tokens", "GET /me", bearer(c.Token(alone)) + "\r\n" + bearer(c.Token(alone)), 400, "request-malformed", ""},
		{"a token of 17 KiB", "GET /me", bearer(strings.Repeat("a", 17<<10)), 400, "request-malformed", ""},
	}
}

type denialCase struct {
	name, request, header string
	status                int
	code, clerkReason     string
}

func TestDenialsThroughEnvoy(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("authorizedParties: [https://app.example.com]")+answersPolicy).ready()
	echo := envoytest.NewEcho(t)
	table := denialTable(c)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			e := v.envoy(t, s, echo.Addr)
			for _, tt := range table {
				t.Run(tt.name, func(t *testing.T) { tt.run(t, e, echo) })
			}
		})
	}
	for _, secret := range []string{"eyJ", c.Signer().ID} {
		if strings.Contains(s.log(), secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
}

// run sends the request and compares the whole answer.
func (tt denialCase) run(t *testing.T, e *envoytest.Envoy, echo *envoytest.Echo) {
	before := len(echo.Received())
	lines := []string{tt.request + " HTTP/1.1", "Host: api.example.com", "X-User-Id: user_root"}
	if tt.header != "" {
		lines = append(lines, tt.header)
	}
	a := envoytest.HTTP1(t, e.Addr, envoytest.Lines(append(lines, "Content-Length: 0")...))
	if len(echo.Received()) != before {
		t.Errorf("the request reached the service: %+v", echo.Last(t))
	}
	var body map[string]any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		t.Fatalf("status %d, body %q: %v", a.Status, a.Body, err)
	}
	if id, ok := body["requestId"].(string); !ok || id == "" {
		t.Errorf("no requestId in %s", a.Body)
	}
	delete(body, "requestId")
	want := map[string]any{"type": "about:blank", "title": http.StatusText(tt.status), "status": float64(tt.status), "code": tt.code}
	if diff := cmp.Diff(want, body); diff != "" || a.Status != tt.status {
		t.Errorf("status %d, want %d; body (-want +got):\n%s", a.Status, tt.status, diff)
	}
	headers := map[string]string{
		"content-type":        "application/problem+json",
		"cache-control":       "no-store",
		"www-authenticate":    "",
		"x-clerk-auth-reason": tt.clerkReason,
		"x-clerk-auth-status": "",
		"retry-after":         "",
	}
	if tt.clerkReason != "" {
		headers["x-clerk-auth-status"] = "signed-out"
	}
	for name, value := range headers {
		got := a.Header.Get(name)
		if name == "www-authenticate" {
			if strings.HasPrefix(got, "Bearer ") != (tt.status == http.StatusUnauthorized) {
				t.Errorf("%s: %q with status %d", name, got, tt.status)
			}
			continue
		}
		if got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestDetailOnlyIfThePolicyWantsIt(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	echo := envoytest.NewEcho(t)
	for _, tt := range []struct {
		policy string
		want   bool
	}{{"denials: {detail: true}\n", true}, {"denials: {detail: false}\n", false}, {"", false}} {
		s := startSidecar(t, c.section("")+tt.policy+answersPolicy).ready()
		e := variants[0].envoy(t, s, echo.Addr)
		a := envoytest.HTTP1(t, e.Addr, envoytest.Lines("POST /orgs/acme/invoices HTTP/1.1", "Host: h", bearer(c.Token(acme(2, "org:member"))), "Content-Length: 0"))
		p := denied(t, a, 403, "role-required")
		if (p.Detail != "") != tt.want {
			t.Errorf("with %q the detail is %q", tt.policy, p.Detail)
		}
	}
}

// TestGRPCClientsGetAStatus: Envoy turns the denial of a gRPC call into a gRPC
// status.
func TestGRPCClientsGetAStatus(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+"routes: [{name: rpc, path: /shop.Orders/List}]\n").ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	for _, tt := range []struct{ path, status string }{
		{"/shop.Orders/List", "16"},   // UNAUTHENTICATED
		{"/shop.Orders/Other", "7"},   // PERMISSION_DENIED
		{"/shop.Orders//List;", "13"}, // INTERNAL, what Envoy makes of a 400
	} {
		a := envoytest.HTTP2(t, e.Addr, envoytest.Fields("POST", "api.example.com", tt.path,
			envoytest.Field{Name: "content-type", Value: "application/grpc"}, envoytest.Field{Name: "te", Value: "trailers"}), nil)
		if got := a.Header.Get("grpc-status"); a.Status != 200 || got != tt.status {
			t.Errorf("%s: status %d, grpc-status %q, want %s", tt.path, a.Status, got, tt.status)
		}
	}
}
