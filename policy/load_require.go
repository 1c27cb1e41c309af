package policy

import (
	"fmt"
	"slices"
	"strings"
)

// lineReader reads the lines of one route's require.
type lineReader struct {
	*loader
	route *Route
	paths []patternAt
}

// require reads what a route requires.
func (l *loader) require(r *Route, o *object, paths []patternAt) {
	reader := &lineReader{l, r, paths}
	r.require = reader.lines(o, 0)
	reader.unguarded(r.require, false)
	reader.contradictions(r.require, demands{accepted: accepted(r), types: accepted(r)})
}

// lines reads the lines of require, or of one group of a nest, in the order in
// which they are evaluated. depth is how many nests they are in.
func (l *lineReader) lines(o *object, depth int) group {
	lines := slices.Concat(l.organisation(o), l.entitled(o), l.caller(o), l.when(o), l.nests(o, depth))
	// Last: what a client is asked to do about it must be enough.
	if n, there := o.fields["reverification"]; there {
		lines = append(lines, o.line("reverification", &freshFactors{l.reverification(n)},
			"the user must verify their factors again"))
	}
	l.neverHold(lines)
	return lines
}

// line makes a requirement of what was read below a key.
func (o *object) line(key string, what line, detail string) requirement {
	return requirement{name: key, line: what, detail: detail, pos: place(o.fields[key])}
}

// organisation reads org, role and permission.
func (l *lineReader) organisation(o *object) (lines group) {
	lines = l.org(o)
	if items := o.oneOrMore("role"); items != nil {
		roles := l.names(items, "role", parseRole)
		lines = append(lines, o.line("role", oneRole(roles),
			"the role "+alternatives(withPrefix(roles), " or ")+" is required"))
	}
	if items := o.oneOrMore("permission"); items != nil {
		permissions := withPrefix(l.names(items, "permission", parsePermission))
		lines = append(lines, o.line("permission", allPermissions(permissions),
			"the permission "+alternatives(permissions, " and ")+" is required"))
	}
	return lines
}

// entitled reads feature and plan.
func (l *lineReader) entitled(o *object) (lines group) {
	if items := o.oneOrMore("feature"); items != nil {
		features := l.entitlements(items, "feature")
		lines = append(lines, o.line("feature", allFeatures{features},
			"the feature "+alternatives(features.names(), " and ")+" is required"))
	}
	if items := o.oneOrMore("plan"); items != nil {
		plans := l.entitlements(items, "plan")
		lines = append(lines, o.line("plan", allPlans{plans},
			"the plan "+alternatives(plans.names(), " and ")+" is required"))
	}
	return lines
}

// org reads the line org.
func (l *lineReader) org(o *object) group {
	items := o.oneOrMore("org")
	switch {
	case items == nil:
		return nil
	case len(items) == 1 && items[0].Value == "any":
		return group{o.line("org", anyOrg{}, "")}
	case len(items) == 1 && items[0].Value == "none":
		return group{o.line("org", noOrg{}, "no organisation may be active")}
	}
	var names oneOrg
	for _, t := range items {
		if name, ok := l.orgName(t); ok {
			names = append(names, name)
		}
	}
	return group{o.line("org", names, "another organisation must be active")}
}

// orgName reads an id, a slug or a parameter.
func (l *lineReader) orgName(t scalar) (orgName, bool) {
	switch {
	case t.Unset:
		return orgName{value: t.Value}, true
	case strings.ContainsAny(t.Value, "{}:"):
		name, ok := l.parameter(t)
		return orgName{param: name}, ok
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

// parameter reads "{name}", and notes that the route uses that parameter.
func (l *lineReader) parameter(t scalar) (name string, ok bool) {
	name, ok = paramName(t.Value)
	switch {
	case !ok || t.Value[0] == ':':
		l.fail(t.Pos, fmt.Sprintf("%s is not a parameter", brief(t.raw)), `a parameter of the path is written "{name}", in quotes`)
		return "", false
	case !l.bound(t, name, `"{%s}"`):
		return "", false
	}
	l.uses(name)
	return name, true
}

// uses notes that the route uses a parameter.
func (l *lineReader) uses(name string) {
	if !slices.Contains(l.route.params, name) {
		l.route.params = append(l.route.params, name)
	}
}

// bound checks that every path of the route has a parameter. written is how the
// text that names it writes parameters.
func (l *lineReader) bound(t scalar, name, written string) bool {
	paths := l.paths
	lacks := func(p patternAt) bool {
		_, ok := p.index(name)
		return !ok
	}
	i := slices.IndexFunc(paths, lacks)
	switch {
	case i < 0:
		return true
	case !slices.ContainsFunc(paths, func(p patternAt) bool { return !lacks(p) }):
		l.fail(t.Pos, fmt.Sprintf("the path has no parameter %s", brief(t.raw)), t.safe(paramHint(name, written, paths)))
	default:
		l.fail(t.Pos, fmt.Sprintf("the parameter %s is not in every path of the route: %s has none", brief(t.raw), brief(paths[i].raw)), "split the route")
	}
	return false
}

func paramHint(name, written string, paths []patternAt) string {
	var known []string
	for _, p := range paths {
		for _, q := range p.params {
			known = append(known, q.name)
		}
	}
	if near := nearest(name, known); near != "" {
		return "did you mean " + fmt.Sprintf(written, near) + "?"
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
