package policy

import (
	"fmt"
	"slices"
	"strings"
)

// unusedParameter warns of a path that names an organisation or a user with whom
// nobody compares the caller. Most parameters are names of things, such as the id
// of an invoice, which only the service can judge: they are documentation. But an
// {org} that the route does not use is the classic hole between tenants: everybody
// with the role of an administrator, in whatever organisation, is one in this. Where
// the route requires nothing at all the service may well do the rest: a note.
//
// A name with a typing error is no case of its own: what require uses and the path
// does not have is an error. Where the service does compare, a * says so.
func (l *linter) unusedParameter(t routeText) {
	if t.Access != AccessAuthenticated || len(t.params) > 0 {
		return
	}
	for _, p := range t.paths {
		if p.raw != p.Value {
			continue
		}
		for _, q := range p.params {
			line, whom, each := t.uncompared(q.name)
			if line == "" {
				continue
			}
			severity := Warning
			if len(t.require) == 0 {
				severity = Note
			}
			l.say(severity, l.inside(p.scalar, p.offset(q.index)+1), // after { or :
				fmt.Sprintf("nothing compares the parameter %s with the %s: who passes %s passes it for every %s", q.name, whom, t.name(), each),
				fmt.Sprintf(`add %s: "{%s}" to require; if the service compares it, write * instead of the parameter`, line, q.name))
			return
		}
	}
}

// uncompared returns which line would compare a parameter with the caller, and how
// messages call both sides; empty: none should.
func (t routeText) uncompared(name string) (line, whom, each string) {
	switch types := accepted(t.Route); {
	case namesOrganisation(name) && types&(TokenSession|TokenAPIKey) != 0 && !t.require.literalOrg():
		return "org", "active organisation", "organisation"
	case namesUser(name) && types&^TokenM2M != 0 && t.require.anybody():
		return "user", "user", "user"
	}
	return "", "", ""
}

// namesOrganisation reports names like org, orgId and tenant_slug.
func namesOrganisation(name string) bool {
	return slices.Contains([]string{"org", "organization", "organisation", "tenant", "workspace"}, stem(name))
}

func namesUser(name string) bool { return stem(name) == "user" }

// stem drops what says which of its names a thing goes by.
func stem(name string) string {
	name = plain(name)
	for _, suffix := range []string{"id", "slug", "name"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// literalOrg reports whether the caller must belong to an organisation that the
// policy names: such as the support, who may see all of them.
func (g group) literalOrg() bool {
	return slices.ContainsFunc(g, func(q requirement) bool {
		_, ok := q.line.(oneOrg)
		return ok || q.nest != nil && q.nest.kind != nestNot && slices.ContainsFunc(q.nest.groups, group.literalOrg)
	})
}

// anybody reports whether there are requirements, and none that only few callers
// meet: with a role, say, they may well be those who administer users.
func (g group) anybody() bool {
	return len(g) > 0 && !slices.ContainsFunc(g, func(q requirement) bool {
		switch q.line.(type) {
		case anyOrg, noOrg, allFeatures, allPlans, *freshFactors, noActor:
			return false
		}
		return true
	})
}
