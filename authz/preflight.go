package authz

import "github.com/clerkgate/clerkgate/policy"

// isPreflight reports whether a browser asks whether it may send another request
// (the Fetch standard, section 3.2.3).
func (in *reading) isPreflight(method string) bool {
	return method == "OPTIONS" && in.origin != "" && in.preflightOf != ""
}

// preflight lets a preflight pass, without a caller, if the route of the request
// that it announces says so; where there is none, the route of OPTIONS is asked,
// m, and so is one that names OPTIONS: whoever has written that means it, and
// which method is announced is for the client to say. It is not done if the
// preflight is a request like any other.
func (c *check) preflight(announced string, m policy.Match) (done bool) {
	if target, ok := c.match(announced, new(policy.Request)); !ok {
		return true
	} else if target.Route != nil && (m.Route == nil || !m.Route.NamesMethod("OPTIONS")) {
		m = target
	}
	if m.Route == nil || !m.Route.PreflightPass || m.Route.Access == policy.AccessDeny || m.Route.Access == policy.AccessWebhook {
		return false
	}
	c.note(m)
	c.verdict.Kind = Passed
	return true
}
