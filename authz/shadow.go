package authz

import "github.com/clerkgate/clerkgate/policy"

// shadow lets pass what a route in shadow mode, or, without a route, a policy in
// shadow mode, would deny.
func (c *check) shadow(m policy.Match) {
	on := c.snapshot.policy.Shadow
	if m.Route != nil {
		on = m.Route.Shadow
	}
	if on {
		c.verdict.letPass()
	}
}

// adopt takes over what the policy says about every answer.
func (v *Verdict) adopt(p *policy.Policy) {
	v.Policy, v.detail, v.headers = p.Hash, p.Denials.Detail, p.IdentityHeaders
	v.withhold = withholding{authorization: !p.ForwardAuthorization, sessionCookies: !p.ForwardSessionCookies}
}
