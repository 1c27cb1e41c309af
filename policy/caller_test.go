package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCaller(t *testing.T) {
	const pass, all = "pass", "tokens: [session, template, m2m, apiKey, oauth], "
	tests := []struct{ fields, people, want string }{
		{"require: {scope: read}", "personal impersonated", "scope-required scope"},
		{all + "require: {scope: read}", "template impersonated", "scope-required scope"},
		{all + "require: {scope: read}", "oauth userkey orgkey machine", pass},
		{all + "require: {scope: [write, read]}", "oauth userkey orgkey machine", pass},
		{all + "require: {scope: [read, delete]}", "oauth userkey orgkey machine", "scope-required scope"},
		{all + "require: {scope: Read}", "oauth", "scope-required scope"},
		{all + "require: {scope: rea}", "oauth", "scope-required scope"},

		{"require: {audience: billing}", "impersonated", pass},
		{"require: {audience: billing}", "personal admin", "audience-required audience"},
		{all + "require: {audience: [x, ledger]}", "oauth template machine", pass},
		{all + "require: {audience: [x, y]}", "oauth template machine", "audience-required audience"},
		{all + "require: {audience: Billing}", "oauth", "audience-required audience"},

		{"require: {actor: forbidden}", "personal admin", pass},
		{"require: {actor: forbidden}", "impersonated possessed", "actor-forbidden actor"},
		{"require: {actor: required}", "impersonated", pass},
		{"require: {actor: required}", "personal possessed", "actor-required actor"},
		{all + "require: {actor: forbidden}", "oauth userkey orgkey machine", pass},
		{all + "require: {actor: forbidden}", "template", "actor-forbidden actor"},
		{all + "require: {actor: required}", "template oauth userkey orgkey machine", "actor-required actor"},

		{"require: {user: '{org}', scope: x, audience: x, actor: required, anyOf: [{role: x}], reverification: strict}", "personal", "user-mismatch user"},
		{"require: {plan: x, user: '{org}', scope: x}", "personal", "plan-required plan"},
		{all + "require: {scope: x, audience: x, actor: required, not: {org: none}}", "userkey", "scope-required scope"},
		{all + "require: {scope: read, audience: x, actor: required, not: {org: none}}", "userkey", "audience-required audience"},
		{all + "require: {scope: read, audience: billing, actor: required, not: {org: none}}", "userkey", "actor-required actor"},
		{all + "require: {scope: read, audience: billing, not: {org: none}, reverification: lax}", "userkey", "condition-failed not"},
		{all + "require: {scope: read, audience: billing, reverification: lax}", "userkey", "reverification-required reverification"},
	}
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.people) {
			decides(t, tt.fields, "/orgs/acme/x", name, tt.want)
		}
	}
}

// The parameter is compared exactly with the user's id, and with nothing else
// that a caller may be.
func TestUserOfThePath(t *testing.T) {
	const fields = "tokens: [session, template, m2m, apiKey, oauth], require: {user: '{org}'}"
	for raw, people := range map[string]string{
		"/orgs/user_1/x":   "personal admin impersonated template oauth userkey",
		"/orgs/user%5f1/x": "personal",
	} {
		for name := range strings.FieldsSeq(people) {
			decides(t, fields, raw, name, "pass")
		}
	}
	for raw, people := range map[string]string{
		"/orgs/User_1/x":     "personal",
		"/orgs/user_1%20/x":  "personal",
		"/orgs/user_2/x":     "personal userkey",
		"/orgs/user_admin/x": "impersonated",
		"/orgs/org_acme/x":   "orgkey admin",
		"/orgs/mch_1/x":      "machine",
		"/orgs/user_1/x":     "orgkey machine",
	} {
		for name := range strings.FieldsSeq(people) {
			decides(t, fields, raw, name, "user-mismatch user")
		}
	}
}

func TestTraceOfCaller(t *testing.T) {
	const fields = "tokens: [session, template, m2m, apiKey, oauth], require: {user: '{org}', scope: [read, x], audience: [billing, x], actor: forbidden}"
	tests := map[string][]string{
		"personal": {
			"user {org} = user_1: user_1 ()",
			"scope all of read, x: a session, which has no scopes (scope-required)",
			"audience one of billing, x: no audience (audience-required)",
			"actor forbidden: no actor ()",
		},
		"template": {
			"user {org} = user_1: user_1 ()",
			"scope all of read, x: a token of type template_token, which has no scopes (scope-required)",
			"audience one of billing, x: billing, ledger ()",
			"actor forbidden: a token of type template_token, which does not tell (actor-forbidden)",
		},
		"machine": {
			"user {org} = user_1: no user (user-mismatch)",
			"scope all of read, x: read, write (scope-required)",
			"audience one of billing, x: billing, ledger ()",
			"actor forbidden: no actor ()",
		},
		"impersonated": {
			"user {org} = user_1: user_1 ()",
			"scope all of read, x: a session, which has no scopes (scope-required)",
			"audience one of billing, x: billing, ledger ()",
			"actor forbidden: user_admin (actor-forbidden)",
		},
		"possessed": {
			"user {org} = user_1: user_1 ()",
			"scope all of read, x: a session, which has no scopes (scope-required)",
			"audience one of billing, x: no audience (audience-required)",
			"actor forbidden: an actor without a usable id (actor-forbidden)",
		},
	}
	for name, want := range tests {
		_, tr := decide(t, fields, "/orgs/user_1", name)
		if diff := cmp.Diff(want, shown(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, tr := decide(t, "tokens: oauth, require: {scope: x, actor: required}", "/orgs/acme", "oauth")
	if diff := cmp.Diff([]string{"scope x: read, write (scope-required)", "actor required: no actor (actor-required)"}, shown(tr)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// shown is a trace, a condition a line.
func shown(tr *Trace) []string {
	var lines []string
	for _, c := range tr.Conditions {
		lines = append(lines, fmt.Sprintf("%s %s: %s (%s)", c.Line, c.Want, c.Got, c.Code))
	}
	return lines
}

// A variable that is not set here is not judged, and lets nobody in.
func TestUnsetCaller(t *testing.T) {
	for _, line := range []string{`user: "${NO}"`, `scope: "${NO}"`, `audience: ["${NO}"]`, `anyOf: [{user: "${NO}"}, {scope: ["${NO}"]}]`} {
		src := "version: 1\n" + clerkSection + "routes: [{name: a, path: '/{id}', tokens: [session, oauth], require: {" + line + "}}]\n"
		p, problems := Load("policy.yaml", []byte(src), Options{Env: environ, AllowUnset: true})
		if p == nil || len(problems) != 0 {
			t.Fatalf("%s:\n%s", line, render(problems))
		}
		for _, name := range []string{"impersonated", "oauth"} {
			if _, m := ask(t, p, "GET", "", "/user_1", nil); Decide(m, who(name), nil).Outcome == Passed {
				t.Errorf("%s lets %s in", line, name)
			}
		}
		if p, _ := Load("policy.yaml", []byte(src), Options{Env: environ}); p != nil {
			t.Errorf("%s loads without the variable", line)
		}
	}
}
