package openapi

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/policy"
)

// operation judges an operation at each of its servers, and remembers it.
func (c *comparison) operation(d *Description, op *Operation) (policy.Problem, bool) {
	var problem policy.Problem
	found := false
	for _, server := range c.places(op) {
		t, err := parseTemplate(server.Base + op.Path)
		if err != nil { // Read has refused it
			continue
		}
		k := call{op, server, t, t.anyValues(c.value)}
		c.calls = append(c.calls, k)
		if message, hint := c.uncovered(k); message != "" && !found {
			problem, found = d.source.problem(policy.Warning, op.Pos, message, hint), true
		}
	}
	return problem, found
}

// places returns the servers of an operation that say something about the
// policy: not those for development, nor those for whose host there is no route,
// unless there are no others.
func (c *comparison) places(op *Operation) []Server {
	var out []Server
	for _, s := range op.Servers {
		if !isLoopback(s.Host) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		for _, s := range op.Servers {
			if s.Host = ""; !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	foreign := func(s Server) bool { return s.Host != "" && !c.anyHost && !c.hosts.Match(s.Host) }
	if ours := slices.DeleteFunc(slices.Clone(out), foreign); len(ours) > 0 {
		return ours
	}
	return out
}

// isLoopback reports the hosts of a developer's machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (addr.IsLoopback() || addr.IsUnspecified())
}

// uncovered says what is wrong if no route but a catch-all covers an operation.
func (c *comparison) uncovered(k call) (message, hint string) {
	var all *policy.Route
	why := ""
	for _, s := range c.inSettings(k.server, c.settings) {
		r, refused := c.first(k.op.Method, k.general, s)
		switch {
		case r != nil && !r.CatchAll():
			c.reached[r] = true
			return "", ""
		case all == nil:
			all = r
		}
		if why == "" {
			why = refused
		}
	}
	name := c.describe(k)
	switch {
	case all != nil:
		message = fmt.Sprintf("no route but the catch-all %q (%s) covers %s", all.Name, all.Access, name)
		hint = fmt.Sprintf("add a route for it before line %d of %s", all.Pos.Line, c.policy.File)
	case why != "":
		return fmt.Sprintf("%s is always refused: %s", name, why), ""
	default:
		message = fmt.Sprintf("no route covers %s, so that it is denied", name)
		hint = "add a route for it to " + c.policy.File
	}
	if near := c.near(k); near != "" {
		hint += "; " + near
	}
	return message, hint
}

// describe names an operation: its method, its whole path, the host if it
// matters, and its id.
func (c *comparison) describe(k call) string {
	name := brief(k.op.Method) + " " + brief(k.server.Base+k.op.Path)
	if k.server.Host != "" && c.hosted {
		name += " on " + k.server.Host
	}
	if k.op.ID != "" {
		name += " (" + brief(k.op.ID) + ")"
	}
	return name
}

// near says which route an author may have taken for the operation's: one of its
// path with other methods, or one that takes some of its requests.
func (c *comparison) near(k call) string {
	for _, r := range c.routes {
		if r.CatchAll() {
			continue
		}
		for _, p := range r.patterns {
			raw, ok := p.meet(k.template, c.value)
			if !ok {
				continue
			}
			switch {
			case raw != k.general && c.takes(r, k, k.op.Method, raw):
				return r.place() + " takes some of its requests only"
			case raw == k.general && !r.hasMethod(k.op.Method) && c.takes(r, k, r.methods[0], raw):
				return r.place() + " has the path, but only for " + strings.Join(r.methods, ", ")
			}
		}
	}
	return ""
}

// takes reports whether a request comes to a route in the settings that suit it.
func (c *comparison) takes(r *route, k call, method, raw string) bool {
	return slices.ContainsFunc(c.inSettings(k.server, r.settings), func(s setting) bool {
		first, _ := c.first(method, raw, s)
		return first == r.Route
	})
}

// route judges a route after all operations are known.
func (c *comparison) route(r *route, files string) (policy.Problem, bool) {
	if c.reached[r.Route] || r.CatchAll() || r.Access == policy.AccessDeny || len(r.patterns) == 0 {
		return policy.Problem{}, false
	}
	const plain = "describe what it is for, or drop it"
	hint := plain
	for _, k := range c.calls {
		for _, p := range r.patterns {
			raw, ok := p.meet(k.template, c.value)
			if !ok {
				continue
			}
			if c.takes(r, k, k.op.Method, raw) {
				return policy.Problem{}, false
			}
			if hint == plain && r.hasMethod(k.op.Method) {
				hint = c.instead(r, k, raw, plain)
			}
		}
	}
	return c.policy.Problem(policy.Warning, r.Pos, fmt.Sprintf("route %q has no operation in %s", r.Name, files), hint), true
}

// place names a route and where it is.
func (r *route) place() string { return fmt.Sprintf("route %q on line %d", r.Name, r.Pos.Line) }

// hasMethod reports whether a route is for a method.
func (r *route) hasMethod(method string) bool {
	return len(r.methods) == 0 || slices.Contains(r.methods, method) || method == "HEAD" && slices.Contains(r.methods, "GET")
}

// instead says which earlier route takes an operation that a route has the path
// and the method of; otherwise it returns plain.
func (c *comparison) instead(r *route, k call, raw, plain string) string {
	for _, s := range c.inSettings(k.server, r.settings) {
		first, _ := c.first(k.op.Method, raw, s)
		if first != nil && first.Pos.Line < r.Pos.Line {
			return c.describe(k) + " goes to " + (&route{Route: first}).place()
		}
	}
	return plain
}
