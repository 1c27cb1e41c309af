package replay

import (
	"bytes"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// noon is the only time in these tests.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// world is a Clerk instance and an engine that logs what it decides.
type world struct {
	t      testing.TB
	clerk  *clerktest.Instance
	engine *authz.Engine
	log    bytes.Buffer
	asked  []*authz.Request // by line of the log
	set    [][]authz.Header // what the service got, by line of the log
}

func newWorld(t testing.TB, policyText string) *world {
	t.Helper()
	clock := func() time.Time { return noon }
	w := &world{t: t, clerk: clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true, Now: clock})}
	w.engine = authz.New(authz.Options{Now: clock, Observer: telemetry.NewDecisionLog(slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: atNoon})), telemetry.Sampling{})})
	w.engine.Use(w.compile(policyText))
	return w
}

// everything is a policy with a route of each kind.
func everything(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compile loads a policy for the world's Clerk instance.
func (w *world) compile(policyText string) *authz.Snapshot {
	w.t.Helper()
	env := func(name string) (string, bool) {
		return w.clerk.PublishableKey(), name == "CLERK_PUBLISHABLE_KEY"
	}
	p, problems := policy.Load("policy.yaml", []byte(policyText), policy.Options{Env: env})
	if p == nil {
		w.t.Fatalf("policy: %v", problems)
	}
	keys, err := jwks.ParsePEM(w.clerk.Signer().PEM())
	if err != nil {
		w.t.Fatal(err)
	}
	snapshot, problems := authz.Compile(p, func(policy.Clerk) (authz.Connection, error) {
		return authz.Connection{Keys: authz.Keys{Lookup: keys}, SecretKey: true}, nil
	})
	if snapshot == nil {
		w.t.Fatalf("compile: %v", problems)
	}
	return snapshot
}

// credentials are headers by who sends them.
func (w *world) credentials() map[string][]authz.Header {
	acme := clerktest.Org{ID: "org_acme", Slug: "acme", Role: "org:member"}
	admin := acme
	admin.Role, admin.Permissions = "org:admin", []string{"org:invoices:manage"}
	bearer := func(token string) []authz.Header {
		return []authz.Header{{Name: "authorization", Value: "Bearer " + token}}
	}
	cookies := func(c clerktest.Claims) []authz.Header {
		return []authz.Header{{Name: "cookie", Value: w.clerk.Cookies(w.clerk.Token(c))}}
	}
	mint := func(r clerktest.TokenRequest) []authz.Header {
		response, err := w.clerk.Mint(r)
		if err != nil {
			w.t.Fatal(err)
		}
		return bearer(response.Token)
	}
	token := w.clerk.Token
	return map[string][]authz.Header{
		"nobody":        nil,
		"basic":         {{Name: "authorization", Value: "Basic YTpi"}},
		"garbage":       bearer("x.y.z"),
		"two":           append(bearer("x"), bearer("y")...),
		"expired":       bearer(token(clerktest.Claims{User: "user_bob", IssuedAt: noon.Add(-time.Hour)})),
		"early":         bearer(token(clerktest.Claims{User: "user_bob", IssuedAt: noon.Add(time.Hour)})),
		"an opaque key": bearer("ak_0123456789012345678901"),
		"alone":         bearer(token(clerktest.Claims{User: "user_cleo"})),
		"member":        cookies(clerktest.Claims{User: "user_bob", Org: acme, FactorAges: []int{70, 5}}),
		"admin":         bearer(token(clerktest.Claims{User: "user_ada", Org: admin, Features: []string{"o:dashboard", "u:beta"}, Plan: "o:pro", FactorAges: []int{1, 1}})),
		"tired admin":   cookies(clerktest.Claims{User: "user_ada", Org: admin, Version: 1, FactorAges: []int{100, 100}}),
		"impersonator":  bearer(token(clerktest.Claims{User: "user_bob", Org: admin, Extra: map[string]any{"act": map[string]any{"sub": "user_eve"}}})),
		"for billing":   bearer(token(clerktest.Claims{User: "user_bob", Extra: map[string]any{"aud": "billing"}})),
		"pending":       cookies(clerktest.Claims{User: "user_bob", Status: "pending"}),
		"old cookies":   {{Name: "cookie", Value: "__client_uat=1767200000"}},
		"stale cookies": cookies(clerktest.Claims{User: "user_bob", IssuedAt: noon.Add(-time.Hour)}),
		"template":      mint(clerktest.TokenRequest{Type: clerktest.TypeTemplate, User: "user_bob", Audience: []string{"billing"}}),
		"machine":       mint(clerktest.TokenRequest{Type: clerktest.TypeM2MJWT, Machine: "mch_jobs", Scopes: []string{"mch_here"}}),
		"oauth":         mint(clerktest.TokenRequest{Type: clerktest.TypeOAuthJWT, User: "user_bob", Scopes: []string{"partner:read"}, Audience: []string{"billing"}}),
	}
}

// ask is a request, still without credentials.
type ask struct {
	method, host, path string
	headers            []authz.Header
	context            map[string]string
}

// asks are requests for every route, and for none.
func asks() []ask {
	document := []authz.Header{{Name: "sec-fetch-dest", Value: "document"}}
	preflight := []authz.Header{{Name: "origin", Value: "https://app.example.com"}, {Name: "access-control-request-method", Value: "POST"}}
	const api = "api.example.com"
	all := []ask{
		{"POST", api, "/inner", nil, map[string]string{"tier": "gold"}},
		{"GET", "admin.example.com:8443", "/", nil, nil},
		{"GET", "ADMIN.example.com.", "/", document, nil},
		{"GET", api, "/" + string(bytes.Repeat([]byte("a"), 3000)), nil, nil},
		{"GET", api, "/me\xff", nil, nil},
	}
	for _, path := range []string{"/healthz", "/hello", "/me", "/ME", "/me/../x", "/closed", "/nowhere", "/hidden", "/shadow", "/shadowed/closed", "/choose",
		"/orgs/acme/invoices/7", "/orgs/org_acme/invoices/7", "/orgs/globex/invoices/7", "/dashboard", "/fresh", "/own", "/users/user_bob",
		"/partner", "/jobs", "/any", "/perhaps", "/gold", "/day", "/webhook", "/inner?x=1#f"} {
		all = append(all, ask{"GET", api, path, nil, nil}, ask{"GET", api, path, document, nil}, ask{"POST", api, path, nil, nil})
		all = append(all, ask{"OPTIONS", api, path, preflight, nil})
	}
	return all
}

// askAll puts every request of everybody to the engine.
func (w *world) askAll() {
	for _, credentials := range w.credentials() {
		for _, a := range asks() {
			r := &authz.Request{Method: a.method, Host: a.host, Path: a.path, Scheme: "https", Context: a.context, Headers: slices.Concat(a.headers, credentials)}
			w.asked, w.set = append(w.asked, r), append(w.set, w.engine.Check(w.t.Context(), r).Set)
		}
	}
}

// compare replays the log of the world with another policy.
func (w *world) compare(policyText string) *Report {
	w.t.Helper()
	c := New(w.compile(everything(w.t)), w.compile(policyText), Options{Limit: 10_000})
	if err := c.Log(bytes.NewReader(w.log.Bytes())); err != nil {
		w.t.Fatal(err)
	}
	return c.Report()
}

// atNoon gives records the only time of these tests, which slog takes from the
// clock.
func atNoon(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Time(slog.TimeKey, noon)
	}
	return a
}
