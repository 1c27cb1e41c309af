package policy

import (
	"fmt"
	"slices"
)

// commonMethods are those that services have answers for. HEAD goes with GET;
// OPTIONS is what browsers ask first.
func commonMethods() []string { return []string{"GET", "POST", "PUT", "PATCH", "DELETE"} }

// otherMethods warns of a route for some methods if the others, of the same paths,
// go to a later route that guards less: everybody who may not change a thing can
// then read it, or the other way round.
func (l *linter) otherMethods(t routeText, found *elements) {
	if len(t.methods) == 0 || t.Access != AccessAuthenticated {
		return
	}
	for i, p := range t.patterns {
		if !found.patterns[i].alive {
			continue
		}
		for _, host := range t.hostList() {
			if l.fallThrough(t, i, candidate{route: t.Route, pattern: p}, host) || l.work > maxLintWork {
				return
			}
		}
	}
}

func (l *linter) fallThrough(t routeText, i int, from candidate, host string) (found bool) {
	var to candidate
	var why string
	var methods []string
	for _, m := range commonMethods() {
		if slices.Contains(t.methods, m) {
			continue
		}
		c := l.probe(l.coarse, sampleHost(host), m, t.context, from.pattern.shortest(l.coarse.fold))
		switch {
		case c.route != nil && l.goesOn(c, from):
			return false
		case c.route == nil || to.route != nil && c.route != to.route:
		case to.route != nil:
			methods = append(methods, m)
		case l.deliberate(c, from):
		default:
			if why = guardsLess(c, from); why != "" {
				to, methods = c, append(methods, m)
			}
		}
	}
	if to.route == nil {
		return false
	}
	l.find(t.item("methods", 0), fmt.Sprintf("%s of %s, which are not among the methods of %s, go to %s, which %s", alternatives(methods, " and "), brief(t.paths[i].raw), t.name(), l.other(to.route), why),
		"add a route for these methods after this one; if the service has none of them, with access: deny")
	return true
}

// deliberate reports whether the other route shows that its author knew: it has
// methods of its own, or the very same paths. One that comes first has methods, or
// there would be nothing left.
func (l *linter) deliberate(c, from candidate) bool {
	return len(c.route.methods) > 0 || !c.pattern.broader(from.pattern, l.coarse.fold)
}

// goesOn reports whether the later route is for other methods of the same paths, and
// no less strict: what is left over then is said of that one.
func (l *linter) goesOn(c, from candidate) bool {
	return l.place[c.route] > l.place[from.route] && len(c.route.methods) > 0 && c.route.Access == AccessAuthenticated &&
		c.route.require.bond() >= from.route.require.bond() && len(c.route.context) == len(from.route.context) &&
		c.pattern.covers(from.pattern, l.coarse.fold) && from.pattern.covers(c.pattern, l.coarse.fold)
}

// guardsLess says in what way a later route with a broader pattern is not as strict;
// empty: in none that is likely to be a mistake. To ask less for reading than for
// writing is what routes for methods are for. So a role that is dropped is none as
// long as the organisation is asked for, nor is a public route for just the same
// place of the tree.
func guardsLess(to, from candidate) string {
	q, r := from.route.require.bond(), to.route.require.bond()
	near := len(to.pattern.segments) >= len(from.pattern.segments)
	machines := accepted(to.route)&accepted(from.route) == 0
	switch {
	case to.route.open():
		if near || q == bondNone {
			return ""
		}
		return to.route.openness()
	case to.route.Access != AccessAuthenticated || r >= q && !machines || q == bondAny && r > bondNone:
		return ""
	case q == bondPath && !machines:
		return "does not compare the caller with the path"
	case near || machines && r > bondNone:
		return ""
	case machines:
		return "accepts other tokens and requires nothing"
	case q == bondOrg:
		return "requires no organisation"
	}
	return "requires nothing of the caller"
}
