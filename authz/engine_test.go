package authz_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/policy"
)

func TestRoutes(t *testing.T) {
	w := newWorld(t, routes)
	admin := w.bearer(acme("org:admin", "org:invoices:manage"))
	member := w.bearer(acme("org:member"))
	alone := w.bearer(clerktest.Claims{User: "user_bob"})
	pending := w.bearer(clerktest.Claims{User: "user_bob", Status: "pending"})
	const garbage = "authorization: Bearer not.a.token"

	w.allow(w.ask("GET", "/healthz"))
	w.allow(w.ask("GET", "/healthz", garbage))
	w.allow(w.ask("GET", "/healthz", "authorization: a,b"))
	w.allow(w.ask("GET", "/healthz", admin))
	w.allow(w.ask("GET", "/hello"))
	w.allow(w.ask("GET", "/hello", alone), "x-user-id: user_bob")
	w.allow(w.ask("GET", "/hello", pending))
	w.deny(w.ask("GET", "/hello", garbage), 401, "token-invalid")
	w.deny(w.ask("GET", "/closed", admin), 403, "access-denied")
	w.deny(w.ask("GET", "/closed", garbage), 403, "access-denied")
	w.deny(w.ask("GET", "/nowhere", admin), 403, "no-route")

	w.allow(w.ask("GET", "/me", alone), "x-user-id: user_bob")
	w.allow(w.ask("GET", "/me", admin), "x-user-id: user_ada", "x-org-id: org_acme")
	w.deny(w.ask("GET", "/me"), 401, "session-token-and-uat-missing")
	w.deny(w.ask("GET", "/me", pending), 401, "session-pending")
	w.deny(w.ask("GET", "/me", garbage), 401, "token-invalid")
	w.deny(w.ask("GET", "/me", "authorization: Bearer a.b.c more"), 400, "request-malformed")
	w.deny(w.ask("GET", "/me", "authorization: Bearer a,Bearer b"), 400, "request-malformed")
	w.deny(w.ask("GET", "/me", admin, admin), 400, "request-malformed")
	w.deny(w.ask("GET", "/me", "authorization: Bearer "+strings.Repeat("a", 17<<10)), 400, "request-malformed")

	w.allow(w.ask("GET", "/orgs/acme/invoices/7", member), "x-user-id: user_ada", "x-org-id: org_acme")
	w.allow(w.ask("HEAD", "/orgs/org_acme/invoices", member), "x-user-id: user_ada", "x-org-id: org_acme")
	w.deny(w.ask("GET", "/orgs/globex/invoices", member), 403, "org-mismatch")
	w.deny(w.ask("GET", "/orgs/acme/invoices", alone), 403, "org-required")
	w.allow(w.ask("POST", "/orgs/acme/invoices", admin), "x-user-id: user_ada", "x-org-id: org_acme")
	w.deny(w.ask("POST", "/orgs/acme/invoices", member), 403, "role-required")
	w.deny(w.ask("POST", "/orgs/acme/invoices", w.bearer(acme("org:admin"))), 403, "permission-required")
	w.deny(w.ask("DELETE", "/orgs/acme/invoices", admin), 403, "no-route")

	w.deny(w.ask("GET", "/me/../closed", admin), 400, "path-ambiguous")
	w.deny(w.ask("GET", "/ME", admin), 400, "path-ambiguous")
}

func TestContextOfTheRoute(t *testing.T) {
	w := newWorld(t, routes)
	r := request("GET", "/internal")
	w.deny(w.engine.Check(t.Context(), r), 403, "no-route")
	r.Context = map[string]string{"tier": "gold"}
	w.allow(w.engine.Check(t.Context(), r))
}

