package authz

import (
	"cmp"
	"context"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// Explain decides one request as Check does, records every condition of its
// route, and tells no observer.
func (e *Engine) Explain(ctx context.Context, r *Request) (Verdict, Answer) {
	c := e.explaining(r)
	a, lack := c.run()
	if lack != nil {
		a = (&Wait{check: c, lack: lack}).Do(ctx)
	}
	return c.verdict, a
}

// Caller is who sends a request, as far as somebody else than Clerk's rules says
// so. It exists to explain, test and replay decisions. The zero Caller is nobody,
// who shows no credential.
type Caller struct {
	// Identity is who counts as verified; nil if nobody does.
	Identity *policy.Identity
	// Presented says whether a credential was shown. An Identity implies it.
	Presented bool
	// Code and ClerkReason say why nobody was verified, as a [Verdict] has them.
	// CodeSessionPending is that of a session that counts as nobody's.
	Code, ClerkReason string
	// ThroughClerk says that Clerk's rules send the caller through Clerk first,
	// [Verdict.ThroughClerk]. The answer's location then is about:blank.
	ThroughClerk bool

	session *clerk.Session
	claims  []byte // that the session was read from
}

// ExplainCaller decides like [Engine.Explain] for this caller, whatever
// credentials the request has. Redirects through Clerk depend on those, and are
// among its answers only if the caller says so.
func (e *Engine) ExplainCaller(r *Request, who Caller) (Verdict, Answer) {
	c := e.explaining(r)
	c.given = &who
	a, _ := c.run()
	return c.verdict, a
}

// ExplainClaims decides like [Engine.Explain] for a caller whose session token
// has these claims (a JSON object, the payload of RFC 7519), taken as verified.
// exp and nbf are judged if they are there. The error says what is wrong with
// the claims.
func (e *Engine) ExplainClaims(r *Request, claims []byte) (Verdict, Answer, error) {
	session, err := clerk.DecodeClaims(claims)
	if err != nil {
		return Verdict{}, Answer{}, err
	}
	v, a := e.ExplainCaller(r, Caller{session: session, claims: claims})
	return v, a, nil
}

func (e *Engine) explaining(r *Request) *check {
	c := e.begin(r, e.now())
	c.engine, c.trace = &Engine{cache: e.cache, now: e.now}, &policy.Trace{}
	return c
}

// explainSkew is Clerk's clock skew, by which claims without a token are judged.
const explainSkew = 5 * time.Second

// state is what Clerk's rules would make of such a caller. Of claims that count
// as verified, only the times can be wrong.
func (w *Caller) state(now time.Time) clerk.State {
	s := w.session
	state := clerk.State{Presented: w.Presented || w.Identity != nil || s != nil, Carrier: clerk.CarrierHeader}
	switch {
	case w.Identity != nil:
		state.SignedIn, state.TokenType = true, w.Identity.TokenType
	case s == nil && w.Code == CodeSessionPending:
		state.SignedIn, state.Session, state.TokenType = true, &clerk.Session{Pending: true}, clerk.TypeSession
	case s == nil:
		state.Code, state.Reason = cmp.Or(w.Code, codeNobody), cmp.Or(w.ClerkReason, w.Code, codeNobody)
		if w.ThroughClerk {
			state.Handshake, state.Location = true, throughClerk
		}
	case !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt.Add(explainSkew)):
		state.Code = "token-expired"
	case !s.NotBefore.IsZero() && s.NotBefore.After(now.Add(explainSkew)):
		state.Code = "session-token-nbf"
	default:
		state.SignedIn, state.Session, state.TokenType = true, s, clerk.TypeSession
	}
	return state
}

// throughClerk stands for the way through Clerk, which depends on credentials.
const throughClerk = "about:blank"

// codeNobody is Clerk's reason for a request that shows nothing.
const codeNobody = "session-token-and-uat-missing"
