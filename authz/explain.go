package authz

import (
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

// ExplainClaims decides like [Engine.Explain] for a caller whose session token
// has these claims (a JSON object, the payload of RFC 7519), taken as verified.
// exp and nbf are judged if they are there. The error says what is wrong with
// the claims.
func (e *Engine) ExplainClaims(r *Request, claims []byte) (Verdict, Answer, error) {
	session, err := clerk.DecodeClaims(claims)
	if err != nil {
		return Verdict{}, Answer{}, err
	}
	c := e.explaining(r)
	c.session = session
	a, _ := c.run()
	return c.verdict, a, nil
}

func (e *Engine) explaining(r *Request) *check {
	quiet := &Engine{cache: e.cache, now: e.now}
	return &check{engine: quiet, snapshot: e.snapshot.Load(), request: r, start: e.now(), trace: &policy.Trace{}}
}

// explainSkew is Clerk's clock skew, by which claims without a token are judged.
const explainSkew = 5 * time.Second

// claimsState is what Clerk's rules make of claims that count as verified. Only
// their times can be wrong.
func claimsState(s *clerk.Session, now time.Time) clerk.State {
	state := clerk.State{Presented: true, Carrier: clerk.CarrierHeader}
	switch {
	case !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt.Add(explainSkew)):
		state.Code = "token-expired"
	case !s.NotBefore.IsZero() && s.NotBefore.After(now.Add(explainSkew)):
		state.Code = "session-token-nbf"
	default:
		state.SignedIn, state.Session, state.TokenType = true, s, clerk.TypeSession
	}
	return state
}
