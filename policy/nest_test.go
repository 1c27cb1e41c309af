package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNests(t *testing.T) {
	const pass = "pass"
	tests := []struct{ fields, people, want string }{
		{"require: {anyOf: [{role: admin}, {permission: org:invoices:read}]}", "admin member stranger", pass},
		{"require: {anyOf: [{role: admin}, {permission: org:invoices:read}]}", "bare personal", "condition-failed anyOf"},
		{"require: {anyOf: [{role: admin, org: acme}, {plan: pro}]}", "admin subscriber", pass},
		{"require: {anyOf: [{role: admin, org: acme}, {plan: pro}]}", "stranger member", "condition-failed anyOf"},
		{"require: {allOf: [{role: admin}, {org: acme}]}", "admin", pass},
		{"require: {allOf: [{role: admin}, {org: acme}]}", "stranger member personal", "condition-failed allOf"},
		{"require: {allOf: [{role: admin}]}", "admin", pass},
		{"require: {not: {role: admin}}", "member personal bare", pass},
		{"require: {not: {role: admin}}", "admin stranger", "condition-failed not"},
		{"require: {not: {role: admin, org: acme}}", "stranger member personal", pass},
		{"require: {not: {role: admin, org: acme}}", "admin", "condition-failed not"},
		{"require: {not: {not: {role: admin}}}", "admin", pass},
		{"require: {not: {not: {role: admin}}}", "member personal", "condition-failed not"},
		{"require: {not: {anyOf: [{org: any}, {plan: pro}]}}", "personal", pass},
		{"require: {not: {anyOf: [{org: any}, {plan: pro}]}}", "admin subscriber", "condition-failed not"},

		{"require: {org: any, not: {role: admin}}", "member", pass},
		{"require: {org: any, not: {role: admin}}", "personal", "org-required org"},
		{"require: {org: any, not: {role: admin}}", "admin", "condition-failed not"},

		{"require: {not: {org: any}, allOf: [{plan: x}], anyOf: [{plan: x}]}", "admin", "condition-failed anyOf"},
		{"require: {not: {org: any}, allOf: [{plan: x}], anyOf: [{org: any}]}", "admin", "condition-failed allOf"},
		{"require: {not: {org: any}, allOf: [{org: any}], anyOf: [{org: any}]}", "admin", "condition-failed not"},
		{"require: {anyOf: [{plan: x}], role: x}", "admin", "role-required role"},
		{"require: {anyOf: [{plan: x}], reverification: strict}", "stale", "condition-failed anyOf"},
		{"require: {anyOf: [{org: none}], reverification: strict}", "stale", "reverification-required reverification"},

		{"require: {anyOf: [{reverification: strict}]}", "fresh", pass},
		{"require: {anyOf: [{reverification: strict}]}", "stale", "condition-failed anyOf"},
		{"require: {allOf: [{reverification: strict}]}", "stale", "condition-failed allOf"},
		{"require: {not: {reverification: strict}}", "stale", pass},
		{"require: {anyOf: [{plan: pro}, {reverification: strict}]}", "subscriber", pass},

		{"tokens: [session, oauth], require: {anyOf: [{role: admin}, {scope: read}]}", "admin oauth", pass},
		{"tokens: [session, oauth], require: {anyOf: [{role: admin}, {scope: read}]}", "member impersonated", "condition-failed anyOf"},
		{"require: {anyOf: [{org: '{org}'}, {user: '{org}'}]}", "admin", pass},
		{"require: {anyOf: [{org: '{org}'}, {user: '{org}'}]}", "stranger personal", "condition-failed anyOf"},
		{"require: {anyOf: [{role: admin}]}", "anonymous nobody machine", "unauthenticated"},
		{"require: {not: {role: admin}}", "anonymous nobody machine", "unauthenticated"},
	}
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.people) {
			decides(t, tt.fields, "/orgs/acme/x", name, tt.want)
		}
	}
}

