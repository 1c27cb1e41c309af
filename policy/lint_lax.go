package policy

import (
	"reflect"
	"slices"
)

// laxer reports whether some who would not pass q pass p, and nobody who would
// passes q only. Where neither asks for more than the other there is no answer,
// which is false. The patterns are those by which they match.
func laxer(p, q candidate) bool {
	switch {
	case q.route.open() || p.route.Access == AccessDeny || p.route.Access == AccessWebhook:
		return false
	case p.route.open() || q.route.Access == AccessDeny:
		return true
	case q.route.Access != AccessAuthenticated || accepted(p.route)&accepted(q.route) == 0:
		return false
	}
	return implied(p.route.require, q.route.require, p, q) && !implied(q.route.require, p.route.require, q, p)
}

// accepted returns the types of tokens; the zero set is resolved.
func accepted(r *Route) TokenTypes {
	if r.Tokens == 0 {
		return TokenSession
	}
	return r.Tokens
}

// implied reports whether all of wants hold wherever all of given do.
func implied(wants, given group, w, g candidate) bool {
	for _, want := range wants {
		if !slices.ContainsFunc(given, func(q requirement) bool { return implies(q, want, g, w) }) {
			return false
		}
	}
	return true
}

// implies reports whether want holds wherever q does; false if that is not known.
// Their parameters are those of the patterns.
func implies(q, want requirement, by, of candidate) bool {
	if q.nest != nil || want.nest != nil {
		return sameRequirement(q, want) && sameParams(by.pattern, of.pattern, by.route.params)
	}
	switch w := want.line.(type) {
	case anyOrg:
		return (group{q}).needOrg()
	case oneOrg:
		o, ok := q.line.(oneOrg)
		return ok && !slices.ContainsFunc(o, func(n orgName) bool { return !w.has(n, of.pattern, by.pattern) })
	case sameUser:
		u, ok := q.line.(sameUser)
		return ok && sameSegment(u.param, by.pattern, w.param, of.pattern)
	case oneRole:
		o, ok := q.line.(oneRole)
		return ok && within(o, w)
	case allPermissions:
		o, ok := q.line.(allPermissions)
		return ok && within(w, o)
	case allScopes:
		o, ok := q.line.(allScopes)
		return ok && within(w, o)
	case oneAudience:
		o, ok := q.line.(oneAudience)
		return ok && within(o, w)
	case allFeatures:
		o, ok := q.line.(allFeatures)
		return ok && within(w.entitlements, o.entitlements)
	case allPlans:
		o, ok := q.line.(allPlans)
		return ok && within(w.entitlements, o.entitlements)
	}
	return sameRequirement(q, want) && sameParams(by.pattern, of.pattern, by.route.params)
}

// has reports whether one of the names, which is about a path that p matches, is
// n, which is about one that q matches.
func (o oneOrg) has(n orgName, p, q *pattern) bool {
	return slices.ContainsFunc(o, func(m orgName) bool {
		return n.param == "" && n == m || n.param != "" && sameSegment(m.param, p, n.param, q)
	})
}

func sameSegment(a string, p *pattern, b string, q *pattern) bool {
	i, ok := p.index(a)
	j, ok2 := q.index(b)
	return ok && ok2 && i == j
}

// within reports whether all of some are in all.
func within[T comparable](some, all []T) bool {
	return len(some) <= maxCompared && len(all) <= maxCompared && !slices.ContainsFunc(some, func(x T) bool { return !slices.Contains(all, x) })
}

// sameRequirement reports whether two requirements are the same but for their
// places.
func sameRequirement(a, b requirement) bool {
	if a.nest == nil || b.nest == nil {
		return a.nest == b.nest && reflect.DeepEqual(a.line, b.line)
	}
	return a.nest.kind == b.nest.kind && slices.EqualFunc(a.nest.groups, b.nest.groups, func(g, h group) bool {
		return slices.EqualFunc(g, h, sameRequirement)
	})
}

// bond is how closely a requirement binds the caller.
type bond int

const (
	bondNone bond = iota
	bondSome      // something is asked of the caller, like a plan
	bondOrg       // an active organisation
	bondPath      // the organisation or the user that the path names
	bondAny       // what a line asks that can look at anything
)

// bond returns the closest bond that the lines have. What is about the moment and
// not the person (reverification, actor) is none: it is asked of single actions.
func (g group) bond() bond {
	closest := bondNone
	for _, q := range g {
		closest = max(closest, q.bond())
	}
	return closest
}

func (q *requirement) bond() bond {
	if q.nest != nil {
		return q.nest.bond()
	}
	switch line := q.line.(type) {
	case *freshFactors, noActor, anyActor:
		return bondNone
	case oneOrg:
		if slices.ContainsFunc(line, func(n orgName) bool { return n.param != "" }) {
			return bondPath
		}
		return bondOrg
	case sameUser:
		return bondPath
	case anyOrg, oneRole, allPermissions:
		return bondOrg
	case noOrg, allFeatures, allPlans, allScopes, oneAudience:
		return bondSome
	}
	return bondAny
}

func (n *nest) bond() bond {
	switch n.kind {
	case nestAll:
		closest := bondNone
		for _, g := range n.groups {
			closest = max(closest, g.bond())
		}
		return closest
	case nestAny:
		loosest := bondAny
		for _, g := range n.groups {
			loosest = min(loosest, g.bond())
		}
		return loosest
	}
	return bondSome
}

// open reports whether a route lets pass who shows no credentials.
func (r *Route) open() bool { return r.Access == AccessPublic || r.Access == AccessOptional }

// openness says of an open route how open it is.
func (r *Route) openness() string {
	if r.Access == AccessPublic {
		return "is public"
	}
	return "lets pass who shows no credentials"
}

// weight counts the lines of a group.
func (g group) weight() int {
	lines := len(g)
	for _, q := range g {
		if q.nest == nil {
			continue
		}
		for _, inner := range q.nest.groups {
			lines += inner.weight()
		}
	}
	return lines
}
