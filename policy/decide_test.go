package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decide asks about one route. It also checks that a trace changes nothing and
// has every line.
func decide(t *testing.T, fields, raw, name string) (Decision, *Trace) {
	t.Helper()
	p := load(t, "version: 1\n"+clerkSection+"routes:\n  - {name: one, path: '/orgs/{org}/**', "+fields+"}\n")
	_, m := ask(t, p, "GET", "", raw, nil)
	d, tr := Decide(m, who(name), nil), &Trace{}
	if traced := Decide(m, who(name), tr); traced != d {
		t.Errorf("%s for %s: %+v, with a trace %+v", fields, name, d, traced)
	}
	if m.Route.Access == AccessAuthenticated && d.Code != CodeUnauthenticated && len(tr.Conditions) != count(m.Route.require) {
		t.Errorf("%s for %s: the trace has %d conditions of %d", fields, name, len(tr.Conditions), count(m.Route.require))
	}
	for _, c := range tr.Conditions {
		if c.Holds != (c.Code == CodeNone) || c.Want == "" || c.Got == "" {
			t.Errorf("%s for %s: condition %+v", fields, name, c)
		}
	}
	return d, tr
}

// count is how many lines there are, with those in nests.
func count(lines group) int {
	n := len(lines)
	for _, q := range lines {
		if q.nest != nil {
			for _, g := range q.nest.groups {
				n += count(g)
			}
		}
	}
	return n
}

