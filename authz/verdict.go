package authz

import (
	"time"

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
	// Unauthenticated is missing or unacceptable proof of who calls: 401, or 307
	// to where it can be had.
	Unauthenticated
	// Forbidden is a caller, or anyone, who may not do this: 403, or 307 to where
	// an organisation can be selected.
	Forbidden
	// Unavailable is a decision that cannot be made at the moment: 503.
	Unavailable
	// TooLarge is a body that does not fit into the check: 413.
	TooLarge
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

	CodeBackendUnavailable = "backend-unavailable"
	CodeNotFound           = "not-found"           // told to the client only, in place of the code of a hidden route
	CodeHandshake          = "handshake"           // the end of a handshake on a development instance
	CodeTypeMismatch       = "token-type-mismatch" // also Clerk's reason, from internal/clerk

	CodeWebhookSignatureMissing = "webhook-signature-missing"
	CodeWebhookSignatureInvalid = "webhook-signature-invalid"
	CodeWebhookOutsideWindow    = "webhook-timestamp-outside-window"
	CodeWebhookBodyNotSent      = "webhook-body-not-sent"
	CodeWebhookBodyTooLarge     = "webhook-body-too-large"
)

// Verdict is what was decided about one request, and all that an answer, a log
// record or a metric is made from. Its exported fields hold nothing secret. The
// zero Verdict denies.
type Verdict struct {
	Kind Kind
	// Code is the closed reason for machines; empty on a pass.
	Code string
	// ClerkReason is the SDK's reason string, verbatim, when the SDK would send
	// one (x-clerk-auth-reason); else empty.
	ClerkReason string
	// Detail is a sentence for operators. It never holds text of the client's.
	Detail string
	// Shadow is the reason for which the request would have been denied, had its
	// route not been in shadow mode. It is set on passes only.
	Shadow string
	// Dropped are the identity headers whose value, a claim, no header can carry.
	// The service did not get them. Only passes have any.
	Dropped []string
	// Presented says whether the client showed a credential at all.
	Presented bool
	// Asked says that it mattered who calls: credentials were looked at, those of
	// the types in Accepted. Where nobody asks, as on public routes, the verdict
	// says nothing about the caller.
	Asked    bool
	Accepted policy.TokenTypes
	// Unverified says why nobody was verified though it was asked: Clerk's reason
	// in its plain form, or session-pending. It is also there if the request passed
	// all the same. ThroughClerk says that Clerk's rules send such a client through
	// Clerk first.
	Unverified   string
	ThroughClerk bool
	// Document says that a browser wants to show the answer. Preflight is the method
	// that a CORS preflight asks for (the Fetch standard, section 3.2.3); empty: the
	// request is none.
	Document  bool
	Preflight string
	// Route is the name of the matched route; empty if none matched.
	Route string
	// Policy is the hash of the policy that decided; empty if none was loaded.
	Policy string
	// Identity is who was verified; nil if nobody was. It may be set on a
	// denial: a caller who is known and may not. Its Claims are left out if the
	// policy reads none.
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

	detail           bool // tell the client Detail
	hidden           bool // the route answers 404 for every 401 and 403
	headers          []policy.IdentityHeader
	withhold         withholding            // what the service must not see
	strip            []string               // received headers to remove on a pass
	cookie           string                 // what the request's cookies are after setCookies
	setCookies       []string               // Set-Cookie values, on every outcome
	location         string                 // where the client is sent instead of a 401 or 403; it may hold a token
	handshake        bool                   // ClerkReason is that of a handshake
	webhook          bool                   // the route takes signatures, not tokens
	resourceMetadata string                 // of the challenge (RFC 9728)
	retryAfter       time.Duration          // 0: unknown
	reverification   *policy.Reverification // what the front end shall ask for
	room             *answerRoom            // where the answer may be built; nil: it allocates
}

// withholding says which credentials are taken out of a request that passes.
type withholding struct {
	authorization  bool
	sessionCookies bool
}

// Outcome returns "pass" or "deny", as logs, metrics and metadata write it.
func (v *Verdict) Outcome() string {
	if v.Kind == Passed {
		return "pass"
	}
	return "deny"
}

// Status returns the HTTP status of the answer to a request that is denied; 0 for
// one that passes, because then the service answers.
func (v *Verdict) Status() int {
	if v.Kind == Passed {
		return 0
	}
	return statusOf(v)
}

func (v *Verdict) refuse(kind Kind, code, detail string) {
	v.Kind, v.Code, v.Detail = kind, code, detail
}

// letPass turns a refusal for want of a caller, or of what the caller may do, into
// a pass that remembers it. Every other verdict stays.
func (v *Verdict) letPass() {
	if v.Kind != Unauthenticated && v.Kind != Forbidden || v.Code == "" {
		return
	}
	if v.handshake {
		v.setCookies = nil // they count redirects, of which there is none
	}
	v.Shadow = v.Code
	v.Kind, v.Code, v.location, v.reverification = Passed, "", "", nil
}

// fail turns a verdict into a fault. What was to go into the answer is dropped:
// it may be the very thing that is wrong.
func (v *Verdict) fail(detail string) {
	v.Identity, v.setCookies, v.location, v.reverification = nil, nil, "", nil
	v.refuse(Fault, CodeInternalError, detail)
}
