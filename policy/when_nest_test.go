package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What cannot be evaluated denies the request wherever it was reached, and does
// nothing where it was not.
func TestWhenInNests(t *testing.T) {
	for require, want := range map[string]string{
		`{not: {when: 'claims.missing == 1'}}`:                                              absent + " not",
		`{not: {not: {when: 'claims.missing == 1'}}}`:                                       absent + " not",
		`{not: {org: none, when: 'claims.missing == 1'}}`:                                   "pass",
		`{not: {org: any, when: 'claims.missing == 1'}}`:                                    absent + " not",
		`{not: {when: 'claims.plan == "free"'}}`:                                            "deny not",
		`{not: {when: 'claims.plan == "pro"'}}`:                                             "pass",
		`{anyOf: [{when: 'claims.missing == 1'}, {org: any}]}`:                              absent + " anyOf",
		`{anyOf: [{org: any}, {when: 'claims.missing == 1'}]}`:                              "pass",
		`{anyOf: [{org: none}, {when: 'claims.missing == 1'}, {org: any}]}`:                 absent + " anyOf",
		`{anyOf: [{org: none, when: 'claims.missing == 1'}, {org: any}]}`:                   "pass",
		`{anyOf: [{org: none}, {when: 'claims.plan == "pro"'}]}`:                            "deny anyOf",
		`{allOf: [{org: none}, {when: 'claims.missing == 1'}]}`:                             "deny allOf",
		`{allOf: [{org: any}, {when: 'claims.missing == 1'}]}`:                              absent + " allOf",
		`{anyOf: [{allOf: [{not: {when: 'claims.missing == 1'}}]}, {org: any}]}`:            absent + " anyOf",
		`{anyOf: [{org: any}], not: {anyOf: [{org: none}, {when: 'claims.missing == 1'}]}}`: absent + " not",
		`{role: owner, when: 'claims.missing == 1'}`:                                        "role-required role",
		`{actor: required, when: 'claims.missing == 1'}`:                                    "actor-required actor",
		`{when: 'claims.missing == 1', anyOf: [{org: none}]}`:                               absent + " when",
		`{when: 'claims.plan == "pro"', anyOf: [{when: 'claims.missing == 1'}]}`:            "deny when",
		`{when: 'claims.plan == "free"', reverification: strict}`:                           "reverification-required reverification",
	} {
		m, id := ordinary().matched(t, "require: "+require), withClaims("admin", ordinaryClaims)
		tr := &Trace{}
		d := Decide(m, id, nil)
		if traced := Decide(m, id, tr); traced != d {
			t.Errorf("%s: %+v, with a trace %+v", require, d, traced)
		}
		if got := strings.TrimSpace(outcome(d) + " " + d.Line); got != want {
			t.Errorf("%s: %s, want %s", require, got, want)
		}
		for _, c := range tr.Conditions {
			if c.Code.broken() || c.Holds != (c.Code == CodeNone) {
				t.Errorf("%s: condition %+v", require, c)
			}
		}
	}
}

// A condition that broke was the last that the decision depended on.
func TestWhenReached(t *testing.T) {
	for require, want := range map[string]string{
		`{anyOf: [{org: none}, {when: 'claims.missing == 1'}, {org: any}], not: {org: none}}`: "anyOf anyOf[0].org anyOf[1].when",
		`{not: {when: 'claims.missing == 1', not: {org: none}}, reverification: lax}`:         "not not.when",
		`{anyOf: [{org: any}, {when: 'claims.missing == 1'}], not: {org: none}}`:              "anyOf anyOf[0].org not not.org",
		`{when: 'claims.missing == 1', not: {org: none}}`:                                     "when",
	} {
		tr := &Trace{}
		Decide(ordinary().matched(t, "require: "+require), who("admin"), tr)
		if diff := cmp.Diff(strings.Fields(want), reached(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", require, diff)
		}
	}
}

// With case: agree, patterns that bind a parameter differently are two decisions
// if a condition looks at it.
func TestParametersInConditionsAreUsed(t *testing.T) {
	for expression, ambiguous := range map[string]bool{
		`params.org == "a"`: true, `"org" in params`: true, `params.exists(p, p == "a")`: true, `params["org"] == "a"`: true, `has(params.org)`: true,
		`params[identity.org.slug] == "a"`: true, `request.method == "GET"`: false, `params.?org.orValue("") == ""`: true,
	} {
		p := load(t, "version: 1\nroutes: [{name: a, path: ['/a/{x}/{org}', '/{org}/b/{x}'], require: {not: {when: '"+expression+"'}}}]\n")
		route, _ := ask(t, p, "GET", "", "/A/b/c", nil)
		if got := route == "ambiguous"; got != ambiguous {
			t.Errorf("%s: %s", expression, route)
		}
	}
}
