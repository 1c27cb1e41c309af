package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reached lists the conditions that a decision depended on.
func reached(tr *Trace) (names []string) {
	for _, c := range tr.Conditions {
		if c.Reached {
			names = append(names, c.Line)
		}
	}
	return names
}

// What a decision depended on is what it would have looked at without a trace.
func TestReached(t *testing.T) {
	for require, want := range map[string]string{
		"{org: any, role: admin}":                                                  "org role",
		"{org: other, role: admin}":                                                "org",
		"{anyOf: [{role: admin}, {org: none}]}":                                    "anyOf anyOf[0].role",
		"{anyOf: [{org: none, role: admin}, {org: any}, {role: owner}]}":           "anyOf anyOf[0].org anyOf[1].org",
		"{allOf: [{org: any}, {org: none, role: admin}, {role: admin}], org: any}": "org allOf allOf[0].org allOf[1].org",
		"{not: {org: none, role: admin}, reverification: lax}":                     "not not.org reverification",
		"{role: owner, anyOf: [{org: any}]}":                                       "role",
		"{anyOf: [{not: {org: any}}, {allOf: [{org: any}, {plan: gold}]}]}": "anyOf anyOf[0].not anyOf[0].not.org " +
			"anyOf[1].allOf anyOf[1].allOf[0].org anyOf[1].allOf[1].plan",
	} {
		_, tr := decide(t, "require: "+require, "/orgs/acme", "admin")
		if diff := cmp.Diff(strings.Fields(want), reached(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", require, diff)
		}
	}
}

// The lines of a route are those of its traces.
func TestLines(t *testing.T) {
	p := load(t, "version: 1\nroutes:\n  - name: one\n    path: /\n    require: {not: {role: owner}, anyOf: [{org: none}, {org: a, allOf: [{role: b}]}]}\n")
	_, m := ask(t, p, "GET", "", "/", nil)
	tr := &Trace{}
	Decide(m, who("admin"), tr)
	var traced, listed []string
	for _, c := range tr.Conditions {
		traced = append(traced, c.Line)
	}
	for _, l := range p.Routes[0].Lines() {
		listed = append(listed, l.Name)
		if l.Pos.Line != 5 || l.Pos.Col == 0 {
			t.Errorf("%s is at %v", l.Name, l.Pos)
		}
	}
	if diff := cmp.Diff(traced, listed); diff != "" || len(listed) != 7 {
		t.Errorf("lines (-traced +listed):\n%s", diff)
	}
}
