package authz_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// now is the only time in these tests.
var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const host = "clerk.example.com"

const routes = `
routes:
  - {name: health, path: /healthz, access: public}
  - {name: hello, path: /hello, access: optional}
  - {name: closed, path: /closed, access: deny}
  - {name: invoices, path: "/orgs/{org}/invoices/**", methods: [GET], require: {org: "{org}"}}
  - {name: pay, path: "/orgs/{org}/invoices/**", methods: [POST], require: {org: "{org}", role: org:admin, permission: org:invoices:manage}}
  - {name: internal, path: /internal, context: {tier: gold}, access: public}
  - {name: me, path: /me}
`

// world is an engine with one Clerk instance and the log of its decisions.
type world struct {
	t        testing.TB
	clerk    *clerktest.Instance
	engine   *authz.Engine
	keys     authz.Keys
	backend  authz.Backend
	observed []authz.Decided
}

func clock() time.Time { return now }

func (w *world) Observe(d *authz.Decided) {
	v := *d.Verdict
	w.observed = append(w.observed, authz.Decided{Request: d.Request, Verdict: &v})
}

func newWorld(t testing.TB, policyText string, change ...func(*authz.Keys)) *world {
	t.Helper()
	w := &world{t: t, clerk: clerktest.New(clerktest.Options{FrontendAPI: host, Live: true, Now: func() time.Time { return now }})}
	pinned, err := jwks.ParsePEM(w.clerk.Signer().PEM())
	if err != nil {
		t.Fatal(err)
	}
	w.keys = authz.Keys{Lookup: pinned}
	for _, c := range change {
		c(&w.keys)
	}
	w.engine = authz.New(authz.Options{Now: func() time.Time { return now }, Observer: w})
	w.engine.Use(w.compile(policyText))
	return w
}

func (w *world) compile(policyText string) *authz.Snapshot {
	w.t.Helper()
	src := fmt.Sprintf("version: 1\nclerk: [{publishableKey: %q}]\n%s", w.clerk.PublishableKey(), policyText)
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if p == nil {
		w.t.Fatalf("policy: %v", problems)
	}
	s, problems := authz.Compile(p, w.connect)
	if s == nil {
		w.t.Fatalf("compile: %v", problems)
	}
	return s
}

func (w *world) connect(c policy.Clerk) (authz.Connection, error) {
	return authz.Connection{
		Keys: w.keys, Backend: w.backend,
		SecretKey: c.SecretKey.Value != "", MachineSecretKey: c.MachineSecretKey.Value != "",
	}, nil
}

func request(method, path string, headers ...string) *authz.Request {
	r := &authz.Request{Method: method, Path: path, Host: "api.example.com", Scheme: "https"}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Headers = append(r.Headers, authz.Header{Name: name, Value: value})
	}
	return r
}

func (w *world) ask(method, path string, headers ...string) authz.Answer {
	return w.engine.Check(w.t.Context(), request(method, path, headers...))
}

func (w *world) bearer(c clerktest.Claims) string {
	return "authorization: Bearer " + w.clerk.Token(c)
}

func acme(role string, permissions ...string) clerktest.Claims {
	return clerktest.Claims{User: "user_ada", Org: clerktest.Org{ID: "org_acme", Slug: "acme", Role: role, Permissions: permissions}}
}

// allow checks a pass and what the service gets.
func (w *world) allow(a authz.Answer, set ...string) {
	w.t.Helper()
	if !a.Allow {
		w.t.Fatalf("denied with %d %s", a.Status, a.Body)
	}
	got := []string{}
	for _, h := range a.Set {
		got = append(got, h.Name+": "+h.Value)
	}
	if diff := cmp.Diff(append([]string{}, set...), got); diff != "" {
		w.t.Errorf("headers set (-want +got):\n%s", diff)
	}
}

// deny checks a denial's status and code.
func (w *world) deny(a authz.Answer, status int, code string) {
	w.t.Helper()
	if a.Allow {
		w.t.Fatalf("allowed, want %d %s", status, code)
	}
	if a.Status != status || !strings.Contains(string(a.Body), `"code":"`+code+`"`) {
		w.t.Errorf("got %d %s, want %d %s", a.Status, a.Body, status, code)
	}
}
