package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The words of random patterns, and with them and two that no pattern has all the
// paths that matter to those patterns.
func (d dice) fewPattern() string {
	var segments []string
	for range d.IntN(3) {
		segments = append(segments, d.pick("a", "ab", "A", "*", "{p}"))
	}
	if n := len(segments); n == 2 && segments[1] == "{p}" {
		segments[1] = "{q}"
	}
	switch d.IntN(4) {
	case 0:
		segments = append(segments, "**")
	case 1:
		segments = append(segments, d.pick("", "a", "ab")+"(.*)")
	}
	return "/" + strings.Join(segments, "/")
}

func fewPaths() (out []sample) {
	level := [][]string{nil}
	out = append(out, sample{nil, true})
	for range 4 {
		var next [][]string
		for _, segments := range level {
			for _, word := range []string{"a", "A", "ab", "abz", "z"} {
				more := append(slices.Clone(segments), word)
				next = append(next, more)
				out = append(out, sample{more, false}, sample{more, true})
			}
		}
		level = next
	}
	return out
}

// taker asks the matcher whether a pattern takes a path.
func taker(p *pattern) func(sample) bool {
	x := newIndex([]*Route{{patterns: []*pattern{p}}}, asWritten)
	return func(s sample) bool {
		return x.first(&Request{Path: Path{read: true, trailing: s.trailing}}, s.segments).route != nil
	}
}

func TestCoversAndMeetAgreeWithTheMatcher(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, 1))}
	paths := fewPaths()
	for range 1000 {
		p, _ := parsePattern(d.fewPattern())
		q, _ := parsePattern(d.fewPattern())
		pTakes, qTakes := taker(p), taker(q)
		covers, meets := true, false
		for _, s := range paths {
			if qTakes(s) {
				covers, meets = covers && pTakes(s), meets || pTakes(s)
			}
		}
		if got := p.covers(q, asWritten); got != covers {
			t.Errorf("%s covers %s: %v, want %v", p.text, q.text, got, covers)
		}
		s, ok := p.meet(q, asWritten)
		if ok != meets || ok && (!pTakes(s) || !qTakes(s)) {
			t.Errorf("%s meets %s: %v in %v, want %v", p.text, q.text, ok, s, meets)
		}
	}
}

// fewRoutes is a policy whose routes often take each other's requests.
func (d dice) fewRoutes() string {
	src := "version: 1\npaths: {case: " + d.pick("agree", "sensitive", "insensitive") + "}\nroutes:\n"
	for i := range 2 + d.IntN(6) {
		paths := []string{d.fewPattern()}
		if p := d.fewPattern(); d.IntN(3) == 0 && p != paths[0] {
			paths = append(paths, p)
		}
		src += fmt.Sprintf("  - {name: r%d, path: [%s]", i, quoted(paths))
		src += d.pick("", "", ", methods: [GET]", ", methods: [HEAD]", ", methods: [POST, GET]", ", methods: [HEAD, POST]")
		src += d.pick("", "", "", ", hosts: [h.io]", ", hosts: ['*.io']", ", hosts: [x.h.io, '*.h.io']")
		src += d.pick("", "", "", ", context: {tier: gold}") + d.pick("", ", access: public", ", access: deny", ", require: {org: any}") + "}\n"
	}
	return src
}

// linterFor loads a policy and keeps what it was read with.
func linterFor(t *testing.T, src string) (*linter, *Policy) {
	t.Helper()
	p, l := readPolicy("policy.yaml", []byte(src), Options{Env: environ})
	if err := l.problems.Err(); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return l.newLinter(p), p
}

