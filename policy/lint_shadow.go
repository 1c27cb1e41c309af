package policy

import (
	"fmt"
	"slices"
	"strings"
)

// shadowed warns of each pattern of which some requests, for some methods or some
// of its paths, go to an earlier route that is broader and laxer. To come first and
// be broader is rarely what was meant; where it is, a route for just these requests
// before both of them says so.
func (l *linter) shadowed(t routeText, found *elements) {
	if t.open() {
		return
	}
	methods := commonMethods()
	if len(t.methods) > 0 {
		methods = nil
	}
	for i, m := range t.methods {
		if found.methods[i].alive {
			methods = append(methods, m)
		}
	}
	for i, p := range t.patterns {
		for h, host := range t.hostList() {
			if l.work > maxLintWork {
				return
			}
			if found.patterns[i].alive && found.hosts[h].alive && l.shadowedFor(t, i, candidate{route: t.Route, pattern: p}, host, methods) {
				break
			}
		}
	}
}

// shadowedFor looks at the requests for one host.
func (l *linter) shadowedFor(t routeText, i int, of candidate, host string, methods []string) bool {
	w := walk{linter: l, of: of, before: l.first[t.Route] + i, methods: methods, fold: l.coarse.fold}
	w.hosts(host)
	if l.work > maxLintWork {
		return true // what was found depends on the order of maps
	}
	slices.SortFunc(w.found, func(a, b candidate) int { return a.sequence - b.sequence })
	for _, by := range slices.CompactFunc(w.found, func(a, b candidate) bool { return a.sequence == b.sequence }) {
		path, _ := by.pattern.meet(of.pattern, w.fold)
		var taken []string
		for _, m := range methods {
			if c := l.probe(l.coarse, sampleHost(host), m, t.context, path); c.sequence == by.sequence {
				taken = append(taken, m)
			}
		}
		if len(taken) > 0 {
			all := len(t.methods) == len(taken) || len(t.methods) == 0 && len(by.route.methods) == 0
			l.sayShadowed(t, i, by, taken, all, path)
			return true
		}
	}
	return false
}

// sayShadowed warns that a route takes a path, or all of a pattern, for some methods
// or for all that there are.
func (l *linter) sayShadowed(t routeText, i int, by candidate, methods []string, all bool, path sample) {
	what := brief(t.paths[i].raw)
	if !by.pattern.covers(t.patterns[i], l.coarse.fold) {
		if written, ok := by.pattern.meet(t.patterns[i], asWritten); ok {
			path = written
		}
		what = l.example(t.paths[i], l.text(by.route).raw(by.pattern) == by.pattern.text, path)
	}
	if !all {
		what = alternatives(t.rawMethods(methods), " and ") + " of " + what
	}
	why := "requires less"
	switch {
	case by.route.open():
		why = by.route.openness()
	case t.Access == AccessDeny:
		why = "is not closed"
	}
	hint := l.wordHint(by, t.patterns[i])
	if hint == "" {
		hint = "move the narrower route up; if it is meant, say so with a route for just these requests before both"
	}
	l.find(t.paths[i].Pos, fmt.Sprintf("%s never gets to %s: %s comes first, and %s", what, t.name(), l.other(by.route), why), hint)
}

// rawMethods returns methods as the file has them.
func (t routeText) rawMethods(methods []string) (out []string) {
	for _, m := range methods {
		if i := slices.Index(t.methods, m); i >= 0 {
			m = t.itemText("methods", i)
		}
		out = append(out, m)
	}
	return out
}

// example is a pattern of paths that two patterns share, or if variables are in
// them a way to say so.
func (l *linter) example(p patternAt, sameRaw bool, path sample) string {
	if !sameRaw || p.raw != p.Value {
		return "a part of " + brief(p.raw)
	}
	text := strings.ReplaceAll("/"+strings.Join(path.segments, "/"), freshText, "*")
	if path.trailing && text != "/" {
		text += "/"
	}
	return brief(text)
}

// walk finds the earlier, broader and laxer patterns for some of the requests of
// another one.
type walk struct {
	*linter
	of      candidate
	before  int // the sequence number of the first that is not earlier
	methods []string
	fold    func(string) string
	found   []candidate
}

// hosts visits the trees of all patterns of hosts that cover one.
func (w *walk) hosts(host string) {
	w.visit(w.coarse.any, 0, false)
	if host == "" {
		return
	}
	if !strings.HasPrefix(host, "*.") {
		w.visit(w.coarse.exact[host], 0, false)
	}
	for _, suffix, more := strings.Cut(host, "."); more; _, suffix, more = strings.Cut(suffix, ".") {
		w.visit(w.coarse.wildcard[suffix], 0, false)
	}
}

// visit looks at the patterns that agree with the first segments. less says that
// they are less specific than the pattern already: where both differ first, they
// leave open what it names. Those that are more specific there were put first
// because they are exceptions.
func (w *walk) visit(n *node, depth int, less bool) {
	w.work++
	if n == nil || n.least >= w.before || w.work > maxLintWork {
		return
	}
	p := w.of.pattern
	ends := depth >= len(p.segments)
	if less || !ends || p.tail != tailBelow {
		w.take(n.below)
	}
	if less {
		w.take(n.exact)
	}
	own := p.at(depth, w.fold)
	continued := ends && own.open && !own.none // by the end of the pattern, as in /** and (.*)
	for text, t := range n.prefixes {
		w.work++
		if less || len(text) < len(own.text) || len(text) == len(own.text) && !continued {
			w.take(t)
		}
	}
	switch {
	case own.none:
	case own.text != "" && !own.open:
		w.visit(n.literal[own.text], depth+1, less)
		w.visit(n.one, depth+1, true)
	case !less && !ends:
		w.visit(n.one, depth+1, false)
	case less:
		w.visit(n.one, depth+1, true)
		for _, child := range n.literal {
			w.visit(child, depth+1, true)
		}
	case own.text != "":
		w.visit(n.one, depth+1, true)
	}
}

// take adds the candidates of a terminal that are laxer for a request of both.
func (w *walk) take(t *terminal) {
	if t == nil {
		return
	}
	w.takeEach(t.every)
	for _, m := range w.methods {
		w.takeEach(t.byMethod[m])
	}
}

func (w *walk) takeEach(list []candidate) {
	for _, c := range list {
		if w.work++; c.sequence >= w.before || w.work > maxLintWork {
			return
		}
		w.work += w.weight[c.route] + w.weight[w.of.route]
		if !c.route.hasContext(w.of.route.context) || !laxer(c, w.of) {
			continue
		}
		// Of two that overlap, only the one that is open is likely to be wrong.
		_, both := c.pattern.meet(w.of.pattern, w.fold)
		if both && (c.route.open() || c.pattern.covers(w.of.pattern, w.fold)) {
			w.found = append(w.found, c)
		}
	}
}
