package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// who are the people of the tables below.
func who(name string) *Identity {
	id := &Identity{UserID: "user_1", SessionID: "sess_1"}
	switch name {
	case "anonymous":
		return nil
	case "nobody":
		return &Identity{OrgID: "org_acme", OrgSlug: "acme", OrgRole: "org:admin"}
	case "personal":
	case "admin":
		id.OrgID, id.OrgSlug, id.OrgRole = "org_acme", "acme", "org:admin"
		id.OrgPermissions = []string{"org:invoices:read", "org:invoices:manage"}
	case "member":
		id.OrgID, id.OrgSlug, id.OrgRole = "org_acme", "acme", "member"
		id.OrgPermissions = []string{"org:invoices:read", "invoices:manage"}
	case "stranger":
		id.OrgID, id.OrgSlug, id.OrgRole = "org_other", "other", "org:admin"
	case "bare": // an organisation of which nothing else is known
		id.OrgID = "org_acme"
	case "remnant": // without an active organisation
		id.OrgSlug, id.OrgRole, id.OrgPermissions = "acme", "org:admin", []string{"org:invoices:manage"}
	default:
		panic(name)
	}
	return id
}

// decide asks about one route. It also checks that a trace changes nothing and
// has every line.
func decide(t *testing.T, fields, raw, name string) (Decision, *Trace) {
	t.Helper()
	p := load(t, "version: 1\nroutes:\n  - {name: one, path: '/orgs/{org}/**', "+fields+"}\n")
	_, m := ask(t, p, "GET", "", raw, nil)
	d, tr := Decide(m, who(name), nil), &Trace{}
	if traced := Decide(m, who(name), tr); traced != d {
		t.Errorf("%s for %s: %+v, with a trace %+v", fields, name, d, traced)
	}
	if id := who(name); id != nil && id.UserID != "" && m.Route.Access == AccessAuthenticated && len(tr.Conditions) != len(m.Route.require) {
		t.Errorf("%s for %s: the trace has %d conditions of %d", fields, name, len(tr.Conditions), len(m.Route.require))
	}
	for _, c := range tr.Conditions {
		if c.Holds != (c.Code == CodeNone) || c.Want == "" || c.Got == "" {
			t.Errorf("%s for %s: condition %+v", fields, name, c)
		}
	}
	return d, tr
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
		{"require: {role: admin, org: none}", "admin", "org-forbidden org"},
		{"require: {role: admin, org: none}", "personal", "org-required role"},
	}
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.people) {
			d, _ := decide(t, tt.fields, "/orgs/acme/x", name)
			got := strings.TrimSpace(string(d.Code) + " " + d.Line)
			if d.Outcome == Passed {
				got = strings.TrimSpace(pass + " " + got)
			} else if d.Detail == "" {
				t.Errorf("%s for %s: no detail", tt.fields, name)
			}
			if got != tt.want {
				t.Errorf("%s for %s: %s, want %s", tt.fields, name, got, tt.want)
			}
		}
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
	id := &Identity{UserID: "user_1", OrgID: "org_1"} // no slug, no role
	for _, l := range []line{oneOrg{{param: "org"}}, oneOrg{{value: ""}}, oneOrg{}, oneRole{""}, oneRole{}} {
		if l.check(Match{Route: &Route{}}, id) == CodeNone {
			t.Errorf("%T %q holds", l, l)
		}
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
	}
	for _, tt := range tests {
		if d := Decide(tt.m, tt.id, nil); d.Outcome != Denied || d.Code != tt.want {
			t.Errorf("%+v: %+v, want %s", tt.m.Route, d, tt.want)
		}
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
	var lines []string
	for _, c := range tr.Conditions {
		lines = append(lines, fmt.Sprintf("%s %s: %s (%s)", c.Line, c.Want, c.Got, c.Code))
	}
	wantLines := []string{
		"org any: no active organisation (org-required)",
		"role org:admin: no active organisation (org-required)",
		"permission org:a:b: no active organisation (org-required)",
	}
	if diff := cmp.Diff(wantLines, lines); diff != "" {
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
	} {
		if d, _ := decide(t, fields, "/orgs/acme", "member"); d.Detail != want {
			t.Errorf("%s: %q, want %q", fields, d.Detail, want)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p := load(t, `version: 1
routes:
  - name: invoices
    hosts: ["*.acme.com"]
    path: /orgs/{org}/invoices/**
    methods: [GET, POST]
    require: {org: "{org}", role: [org:billing, admin], permission: org:invoices:manage}
`)
	path, err := p.ReadPath("/orgs/acme/invoices/7")
	if err != nil {
		t.Fatal(err)
	}
	req := &Request{Method: "HEAD", Host: "api.acme.com", Path: path}
	id := who("admin")
	allocs := testing.AllocsPerRun(100, func() {
		m, err := p.Match(req)
		if err != nil || Decide(m, id, nil).Outcome != Passed {
			t.Fatal("denied")
		}
	})
	if allocs != 0 {
		t.Errorf("Match and Decide allocate %v times", allocs)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Error.String(): "error", Warning.String(): "warning", Note.String(): "note",
		Denied.String(): "deny", Passed.String(): "pass",
		AccessDeny.String(): "deny", AccessPublic.String(): "public", AccessOptional.String(): "optional", AccessAuthenticated.String(): "authenticated",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
