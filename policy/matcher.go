package policy

import (
	"math"
	"slices"
	"strings"
)

// matcher finds the first route that matches. It keeps one index for each way
// of comparing text; those that cannot differ are one and the same.
type matcher struct {
	written, ascii, unicode *index
}

// newMatcher compiles routes. Every pattern has a sequence number, so that the
// first match can be found without walking the list.
func newMatcher(routes []*Route) matcher {
	lower, plain := true, true
	for _, r := range routes {
		for _, p := range r.patterns {
			for _, text := range p.literals() {
				lower = lower && lowerASCII(text) == text
				plain = plain && isASCII(text)
			}
		}
	}
	m := matcher{written: newIndex(routes, asWritten)}
	m.ascii = m.written
	if !lower {
		m.ascii = newIndex(routes, lowerASCII)
	}
	m.unicode = m.ascii
	if !plain {
		m.unicode = newIndex(routes, foldUnicode)
	}
	return m
}

// index finds candidates by host, then by path, then by method.
type index struct {
	exact    map[string]*node // by host
	wildcard map[string]*node // by what follows "*."
	any      *node
}

// node is one segment deep in a tree of patterns.
type node struct {
	least    int              // the lowest sequence number here and below
	literal  map[string]*node // by the next segment
	one      *node            // whatever the next segment is
	exact    *terminal        // patterns that end here
	below    *terminal        // "/**"
	prefixes map[string]*terminal
	lengths  []int // of the keys of prefixes, ascending
}

// terminal holds the routes of patterns that are the same, by method.
type terminal struct {
	every    []candidate
	byMethod map[string][]candidate
}

// candidate is a route that may be the first match.
type candidate struct {
	sequence int
	route    *Route
	pattern  *pattern
}

func newIndex(routes []*Route, fold func(string) string) *index {
	x := &index{exact: map[string]*node{}, wildcard: map[string]*node{}}
	sequence := 0
	for _, r := range routes {
		for _, p := range r.patterns {
			c := candidate{sequence, r, p}
			for _, root := range x.roots(r.hosts, sequence) {
				root.insert(c, fold)
			}
			sequence++
		}
	}
	return x
}

// roots returns the trees that a route belongs to.
func (x *index) roots(hosts []string, sequence int) []*node {
	if len(hosts) == 0 {
		if x.any == nil {
			x.any = &node{least: sequence}
		}
		return []*node{x.any}
	}
	var out []*node
	for _, h := range hosts {
		if suffix, ok := strings.CutPrefix(h, "*."); ok {
			out = append(out, child(x.wildcard, suffix, sequence))
			continue
		}
		out = append(out, child(x.exact, h, sequence))
	}
	return out
}

func child(m map[string]*node, key string, sequence int) *node {
	n := m[key]
	if n == nil {
		// Patterns come in order, so the first that gets here is the least.
		n = &node{least: sequence}
		m[key] = n
	}
	return n
}

func (n *node) insert(c candidate, fold func(string) string) {
	for _, s := range c.pattern.segments {
		n = n.next(s, c.sequence, fold)
	}
	switch c.pattern.tail {
	case tailExact:
		n.exact = n.exact.with(c)
	case tailBelow:
		n.below = n.below.with(c)
	case tailPrefix:
		n.addPrefix(fold(c.pattern.prefix), c)
	}
}

func (n *node) next(s patternSegment, sequence int, fold func(string) string) *node {
	if s.literal == "" {
		if n.one == nil {
			n.one = &node{least: sequence}
		}
		return n.one
	}
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	return child(n.literal, fold(s.literal), sequence)
}

func (n *node) addPrefix(text string, c candidate) {
	if n.prefixes == nil {
		n.prefixes = map[string]*terminal{}
	}
	n.prefixes[text] = n.prefixes[text].with(c)
	if at, found := slices.BinarySearch(n.lengths, len(text)); !found {
		n.lengths = slices.Insert(n.lengths, at, len(text))
	}
}

// with adds a candidate to a terminal, which may be nil.
func (t *terminal) with(c candidate) *terminal {
	if t == nil {
		t = &terminal{byMethod: map[string][]candidate{}}
	}
	if len(c.route.methods) == 0 {
		t.every = appendAlive(t.every, c)
	}
	for _, m := range c.route.methods {
		t.byMethod[m] = appendAlive(t.byMethod[m], c)
		if m == "GET" {
			t.byMethod["HEAD"] = appendAlive(t.byMethod["HEAD"], c)
		}
	}
	return t
}

// appendAlive adds a candidate unless an earlier one takes every request.
func appendAlive(list []candidate, c candidate) []candidate {
	if n := len(list); n > 0 && len(list[n-1].route.context) == 0 {
		return list
	}
	return append(list, c)
}

// first returns the candidate with the lowest sequence number that matches; its
// route is nil if there is none. segments are folded as the index is.
func (x *index) first(req *Request, segments []string) candidate {
	s := newSearch(req, segments)
	s.run(x)
	return s.best
}

// search is one walk through an index.
type search struct {
	request  *Request
	segments []string
	best     candidate
	work     int // how many things were looked at
}

func newSearch(req *Request, segments []string) search {
	return search{request: req, segments: segments, best: candidate{sequence: math.MaxInt}}
}

// run looks at every tree that has patterns for the host.
func (s *search) run(x *index) {
	if x == nil {
		return
	}
	if len(s.request.Host) <= maxHost {
		s.visit(x.exact[s.request.Host], 0)
		s.wildcards(x.wildcard, s.request.Host)
	}
	s.visit(x.any, 0)
}

// wildcards visits the trees of every suffix of the host that leaves at least
// one label over.
func (s *search) wildcards(trees map[string]*node, host string) {
	if len(trees) == 0 {
		return
	}
	for {
		label, suffix, more := strings.Cut(host, ".")
		if !more || label == "" {
			return
		}
		s.visit(trees[suffix], 0)
		host = suffix
	}
}

// visit looks at the patterns that agree with the first depth segments.
func (s *search) visit(n *node, depth int) {
	if n == nil || n.least >= s.best.sequence {
		return
	}
	s.work += 1 + len(n.lengths)
	s.try(n.below)
	if depth == len(s.segments) {
		s.try(n.exact)
		if s.request.Path.trailing {
			s.try(n.prefixes[""])
		}
		return
	}
	text := s.segments[depth]
	for _, length := range n.lengths {
		if length > len(text) {
			break
		}
		s.try(n.prefixes[text[:length]])
	}
	s.visit(n.literal[text], depth+1)
	s.visit(n.one, depth+1)
}

func (s *search) try(t *terminal) {
	if t != nil {
		s.tryEach(t.every)
		s.tryEach(t.byMethod[s.request.Method])
	}
}

func (s *search) tryEach(list []candidate) {
	for _, c := range list {
		if c.sequence >= s.best.sequence {
			return
		}
		s.work++
		if c.route.hasContext(s.request.Context) {
			s.best = c
			return
		}
	}
}

// hasContext reports whether the request's context has what the route wants.
func (r *Route) hasContext(got map[string]string) bool {
	for key, want := range r.context {
		if value, ok := got[key]; !ok || value != want {
			return false
		}
	}
	return true
}
