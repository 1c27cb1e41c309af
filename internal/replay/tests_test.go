package replay

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/suite"
)

// TestRequestsOfPolicyTests: of those all is known, also what a condition looks at.
func TestRequestsOfPolicyTests(t *testing.T) {
	w := newWorld(t, everything(t))
	f, problems := suite.Read("policy_test.yaml", []byte(`
policy: policy.yaml
now: 2026-01-01T21:00:00Z
identities:
  golden: {user: user_gold, org: {id: org_acme}, claims: {plan: gold}}
  plain: {user: user_plain, org: {id: org_acme}}
tests:
  - {name: gold, request: {method: GET, url: "https://api.example.com/gold"}, as: [golden, plain, anonymous], expect: {outcome: deny}}
  - {name: day, request: {method: GET, url: "https://api.example.com/day?x=1"}, as: golden, expect: {outcome: pass}}
  - {name: hook, request: {method: POST, url: "https://api.example.com/webhook"}, expect: {outcome: deny}}
`))
	if f == nil {
		t.Fatal(problems)
	}
	const next = `
version: 1
clerk: [{publishableKey: "${CLERK_PUBLISHABLE_KEY}"}]
routes:
  - {name: gold, path: /gold, require: {when: 'has(claims.plan) == false'}}
  - {name: by day, path: /day}
  - {name: webhook, path: /webhook, webhook: {secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}}
`
	c := New(w.compile(everything(t)), w.compile(next), Options{Limit: 10})
	if c.Tests(t.Context(), f) {
		t.Error("a token was judged, and nobody has one")
	}
	r := c.Report()
	var got []string
	for _, change := range r.Changes {
		got = append(got, change.Request.Method+" "+change.Request.Path+" "+change.Request.Caller+": "+effectOf(change.Old)+" → "+effectOf(change.New))
	}
	want := []string{
		"GET /day golden: deny 403 condition-failed → pass",
		"GET /gold plain: deny 403 condition-failed → pass",
		"GET /gold golden: pass → deny 403 condition-failed",
	}
	if diff := cmp.Diff(want, got); diff != "" || r.Replayed != 5 || len(r.NotReplayed) > 0 || r.RecordedOtherwise > 0 {
		t.Errorf("%+v\nchanges (-want +got):\n%s", r, diff)
	}
}

// TestTokensOfPolicyTests: they are verified where they can be. A token of which
// nothing can be found out is no proof that nothing changes.
func TestTokensOfPolicyTests(t *testing.T) {
	const head = "version: 1\nclerk: [{publishableKey: \"${CLERK_PUBLISHABLE_KEY}\", secretKey: sk_live_0123456789}]\nroutes:\n"
	const asking = head + "  - {name: all, path: /**, tokens: [session, apiKey]}"
	w := newWorld(t, asking)
	for _, tt := range []struct {
		name, token, after string
		changed, undecided int
		left               map[Reason]int
		judged             bool
	}{
		{"a session, and no change", w.clerk.Token(clerktest.Claims{User: "user_1"}), asking, 0, 0, map[Reason]int{}, true},
		{"a session", w.clerk.Token(clerktest.Claims{User: "user_1"}), head + "  - {name: all, path: /**, require: {org: any}}", 1, 0, map[Reason]int{}, true},
		{"an expired session", w.clerk.Token(clerktest.Claims{User: "user_1", IssuedAt: noon.Add(-time.Hour)}), head + "  - {name: all, path: /**, access: public}",
			1, 0, map[Reason]int{}, true},
		{"what only the Backend API knows", "ak_0123456789012345678901", asking, 0, 0, map[Reason]int{CallerUnknown: 1}, false},
		{"the same, and nobody asks any more", "ak_0123456789012345678901", head + "  - {name: all, path: /**, access: public}", 0, 1,
			map[Reason]int{CallerUnknown: 1}, false},
	} {
		f, problems := suite.Read("policy_test.yaml", []byte(strings.ReplaceAll(`
policy: policy.yaml
now: 2026-01-01T12:00:00Z
identities: {somebody: {token: TOKEN}}
tests: [{name: one, request: {method: GET, url: "https://api.example.com/"}, as: somebody, expect: {outcome: pass}}]
`, "TOKEN", tt.token)))
		if f == nil {
			t.Fatal(problems)
		}
		c := New(w.compile(asking), w.compile(tt.after), Options{})
		judged := c.Tests(t.Context(), f)
		if r := c.Report(); r.Changed != tt.changed || len(r.Undecided) != tt.undecided || !maps.Equal(r.NotReplayed, tt.left) || judged != tt.judged {
			t.Errorf("%s: judged %v, %+v", tt.name, judged, r)
		}
	}
}
