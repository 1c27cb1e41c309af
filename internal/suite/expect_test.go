package suite_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/suite"
)

func headers(set map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		out = append(out, name+"="+set[name])
	}
	return strings.Join(out, " ")
}

const acme = `
routes:
  - {name: me, path: /me}
  - {name: pay, path: "/orgs/{org}/invoices", methods: [POST], require: {org: "{org}", role: admin}, onDeny: {status: 404}}
  - {name: tried, path: /tried, require: {role: admin}, mode: shadow}
`

// TestEveryExpectation: each holds where it is true; where it is not, the test
// fails and says why.
func TestEveryExpectation(t *testing.T) {
	snapshot := compile(t, newClerk(), acme)
	for _, tt := range []struct{ url, as, expect, want string }{
		{"/me", "member", "outcome: pass", ""},
		{"/me", "member", "outcome: deny", "outcome: want deny, got pass"},
		{"/me", "anonymous", "outcome: pass", "outcome: want pass, got deny"},
		{"/me", "member", "status: 200", ""},
		{"/me", "anonymous", "status: 401", ""},
		{"/me", "anonymous", "status: 403", "status: want 403, got 401"},
		{"/me", "anonymous", "status: 200", "status: want 200, got 401"},
		{"/me", "anonymous", "code: session-token-and-uat-missing", ""},
		{"/me", "anonymous", "code: token-expired", "code: want token-expired, got session-token-and-uat-missing"},
		{"/me", "member", "code: token-expired", "code: want token-expired, got nothing"},
		{"/me", "member", "route: me", ""},
		{"/me", "member", "route: pay", "route: want pay, got me"},
		{"/nowhere", "member", "route: me", "route: want me, got nothing"},
		{"/me", "member", "headers: {x-user-id: user_2, x-org-id: org_1}", ""},
		{"/me", "member", "headers: {x-user-id: user_1}", "header x-user-id: want user_1, got user_2"},
		{"/me", "alone", "headers: {x-org-id: org_1}", "header x-org-id: want org_1, got removed"},
		{"/me", "member", "headers: {x-plan: gold}", "header x-plan: want gold, got left as it came"},
		{"/me", "anonymous", "headers: {x-plan: gold}", "header x-plan: want gold, got a request that is denied"},
		{"/me", "alone", "removed: [x-org-id]", ""},
		{"/me", "member", "removed: x-org-id", "header x-org-id: want removed, got org_1"},
		{"/me", "member", "removed: [accept]", "header accept: want removed, got left as it came"},
		{"/me", "anonymous", "redirect: https://a.example.com/", "redirect: want https://a.example.com/, got nothing"},
		{"/me?page", "anonymous", "redirect: https://accounts.example.com/sign-in", ""},
		{"/me?page", "anonymous", "redirect: https://accounts.example.com/sign-up", "redirect: want https://accounts.example.com/sign-up, " +
			"got https://accounts.example.com/sign-in?redirect_url=https%3A%2F%2Fa.example.com%2Fme%3Fpage"},
		{"/me?page", "anonymous", "redirect: 'https://accounts.example.com/sign-in?'", "redirect: want https://accounts.example.com/sign-in?, " +
			"got https://accounts.example.com/sign-in?redirect_url=https%3A%2F%2Fa.example.com%2Fme%3Fpage"},
		{"/orgs/org_1/invoices", "member", "code: not-found, status: 404, outcome: deny, route: pay", ""},
		{"/orgs/org_1/invoices", "member", "code: role-required", ""},
		{"/orgs/org_1/invoices", "member", "code: org-mismatch", "code: want org-mismatch, got not-found (in the log role-required)"},
		{"/tried", "member", "outcome: pass, route: tried", ""},
		{"/tried", "member", "outcome: deny, status: 403", "outcome: want deny, got pass; status: want 403, got 200"},
	} {
		method := "POST"
		accept := ""
		if strings.Contains(tt.url, "?page") {
			method, accept = "GET", ", headers: {accept: text/html}"
		}
		f := read(t, `policy: policy.yaml
identities: {member: {user: user_2, org: {id: org_1, role: org:member}}, alone: {user: user_3}}
tests: [{name: one, request: {method: `+method+`, url: "https://a.example.com`+tt.url+`"`+accept+`}, as: `+tt.as+`, expect: {`+tt.expect+`}}]
`)
		all := results(t, f, snapshot)
		if got := all[0].Why(); got != tt.want || all[0].Pass != (tt.want == "") {
			t.Errorf("%s as %s, %s: passes %v, %q, want %q", tt.url, tt.as, tt.expect, all[0].Pass, got, tt.want)
		}
	}
	f := read(t, "policy: policy.yaml\ntests: [{name: one, request: {url: https://a.example.com/me}, expect: {outcome: deny}}]\n")
	f.Cases[0].Want = suite.Expectation{}
	if results(t, f, snapshot)[0].Pass || (&suite.Result{}).Pass {
		t.Error("what expects nothing passes")
	}
}

