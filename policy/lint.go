package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// How much a policy is looked into; both are our judgement.
const (
	// maxLintWork bounds the search for routes that get in each other's way, in
	// steps of some nanoseconds. Ten thousand ordinary routes take less than a tenth.
	maxLintWork = 5_000_000
	// maxLintFindings bounds what is said about routes: nobody reads more at once.
	maxLintFindings = 100
)

// routeText is a route with what it was read from.
type routeText struct {
	*Route
	object *object
	paths  []patternAt // as Route.patterns, if nothing is unset
}

// linter looks for what is allowed in a policy of which nothing is wrong, and
// probably not meant.
type linter struct {
	*loader
	coarse   manner // which takes most for the same: what it does not find, nobody finds
	written  manner
	agree    bool           // all readings must find the same
	place    map[*Route]int // which route of the policy it is
	first    map[*Route]int // the sequence number of its first pattern
	weight   map[*Route]int // how much work it is to compare its requirements
	work     int            // steps so far
	findings int
}

// manner is a way of comparing paths.
type manner struct {
	*index
	fold func(string) string
}

// newLinter prepares to look at the routes.
func (l *loader) newLinter(p *Policy) *linter {
	n := &linter{loader: l, written: manner{p.index.written, asWritten}, agree: p.folding == foldAgree}
	switch p.folding {
	case foldSensitive:
		n.coarse = n.written
	case foldInsensitive:
		n.coarse = manner{p.index.ascii, lowerASCII}
	default:
		n.coarse = manner{p.index.unicode, foldUnicode}
	}
	n.place, n.first, n.weight = map[*Route]int{}, map[*Route]int{}, map[*Route]int{}
	sequence := 0
	for i, r := range p.Routes {
		n.place[r], n.first[r], n.weight[r] = i, sequence, 5+r.require.weight()
		sequence += len(r.patterns)
	}
	return n
}

// lint reports warnings and notes about a policy that has no errors.
func (l *loader) lint(p *Policy) { l.newLinter(p).run(p) }

func (l *linter) run(p *Policy) {
	// Of requests that may find another route elsewhere nothing is known.
	if l.options.AllowUnset && slices.ContainsFunc(l.routeTexts, l.openEnded) {
		return
	}
	for _, t := range l.routeTexts {
		l.route(t)
		if l.exhausted(t) {
			return
		}
	}
	l.preflights(p)
}

// route looks at one route, and at those that have a part in it.
func (l *linter) route(t routeText) {
	found := l.reach(t)
	l.shadowed(t, found)
	l.otherMethods(t, found)
	l.unusedParameter(t)
}

// exhausted reports whether enough was looked at or said.
func (l *linter) exhausted(t routeText) bool {
	const hint = "the routes up to this one were looked at"
	switch {
	case l.work > maxLintWork:
		l.report(Note, t.Pos, "the routes are too many and too much alike to find out which of them take each other's requests", hint)
	case l.findings >= maxLintFindings:
		l.report(Note, t.Pos, fmt.Sprintf("%d remarks about routes are enough", maxLintFindings), hint)
	default:
		return false
	}
	return true
}

// find warns about a route.
func (l *linter) find(pos Pos, message, hint string) { l.say(Warning, pos, message, hint) }

func (l *linter) say(sev Severity, pos Pos, message, hint string) {
	if l.findings++; l.findings <= maxLintFindings {
		l.report(sev, pos, message, hint)
	}
}

// openEnded reports whether a variable that is not set could make the route one
// for other requests, or for everybody.
func (l *loader) openEnded(t routeText) bool {
	return slices.ContainsFunc([]string{"hosts", "path", "methods", "context", "access"}, func(key string) bool {
		n, there := t.object.fields[key]
		return there && l.unset(n)
	})
}

func (l *loader) unset(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return slices.ContainsFunc(n.Content, l.unset)
	}
	_, unset, _ := l.expand(scalar{Text: Text{Pos: place(n)}, raw: n.Value})
	return unset
}

// name is how problems call a route: as the file does, since a variable may hold
// what is nobody's business.
func (t routeText) name() string { return "route " + brief(t.object.fields["name"].Value) }

// other names another route, with its place.
func (l *linter) other(r *Route) string {
	return fmt.Sprintf("%s on line %d", l.text(r).name(), r.Pos.Line)
}

func (l *linter) text(r *Route) routeText { return l.routeTexts[l.place[r]] }

// raw is a pattern of a route as the file has it.
func (t routeText) raw(p *pattern) string {
	if i := slices.Index(t.patterns, p); i >= 0 {
		return t.paths[i].raw
	}
	return p.text
}

// item is the place of an item of a list below a key of the route.
func (t routeText) item(key string, i int) Pos {
	n := t.object.fields[key]
	if n.Kind == yaml.SequenceNode && i < len(n.Content) {
		n = n.Content[i]
	}
	return place(n)
}

// itemText is what the file has there.
func (t routeText) itemText(key string, i int) string { return t.object.fields[key].Content[i].Value }

// probe returns what a request finds. Its host and path are samples.
func (l *linter) probe(x manner, host, method string, context map[string]string, s sample) candidate {
	req := &Request{Method: method, Host: host, Context: context, Path: Path{read: true, trailing: s.trailing}}
	run := newSearch(req, s.segments)
	run.run(x.index)
	l.work += 1 + run.work
	return run.best
}

// sampleHost is a host that stands for all those of a pattern; empty: for those
// that no pattern has.
func sampleHost(pattern string) string {
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return freshText + suffix
	}
	return pattern
}

// hostList returns the hosts of a route; one that is empty if it is for every
// host.
func (r *Route) hostList() []string {
	if len(r.hosts) == 0 {
		return []string{""}
	}
	return r.hosts
}

// methodList returns the methods of a route; one that is empty, and no method, if
// it is for every method.
func (r *Route) methodList() []string {
	if len(r.methods) == 0 {
		return []string{""}
	}
	return r.methods
}
