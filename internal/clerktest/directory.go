package clerktest

import (
	_ "embed"
	"strings"
)

// Directory is who exists at an instance.
type Directory struct {
	Organizations []Organization `json:"organizations,omitempty"`
	Users         []User         `json:"users,omitempty"`
	Machines      []Machine      `json:"machines,omitempty"`
}

// Organization is one organisation. Slug and Name may be empty.
type Organization struct {
	ID   string `json:"id"` // org_…
	Slug string `json:"slug,omitempty"`
	Name string `json:"name,omitempty"`
}

// User is one user. Name may be empty.
type User struct {
	ID          string       `json:"id"` // user_…
	Name        string       `json:"name,omitempty"`
	Memberships []Membership `json:"memberships,omitempty"`
	// Pending makes the user's sessions begin as pending: there is a task to do
	// before they count (Clerk's session tasks).
	Pending bool `json:"pending,omitempty"`
}

// Membership is what a user is in one organisation.
type Membership struct {
	Org         string   `json:"org"`  // id or slug of an organisation of the directory
	Role        string   `json:"role"` // org:admin
	Permissions []string `json:"permissions,omitempty"`
}

// Machine is a program that calls others with machine-to-machine tokens, or is
// called with them. Name may be empty.
type Machine struct {
	ID   string `json:"id"` // mch_…
	Name string `json:"name,omitempty"`
	// SecretKey is what the machine shows to the Backend API, ak_…; empty: one is
	// made at start.
	SecretKey string `json:"secretKey,omitempty"`
	// Scopes are the ids of the machines that it may talk to.
	Scopes []string `json:"scopes,omitempty"`
}

//go:embed users.yaml
var defaultUsers []byte

// DefaultDirectory has the users of the quickstart: Ada, admin of acme, who may
// manage invoices; Bob, member of acme and admin of globex; Cleo, who has the role
// billing in acme but no permission; Dan, in no organisation. Beside them, the
// machine mch_reports may call mch_invoices.
func DefaultDirectory() *Directory {
	d, err := ParseDirectory("users.yaml", defaultUsers)
	if err != nil {
		panic("clerktest: " + err.Error()) // it is part of this package, and tested
	}
	return d
}

// organization finds an organisation by id or slug.
func (d *Directory) organization(ref string) (Organization, bool) {
	for _, o := range d.Organizations {
		if ref == o.ID || ref != "" && ref == o.Slug {
			return o, true
		}
	}
	return Organization{}, false
}

// users finds users by id; if there is no such id, by what follows user_ in it,
// or by name in any case. Names need not be unique, so there may be several.
func (d *Directory) users(ref string) []User {
	var found []User
	for _, u := range d.Users {
		switch {
		case ref == u.ID:
			return []User{u}
		case ref == strings.TrimPrefix(u.ID, userPrefix), u.Name != "" && strings.EqualFold(ref, u.Name):
			found = append(found, u)
		}
	}
	return found
}

// machine finds a machine by id, by what follows mch_ in it, or by name.
func (d *Directory) machine(ref string) (Machine, bool) {
	for _, m := range d.Machines {
		if ref == m.ID || ref != "" && (ref == m.Name || machinePrefix+ref == m.ID) {
			return m, true
		}
	}
	return Machine{}, false
}

// membership finds what a user is in an organisation.
func (u User) membership(o Organization) (Membership, bool) {
	for _, m := range u.Memberships {
		if m.Org == o.ID || m.Org != "" && m.Org == o.Slug {
			return m, true
		}
	}
	return Membership{}, false
}