// TestGot: what came out, for programs.
func TestGot(t *testing.T) {
	f := read(t, `policy: policy.yaml
identities: {member: {user: user_2, org: {id: org_1, role: org:member}}}
tests:
  - {name: me, request: {url: https://a.example.com/me}, as: member, expect: {outcome: pass}}
  - {name: pay, request: {method: POST, url: https://a.example.com/orgs/org_1/invoices}, as: member, expect: {outcome: deny}}
  - {name: tried, request: {url: https://a.example.com/tried}, as: member, expect: {outcome: pass}}
`)
	want := []suite.Got{
		{Outcome: "pass", Status: 200, Route: "me", Headers: map[string]string{"x-user-id": "user_2", "x-org-id": "org_1"}, Removed: []string{}},
		{Outcome: "deny", Status: 404, Code: "not-found", Reason: "role-required", Route: "pay", Headers: map[string]string{}, Removed: []string{}},
		{Outcome: "pass", Status: 200, Route: "tried", Shadow: "role-required", Headers: map[string]string{"x-user-id": "user_2", "x-org-id": "org_1"}, Removed: []string{}},
	}
	var got []suite.Got
	for _, r := range results(t, f, compile(t, newClerk(), acme)) {
		got = append(got, r.Got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCheck: a route that is expected must be one of the policy.
func TestCheck(t *testing.T) {
	f := read(t, `policy: policy.yaml
identities: {a: {user: user_1}}
tests:
  - {name: me, request: {url: https://a.example.com/me}, as: [a, anonymous], expect: {route: me}}
  - {name: pay, request: {url: https://a.example.com/me}, as: [a, anonymous], expect: {route: pya}}
  - {name: other, request: {url: https://a.example.com/me}, expect: {route: nothing like it}}
`)
	want := `testdata/policy_test.yaml:5:95: error: the policy has no route "pya"
  - {name: pay, request: {url: https://a.example.com/me}, as: [a, anonymous], expect: {route: pya}}
                                                                                              ^
hint: its routes are me, pay, tried
testdata/policy_test.yaml:6:77: error: the policy has no route "nothing like it"
  - {name: other, request: {url: https://a.example.com/me}, expect: {route: nothing like it}}
                                                                            ^
hint: its routes are me, pay, tried
`
	if diff := cmp.Diff(want, render(f.Check(compile(t, newClerk(), acme).Policy()))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPolicyPath: the policy's path begins where the test file is.
func TestPolicyPath(t *testing.T) {
	for written, want := range map[string]string{
		"policy.yaml": "testdata/policy.yaml", "../policy.yaml": "policy.yaml", "/etc/policy.yaml": "/etc/policy.yaml", "./a/b.yaml": "testdata/a/b.yaml",
	} {
		f := read(t, "policy: "+written+"\ntests: [{name: a, request: {url: https://a.example.com/}, expect: {outcome: deny}}]\n")
		if f.Policy != want {
			t.Errorf("%s: %s, want %s", written, f.Policy, want)
		}
	}
}