func TestDecide(t *testing.T) {
	const pass = "pass"
	tests := []struct{ fields, people, want string }{
		{"access: public", "anonymous nobody personal admin", pass},
		{"access: optional", "anonymous nobody personal admin", pass},
		{"access: deny", "anonymous personal admin", "access-denied"},
		{"access: authenticated", "personal admin bare", pass},
		{"access: authenticated", "anonymous nobody", "unauthenticated"},
		{"require: {role: admin}", "anonymous nobody", "unauthenticated"},

		{"require: {org: any}", "admin member stranger bare", pass},
		{"require: {org: any}", "personal remnant", "org-required org"},
		{"require: {org: none}", "personal remnant", pass},
		{"require: {org: none}", "admin bare", "org-forbidden org"},
		{"require: {org: acme}", "admin member", pass},
		{"require: {org: acme}", "stranger bare", "org-mismatch org"},
		{"require: {org: acme}", "personal remnant", "org-required org"},
		{"require: {org: org_acme}", "admin bare", pass},
		{"require: {org: Acme}", "admin", "org-mismatch org"},
		{"require: {org: [other, org_acme]}", "admin bare stranger", pass},
		{"require: {org: [third]}", "admin", "org-mismatch org"},
		{"require: {org: '{org}'}", "admin member", pass},
		{"require: {org: '{org}'}", "stranger bare", "org-mismatch org"},
		{"require: {org: '{org}'}", "personal remnant", "org-required org"},
		{"require: {org: ['{org}', other]}", "admin stranger", pass},

		{"require: {role: admin}", "admin stranger", pass},
		{"require: {role: org:admin}", "admin stranger", pass},
		{"require: {role: org:org:admin}", "admin", pass},
		{"require: {role: Admin}", "admin", "role-required role"},
		{"require: {role: org:member}", "member", pass},
		{"require: {role: [org:billing, member]}", "member", pass},
		{"require: {role: [org:billing, member]}", "admin bare", "role-required role"},
		{"require: {role: admin}", "personal remnant", "org-required role"},

		{"require: {permission: org:invoices:read}", "admin member", pass},
		{"require: {permission: invoices:read}", "admin member", pass},
		{"require: {permission: org:invoices:manage}", "admin", pass},
		{"require: {permission: org:invoices:manage}", "member bare stranger", "permission-required permission"},
		{"require: {permission: invoices:manage}", "member", "permission-required permission"},
		{"require: {permission: [org:invoices:read, org:invoices:manage]}", "admin", pass},
		{"require: {permission: [org:invoices:read, org:invoices:manage]}", "member", "permission-required permission"},
		{"require: {permission: org:invoices:read}", "personal remnant", "org-required permission"},

		{"require: {org: '{org}', role: admin, permission: org:invoices:manage}", "admin", pass},
		{"require: {permission: org:a:b, role: owner, org: other}", "admin", "org-mismatch org"},
		{"require: {permission: org:a:b, role: owner, org: acme}", "admin", "role-required role"},
		{"require: {permission: org:a:b, role: admin, org: acme}", "admin", "permission-required permission"},
		{"require: {permission: org:a:b, role: admin}", "personal", "org-required role"},
		{"require: {feature: reports}", "customer", pass},
		{"require: {feature: org:reports}", "customer", pass},
		{"require: {feature: user:reports}", "customer", "feature-required feature"},
		{"require: {feature: export}", "subscriber", pass},
		{"require: {feature: user:export}", "subscriber", pass},
		{"require: {feature: org:export}", "subscriber", "feature-required feature"},
		{"require: {feature: [org:both, user:both, both, reports]}", "customer", pass},
		{"require: {feature: [both, reports]}", "subscriber personal", "feature-required feature"},
		{"require: {feature: Reports}", "customer", "feature-required feature"},
		{"require: {feature: gold}", "customer", "feature-required feature"},
		{"require: {plan: gold}", "customer", pass},
		{"require: {plan: org:gold}", "customer", pass},
		{"require: {plan: user:gold}", "customer", "plan-required plan"},
		{"require: {plan: [gold, pro]}", "customer subscriber personal", "plan-required plan"},
		{"require: {plan: user:pro}", "subscriber", pass},
		{"require: {plan: reports}", "customer", "plan-required plan"},

		{"require: {reverification: strict}", "fresh", pass},
		{"require: {reverification: strict}", "stale personal", "reverification-required reverification"},
		{"require: {reverification: lax}", "stale", pass},
		{"require: {reverification: {level: first_factor, afterMinutes: 1.5}}", "fresh", pass},
		{"require: {reverification: {level: second_factor, afterMinutes: 1.5}}", "fresh", "reverification-required reverification"},

		{"require: {reverification: strict, plan: none, feature: none, permission: a:b, role: owner, org: acme}", "admin", "role-required role"},
		{"require: {reverification: strict, plan: none, feature: none, permission: a:b, org: acme}", "admin", "permission-required permission"},
		{"require: {reverification: strict, plan: none, feature: none, org: acme}", "admin", "feature-required feature"},
		{"require: {reverification: strict, plan: none, org: acme}", "admin", "plan-required plan"},
		{"require: {reverification: strict, org: acme}", "admin", "reverification-required reverification"},
		{"require: {plan: gold, role: admin}", "personal", "org-required role"},

		{"tokens: session", "personal admin", pass},
		{"tokens: session", "template oauth userkey orgkey machine bogus webhook anonymous", "unauthenticated"},
		{"tokens: template", "template", pass},
		{"tokens: template", "personal oauth userkey orgkey machine bogus anonymous", "unauthenticated"},
		{"tokens: m2m", "machine", pass},
		{"tokens: m2m", "personal template oauth userkey orgkey bogus anonymous", "unauthenticated"},
		{"tokens: apiKey", "userkey orgkey", pass},
		{"tokens: apiKey", "personal template oauth machine bogus anonymous", "unauthenticated"},
		{"tokens: oauth", "oauth", pass},
		{"tokens: oauth", "personal template userkey orgkey machine bogus anonymous", "unauthenticated"},
		{"tokens: [session, m2m]", "personal machine", pass},
		{"tokens: [session, m2m]", "oauth userkey bogus", "unauthenticated"},
		{"tokens: [apiKey], access: optional", "anonymous userkey", pass},

		{"tokens: [apiKey, m2m], require: {org: '{org}'}", "orgkey", "org-mismatch org"},
		{"tokens: [apiKey, m2m], require: {org: org_acme}", "orgkey", pass},
		{"tokens: [apiKey, m2m], require: {org: any}", "orgkey", pass},
		{"tokens: [apiKey, m2m], require: {org: any}", "userkey machine", "org-required org"},
		{"tokens: [apiKey, m2m], require: {org: none}", "userkey machine", pass},
		{"tokens: [apiKey], require: {role: admin}", "orgkey", "role-required role"},
		{"tokens: [apiKey], require: {permission: org:invoices:read}", "orgkey", "permission-required permission"},
		{"tokens: [apiKey, m2m, oauth, template], require: {feature: reports}", "orgkey userkey machine oauth template", "feature-required feature"},
		{"tokens: [apiKey, m2m, oauth, template], require: {plan: gold}", "orgkey userkey machine oauth template", "plan-required plan"},
		{"tokens: [apiKey, m2m, oauth, template], require: {reverification: lax}", "orgkey userkey machine oauth template", "reverification-required reverification"},

		{"webhook: {secret: c2VjcmV0}", "webhook", pass},
		{"webhook: {secret: c2VjcmV0}", "anonymous nobody personal admin machine orgkey", "access-denied"},
		{"access: authenticated", "webhook", "unauthenticated"},

		{"require: {role: admin, org: none}", "admin", "org-forbidden org"},
		{"require: {role: admin, org: none}", "personal", "org-required role"},
	}
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.people) {
			decides(t, tt.fields, "/orgs/acme/x", name, tt.want)
		}
	}
}

