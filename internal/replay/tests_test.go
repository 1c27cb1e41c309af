package replay

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
	c.Tests(t.Context(), f)
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
