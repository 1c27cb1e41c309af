package authz

import (
	"errors"
	"fmt"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// decide takes the request through its rooms: read, match, authenticate,
// decide. It fills c.verdict, or returns what has to be waited for.
func (c *check) decide(keyErr error) *Wait {
	v := &c.verdict
	s := c.snapshot
	if s == nil {
		in, _ := read(c.request, false)
		v.RequestID = in.requestID
		v.refuse(Unavailable, CodePolicyNotLoaded, "no policy is loaded yet")
		return nil
	}
	v.Policy, v.detail = s.policy.Hash, s.policy.Denials.Detail

	in, malformed := read(c.request, s.policy.DependsOnMethod())
	v.RequestID, v.strip = in.requestID, in.strip
	if malformed != "" {
		v.refuse(Malformed, CodeRequestMalformed, malformed)
		return nil
	}
	m, ok := c.match()
	if !ok {
		return nil
	}
	if m.Route == nil || m.Route.Access == policy.AccessDeny || m.Route.Access == policy.AccessPublic {
		// Credentials are not looked at: what is wrong with them cannot matter.
		c.judge(m, nil)
		return nil
	}
	if in.authorizations > 1 {
		v.refuse(Malformed, CodeRequestMalformed, "the request has more than one authorization header")
		return nil
	}
	return c.authenticate(m, &in, keyErr)
}

// match finds the route, or refuses a path that has more than one reading.
func (c *check) match() (policy.Match, bool) {
	raw, _ := splitTarget(c.request.Path)
	path, err := c.snapshot.policy.ReadPath(raw)
	if err == nil {
		var m policy.Match
		m, err = c.snapshot.policy.Match(&policy.Request{
			Method:  c.request.Method,
			Host:    policy.NormalHost(c.request.Host),
			Path:    path,
			Context: c.request.Context,
		})
		if err == nil {
			c.note(m)
			return m, true
		}
	}
	c.verdict.refuse(Malformed, CodePathAmbiguous, err.Error())
	return policy.Match{}, false
}

// note puts the matched route into the verdict.
func (c *check) note(m policy.Match) {
	if m.Route == nil {
		return
	}
	c.verdict.Route = m.Route.Name
	if c.trace != nil {
		c.verdict.Access, c.verdict.Params = m.Route.Access.String(), m.Params()
	}
}

// authenticate asks who calls, and goes on to the route's requirements if that
// can be answered.
func (c *check) authenticate(m policy.Match, in *reading, keyErr error) *Wait {
	state := c.authenticationState(in)
	v := &c.verdict
	v.Presented = state.Presented
	switch {
	case state.Err != nil:
		return c.stuck(&state, keyErr)
	case m.Route.Access == policy.AccessOptional && (!state.Presented || state.SignedIn && state.Session.Pending):
		c.judge(m, nil)
	case !state.SignedIn:
		v.refuse(Unauthenticated, state.Code, "")
		v.ClerkReason = state.Reason
	case state.Session.Pending:
		v.refuse(Unauthenticated, CodeSessionPending, "the session has tasks that its user must complete first")
	default:
		v.Identity = identityOf(state.Session)
		c.judge(m, v.Identity)
	}
	return nil
}

// authenticationState is what Clerk's rules make of the request's credentials.
func (c *check) authenticationState(in *reading) clerk.State {
	if c.session != nil {
		return claimsState(c.session, c.now)
	}
	_, query := splitTarget(c.request.Path)
	return c.snapshot.instances.Authenticate(&clerk.Request{
		Method:         c.request.Method,
		Scheme:         c.request.Scheme,
		Host:           c.request.Host,
		Query:          query,
		Authorization:  in.authorization,
		Cookie:         in.cookie,
		Accept:         in.accept,
		SecFetchDest:   in.secFetchDest,
		Referer:        in.referer,
		Origin:         in.origin,
		ForwardedHost:  in.forwardedHost,
		ForwardedProto: in.forwardedProto,
		CookieInstance: c.snapshot.cookieInstance(c.request.Host),
	}, c.engine.cache, c.now)
}

// keysUnavailable is the detail of every 503 for want of keys.
const keysUnavailable = "the keys that would verify this token are not available"

// stuck handles a credential about which nothing could be found out.
func (c *check) stuck(state *clerk.State, keyErr error) *Wait {
	v := &c.verdict
	switch {
	case errors.Is(state.Err, clerk.ErrMalformed):
		v.refuse(Malformed, CodeRequestMalformed, state.Err.Error())
	case errors.Is(state.Err, jwks.ErrFetchNeeded) && keyErr == nil:
		if keys := c.snapshot.keysOf(state.Instance); keys != nil && keys.Await != nil {
			return &Wait{check: c, keys: keys, keyID: state.KeyID}
		}
		v.refuse(Unavailable, CodeKeysUnavailable, keysUnavailable)
	case errors.Is(keyErr, jwks.ErrUnknownKey):
		// The fetch that this request waited for settles its key id, even if the
		// next one is due already.
		v.refuse(Unauthenticated, CodeUnknownKey, "")
		v.ClerkReason = CodeUnknownKey
	default:
		v.refuse(Unavailable, CodeKeysUnavailable, keysUnavailable)
	}
	return nil
}

// judge lets the policy decide and puts its decision into the verdict.
func (c *check) judge(m policy.Match, id *policy.Identity) {
	v := &c.verdict
	d := policy.Decide(m, id, c.trace)
	v.Trace = c.trace
	if d.Outcome == policy.Passed {
		v.Kind = Passed
		return
	}
	v.refuse(Forbidden, string(d.Code), d.Detail)
}

// describePanic names a panic's value without its details if it is not an
// error of the runtime: other values may hold a client's text.
func describePanic(p any) string {
	if err, ok := p.(error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}