// decides wants "pass", or a code and the line that it comes from.
func decides(t *testing.T, fields, raw, name, want string) {
	t.Helper()
	d, _ := decide(t, fields, raw, name)
	got := strings.TrimSpace(string(d.Code) + " " + d.Line)
	if d.Outcome == Passed {
		got = strings.TrimSpace("pass " + got)
	} else if d.Detail == "" {
		t.Errorf("%s for %s: no detail", fields, name)
	}
	if got != want {
		t.Errorf("%s for %s: %s, want %s", fields, name, got, want)
	}
}

// A parameter is compared exactly, whatever its spelling was.
func TestDecideParameterOfThePath(t *testing.T) {
	for raw, want := range map[string]Outcome{
		"/orgs/acme/x": Passed, "/orgs/org_acme": Passed, "/orgs/%61cme/": Passed,
		"/orgs/Acme/x": Denied, "/orgs/acme%20/x": Denied, "/orgs/acm/e": Denied, "/orgs/%2a": Denied,
	} {
		if d, _ := decide(t, "require: {org: '{org}'}", raw, "admin"); d.Outcome != want {
			t.Errorf("%s: %v, want %v", raw, d.Outcome, want)
		}
	}
}

func TestEmptyEqualsNothing(t *testing.T) {
	id := &Identity{UserID: "user_1", OrgID: "org_1"}         // no slug, no role
	id.OrgFeatures, id.UserPlans = []string{""}, []string{""} // of a claim like "o:"
	id.FactorAges = []float64{0, 0}
	id.Scopes, id.Audiences = []string{""}, []string{""}
	for _, l := range []line{
		oneOrg{{param: "org"}}, oneOrg{{value: ""}}, oneOrg{}, oneRole{""}, oneRole{},
		sameUser{}, sameUser{"org"}, allScopes{}, allScopes{""}, oneAudience{}, oneAudience{""}, anyActor{},
		allFeatures{}, allFeatures{entitlements{{}}}, allPlans{}, allPlans{entitlements{{scope: scopeUser}}},
		&freshFactors{}, &freshFactors{Reverification{Preset: "loose"}}, &freshFactors{Reverification{Level: "any", AfterMinutes: 9}},
	} {
		if l.check(Match{Route: &Route{}}, id) == CodeNone {
			t.Errorf("%T %q holds", l, l)
		}
	}
	key := &Identity{TokenType: "api_key", OrgID: "org_1", Scopes: []string{""}}
	if (allScopes{}).check(Match{}, key) == CodeNone || (allScopes{""}).check(Match{}, key) == CodeNone || (sameUser{}).check(Match{}, key) == CodeNone {
		t.Error("a key holds what nobody asked for")
	}
	id.OrgRole = "org:org:"
	if (oneRole{""}).check(Match{}, id) == CodeNone {
		t.Error("a role of nothing but prefixes holds")
	}
}

