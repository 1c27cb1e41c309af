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
// with the role of an administrator, in whatever organisation, is one in this.
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
			at := p.offset(q.index) + 1 // after { or :
			switch {
			case namesOrganisation(q.name) && accepted(t.Route)&(TokenSession|TokenAPIKey) != 0 && !t.require.literalOrg():
				l.find(l.inside(p.scalar, at), fmt.Sprintf("nothing compares the parameter %s with the active organisation: who passes %s passes it for every organisation", q.name, t.name()),
					fmt.Sprintf(`add org: "{%s}" to require; if the service compares it, write * instead of the parameter`, q.name))
				return
			case namesUser(q.name) && accepted(t.Route)&^TokenM2M != 0 && t.require.anybody():
				l.find(l.inside(p.scalar, at), fmt.Sprintf("nothing compares the parameter %s with the user: who passes %s passes it for every user", q.name, t.name()),
					fmt.Sprintf(`add user: "{%s}" to require; if the service compares it, write * instead of the parameter`, q.name))
				return
			}
		}
	}
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
