package policy_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/policy"
)

// caller is who asks for what, in the examples.
type caller struct {
	method, target, claims string
	id                     policy.Identity
	at                     time.Time
}

var (
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	night = time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC)
	ann   = policy.Identity{UserID: "user_ann", OrgID: "org_1", OrgRole: "org:member"}
	boss  = policy.Identity{UserID: "user_boss", OrgID: "org_1", OrgRole: "org:admin", OrgPermissions: []string{"org:invoices:read"}}
)

// whenExamples has a caller for whom each expression of README.md holds, and one
// for whom it does not, in the order of the page.
var whenExamples = []struct{ holds, fails caller }{
	{caller{method: "GET", id: ann}, caller{method: "POST", id: ann}},
	{caller{method: "POST", id: boss}, caller{method: "POST", id: ann}},
	{caller{claims: `{"metadata": {"plan": "gold"}}`, id: ann}, caller{claims: `{"metadata": {}}`, id: ann}},
	{caller{claims: `{"metadata": {"groups": ["beta"]}}`, id: ann}, caller{claims: `{"metadata": {"groups": ["alpha"]}}`, id: ann}},
	{caller{claims: `{"metadata": {"plan": "gold"}}`, id: ann}, caller{claims: `{}`, id: ann}},
	{caller{id: boss}, caller{id: ann}},
	{caller{target: "/reports/user_ann", id: ann}, caller{target: "/reports/user_bob", id: ann}},
	{caller{target: "/reports/2026?dry_run=true", id: ann}, caller{target: "/reports/2026?dry_run=true&dry_run=false", id: ann}},
	{caller{target: "/reports/2026", id: ann}, caller{target: "/reports/20266", id: ann}},
	{caller{at: noon, id: ann}, caller{at: night, id: ann}},
	{caller{at: noon, claims: `{"trial_ends": "2026-01-01T18:00:00Z"}`, id: ann}, caller{at: night, claims: `{"trial_ends": "2026-01-01T18:00:00Z"}`, id: ann}},
}

// TestConditionsOfThePage: each expression in the table holds for one caller and
// not for another.
func TestConditionsOfThePage(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| expression | holds |\n| --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `(.*?)` \\| ").FindAllStringSubmatch(table, -1)
	if len(rows) != len(whenExamples) || len(rows) < 10 {
		t.Fatalf("%d expressions, %d examples", len(rows), len(whenExamples))
	}
	for i, row := range rows {
		expression := strings.ReplaceAll(row[1], `\|`, "|")
		src := "version: 1\nroutes: [{name: it, path: '/reports/{user}', require: {when: " + strconv.Quote(expression) + "}}]\n"
		p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{Env: env})
		if p == nil {
			t.Errorf("%s: %v", expression, problems)
			continue
		}
		if example := whenExamples[i]; !example.holds.passes(t, p) || example.fails.passes(t, p) {
			t.Errorf("%s: holds for the one: %v, for the other: %v", expression, example.holds.passes(t, p), example.fails.passes(t, p))
		}
	}
}

func (c caller) passes(t *testing.T, p *policy.Policy) bool {
	t.Helper()
	if c.method == "" {
		c.method = "GET"
	}
	if c.target == "" {
		c.target = "/reports/user_nobody"
	}
	if c.at.IsZero() {
		c.at = noon
	}
	raw, query, _ := strings.Cut(c.target, "?")
	path, err := p.ReadPath(raw)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Match(&policy.Request{Method: c.method, Host: "api.acme.com", Path: path, Query: query, Now: c.at})
	if err != nil {
		t.Fatal(err)
	}
	id := c.id
	id.Claims = policy.NewClaims([]byte(c.claims))
	return policy.Decide(m, &id, nil).Outcome == policy.Passed
}