func TestZeroValuesDeny(t *testing.T) {
	admin := who("admin")
	tests := []struct {
		m    Match
		id   *Identity
		want Code
	}{
		{Match{}, admin, CodeNoRoute},
		{Match{Route: &Route{}}, admin, CodeAccessDenied},
		{Match{Route: &Route{Access: 99}}, admin, CodeAccessDenied},
		{Match{Route: &Route{Access: AccessAuthenticated}}, nil, CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessAuthenticated}}, &Identity{}, CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessAuthenticated}}, &Identity{UserID: "user_1", TokenType: "x"}, CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessAuthenticated}}, who("userkey"), CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessAuthenticated, Tokens: TokenM2M}}, &Identity{TokenType: "m2m_token", UserID: "user_1"}, CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessAuthenticated, Tokens: TokenAPIKey}}, &Identity{TokenType: "api_key", MachineID: "mch_1"}, CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessAuthenticated, Tokens: 255}}, &Identity{TokenType: "x", UserID: "user_1"}, CodeUnauthenticated},
		{Match{Route: &Route{Access: AccessWebhook}}, nil, CodeAccessDenied},
		{Match{Route: &Route{Access: AccessWebhook}}, admin, CodeAccessDenied},
	}
	for _, tt := range tests {
		if d := Decide(tt.m, tt.id, nil); d.Outcome != Denied || d.Code != tt.want {
			t.Errorf("%+v: %+v, want %s", tt.m.Route, d, tt.want)
		}
	}
	if TokenTypes(0).Has(0) || TokenTypes(255).Has(0) {
		t.Error("a token of no type is accepted")
	}
	if !TokenTypes(0).Has(TokenSession) || TokenTypes(0).Has(TokenM2M) || TokenTypes(0).Has(TokenSession|TokenM2M) {
		t.Error("the zero set is not that of sessions")
	}
	if (Decision{}).Outcome != Denied {
		t.Error("the zero decision passes")
	}
}

func TestTrace(t *testing.T) {
	_, tr := decide(t, "require: {org: ['{org}', other], role: [admin, billing], permission: [org:a:b, org:c:d]}", "/orgs/beta/x", "member")
	got, err := json.MarshalIndent(tr.Conditions, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "line": "org",
  "want": "one of {org} = beta, other",
  "got": "org_acme (acme)",
  "holds": false,
  "code": "org-mismatch"
 },
 {
  "line": "role",
  "want": "one of org:admin, org:billing",
  "got": "member",
  "holds": false,
  "code": "role-required"
 },
 {
  "line": "permission",
  "want": "all of org:a:b, org:c:d",
  "got": "org:invoices:read, invoices:manage",
  "holds": false,
  "code": "permission-required"
 }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}

	d, tr := decide(t, "require: {org: any, role: admin, permission: org:a:b}", "/orgs/x", "personal")
	wantLines := []string{
		"org any: no active organisation (org-required)",
		"role org:admin: no active organisation (org-required)",
		"permission org:a:b: no active organisation (org-required)",
	}
	if diff := cmp.Diff(wantLines, shown(tr)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if d.Detail != "an active organisation is required" {
		t.Errorf("detail %q", d.Detail)
	}
}

