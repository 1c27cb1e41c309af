package policy

import (
	"slices"
	"strings"
)

// maxCompared bounds lists that are compared with each other, item by item; nobody
// sees through longer ones.
const maxCompared = 64

// demands is what a caller must be like if all the lines so far hold.
type demands struct {
	org, noOrg string // the line that needs an organisation, or forbids one
	orgs       []orgName
	roles      []string
	actor      line
	accepted   TokenTypes // the types of tokens that the route accepts
	types      TokenTypes // those that are left
	typed      string     // the last line that left some out
	lines      group
}

// contradictions warns of lines that cannot hold together. given is what the lines
// around them demand.
func (l *lineReader) contradictions(g group, given demands) {
	lines := flatten(g)
	for _, q := range lines {
		if message := given.add(q); message != "" {
			l.warn(q.pos, q.name+" can never hold beside "+message, "split the route, or drop one of the lines")
			return
		}
	}
	for _, q := range lines {
		if q.nest == nil {
			continue
		}
		for _, inner := range q.nest.groups {
			if q.nest.kind == nestAny {
				l.contradictions(inner, given)
				continue
			}
			l.contradictions(inner, demands{accepted: given.accepted, types: given.accepted})
			if given.imply(inner, l.route) {
				l.warn(q.pos, "not can never hold: the lines beside it ask for what it negates", "drop one of them")
			}
		}
	}
}

// flatten takes lines out of allOf: they must hold as if they stood beside it.
func flatten(g group) (out group) {
	for _, q := range g {
		if q.nest == nil || q.nest.kind != nestAll {
			out = append(out, q)
			continue
		}
		for _, inner := range q.nest.groups {
			out = append(out, flatten(inner)...)
		}
	}
	return out
}

// add takes a line in. It returns beside what the line can never hold, and why. Of
// a line that no token of the route meets is said elsewhere.
func (d *demands) add(q requirement) string {
	if q.types()&d.accepted == 0 {
		return ""
	}
	if message := d.narrowTypes(q); message != "" {
		return message
	}
	if len(d.lines) <= maxCompared {
		d.lines = append(slices.Clip(d.lines), q)
	}
	if needs := (group{q}).needOrg(); needs && d.noOrg != "" {
		return d.noOrg + ": none, which forbids the organisation that it needs"
	} else if needs {
		d.org = q.name
	}
	switch line := q.line.(type) {
	case noOrg:
		if d.org != "" {
			return d.org + ", which needs the organisation that it forbids"
		}
		d.noOrg = q.name
	case oneOrg:
		return d.narrowOrgs(line)
	case oneRole:
		return d.narrowRoles(line)
	case noActor, anyActor:
		if d.actor != nil && d.actor != q.line {
			return "the other actor: one forbids what the other requires"
		}
		d.actor = q.line
	}
	return ""
}

// narrowTypes leaves out the types of tokens for which a line cannot hold.
func (d *demands) narrowTypes(q requirement) string {
	types := q.types()
	switch {
	case types&d.types != 0 && d.types&^types != 0:
		d.types &= types
		d.typed = q.name
	case types&d.types == 0:
		return d.typed + ": no token that the route accepts meets both"
	}
	return ""
}

// types returns the types of tokens for which a requirement may hold.
func (q *requirement) types() TokenTypes {
	const all = TokenSession | TokenTemplate | TokenM2M | TokenAPIKey | TokenOAuth
	if q.nest == nil {
		types, _, _ := meets(*q)
		return types
	}
	if q.nest.kind != nestAny {
		return all
	}
	some := TokenTypes(0)
	for _, g := range q.nest.groups {
		each := all
		for _, inner := range flatten(g) {
			each &= inner.types()
		}
		some |= each
	}
	return some
}

func (d *demands) narrowOrgs(names oneOrg) string {
	if slices.ContainsFunc(names, orgName.unknown) || len(names) > maxCompared {
		return ""
	}
	if d.orgs == nil {
		d.orgs = names
		return ""
	}
	d.orgs = slices.DeleteFunc(slices.Clone(d.orgs), func(n orgName) bool { return !slices.ContainsFunc(names, n.mayBe) })
	if len(d.orgs) == 0 {
		return "the other org: no organisation is in both"
	}
	return ""
}

// unknown reports whether what a name is depends on a request, or on a variable that
// is not set here.
func (n orgName) unknown() bool { return n.param != "" || strings.Contains(n.value, "${") }

// mayBe reports whether two names may be the same organisation's: they are equal, or
// one is an id and the other a slug.
func (n orgName) mayBe(m orgName) bool {
	const id = "org_"
	return n == m || strings.HasPrefix(n.value, id) != strings.HasPrefix(m.value, id)
}

func (d *demands) narrowRoles(roles oneRole) string {
	if slices.ContainsFunc(roles, func(r string) bool { return strings.Contains(r, "${") }) || len(roles) > maxCompared {
		return ""
	}
	if d.roles == nil {
		d.roles = roles
		return ""
	}
	d.roles = slices.DeleteFunc(slices.Clone(d.roles), func(r string) bool { return !slices.Contains(roles, r) })
	if len(d.roles) == 0 {
		return "the other role: nobody has two roles in an organisation"
	}
	return ""
}

// imply reports whether all lines hold wherever what is demanded does. Of a nest
// nothing is known.
func (d *demands) imply(g group, r *Route) bool {
	plain := func(q requirement) bool { return q.nest == nil && q.line != nil }
	if len(d.lines) > maxCompared || len(g) > maxCompared || len(r.patterns) == 0 {
		return false
	}
	given := slices.DeleteFunc(slices.Clone(d.lines), func(q requirement) bool { return !plain(q) })
	same := candidate{route: r, pattern: r.patterns[0]}
	return len(g) > 0 && !slices.ContainsFunc(g, func(want requirement) bool {
		return !plain(want) || !slices.ContainsFunc(given, func(q requirement) bool { return implies(q, want, same, same) })
	})
}
