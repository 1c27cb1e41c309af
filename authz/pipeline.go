package authz

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// decide takes the request through its rooms: read, match, authenticate,
// decide. It fills c.verdict, or returns what has to be waited for.
func (c *check) decide() *lack {
	v := &c.verdict
	s := c.snapshot
	if s == nil {
		in, _ := read(c.request, &stripper{})
		v.RequestID = in.requestID
		v.refuse(Unavailable, CodePolicyNotLoaded, "no policy is loaded yet")
		return nil
	}
	v.adopt(s.policy)
	in, malformed := read(c.request, &s.strip)
	v.RequestID, v.strip, v.cookie = in.requestID, in.strip, in.cookie
	if malformed != "" {
		v.refuse(Malformed, CodeRequestMalformed, malformed)
		return nil
	}
	v.Document = clerk.IsDocument(c.request.Method, in.secFetchDest, in.accept)
	if in.isPreflight(c.request.Method) {
		v.Preflight = in.preflightOf
	}
	m, ok := c.match(c.request.Method, &c.matching)
	if !ok {
		return nil
	}
	if v.Preflight != "" && c.preflight(v.Preflight, m) {
		return nil
	}
	c.note(m)
	missing := c.admit(m, &in)
	c.shadow(m)
	return missing
}

// admit looks at who calls, as far as the route wants to know, and decides.
func (c *check) admit(m policy.Match, in *reading) *lack {
	switch {
	case m.Route == nil || m.Route.Access == policy.AccessDeny || m.Route.Access == policy.AccessPublic:
		// Credentials are not looked at: what is wrong with them cannot matter.
		c.judge(m, nil)
	case m.Route.Access == policy.AccessWebhook:
		c.verifyWebhook(m)
	case in.authorizations > 1:
		c.verdict.refuse(Malformed, CodeRequestMalformed, "the request has more than one authorization header")
	default:
		return c.authenticate(m, in)
	}
	return nil
}

