package clerktest

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// ParseDirectory reads a users file; the package comment shows its form. file is
// its name in messages. The error has one line `file:line:col: message` for each
// problem, in the order of the file.
func ParseDirectory(file string, src []byte) (*Directory, error) {
	p := directoryParser{
		document: document{file: file},
		ids:      map[string]bool{},
		slugs:    map[string]bool{},
	}
	if root := p.root(src); root != nil {
		p.directory(root)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return &p.found, nil
}

type directoryParser struct {
	document
	found      Directory
	ids, slugs map[string]bool
}

func (p *directoryParser) directory(n *yaml.Node) {
	fields := p.fields(n, "the file", "organizations", "users", "machines")
	p.require(n, fields, "the file", "users")
	for _, item := range p.items(fields["organizations"], "organizations") {
		p.found.Organizations = append(p.found.Organizations, p.organization(item))
	}
	for _, item := range p.items(fields["users"], "users") {
		p.found.Users = append(p.found.Users, p.user(item))
	}
	var scopes []*yaml.Node
	for _, item := range p.items(fields["machines"], "machines") {
		m, n := p.machine(item)
		p.found.Machines, scopes = append(p.found.Machines, m), append(scopes, n)
	}
	for i, n := range scopes {
		p.found.Machines[i].Scopes = p.scopes(n)
	}
}

func (p *directoryParser) organization(n *yaml.Node) Organization {
	fields := p.fields(n, "an organization", "id", "slug", "name")
	p.require(n, fields, "an organization", "id")
	o := Organization{
		ID:   p.text(fields["id"], "id", idOf(organizationPrefix)),
		Slug: p.text(fields["slug"], "slug", checkSlug),
		Name: p.text(fields["name"], "name", nil),
	}
	p.once(p.ids, fields["id"], "id", o.ID)
	p.once(p.slugs, fields["slug"], "slug", o.Slug)
	return o
}

func (p *directoryParser) user(n *yaml.Node) User {
	fields := p.fields(n, "a user", "id", "name", "memberships", "pending")
	p.require(n, fields, "a user", "id")
	u := User{
		ID:   p.text(fields["id"], "id", idOf(userPrefix)),
		Name: p.text(fields["name"], "name", nil),

		Pending: p.truth(fields["pending"], "pending"),
	}
	p.once(p.ids, fields["id"], "id", u.ID)
	joined := map[string]bool{}
	for _, item := range p.items(fields["memberships"], "memberships") {
		u.Memberships = append(u.Memberships, p.membership(item, joined))
	}
	return u
}

// membership reads one membership; joined are the ids of the organisations that
// the user is in already.
func (p *directoryParser) membership(n *yaml.Node, joined map[string]bool) Membership {
	fields := p.fields(n, "a membership", "org", "role", "permissions")
	p.require(n, fields, "a membership", "org", "role")
	m := Membership{
		Org:  p.text(fields["org"], "org", p.checkOrganization),
		Role: p.text(fields["role"], "role", checkRole),
	}
	if o, ok := p.found.organization(m.Org); ok {
		p.once(joined, fields["org"], "membership in", o.ID)
	}
	held := map[string]bool{}
	for _, item := range p.items(fields["permissions"], "permissions") {
		permission := p.text(item, "permission", checkPermission)
		p.once(held, item, "permission", permission)
		m.Permissions = append(m.Permissions, permission)
	}
	return m
}

// machine reads one machine. Its scopes may name machines that follow: they are
// returned unread.
func (p *directoryParser) machine(n *yaml.Node) (Machine, *yaml.Node) {
	fields := p.fields(n, "a machine", "id", "name", "secretKey", "scopes")
	p.require(n, fields, "a machine", "id")
	m := Machine{
		ID:        p.text(fields["id"], "id", idOf(machinePrefix)),
		Name:      p.text(fields["name"], "name", nil),
		SecretKey: p.text(fields["secretKey"], "secretKey", idOf(apiKeyPrefix)),
	}
	p.once(p.ids, fields["id"], "id", m.ID)
	p.once(p.ids, fields["secretKey"], "secretKey", m.SecretKey)
	return m, fields["scopes"]
}

func (p *directoryParser) scopes(n *yaml.Node) []string {
	var scopes []string
	held := map[string]bool{}
	for _, item := range p.items(n, "scopes") {
		scope := p.text(item, "scope", p.checkMachine)
		p.once(held, item, "scope", scope)
		scopes = append(scopes, scope)
	}
	return scopes
}

func (p *directoryParser) checkMachine(id string) error {
	for _, m := range p.found.Machines {
		if m.ID == id {
			return nil
		}
	}
	return fmt.Errorf("%q is not the id of a machine of this file", id)
}

func (p *directoryParser) checkOrganization(ref string) error {
	if _, ok := p.found.organization(ref); !ok {
		return fmt.Errorf("%q is not an organization of this file; %s", ref, p.found.knownOrganizations())
	}
	return nil
}

func idOf(prefix string) func(string) error {
	return func(s string) error { return checkID(prefix, s) }
}
