package policy

import (
	"fmt"
	"slices"
	"strings"
)

// takers are the patterns that take the requests of another one.
type takers struct {
	candidates []candidate
	own        *pattern // an earlier one of the same route
}

func (t *takers) add(c candidate, r *Route) {
	if c.route == r {
		t.own = c.pattern
		return
	}
	if len(t.candidates) <= maxTakers && !slices.ContainsFunc(t.candidates, func(d candidate) bool { return d.route == c.route }) {
		t.candidates = append(t.candidates, c)
	}
}

func (t *takers) addAll(other takers, r *Route) {
	for _, c := range other.candidates {
		t.add(c, r)
	}
	if other.own != nil {
		t.own = other.own
	}
}

// maxTakers is how many routes are named that take all requests of another one.
const maxTakers = 3

// reach warns of a route that no request gets to, or of those items of its lists
// that do nothing. It returns what it found out.
func (l *linter) reach(t routeText) *elements {
	found := l.search(t, l.coarse)
	if !found.anyAlive() {
		l.unreachable(t, found)
		return found
	}
	for i, e := range found.patterns {
		if !e.alive && l.findings < maxLintFindings {
			l.deadPattern(t, i, e.takers)
		}
	}
	for i, e := range found.hosts {
		if !e.alive && len(t.hosts) > 0 {
			l.deadItem(t, "host", t.itemText("hosts", i), t.item("hosts", i), e.takers)
		}
	}
	for i, e := range found.methods {
		if !e.alive && len(t.methods) > 0 {
			l.deadItem(t, "method", t.itemText("methods", i), t.item("methods", i), e.takers)
		}
	}
	return found
}

// element is one item of a list of a route.
type element struct {
	alive bool
	takers
}

// elements are the items of the lists of a route.
type elements struct{ patterns, hosts, methods []element }

func (e *elements) anyAlive() bool {
	return slices.ContainsFunc(e.patterns, func(e element) bool { return e.alive })
}

// search finds out which items of a route's lists some request gets to. A request
// for one of each is enough if it gets there; only what is left over after that
// is tried with everything else.
func (l *linter) search(t routeText, x manner) *elements {
	hosts, methods := t.hostList(), t.methodList()
	e := &elements{make([]element, len(t.patterns)), make([]element, len(hosts)), make([]element, len(methods))}
	try := func(p, h, m int) bool {
		var took takers
		alive := l.alive(x, t.Route, t.patterns[p], hosts[h], methods[m], &took)
		for _, item := range []*element{&e.patterns[p], &e.hosts[h], &e.methods[m]} {
			item.alive = item.alive || alive
			item.addAll(took, t.Route)
		}
		return alive || l.work > maxLintWork
	}
	for i := range max(len(t.patterns), len(hosts), len(methods)) {
		try(i%len(t.patterns), i%len(hosts), i%len(methods))
	}
	for i := range e.patterns {
		e.patterns[i].settle(len(hosts), len(methods), func(h, m int) bool { return try(i, h, m) })
	}
	for i := range e.hosts {
		e.hosts[i].settle(len(t.patterns), len(methods), func(p, m int) bool { return try(p, i, m) })
	}
	for i := range e.methods {
		e.methods[i].settle(len(t.patterns), len(hosts), func(p, h int) bool { return try(p, h, i) })
	}
	return e
}

// settle tries an item with all others until a request gets there. If the search
// was given up it counts as alive.
func (e *element) settle(others, more int, try func(int, int) bool) {
	for i := range others {
		for j := range more {
			if e.alive {
				return
			}
			e.alive = try(i, j)
		}
	}
}

// alive reports whether there is a request for a pattern, host and method of a
// route that finds the route by this pattern. It tries one path of each length.
// Whatever takes it takes all paths of that length, and if it has no end all longer
// ones. What takes GET takes HEAD, too.
func (l *linter) alive(x manner, r *Route, p *pattern, host, method string, took *takers) bool {
	q := question{p, sampleHost(host), method, r}
	for s := p.shortest(asWritten); ; s = s.longer() {
		endless := false
		for _, trailing := range []bool{false, true} {
			if !trailing && s.trailing {
				continue // without the slash it is another pattern's
			}
			s := sample{s.segments, trailing}
			c := l.ask(x, q, s)
			if c.pattern == p || c.route == nil || c.route == r && l.caseCounts(x, q, c, s) {
				return true
			}
			took.add(c, r)
			endless = endless || c.pattern.endless()
		}
		if p.tail == tailExact || endless {
			return false
		}
		if l.work > maxLintWork {
			return true
		}
	}
}

// question is for which pattern, and by which requests, an answer is wanted.
type question struct {
	pattern      *pattern
	host, method string
	route        *Route
}