// match finds the route of a method, or refuses a path that has more than one
// reading. r is room for the request as the policy reads it, which the match keeps.
func (c *check) match(method string, r *policy.Request) (policy.Match, bool) {
	raw, query := splitTarget(c.request.Path)
	path, err := c.snapshot.policy.ReadPath(raw)
	if err == nil {
		*r = policy.Request{
			Method:  method,
			Host:    policy.NormalHost(c.request.Host),
			Path:    path,
			Context: c.request.Context,
			Query:   query,
			Now:     c.now,
		}
		if names, all := c.snapshot.policy.ReadsHeaders(); all || len(names) > 0 {
			r.Headers = c.request.headerFields
		}
		var m policy.Match
		if m, err = c.snapshot.policy.Match(r); err == nil {
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
	c.verdict.Route, c.verdict.hidden = m.Route.Name, m.Route.OnDeny.Hide
	if c.trace != nil {
		c.verdict.Access, c.verdict.Params = m.Route.Access.String(), m.Params()
	}
}

// caller is a request on its way from "who calls" to "may they".
type caller struct {
	match   policy.Match
	request *clerk.Request
	state   clerk.State
}

// authenticate asks who calls, and goes on to the route's requirements if that
// can be answered.
func (c *check) authenticate(m policy.Match, in *reading) *lack {
	who := caller{match: m, request: c.clerkRequest(m.Route, in)}
	var missing *lack
	if who.state, missing = c.authenticationState(who.request); missing != nil {
		return missing
	}
	state, v := &who.state, &c.verdict
	v.Asked, v.Accepted = true, m.Route.Tokens
	v.Presented, v.handshake = state.Presented, state.Handshake
	if len(state.SetCookies) > 0 {
		v.setCookies, v.cookie = state.SetCookies, applySetCookies(in.cookie, state.SetCookies, c.now)
	}
	v.resourceMetadata = c.resourceMetadata(&who)
	switch {
	case state.Err != nil:
		return c.stuck(&who)
	case state.Location != "":
		c.redirectThroughClerk(state)
	case m.Route.Access == policy.AccessOptional && isNobody(state):
		v.Unverified = cmp.Or(state.Code, CodeSessionPending)
		c.judge(m, nil)
	case !state.SignedIn:
		c.unauthenticated(&who, state.Code, state.Reason)
	case isPending(state):
		v.Unverified = CodeSessionPending
		v.refuse(Unauthenticated, CodeSessionPending, "the session has tasks that its user must complete first")
		c.redirectToSignIn(&who, true)
	default:
		c.judgeCaller(&who)
	}
	return nil
}

// isNobody reports whether an optional route takes the request for one without
// credentials: it showed none, or those of a pending session.
func isNobody(s *clerk.State) bool { return !s.SignedIn && !s.Presented || isPending(s) }

func isPending(s *clerk.State) bool { return s.SignedIn && s.Session != nil && s.Session.Pending }

// judgeCaller lets the policy decide about who was verified.
func (c *check) judgeCaller(who *caller) {
	claims, found := c.claims(who)
	id := identityOf(&who.state, claims, &c.identity)
	if c.given != nil && c.given.Identity != nil {
		id = c.given.Identity
	}
	if id == nil || !found {
		c.verdict.refuse(Fault, CodeInternalError, "a verified caller has no identity, or none of the claims that the policy reads")
		return
	}
	if !who.match.Route.Tokens.Has(acceptance(id.TokenType)) {
		c.unauthenticated(who, CodeTypeMismatch, CodeTypeMismatch)
		return
	}
	c.verdict.Identity = id
	c.judge(who.match, id)
	c.redirectForbidden(who)
}

// claims returns the payload of the caller's token if the policy reads it. Most
// policies do not, and decoding it takes as long as much of a decision. A session that
// came without is not found: to a policy it would have no claims, and a condition may
// want one not to be there.
func (c *check) claims(who *caller) (payload []byte, found bool) {
	switch {
	case who.state.Session == nil || !c.snapshot.policy.ReadsClaims():
		return nil, true
	case c.given != nil:
		payload = c.given.claims
	default:
		payload = who.state.Claims()
	}
	return payload, len(payload) > 0
}

// unauthenticated refuses a request for want of good credentials.
func (c *check) unauthenticated(who *caller, code, reason string) {
	c.verdict.refuse(Unauthenticated, code, who.state.Detail)
	c.verdict.ClerkReason, c.verdict.Unverified = reason, code
	c.redirectToSignIn(who, false)
}

// clerkRequest is the request as Clerk's rules read it.
func (c *check) clerkRequest(route *policy.Route, in *reading) *clerk.Request {
	path, query := splitTarget(c.request.Path)
	c.clerk = clerk.Request{
		Method:         c.request.Method,
		Scheme:         c.request.Scheme,
		Host:           c.request.Host,
		Path:           path,
		Query:          query,
		Authorization:  in.authorization,
		Cookie:         in.cookie,
		Accept:         in.accept,
		SecFetchDest:   in.secFetchDest,
		Referer:        in.referer,
		Origin:         in.origin,
		ForwardedHost:  in.forwardedHost,
		ForwardedProto: in.forwardedProto,
		CookieInstance: c.snapshot.cookieInstance(c.matching.Host),
		Accepts:        accepts(route.Tokens),
	}
	return &c.clerk
}

// authenticationState is what Clerk's rules make of the request's credentials,
// or what has to be waited for before they can say. Answers of the Backend API
// that are at hand are used at once.
func (c *check) authenticationState(r *clerk.Request) (clerk.State, *lack) {
	if c.given != nil {
		return c.given.state(c.now), nil
	}
	for {
		r.Replies, r.UnknownKey = c.progress.replies, c.progress.unknownKey
		state := c.snapshot.authenticator.Authenticate(r, c.engine.cache, c.now)
		if state.Call == nil {
			return state, nil
		}
		known, missing := c.answerKnown(state.Call, c.snapshot.connectionOf(state.Instance))
		if missing != nil {
			return clerk.State{}, missing
		}
		if !known {
			return clerk.State{Err: &unaskedError{state.Call.Kind}, Presented: state.Presented, Instance: state.Instance}, nil
		}
	}
}

// unaskedError is a question that the Backend API cannot be asked.
type unaskedError struct{ kind clerk.CallKind }

func (e *unaskedError) Error() string {
	return "the Backend API would have to be asked (" + e.kind.String() + ")"
}

func (e *unaskedError) Unwrap() error { return clerk.ErrBackendUnavailable }

// Details of every 503 for want of keys, and of the Backend API.
const (
	keysUnavailable    = "the keys that would verify this token are not available"
	backendUnavailable = "the Backend API gave no answer that tells good from bad"
)

// stuck handles a credential about which nothing could be found out.
func (c *check) stuck(who *caller) *lack {
	v, err := &c.verdict, who.state.Err
	var unasked *unaskedError
	switch {
	case errors.Is(err, clerk.ErrMalformed):
		v.refuse(Malformed, CodeRequestMalformed, err.Error())
	case errors.As(err, &unasked):
		v.refuse(Unavailable, CodeBackendUnavailable, unasked.Error())
	case errors.Is(err, clerk.ErrBackendUnavailable):
		v.refuse(Unavailable, CodeBackendUnavailable, backendUnavailable)
		v.retryAfter = who.state.RetryAfter
	default:
		return c.keyMissing(who)
	}
	return nil
}

// keyMissing returns the wait for a key, unless the request has waited for it.
// What came of that settles it, even if the next fetch is due already.
func (c *check) keyMissing(who *caller) *lack {
	connection := c.snapshot.connectionOf(who.state.Instance)
	key, waited := c.progress.waitedFor(connection, who.state.KeyID)
	switch {
	case waited && errors.Is(key.err, jwks.ErrUnknownKey):
		c.unauthenticated(who, CodeUnknownKey, CodeUnknownKey)
		return nil
	case !waited && errors.Is(who.state.Err, jwks.ErrFetchNeeded) &&
		connection != nil && connection.Keys.Await != nil && c.progress.waits < maxWaits:
		return &lack{connection: connection, keyID: who.state.KeyID}
	}
	c.verdict.refuse(Unavailable, CodeKeysUnavailable, keysUnavailable)
	return nil
}

// judge lets the policy decide and puts its decision into the verdict.
func (c *check) judge(m policy.Match, id *policy.Identity) {
	v := &c.verdict
	d := policy.Decide(m, id, c.trace)
	v.Trace = c.trace
	switch {
	case d.Outcome == policy.Passed:
		v.Kind = Passed
	case d.Code == policy.CodeUnauthenticated:
		v.refuse(Unauthenticated, string(d.Code), d.Detail)
	default:
		v.refuse(Forbidden, string(d.Code), d.Detail)
		v.reverification = d.Reverification
	}
}

// describePanic names a panic's value without its details if it is not an
// error of the runtime: other values may hold a client's text, or the whole stack of
// the goroutine whose panic a single flight hands on.
func describePanic(p any) string {
	var ours runtime.Error
	if err, ok := p.(error); ok && errors.As(err, &ours) {
		return ours.Error()
	}
	return fmt.Sprintf("%T", p)
}
