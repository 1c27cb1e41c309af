package policy

import (
	"maps"
	"slices"
)

// Patterns returns the path patterns as the policy has them, in their order and
// with their variables expanded.
func (r *Route) Patterns() []string {
	out := make([]string, 0, len(r.patterns))
	for _, p := range r.patterns {
		out = append(out, p.text)
	}
	return out
}

// Hosts returns the host patterns in normal form (see [NormalHost]); none means
// every host.
func (r *Route) Hosts() []string { return slices.Clone(r.hosts) }

// Methods returns the methods as the policy has them: GET stands for HEAD, too.
// None means every method.
func (r *Route) Methods() []string { return slices.Clone(r.methods) }

// Context returns what Envoy's context extensions must be; nil if nothing is
// asked of them.
func (r *Route) Context() map[string]string { return maps.Clone(r.context) }

// NamesMethod reports whether the route lists a method. One without methods takes
// every method and lists none.
func (r *Route) NamesMethod(method string) bool { return slices.Contains(r.methods, method) }

// CatchAll reports whether the route matches every path, so that it was written
// for none in particular. Its hosts, methods and context may be limited.
func (r *Route) CatchAll() bool {
	return slices.ContainsFunc(r.patterns, func(p *pattern) bool {
		return len(p.segments) == 0 && (p.tail == tailBelow || p.tail == tailPrefix && p.prefix == "")
	})
}