func (l *linter) ask(x manner, q question, s sample) candidate {
	return l.probe(x, q.host, q.method, q.route.context, sample{foldAll(s.segments, x.fold), s.trailing})
}

// caseCounts reports whether a pattern is still needed though an earlier one of its
// route is the same if upper and lower case are equal: each reading must find the
// route, and as written only the later pattern does.
func (l *linter) caseCounts(x manner, q question, c candidate, s sample) bool {
	return l.agree && x.index != l.written.index && l.ask(l.written, q, s).pattern == q.pattern && sameParams(c.pattern, q.pattern, q.route.params)
}

// unreachable warns of a whole route.
func (l *linter) unreachable(t routeText, found *elements) {
	var took takers
	for _, e := range found.patterns {
		took.addAll(e.takers, t.Route)
	}
	if len(t.patterns) == 1 && l.swallowed(t, 0, took) {
		return
	}
	l.taken(t, t.Pos, t.name(), took)
}

// deadPattern warns of one pattern of a list.
func (l *linter) deadPattern(t routeText, i int, took takers) {
	pos, what := t.paths[i].Pos, fmt.Sprintf("%s of %s", brief(t.paths[i].raw), t.name())
	switch {
	case len(took.candidates) > 0:
		if !l.swallowed(t, i, took) {
			l.taken(t, pos, what, took)
		}
	case took.own != nil && !sameParams(took.own, t.patterns[i], t.params):
		l.find(pos, fmt.Sprintf("%s is never reached: %s before it in the list takes its requests, and has the parameters elsewhere", what, brief(t.raw(took.own))),
			"put the pattern with more text first")
	case took.own != nil:
		l.say(Note, pos, fmt.Sprintf("%s adds nothing: %s before it in the list has it already", what, brief(t.raw(took.own))), "leave it out")
	}
}

// deadItem warns of a host or a method.
func (l *linter) deadItem(t routeText, kind, text string, pos Pos, took takers) {
	l.find(pos, fmt.Sprintf("%s %s of %s is never reached: %s", kind, text, t.name(), l.takeAll(took)),
		"move the route up, or leave that "+kind+" out")
}

// taken warns of what earlier routes take. Where only reading upper and lower case
// as equal lets them, such requests are refused.
func (l *linter) taken(t routeText, pos Pos, what string, took takers) {
	if l.agree && l.coarse.index != l.written.index {
		if written := l.search(t, l.written); written.anyAlive() {
			l.find(pos, fmt.Sprintf("%s is never reached: where upper and lower case are equal %s, so they are refused", what, l.takeAll(took)),
				"if every service behind tells them apart, write paths: {case: sensitive}")
			return
		}
	}
	l.find(pos, fmt.Sprintf("%s is never reached: %s", what, l.takeAll(took)), "move it up, or leave it out")
}

// takeAll says who takes all requests of something.
func (l *linter) takeAll(took takers) string {
	var names []string
	for _, c := range took.candidates {
		names = append(names, l.other(c.route))
	}
	switch {
	case len(names) == 0:
		return "earlier patterns of the route take all its requests"
	case len(names) == 1 && took.candidates[0].route.open():
		return names[0] + ", which " + took.candidates[0].route.openness() + ", takes all its requests"
	case len(names) == 1:
		return names[0] + " takes all its requests"
	case len(names) > maxTakers:
		names = append(names[:maxTakers], "others")
	}
	return alternatives(names, " and ") + " take all its requests"
}

// swallowed warns of a pattern of which an open route with (.*) takes all requests
// because its word goes on, as in /sign-info and /sign-in(.*).
func (l *linter) swallowed(t routeText, i int, took takers) bool {
	if len(took.candidates) != 1 || !took.candidates[0].route.open() || t.open() {
		return false
	}
	by := took.candidates[0]
	hint := l.wordHint(by, t.patterns[i])
	if hint == "" {
		return false
	}
	l.find(t.paths[i].Pos, fmt.Sprintf("%s never gets to %s: %s of %s, which %s, matches every word that begins so",
		brief(t.paths[i].raw), t.name(), brief(l.text(by.route).raw(by.pattern)), l.other(by.route), by.route.openness()), hint)
	return true
}

// wordHint says how a (.*) would leave alone what only begins with its word; empty:
// the pattern has no such word.
func (l *linter) wordHint(by candidate, p *pattern) string {
	word, prefix := p.at(len(by.pattern.segments), l.coarse.fold).text, l.coarse.fold(by.pattern.prefix)
	if prefix == "" || len(word) <= len(prefix) || !strings.HasPrefix(word, prefix) {
		return ""
	}
	begin := strings.TrimSuffix(l.text(by.route).raw(by.pattern), "(.*)")
	return fmt.Sprintf("if %s and what is below it is meant, write %s there", brief(begin), brief(begin+"/**"))
}