// A reverification is asked for only if it is enough.
func TestReverificationInANest(t *testing.T) {
	for _, fields := range []string{
		"require: {anyOf: [{reverification: strict}]}", "require: {allOf: [{reverification: strict}]}", "require: {not: {reverification: lax}}",
	} {
		name := "stale"
		d, _ := decide(t, fields, "/orgs/acme", name)
		if d.Code != CodeConditionFailed || d.Reverification != nil {
			t.Errorf("%s: %+v", fields, d)
		}
	}
}

// What is not in the language grants nothing either.
func TestNestsOfNothing(t *testing.T) {
	holds := group{{name: "org", line: noOrg{}}}
	for _, n := range []*nest{
		{}, {kind: nestAny}, {kind: nestAll}, {kind: nestNot}, {groups: []group{holds}}, {kind: 99, groups: []group{holds}},
		{kind: nestAny, groups: []group{{}}}, {kind: nestAll, groups: []group{{}}}, {kind: nestNot, groups: []group{{}}},
		{kind: nestAll, groups: []group{holds, {}}}, {kind: nestNot, groups: []group{{}, {}}},
		{kind: nestAny, groups: []group{{{}}}}, {kind: nestNot, groups: []group{holds}},
	} {
		q := requirement{nest: n}
		if q.check(Match{}, who("personal")) != CodeConditionFailed {
			t.Errorf("%+v holds", n)
		}
	}
	if (&requirement{}).check(Match{}, who("personal")) == CodeNone {
		t.Error("a requirement of nothing holds")
	}
}

// Every line is there, whatever was needed to decide, and each once.
func TestTraceOfNests(t *testing.T) {
	const fields = "require: {anyOf: [{org: none}, {org: acme, not: {role: admin}}, {user: '{org}'}], allOf: [{anyOf: [{plan: gold}, {org: any}]}], not: {role: owner, reverification: lax}}"
	d, tr := decide(t, fields, "/orgs/acme", "admin")
	want := []string{
		"anyOf one of 3: 0 of 3 (condition-failed)",
		"anyOf[0].org none: org_acme (acme) (org-forbidden)",
		"anyOf[1].org acme: org_acme (acme) ()",
		"anyOf[1].not that it does not hold: it holds (condition-failed)",
		"anyOf[1].not.role org:admin: org:admin ()",
		"anyOf[2].user {org} = acme: user_1 (user-mismatch)",
		"allOf all of 1: 1 of 1 ()",
		"allOf[0].anyOf one of 2: 1 of 2 ()",
		"allOf[0].anyOf[0].plan gold: no plans (plan-required)",
		"allOf[0].anyOf[1].org any: org_acme (acme) ()",
		"not that it does not hold: it does not hold ()",
		"not.role org:owner: org:admin (role-required)",
		"not.reverification lax: second_factor less than 1440 minutes ago: no age of a verification (reverification-required)",
	}
	if diff := cmp.Diff(want, shown(tr)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if d.Code != CodeConditionFailed || d.Line != "anyOf" {
		t.Errorf("decision %+v", d)
	}
}

// With case: agree, two patterns that bind a parameter differently are two
// decisions, also if only a nest looks at it.
func TestParametersInNestsAreUsed(t *testing.T) {
	for require, ambiguous := range map[string]bool{
		"anyOf: [{not: {org: '{org}'}}]": true, "allOf: [{user: '{org}'}]": true, "not: {user: '{org}'}": true, "anyOf: [{role: admin}]": false,
	} {
		p := load(t, "version: 1\nroutes: [{name: a, path: ['/a/{x}/{org}', '/{org}/b/{x}'], require: {"+require+"}}]\n")
		route, _ := ask(t, p, "GET", "", "/A/b/c", nil)
		if got := route == "ambiguous"; got != ambiguous {
			t.Errorf("%s: %s", require, route)
		}
	}
}