func TestDetails(t *testing.T) {
	for fields, want := range map[string]string{
		"require: {role: [admin, org:billing, x]}":                  "the role org:admin, org:billing or org:x is required",
		"require: {permission: [a:b, org:c:d], org: acme}":          "the permission org:a:b and org:c:d is required",
		"require: {org: third}":                                     "another organisation must be active",
		"require: {org: none}":                                      "no organisation may be active",
		"access: deny":                                              "the route is closed",
		"require: {permission: org:billing:manage, role: 'member'}": "the permission org:billing:manage is required",
		"require: {feature: [org:a, b]}":                            "the feature org:a and b is required",
		"require: {plan: user:gold}":                                "the plan user:gold is required",
		"require: {reverification: strict}":                         "the user must verify their factors again",
		"require: {user: '{org}'}":                                  "the user must be the one that the path names",
		"require: {scope: [read, write]}":                           "the scope read and write is required",
		"require: {audience: [billing, ledger]}":                    "a token for billing or ledger is required",
		"require: {actor: required}":                                "somebody must act for the user",
		"require: {anyOf: [{role: x}]}":                             "one of several conditions must hold",
		"require: {allOf: [{org: none}]}":                           "several conditions must hold",
		"require: {not: {org: any}}":                                "a condition must not hold",
		"webhook: {secret: c2VjcmV0}":                               "the route is for signed webhooks",
		"tokens: m2m":                                               "the route is for callers with a token that it accepts",
	} {
		if d, _ := decide(t, fields, "/orgs/acme", "member"); d.Detail != want {
			t.Errorf("%s: %q, want %q", fields, d.Detail, want)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p := load(t, "version: 1\n"+clerkSection+`routes:
  - name: invoices
    hosts: ["*.acme.com"]
    path: /orgs/{org}/invoices/**
    methods: [GET, POST]
    require: {org: "{org}", role: [org:billing, admin], permission: org:invoices:manage, feature: [a, org:a], plan: user:b, reverification: strict}
  - {name: machines, path: /machines, tokens: [m2m, apiKey]}
  - name: nests
    path: /users/{user}
    tokens: [session, oauth]
    require:
      anyOf: [{user: "{user}", scope: read}, {allOf: [{role: owner}, {plan: gold}]}, {not: {anyOf: [{scope: write}, {audience: [a, billing]}]}}]
      not: {user: "{user}"}
      actor: forbidden
      reverification: lax
  - {name: webhook, path: /webhook, webhook: {secret: "${WEBHOOK_SECRET}"}}
`)
	admin := who("admin")
	admin.OrgFeatures, admin.UserPlans, admin.FactorAges = []string{"a"}, []string{"b"}, []float64{1, 2}
	stale := *admin
	stale.FactorAges = []float64{11, 12}
	tests := []struct {
		raw  string
		id   *Identity
		want Outcome
	}{
		{"/orgs/acme/invoices/7", admin, Passed}, {"/orgs/acme/invoices/7", &stale, Denied}, {"/orgs/acme/invoices/7", who("customer"), Denied},
		{"/users/user_2", admin, Passed}, {"/users/user_1", admin, Denied}, {"/users/user_2", who("oauth"), Denied},
		{"/machines", who("machine"), Passed}, {"/machines", who("orgkey"), Passed}, {"/machines", admin, Denied},
		{"/webhook", who("webhook"), Passed}, {"/webhook", admin, Denied},
	}
	for _, tt := range tests {
		path, err := p.ReadPath(tt.raw)
		if err != nil {
			t.Fatal(err)
		}
		req := &Request{Method: "HEAD", Host: "api.acme.com", Path: path}
		allocs := testing.AllocsPerRun(100, func() {
			m, err := p.Match(req)
			if err != nil || Decide(m, tt.id, nil).Outcome != tt.want {
				t.Fatalf("%s: not %v", tt.raw, tt.want)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: Match and Decide allocate %v times", tt.raw, allocs)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Error.String(): "error", Warning.String(): "warning", Note.String(): "note",
		Denied.String(): "deny", Passed.String(): "pass",
		AccessDeny.String(): "deny", AccessPublic.String(): "public", AccessOptional.String(): "optional", AccessAuthenticated.String(): "authenticated",
		AccessWebhook.String(): "webhook", Access(99).String(): "deny",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