// What a route's lists have is called unreachable if, and only if, no request gets to
// it: all requests are tried that can make a difference.
func TestReachAgreesWithTheMatcher(t *testing.T) {
	paths := fewPaths()
	for seed := range uint64(25) {
		src := dice{rand.New(rand.NewPCG(seed, 2))}.fewRoutes()
		l, p := linterFor(t, src)
		got, host, method := map[*pattern]bool{}, map[string]bool{}, map[string]bool{}
		for _, req := range fewRequests(paths) {
			m, err := p.Match(&req)
			if err != nil || m.Route == nil {
				continue
			}
			got[m.pattern] = true
			name := m.Route.Name
			method[name+req.Method] = true
			for _, h := range m.Route.hostList() {
				hosts := Hosts{}
				hosts.add(h)
				if h == "" || hosts.Match(req.Host) {
					host[name+h] = true
				}
			}
		}
		for _, r := range l.routeTexts {
			e := l.search(r, l.coarse)
			for i, pattern := range r.patterns {
				if e.patterns[i].alive != got[pattern] {
					t.Errorf("pattern %s of %s: %v, want %v in\n%s", pattern.text, r.Name, e.patterns[i].alive, got[pattern], src)
				}
			}
			for i, h := range r.hosts {
				if e.hosts[i].alive != host[r.Name+h] && e.anyAlive() {
					t.Errorf("host %s of %s: %v, want %v in\n%s", h, r.Name, e.hosts[i].alive, host[r.Name+h], src)
				}
			}
			for i, m := range r.methods {
				want := method[r.Name+m] || m == "GET" && method[r.Name+"HEAD"]
				if e.methods[i].alive != want && e.anyAlive() {
					t.Errorf("method %s of %s: %v, want %v in\n%s", m, r.Name, e.methods[i].alive, want, src)
				}
			}
		}
	}
}

func fewRequests(paths []sample) (out []Request) {
	for _, s := range paths {
		path := Path{read: true, ascii: true, trailing: s.trailing, segments: s.segments, folded: foldAll(s.segments, lowerASCII)}
		for _, host := range []string{"h.io", "x.h.io", "y.h.io", "y.io", "z.com"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT"} {
				for _, context := range []map[string]string{nil, {"tier": "gold"}} {
					out = append(out, Request{Method: method, Host: host, Path: path, Context: context})
				}
			}
		}
	}
	return out
}

// The walk finds every earlier route that is broader and open, and none that is
// narrower.
func TestWalkFindsBroaderRoutes(t *testing.T) {
	for seed := range uint64(400) {
		src := dice{rand.New(rand.NewPCG(seed, 3))}.fewRoutes()
		l, _ := linterFor(t, src)
		for n, of := range l.routeTexts {
			for i, p := range of.patterns {
				for _, host := range of.hostList() {
					w := walk{linter: l, of: candidate{route: of.Route, pattern: p}, before: l.first[of.Route] + i, methods: []string{"GET"}, fold: l.coarse.fold}
					w.hosts(host)
					checkWalk(t, &w, l.routeTexts[:n], host, src)
				}
			}
		}
	}
}

func checkWalk(t *testing.T, w *walk, earlier []routeText, host, src string) {
	t.Helper()
	for _, c := range w.found {
		if w.of.pattern.covers(c.pattern, w.fold) && !c.pattern.covers(w.of.pattern, w.fold) {
			t.Errorf("%s is found for %s, which is broader, in\n%s", c.pattern.text, w.of.pattern.text, src)
		}
	}
	for _, r := range earlier {
		if len(r.hosts) > 0 && !slices.Contains(r.hosts, host) || len(r.methods) > 0 && !slices.Contains(r.methods, "GET") ||
			!r.hasContext(w.of.route.context) {
			continue
		}
		for _, p := range r.patterns {
			c := candidate{route: r.Route, pattern: p}
			found := slices.ContainsFunc(w.found, func(c candidate) bool { return c.pattern == p })
			if p.broader(w.of.pattern, w.fold) && laxer(c, w.of) && !found && !hidden(c, earlier, w.fold) {
				t.Errorf("%s of %s is not found for %s in\n%s", p.text, r.Name, w.of.pattern.text, src)
			}
		}
	}
}

// hidden reports whether the matcher left a pattern out because an earlier route
// with the very same one takes all its requests.
func hidden(c candidate, earlier []routeText, fold func(string) string) bool {
	for _, r := range earlier {
		for _, p := range r.patterns {
			if p == c.pattern {
				return false
			}
			if p.covers(c.pattern, fold) && c.pattern.covers(p, fold) && len(r.context) == 0 {
				return true
			}
		}
	}
	return false
}
