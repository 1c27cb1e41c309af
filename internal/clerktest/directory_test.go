package clerktest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

func TestParseDirectory(t *testing.T) {
	got, err := clerktest.ParseDirectory("users.yaml", []byte(`
organizations:
  - {id: org_acme, slug: acme, name: Acme}
  - id: org_2
users:
  - id: user_ada
    name: Ada
    memberships:
      - {org: acme, role: org:admin, permissions: [org:invoices:manage, org:invoices:read]}
      - {org: org_2, role: org:member}
  - {id: user_bob, pending: true}
machines:
  - {id: mch_1, name: reports, secretKey: ak_1, scopes: [mch_2, mch_1]}
  - {id: mch_2}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &clerktest.Directory{
		Organizations: []clerktest.Organization{{ID: "org_acme", Slug: "acme", Name: "Acme"}, {ID: "org_2"}},
		Users: []clerktest.User{
			{ID: "user_ada", Name: "Ada", Memberships: []clerktest.Membership{
				{Org: "acme", Role: "org:admin", Permissions: []string{"org:invoices:manage", "org:invoices:read"}},
				{Org: "org_2", Role: "org:member"},
			}},
			{ID: "user_bob", Pending: true},
		},
		Machines: []clerktest.Machine{
			{ID: "mch_1", Name: "reports", SecretKey: "ak_1", Scopes: []string{"mch_2", "mch_1"}},
			{ID: "mch_2"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseDirectoryErrors(t *testing.T) {
	const acme = "organizations: [{id: org_acme, slug: acme}]\n"
	const one = "users: [{id: user_1}]\n"
	tests := []struct{ name, src, want string }{
		{"nothing", "", "u.yaml:1:1: the file is empty"},
		{"only a comment", "# users\n", "u.yaml:1:1: the file is empty"},
		{"null", "---\n", "u.yaml:2:1: the file has no value"},
		{"not YAML", "users: [", "u.yaml:2:1: did not find expected node content"},
		{"control character", "users: \x00", "u.yaml:1:1: control characters are not allowed (value: 0)"},
		{"a second document", "users: [{id: user_1}]\n---\nusers: []\n", "u.yaml:2:1: a second document: there must be one"},
		{"broken second document", "users: [{id: user_1}]\n---\n[", "u.yaml:4:1: did not find expected node content"},
		{"a list", "- 1\n", "u.yaml:1:1: the file must be a mapping with organizations, users, machines"},
		{"no users", acme, "u.yaml:1:1: the file needs users"},
		{"null users", "users:\n", "u.yaml:1:7: users has no value"},
		{"no list", "users: {}\n", "u.yaml:1:8: users must be a list"},
		{"an empty list", "users: []\n", "u.yaml:1:8: users is an empty list: leave it out"},
		{"an unknown key", "users: [{id: user_1, email: a@b}]\n", `u.yaml:1:22: unknown key "email" in a user: it takes id, name, memberships, pending`},
		{"a merge key", "users: [{id: user_1, <<: {}}]\n", `u.yaml:1:22: unknown key "<<" in a user: it takes id, name, memberships, pending`},
		{"a list as key", "users: [{id: user_1, [a]: b}]\n", `u.yaml:1:22: unknown key "" in a user: it takes id, name, memberships, pending`},
		{"a duplicate key", "users: [{id: user_1, name: A, name: B}]\n", `u.yaml:1:31: duplicate key "name" in a user`},
		{"no id", "users: [{name: A}]\n", "u.yaml:1:9: a user needs id"},
		{"a number", "users: [{id: user_1, name: 12}]\n", `u.yaml:1:28: name must be text: write "12" in quotes`},
		{"a truth", "users: [{id: user_1, name: true}]\n", `u.yaml:1:28: name must be text: write "true" in quotes`},
		{"a null", "users: [{id: user_1, name: ~}]\n", "u.yaml:1:28: name has no value"},
		{"an empty text", "users: [{id: user_1, name: ''}]\n", "u.yaml:1:28: name is empty"},
		{"a mapping as text", "users: [{id: user_1, name: {}}]\n", "u.yaml:1:28: name must be text"},
		{"an alias", "users: [{id: &x user_1, name: *x}]\n", "u.yaml:1:31: name is an alias: write it out"},
		{"an id of another kind", "users: [{id: org_1}]\n", `u.yaml:1:14: id: "org_1" is not an id of the form user_…`},
		{"only a prefix", "users: [{id: user_}]\n", `u.yaml:1:14: id: "user_" is not an id of the form user_…`},
		{"an id that no header can hold", "users: [{id: \"user_a\\nb\"}]\n", `u.yaml:1:14: id: "user_a\nb" is not an id of the form user_…`},
		{"an id twice", "users: [{id: user_1}, {id: user_1}]\n", `u.yaml:1:28: duplicate id "user_1"`},
		{"an organisation twice", "organizations: [{id: org_1, slug: a}, {id: org_1, slug: a}]\nusers: [{id: user_1}]\n", "u.yaml:1:44: duplicate id \"org_1\"\nu.yaml:1:57: duplicate slug \"a\""},
		{"a slug like an id", "organizations: [{id: org_1, slug: org_2}]\nusers: [{id: user_1}]\n", `u.yaml:1:35: slug: "org_2" is not a slug: lower-case letters, digits and hyphens`},
		{"a slug in capitals", "organizations: [{id: org_1, slug: Acme}]\nusers: [{id: user_1}]\n", `u.yaml:1:35: slug: "Acme" is not a slug: lower-case letters, digits and hyphens`},
		{"an unknown organisation", acme + "users: [{id: user_1, memberships: [{org: globex, role: org:admin}]}]\n", `u.yaml:2:42: org: "globex" is not an organization of this file; known organisations: acme`},
		{"no organisations", "users: [{id: user_1, memberships: [{org: a, role: org:admin}]}]\n", `u.yaml:1:42: org: "a" is not an organization of this file; known organisations: none`},
		{"no role", acme + "users: [{id: user_1, memberships: [{org: acme}]}]\n", "u.yaml:2:36: a membership needs role"},
		{"a role without its prefix", acme + "users: [{id: user_1, memberships: [{org: acme, role: admin}]}]\n", `u.yaml:2:54: role: "admin" is not a role of the form org:admin`},
		{"a member twice", acme + "users: [{id: user_1, memberships: [{org: acme, role: org:a}, {org: org_acme, role: org:b}]}]\n", `u.yaml:2:68: duplicate membership in "org_acme"`},
		{"a permission that is none", acme + "users: [{id: user_1, memberships: [{org: acme, role: org:a, permissions: [manage]}]}]\n", `u.yaml:2:75: permission: "manage" is not a permission of the form org:feature:permission`},
		{"a system permission", acme + "users: [{id: user_1, memberships: [{org: acme, role: org:a, permissions: [org:sys_profile:manage]}]}]\n", `u.yaml:2:75: permission: "org:sys_profile:manage" is a system permission: Clerk never puts these into a session token`},
		{"a permission twice", acme + "users: [{id: user_1, memberships: [{org: acme, role: org:a, permissions: [org:a:b, org:a:b]}]}]\n", `u.yaml:2:84: duplicate permission "org:a:b"`},
		{"pending that is neither", "users: [{id: user_1, pending: 'yes'}]\n", "u.yaml:1:31: pending must be true or false"},
		{"pending as a list", "users: [{id: user_1, pending: []}]\n", "u.yaml:1:31: pending must be true or false"},
		{"a machine without id", one + "machines: [{name: a}]\n", "u.yaml:2:12: a machine needs id"},
		{"a machine with the id of a user", one + "machines: [{id: user_1}]\n", `u.yaml:2:17: id: "user_1" is not an id of the form mch_…`},
		{"a machine twice", one + "machines: [{id: mch_1}, {id: mch_1}]\n", `u.yaml:2:30: duplicate id "mch_1"`},
		{"a secret key of another kind", one + "machines: [{id: mch_1, secretKey: sk_1}]\n", `u.yaml:2:35: secretKey: "sk_1" is not an id of the form ak_…`},
		{"a secret key twice", one + "machines: [{id: mch_1, secretKey: ak_1}, {id: mch_2, secretKey: ak_1}]\n", `u.yaml:2:65: duplicate secretKey "ak_1"`},
		{"a scope that is no machine", one + "machines: [{id: mch_1, scopes: [mch_2]}]\n", `u.yaml:2:33: scope: "mch_2" is not the id of a machine of this file`},
		{"a scope twice", one + "machines: [{id: mch_1, scopes: [mch_1, mch_1]}]\n", `u.yaml:2:40: duplicate scope "mch_1"`},
		{"every problem at once", "users:\n- {id: x, nam: y}\n- 3\n", "u.yaml:2:8: id: \"x\" is not an id of the form user_…\nu.yaml:2:11: unknown key \"nam\" in a user: it takes id, name, memberships, pending\nu.yaml:3:3: a user must be a mapping with id, name, memberships, pending"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			directory, err := clerktest.ParseDirectory("u.yaml", []byte(tt.src))
			if err == nil {
				t.Fatalf("accepted: %+v", directory)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if directory != nil {
				t.Errorf("an error and a directory: %+v", directory)
			}
		})
	}
}

// The built-in users are those of the quickstart, so that what its pages say about
// Ada and Bob holds in both.
func TestDefaultDirectory(t *testing.T) {
	const file = "../../examples/quickstart/users.yaml"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	quickstart, err := clerktest.ParseDirectory(file, src)
	if err != nil {
		t.Fatal(err)
	}
	builtIn := clerktest.DefaultDirectory()
	builtIn.Machines = quickstart.Machines // machines have no part in the quickstart
	if diff := cmp.Diff(quickstart, builtIn); diff != "" {
		t.Errorf("(-quickstart +built in):\n%s", diff)
	}
}

// Whatever the bytes: a directory whose every user can get a token, or an error
// with a position.
func FuzzParseDirectory(f *testing.F) {
	f.Add([]byte("organizations: [{id: org_acme, slug: acme}]\nusers: [{id: user_1, name: A, memberships: [{org: acme, role: org:a, permissions: [org:a:b]}]}]\n"))
	f.Add([]byte("users: [{id: user_1}, {id: user_2, name: user_1}]\n---\n"))
	f.Add([]byte("users: &a [*a]"))
	f.Add([]byte("users: [{id: user_1, pending: true}]\nmachines: [{id: mch_1, name: a, secretKey: ak_1, scopes: [mch_1]}]\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		directory, err := clerktest.ParseDirectory("u.yaml", src)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "u.yaml:") {
					t.Fatalf("no position: %s", line)
				}
			}
			return
		}
		i := instance(func(o *clerktest.Options) { o.Directory = directory })
		for _, u := range directory.Users {
			for _, m := range u.Memberships {
				if _, err := i.Mint(clerktest.TokenRequest{User: u.ID, Org: m.Org}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := i.SignIn(u.ID, ""); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range directory.Machines {
			if _, err := i.Mint(clerktest.TokenRequest{Type: "m2m", Machine: m.ID}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
