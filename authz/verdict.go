package authz

import (
	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// Kind is what sort of verdict was reached; it splits where the answer splits.
// The zero Kind is a fault and denies.
type Kind uint8

// The kinds of verdicts.
const (
	// Fault is a bug of ours, or a verdict that nobody reached: 503.
	Fault Kind = iota
	// Passed lets the request through.
	Passed
	// Malformed is a request that cannot be read in exactly one way: 400.
	Malformed
	// Unauthenticated is missing or unacceptable proof of who calls: 401.
	Unauthenticated
	// Forbidden is a caller, or anyone, who may not do this: 403.
	Forbidden
	// Unavailable is a decision that cannot be made at the moment: 503.
	Unavailable
)

// Codes of the answers that this package itself gives. A code is a closed
// string for machines; Clerk's reasons and the policy's codes complete them.
const (
	CodeRequestMalformed = "request-malformed"
	CodePathAmbiguous    = "path-ambiguous"
	CodeSessionPending   = "session-pending"
	CodeKeysUnavailable  = "keys-unavailable"
	CodeUnknownKey       = "jwk-kid-mismatch" // also Clerk's reason, from internal/clerk
	CodePolicyNotLoaded  = "policy-not-loaded"
	CodeInternalError    = "internal-error"
)

// Verdict is what was decided about one request, and all that an answer, a log
// record or a metric is made from. The zero Verdict denies.
type Verdict struct {
	Kind Kind
	// Code is the closed reason for machines; empty on a pass.
	Code string
	// ClerkReason is the SDK's reason string, verbatim, when the SDK would send
	// one (x-clerk-auth-reason); else empty.
	ClerkReason string
	// Detail is a sentence for operators. It never holds text of the client's.
	Detail string
	// Presented says whether the client showed a credential at all.
	Presented bool
	// Route is the name of the matched route; empty if none matched.
	Route string
	// Policy is the hash of the policy that decided; empty if none was loaded.
	Policy string
	// Identity is who was verified; nil if nobody was. It may be set on a
	// denial: a caller who is known and may not.
	Identity *policy.Identity
	// RequestID is the proxy's x-request-id; empty if it sent none that can be
	// repeated safely.
	RequestID string
	// Trace holds the route's conditions with their results, Access the route's
	// access, and Params its path parameters. Only [Engine.Explain] and
	// [Engine.ExplainClaims] fill them.
	Trace  *policy.Trace
	Access string
	Params map[string]string

	detail bool     // tell the client Detail
	strip  []string // received headers to remove on a pass
}

// Outcome returns "pass" or "deny", as logs, metrics and metadata write it.
func (v *Verdict) Outcome() string {
	if v.Kind == Passed {
		return "pass"
	}
	return "deny"
}

func (v *Verdict) refuse(kind Kind, code, detail string) {
	v.Kind, v.Code, v.Detail = kind, code, detail
}

// identityOf copies the verified session into the policy's terms, field by
// field: what is not named here cannot reach a decision.
func identityOf(s *clerk.Session) *policy.Identity {
	return &policy.Identity{
		UserID:         s.UserID,
		SessionID:      s.SessionID,
		OrgID:          s.OrgID,
		OrgSlug:        s.OrgSlug,
		OrgRole:        s.OrgRole,
		OrgPermissions: s.OrgPermissions,
		TokenType:      "session_token",
	}
}
