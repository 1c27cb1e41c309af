package replay

import (
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// Reason says why a request was not replayed. The set is closed.
type Reason string

// The reasons.
const (
	// Incomplete is a record without the request, or with a reason that no record
	// has.
	Incomplete Reason = "record-incomplete"
	// Truncated is a request too long to be recorded whole.
	Truncated Reason = "request-truncated"
	// Malformed is a request that could not be read in one way. How it was malformed
	// is not recorded.
	Malformed Reason = "request-malformed"
	// CallerUnknown is a request about which nobody asked who calls, or nobody could
	// find out, where a policy asks.
	CallerUnknown Reason = "caller-unknown"
	// OtherTokens is a request of nobody where a policy accepts other types of
	// tokens than were looked for.
	OtherTokens Reason = "other-tokens"
	// SignatureUnknown is a request to a webhook, whose body is not recorded.
	SignatureUnknown Reason = "signature-unknown"
	// ConditionUnknown is a request about which a condition (when) decides, by what
	// is not recorded: claims, the query, headers, or the time of a record without.
	ConditionUnknown Reason = "condition-unknown"
)

// input is a request with its caller, as far as a record says.
type input struct {
	record  *telemetry.Record
	request authz.Request
	caller  authz.Caller
	known   bool // who called, or that nobody did

	test *suite.Case // where the request is from, and all that is known of it; nil: a record
}

// maxReason bounds, in bytes, the reason why nobody was verified. Clerk's longest
// is about 70.
const maxReason = 128

// read makes a request of a record, or says why not.
func read(r *telemetry.Record) (in input, reason Reason) {
	switch {
	case r.Method == "" || r.Host == "" || r.Path == "" || !printable(r.Unverified) || !printable(r.ClerkReason):
		return in, Incomplete
	case r.Truncated:
		return in, Truncated
	case r.Outcome == "deny" && r.Reason == authz.CodeRequestMalformed:
		return in, Malformed
	}
	in = input{record: r, request: authz.Request{Method: r.Method, Host: r.Host, Path: r.Path, Scheme: "https", Context: r.Context}}
	if r.Document {
		in.header("sec-fetch-dest", "document")
	}
	if r.Preflight != "" {
		in.header("origin", "null")
		in.header("access-control-request-method", r.Preflight)
	}
	in.readCaller(r)
	return in, ""
}

func (in *input) header(name, value string) {
	in.request.Headers = append(in.request.Headers, authz.Header{Name: name, Value: value})
}

func (in *input) readCaller(r *telemetry.Record) {
	switch {
	case r.Identity != nil:
		in.known, in.caller = true, authz.Caller{Identity: r.Identity.Verified()}
	case r.Unverified != "":
		in.known, in.caller = true, authz.Caller{
			Presented: r.Presented, Code: r.Unverified, ClerkReason: r.ClerkReason, ThroughClerk: r.Handshake,
		}
	}
}

// printable reports whether a text is short and of ASCII characters that are no
// controls.
func printable(s string) bool {
	return len(s) <= maxReason && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < ' ' || c > '~' })
}

// lacks says what the record does not, of all that led to this verdict.
func (in *input) lacks(v *authz.Verdict, p *policy.Policy) Reason {
	switch {
	case v.Access == policy.AccessWebhook.String():
		return SignatureUnknown
	case !v.Asked:
		return ""
	case !in.known:
		return CallerUnknown
	case !in.foundBy(v):
		return OtherTokens
	case in.caller.Identity != nil && in.blind(v, p):
		return ConditionUnknown
	}
	return ""
}

// blind reports whether the decision depended on a condition that looks at what is
// not recorded.
func (in *input) blind(v *authz.Verdict, p *policy.Policy) bool {
	if v.Trace == nil || !slices.ContainsFunc(v.Trace.Conditions, dependedOn) {
		return false
	}
	at := slices.IndexFunc(p.Routes, func(r *policy.Route) bool { return r.Name == v.Route })
	if at < 0 {
		return true
	}
	reads := p.Routes[at].Reads()
	return reads.Claims || reads.Query || reads.AnyHeader || len(reads.Headers) > 0 || reads.Time && in.record.Time.IsZero()
}

// dependedOn reports whether a line is a condition that was evaluated.
func dependedOn(c policy.Condition) bool {
	return c.Reached && (c.Line == when || strings.HasSuffix(c.Line, "."+when))
}

// when is the name of the line that has a condition.
const when = "when"

// sought reports whether the record is of a request in which tokens of the same
// types were looked for, or one was found that is accepted.
func (in *input) sought(v *authz.Verdict) bool {
	accepted := authz.TokenTypeNames(v.Accepted)
	if id := in.caller.Identity; id != nil {
		return slices.Contains(accepted, id.TokenType)
	}
	return slices.Equal(accepted, in.tokens())
}

// tokens are the types of tokens that were looked for in vain.
func (in *input) tokens() []string {
	if in.record.Tokens == nil {
		return []string{session}
	}
	return in.record.Tokens
}

// foundBy reports whether it is known who is found where these types of tokens are
// accepted.
func (in *input) foundBy(v *authz.Verdict) bool {
	switch {
	case in.sought(v):
		return true
	case in.caller.Identity != nil:
		// Elsewhere such a token is refused. On optional routes it may as well not
		// have been looked for: cookies are where no sessions are accepted.
		return v.Access != policy.AccessOptional.String()
	}
	// Where sessions are accepted all credentials are looked at. Who showed none then
	// has none of another type.
	return !in.caller.Presented && !in.caller.ThroughClerk && slices.Contains(in.tokens(), session)
}

// session is Clerk's name for the type of session tokens.
const session = "session_token"
