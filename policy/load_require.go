package policy

import (
	"fmt"
	"slices"
	"strings"
)

// require reads the lines of require, in the order in which they are evaluated.
func (l *loader) require(r *Route, o *object, paths []patternAt) {
	l.requireOrg(r, o, paths)
	if items := o.oneOrMore("role"); items != nil {
		roles := l.names(items, "role", parseRole)
		r.require = append(r.require, requirement{"role", oneRole(roles),
			"the role " + alternatives(withPrefix(roles), " or ") + " is required"})
	}
	if items := o.oneOrMore("permission"); items != nil {
		permissions := withPrefix(l.names(items, "permission", parsePermission))
		r.require = append(r.require, requirement{"permission", allPermissions(permissions),
			"the permission " + alternatives(permissions, " and ") + " is required"})
	}
	if items := o.oneOrMore("feature"); items != nil {
		features := l.entitlements(items, "feature")
		r.require = append(r.require, requirement{"feature", allFeatures{features},
			"the feature " + alternatives(features.names(), " and ") + " is required"})
	}
	if items := o.oneOrMore("plan"); items != nil {
		plans := l.entitlements(items, "plan")
		r.require = append(r.require, requirement{"plan", allPlans{plans},
			"the plan " + alternatives(plans.names(), " and ") + " is required"})
	}
	// Last: what a client is asked to do about it must be enough.
	if n, there := o.fields["reverification"]; there {
		r.require = append(r.require, requirement{"reverification", &freshFactors{l.reverification(n)},
			"the user must verify their factors again"})
	}
	l.contradiction(r, o)
}

// contradiction warns of lines that cannot hold together.
func (l *loader) contradiction(r *Route, o *object) {
	if len(r.require) == 0 {
		return
	}
	if _, none := r.require[0].line.(noOrg); !none {
		return
	}
	_, role := o.fields["role"]
	_, permission := o.fields["permission"]
	if role || permission {
		l.warn(place(o.fields["org"]), "nobody can pass: role and permission need an active organisation, and org: none forbids one",
			"split the route, or drop one of the lines")
	}
}

// requireOrg reads the line org.
func (l *loader) requireOrg(r *Route, o *object, paths []patternAt) {
	items := o.oneOrMore("org")
	if len(items) == 1 && items[0].Value == "any" {
		r.require = append(r.require, requirement{"org", anyOrg{}, ""})
		return
	}
	if len(items) == 1 && items[0].Value == "none" {
		r.require = append(r.require, requirement{"org", noOrg{}, "no organisation may be active"})
		return
	}
	var names oneOrg
	for _, t := range items {
		if name, ok := l.orgName(t, paths); ok {
			names = append(names, name)
			if name.param != "" {
				r.params = append(r.params, name.param)
			}
		}
	}
	if items != nil {
		r.require = append(r.require, requirement{"org", names, "another organisation must be active"})
	}
}

// orgName reads an id, a slug or a parameter.
func (l *loader) orgName(t scalar, paths []patternAt) (orgName, bool) {
	if t.Unset {
		return orgName{value: t.Value}, true
	}
	if strings.ContainsAny(t.Value, "{}:") {
		name, ok := paramName(t.Value)
		if !ok || t.Value[0] == ':' {
			l.fail(t.Pos, fmt.Sprintf("%s is not a parameter", brief(t.raw)), `a parameter of the path is written "{name}", in quotes`)
			return orgName{}, false
		}
		return orgName{param: name}, l.bound(t, name, paths)
	}
	switch {
	case t.Value == "any" || t.Value == "none":
		l.fail(t.Pos, t.Value+" stands alone, not in a list with others", "write org: "+t.Value)
	case t.Value == "*":
		l.fail(t.Pos, `"*" is not an organisation`, "write org: any")
	case !isOrgName(t.Value):
		l.fail(t.Pos, fmt.Sprintf("%s is not the id or slug of an organisation", brief(t.raw)), "ids are like org_2abc, slugs like acme-corp")
	default:
		return orgName{value: t.Value}, true
	}
	return orgName{}, false
}

// bound checks that every path of the route has a parameter.
func (l *loader) bound(t scalar, name string, paths []patternAt) bool {
	lacks := func(p patternAt) bool {
		_, ok := p.index(name)
		return !ok
	}
	i := slices.IndexFunc(paths, lacks)
	switch {
	case i < 0:
		return true
	case !slices.ContainsFunc(paths, func(p patternAt) bool { return !lacks(p) }):
		l.fail(t.Pos, fmt.Sprintf("the path has no parameter %s", brief(t.raw)), t.safe(paramHint(name, paths)))
	default:
		l.fail(t.Pos, fmt.Sprintf("the parameter %s is not in every path of the route: %s has none", brief(t.raw), brief(paths[i].raw)), "split the route")
	}
	return false
}

func paramHint(name string, paths []patternAt) string {
	var known []string
	for _, p := range paths {
		for _, q := range p.params {
			known = append(known, q.name)
		}
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf(`did you mean "{%s}"?`, near)
	}
	return fmt.Sprintf("parameters are segments of the path: /…/{%s}/…", name)
}

// isOrgName accepts what ids (org_2abc) and slugs (acme-corp) are made of.
func isOrgName(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}
