package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxName bounds a route's name, in characters: it is a metric label.
const maxName = 100

// routes reads the routes in their order.
func (l *loader) routes(p *Policy, root *object) {
	n, there := root.fields["routes"]
	switch {
	case !there:
		l.fail(root.pos, "routes is missing", "a policy without routes would deny everything")
		return
	case l.broken[n]:
		return
	case n.Kind != yaml.SequenceNode:
		l.fail(place(n), "routes is a list, not "+kind(n), "begin every route with a dash: - name: …")
		return
	}
	l.whole = root
	names := map[string]Pos{}
	for _, item := range n.Content {
		o := l.object(item, inRoute)
		if o == nil {
			continue
		}
		r := l.route(o, names)
		l.routeModes(r, o, p)
		l.onDeny(r, o)
		p.Routes = append(p.Routes, r)
		p.methods = p.methods || len(r.methods) > 0 || r.PreflightPass || r.reads.Method
	}
}

// route reads one route. names holds where the names so far are.
func (l *loader) route(o *object, names map[string]Pos) *Route {
	r := &Route{Pos: o.pos}
	l.routeName(r, o, names)
	r.hosts = l.hostList(o)
	paths := l.patterns(r, o)
	l.routeTexts = append(l.routeTexts, routeText{r, o, paths})
	r.methods = l.methods(o)
	r.context = l.context(o)
	if _, there := o.fields["webhook"]; there {
		l.webhook(r, o)
		return r
	}
	access, bare := l.access(o)
	r.Access = access
	l.acceptedTokens(r, o, bare)
	if require := o.object("require", inRequire); require != nil {
		if bare {
			l.fail(place(o.fields["require"]), fmt.Sprintf("require on a route with access: %s is never looked at", access),
				"only access: authenticated, the default, has requirements")
		}
		l.require(r, require, paths)
	}
	return r
}

// access reads who may use a route, and whether that leaves nothing to require.
func (l *loader) access(o *object) (a Access, bare bool) {
	if _, there := o.fields["access"]; !there {
		return AccessAuthenticated, false
	}
	t, ok := o.text("access")
	if !ok {
		return AccessDeny, false
	}
	a = pick(l, t, []choice[Access]{
		{"public", AccessPublic}, {"optional", AccessOptional}, {"authenticated", AccessAuthenticated}, {"deny", AccessDeny},
	}, AccessDeny)
	return a, a != AccessAuthenticated && t.Value == a.String()
}

func (l *loader) routeName(r *Route, o *object, names map[string]Pos) {
	t, ok := o.text("name")
	if !ok {
		if _, there := o.fields["name"]; !there {
			l.fail(o.pos, "the route has no name", "names are the labels of the log: name: invoices")
		}
		return
	}
	r.Name = t.Value
	first, twice := names[t.Value]
	switch {
	case twice:
		l.fail(t.Pos, fmt.Sprintf("another route is called %s", brief(t.raw)), fmt.Sprintf("the first is on line %d", first.Line))
	case utf8.RuneCountInString(t.Value) > maxName:
		l.fail(t.Pos, fmt.Sprintf("the name is longer than %d characters", maxName), "")
	case !utf8.ValidString(t.Value), strings.ContainsFunc(t.Value, func(r rune) bool { return !unicode.IsPrint(r) }):
		l.fail(t.Pos, "the name has characters that cannot be printed", "")
	case strings.TrimSpace(t.Value) != t.Value:
		l.fail(t.Pos, "the name begins or ends with a space", "")
	}
	if !twice {
		names[t.Value] = t.Pos
	}
}

// patternAt is a pattern with its place, for problems with its parameters.
type patternAt struct {
	*pattern
	scalar
}

// patterns reads the paths of a route.
func (l *loader) patterns(r *Route, o *object) []patternAt {
	if _, there := o.fields["path"]; !there {
		l.fail(o.pos, "the route has no path", "write path: /** for every path")
		return nil
	}
	var out []patternAt
	for _, t := range o.oneOrMore("path") {
		p, err := parsePattern(t.Value)
		switch {
		case err == nil:
			r.patterns = append(r.patterns, p)
			out = append(out, patternAt{p, t})
		case !t.Unset:
			l.fail(l.inside(t, err.at), err.message, t.safe(err.hint))
		}
	}
	return out
}

// methods reads what a route's method may be.
func (l *loader) methods(o *object) []string {
	var out []string
	for _, t := range o.texts("methods") {
		switch {
		case t.Unset, isMethod(t.Value):
			out = append(out, t.Value)
		case isMethod(strings.ToUpper(t.Value)):
			l.fail(t.Pos, fmt.Sprintf("the method %s is not in upper case", brief(t.raw)), t.safe("write "+strings.ToUpper(t.Value)))
		case t.Value == "*":
			l.fail(t.Pos, `"*" is not a method`, "leave methods out to match every method")
		default:
			l.fail(t.Pos, fmt.Sprintf("%s is not a method", brief(t.raw)), "methods are words like GET")
		}
	}
	return out
}

// isMethod accepts the tokens (RFC 9110, section 9.1) that methods are made of
// in practice: upper-case words.
func isMethod(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		inner := i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_')
		if (c < 'A' || 'Z' < c) && !inner {
			return false
		}
	}
	return s != ""
}

// context reads what Envoy's context extensions must be.
func (l *loader) context(o *object) map[string]string {
	n, there := o.fields["context"]
	if !there || l.broken[n] {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		l.fail(place(n), "context is a mapping, not "+kind(n), "write context: {key: value}")
		return nil
	}
	out := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if l.broken[key] {
			continue
		}
		if key.Value == "" {
			l.fail(place(key), "a key of context is empty", "")
			continue
		}
		if t, ok := l.scalar(n.Content[i+1], "a value of context"); ok {
			out[key.Value] = t.Value
		}
	}
	return out
}
