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
	fields := p.fields(n, "the file", "organizations", "users")
	p.require(n, fields, "the file", "users")
	for _, item := range p.items(fields["organizations"], "organizations") {
		p.found.Organizations = append(p.found.Organizations, p.organization(item))
	}
	for _, item := range p.items(fields["users"], "users") {
		p.found.Users = append(p.found.Users, p.user(item))
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
	fields := p.fields(n, "a user", "id", "name", "memberships")
	p.require(n, fields, "a user", "id")
	u := User{
		ID:   p.text(fields["id"], "id", idOf(userPrefix)),
		Name: p.text(fields["name"], "name", nil),
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

func (p *directoryParser) checkOrganization(ref string) error {
	if _, ok := p.found.organization(ref); !ok {
		return fmt.Errorf("%q is not an organization of this file; %s", ref, p.found.knownOrganizations())
	}
	return nil
}

func idOf(prefix string) func(string) error {
	return func(s string) error { return checkID(prefix, s) }
}