func TestTwoReadingsOfOneRequest(t *testing.T) {
	w := newWorld(t, routes)
	for _, tt := range []struct {
		name    string
		request *authz.Request
	}{
		{"nothing at all", &authz.Request{}},
		{"the door could not read it", &authz.Request{Method: "GET", Path: "/healthz", Host: "h", Malformed: "x"}},
		{"no method", &authz.Request{Path: "/healthz", Host: "h"}},
		{"no host", &authz.Request{Method: "GET", Path: "/healthz"}},
		{"no path", &authz.Request{Method: "GET", Host: "h"}},
		{"path unlike :path", request("GET", "/healthz", ":path: /me")},
		{"host unlike :authority", request("GET", "/healthz", ":authority: evil.example.com")},
		{"method unlike :method", request("GET", "/healthz", ":method: POST")},
		{"two authorities", request("GET", "/healthz", ":authority: api.example.com", ":authority: api.example.com")},
		{"a header without a name", request("GET", "/healthz", ": x")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := w.engine.Check(t.Context(), tt.request)
			w.deny(a, 400, "request-malformed")
		})
	}
	w.allow(w.ask("GET", "/healthz", ":path: /healthz", ":method: GET", ":authority: api.example.com", ":scheme: https"))
}

func TestForgedHeadersAreRemoved(t *testing.T) {
	w := newWorld(t, routes)
	forged := []string{"x-user-id: user_root", "X-Org-Id: org_root", "x_user_id: user_root", "X-Clerk-Auth-Token: t", "x-http-method-override: DELETE"}
	a := w.ask("GET", "/healthz", forged...)
	w.allow(a)
	slices.Sort(a.Remove)
	if diff := cmp.Diff([]string{"x-clerk-auth-token", "x-http-method-override", "x-org-id", "x-user-id", "x_user_id"}, a.Remove); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	a = w.ask("GET", "/me", append(forged, w.bearer(clerktest.Claims{User: "user_bob"}))...)
	w.allow(a, "x-user-id: user_bob")
	slices.Sort(a.Remove)
	if diff := cmp.Diff([]string{"x-clerk-auth-token", "x-http-method-override", "x-org-id", "x_user_id"}, a.Remove); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func TestWithoutAPolicy(t *testing.T) {
	w := newWorld(t, routes)
	empty := authz.New(authz.Options{})
	a := empty.Check(t.Context(), request("GET", "/healthz"))
	w.deny(a, 503, "policy-not-loaded")
	if empty.Ready() == nil {
		t.Error("ready without a policy")
	}
}

func TestReloadKeepsTokensAndChecksThemAnew(t *testing.T) {
	w := newWorld(t, routes)
	token := w.bearer(clerktest.Claims{User: "user_bob", AuthorizedParty: "https://app.example.com"})
	w.allow(w.ask("GET", "/me", token), "x-user-id: user_bob")
	src := fmt.Sprintf("version: 1\nclerk: [{publishableKey: %q, authorizedParties: [https://other.example.com]}]\n%s", w.clerk.PublishableKey(), routes)
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if p == nil {
		t.Fatal(problems)
	}
	s, problems := authz.Compile(p, w.connect)
	if s == nil {
		t.Fatal(problems)
	}
	w.engine.Use(s)
	w.deny(w.ask("GET", "/me", token), 401, "token-invalid-authorized-parties")
}

func TestMetadata(t *testing.T) {
	w := newWorld(t, routes)
	fields := func(a authz.Answer) map[string]string {
		m := map[string]string{}
		for _, f := range a.Metadata {
			m[f.Name] = f.Value
		}
		delete(m, "session_id")
		if !strings.HasPrefix(m["policy"], "sha256:") {
			t.Errorf("policy hash %q", m["policy"])
		}
		delete(m, "policy")
		return m
	}
	admin := w.bearer(acme("org:admin"))
	if diff := cmp.Diff(map[string]string{
		"user_id": "user_ada", "org_id": "org_acme", "org_role": "org:admin", "token_type": "session_token", "route": "me", "outcome": "pass",
	}, fields(w.ask("GET", "/me", admin))); diff != "" {
		t.Errorf("pass (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"user_id": "user_ada", "org_id": "org_acme", "org_role": "org:admin", "token_type": "session_token", "route": "pay", "outcome": "deny", "reason": "permission-required",
	}, fields(w.ask("POST", "/orgs/acme/invoices", admin))); diff != "" {
		t.Errorf("denial (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"outcome": "deny", "reason": "no-route"}, fields(w.ask("GET", "/nowhere"))); diff != "" {
		t.Errorf("no route (-want +got):\n%s", diff)
	}
}
