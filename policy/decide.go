package policy

// Code says why a request was denied, for machines. The set is closed.
type Code string

// The codes.
const (
	CodeNone                   Code = ""                        // passed, or the line holds
	CodeNoRoute                Code = "no-route"                // no route matches
	CodeAccessDenied           Code = "access-denied"           // access: deny, or no signature of the webhook
	CodeUnauthenticated        Code = "unauthenticated"         // no token that the route accepts; the caller of Decide knows better why
	CodeOrgRequired            Code = "org-required"            // no organisation is active
	CodeOrgForbidden           Code = "org-forbidden"           // an organisation is active and must not be
	CodeOrgMismatch            Code = "org-mismatch"            // another organisation is active
	CodeRoleRequired           Code = "role-required"           // none of the roles
	CodePermissionRequired     Code = "permission-required"     // not all of the permissions
	CodeFeatureRequired        Code = "feature-required"        // not all of the features
	CodePlanRequired           Code = "plan-required"           // not all of the plans
	CodeUserMismatch           Code = "user-mismatch"           // the path is another user's
	CodeScopeRequired          Code = "scope-required"          // not all of the scopes
	CodeAudienceRequired       Code = "audience-required"       // the token is for none of the audiences
	CodeActorForbidden         Code = "actor-forbidden"         // somebody acts for the user, or may do so
	CodeActorRequired          Code = "actor-required"          // nobody who is known acts for the user
	CodeConditionFailed        Code = "condition-failed"        // when, anyOf, allOf or not does not hold, or a when could not be evaluated
	CodeReverificationRequired Code = "reverification-required" // the user's factors were verified too long ago
)

// Identity is who asks, as far as the policy looks at it. All of it must have
// been verified.
type Identity struct {
	// UserID is the user, if there is one: of a session, a JWT template, an OAuth
	// token, or of an API key that belongs to a user.
	UserID    string
	SessionID string
	// MachineID is the machine that a machine-to-machine token speaks for.
	MachineID string
	// OrgID is the active organisation of a session, or the organisation that an
	// API key belongs to; empty: none.
	OrgID          string
	OrgSlug        string
	OrgRole        string   // as the token has it, with or without "org:"
	OrgPermissions []string // as Clerk's SDK decodes them, with "org:"
	// Features and plans by the scope that the token's fea and pla have them in,
	// without it. One that has both scopes is in both lists.
	OrgFeatures, UserFeatures []string
	OrgPlans, UserPlans       []string
	// FactorAges is the token's fva: how many minutes ago the first and the
	// second factor were verified, -1 for one that the user does not have. Nil if
	// the token has none, or one that is not two finite numbers of which each is
	// -1 or not negative.
	FactorAges []float64
	// Scopes are what a machine-to-machine token, an API key or an OAuth token may
	// do; those of other tokens are not looked at.
	Scopes []string
	// Audiences is the token's aud.
	Audiences []string
	// Actor says that somebody acts for the user (the token's act): an
	// impersonator or an agent. ActorID is who that is, its sub; empty if there is
	// none, or if act does not say. An ActorID implies Actor.
	Actor   bool
	ActorID string
	// Claims are those of the token, Clerk's own among them if it is a JWT; nil if
	// there are none.
	Claims *Claims
	// TokenType is Clerk's name for the type of the token: session_token,
	// template_token, m2m_token, api_key or oauth_token. Empty counts as
	// session_token; any other is nobody's.
	TokenType string
	// Webhook says that the request has a valid signature of the webhook of its
	// route.
	Webhook bool
}

// Outcome says whether a request passes.
type Outcome int

// The outcomes. The zero value denies.
const (
	Denied Outcome = iota
	Passed
)

// String returns "pass" or "deny".
func (o Outcome) String() string {
	if o == Passed {
		return "pass"
	}
	return "deny"
}

// Decision is the result of Decide. The zero Decision denies.
type Decision struct {
	Outcome Outcome
	Code    Code
	// Line is the line of require that failed, such as "role" or "anyOf"; else
	// empty. It is never a line inside a nest.
	Line string
	// Detail is a sentence about why it was denied. It holds words of the policy
	// and nothing of the request.
	Detail string
	// Reverification is what would help; set if and only if Code is
	// CodeReverificationRequired. It belongs to the policy and must not be
	// changed.
	Reverification *Reverification
}

// Trace collects how a decision was made.
type Trace struct {
	// Conditions holds every line of require, in the order of evaluation. A nest
	// stands before what is in it.
	Conditions []Condition
}

// Condition is one line of require with its result. Inside a nest it may fail
// without the request being denied: what the nest makes of it counts.
type Condition struct {
	Line  string `json:"line"`  // such as role, anyOf, anyOf[1].role or not.role; groups are counted from 0
	Want  string `json:"want"`  // what the policy asks for, parameters filled in
	Got   string `json:"got"`   // what the identity has
	Holds bool   `json:"holds"` // whether that is enough
	Code  Code   `json:"code"`  // why not

	// Reached says that the decision depended on it: no line before it had
	// settled the matter.
	Reached bool `json:"-"`
}

// Decide says whether an identity, which is nil if nobody is signed in, may do
// what the match is about. It is pure. It stops at the first line that fails and
// does not allocate. With a trace it then evaluates every line once more, to
// record it; that changes nothing.
func Decide(m Match, id *Identity, tr *Trace) Decision {
	if m.Route == nil {
		return Decision{Code: CodeNoRoute, Detail: "no route of the policy matches"}
	}
	switch m.Route.Access {
	case AccessPublic, AccessOptional:
		return Decision{Outcome: Passed}
	case AccessWebhook:
		if id != nil && id.Webhook {
			return Decision{Outcome: Passed}
		}
		return Decision{Code: CodeAccessDenied, Detail: "the route is for signed webhooks"}
	case AccessAuthenticated:
	default:
		return Decision{Code: CodeAccessDenied, Detail: "the route is closed"}
	}
	if !id.authenticates(m.Route.Tokens) {
		return Decision{Code: CodeUnauthenticated, Detail: "the route is for callers with a token that it accepts"}
	}
	if tr != nil {
		m.Route.require.record(tr, m, id, spot{reached: true})
	}
	return m.Route.judge(m, id)
}

// authenticates reports whether the identity comes from a token of these types
// and names whom it speaks for. Clerk's has() is false, too, for a session
// without a user.
func (id *Identity) authenticates(accepted TokenTypes) bool {
	if id == nil {
		return false
	}
	t := tokenType(id.TokenType)
	if !accepted.Has(t) {
		return false
	}
	switch t {
	case TokenM2M:
		return id.MachineID != ""
	case TokenAPIKey:
		return id.UserID != "" || id.OrgID != ""
	}
	return id.UserID != ""
}

// isSession reports whether has() of Clerk's SDK can be true: it is false for
// every other type of token, whatever the token says.
func (id *Identity) isSession() bool { return tokenType(id.TokenType) == TokenSession }

// judge evaluates the lines of require.
func (r *Route) judge(m Match, id *Identity) Decision {
	for i := range r.require {
		q := &r.require[i]
		code := q.check(m, id)
		if code == CodeNone {
			continue
		}
		decision := Decision{Code: code.public(), Line: q.name, Detail: q.explain(code)}
		if fresh, ok := q.line.(*freshFactors); ok {
			decision.Reverification = &fresh.config
		}
		return decision
	}
	return Decision{Outcome: Passed}
}
