package policy

import "time"

// Request is what a route is found by, and what its conditions may look at.
type Request struct {
	Method string
	// Host is the authority as [NormalHost] gives it.
	Host string
	// Path is what [Policy.ReadPath] returned; the zero Path matches nothing.
	Path Path
	// Context holds Envoy's context extensions; may be nil.
	Context map[string]string

	// The rest is for conditions, the lines when. What is left out is not known:
	// a condition that reads it denies.

	// Query is the request target after its first "?", as it came.
	Query string
	// Headers returns the header fields with names in lower case, several lines
	// of one name joined. It is called only if a condition reads them, at most
	// once each time that a condition is evaluated.
	Headers func() map[string]string
	// Now is when the request came.
	Now time.Time
}

// Match is the route that a request belongs to. The zero Match is none.
type Match struct {
	// Route is nil if no route matches.
	Route *Route

	pattern  *pattern
	segments []string
	request  *Request
}

// Param returns the decoded value of a path parameter, or "" if the matched
// pattern has no such parameter. A parameter that has a value is never empty.
func (m Match) Param(name string) string {
	if m.pattern == nil {
		return ""
	}
	if i, ok := m.pattern.index(name); ok && i < len(m.segments) {
		return m.segments[i]
	}
	return ""
}

// Params returns every path parameter, to show them. It allocates.
func (m Match) Params() map[string]string {
	if m.pattern == nil {
		return nil
	}
	out := map[string]string{}
	for _, p := range m.pattern.params {
		out[p.name] = m.Param(p.name)
	}
	return out
}

// Match finds the first route that matches. The match is about this request: it
// must not be changed before [Decide]. The error is always an
// *[AmbiguousError]: with paths.case agree, comparing as written, with ASCII
// letters folded and with Unicode letters folded must find the same route, with
// the same parameters where its requirements use them.
func (p *Policy) Match(req *Request) (Match, error) {
	path := &req.Path
	if !path.read {
		return Match{}, nil
	}
	switch p.folding {
	case foldSensitive:
		return newMatch(p.index.written.first(req, path.segments), req), nil
	case foldInsensitive:
		return newMatch(p.index.ascii.first(req, path.folded), req), nil
	}
	found := p.index.written.first(req, path.segments)
	if !p.index.agrees(found, req) {
		return Match{}, &AmbiguousError{"the path matches another route when upper and lower case are equal"}
	}
	return newMatch(found, req), nil
}

func newMatch(c candidate, req *Request) Match {
	return Match{Route: c.route, pattern: c.pattern, segments: req.Path.segments, request: req}
}

// agrees reports whether folding finds the same as comparing as written. A
// comparison is skipped if neither the patterns nor the path can make it differ.
func (m *matcher) agrees(found candidate, req *Request) bool {
	path := &req.Path
	if m.ascii != m.written || !sameSlice(path.folded, path.segments) {
		if !found.same(m.ascii.first(req, path.folded)) {
			return false
		}
	}
	if m.unicode == m.ascii && path.ascii {
		return true
	}
	return found.same(m.unicode.first(req, foldAll(path.segments, foldUnicode)))
}

// same reports whether two candidates lead to the same decision.
func (c candidate) same(d candidate) bool {
	if c.route != d.route {
		return false
	}
	return c.route == nil || sameParams(c.pattern, d.pattern, c.route.params)
}

// sameSlice reports whether foldAll had nothing to fold.
func sameSlice(a, b []string) bool {
	return len(a) == 0 || &a[0] == &b[0]
}
