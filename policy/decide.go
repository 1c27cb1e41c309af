package policy

// Code says why a request was denied, for machines. The set is closed.
type Code string

// The codes.
const (
	CodeNone               Code = ""                    // passed, or the line holds
	CodeNoRoute            Code = "no-route"            // no route matches
	CodeAccessDenied       Code = "access-denied"       // access: deny
	CodeUnauthenticated    Code = "unauthenticated"     // nobody is signed in; the caller of Decide knows better why
	CodeOrgRequired        Code = "org-required"        // no organisation is active
	CodeOrgForbidden       Code = "org-forbidden"       // an organisation is active and must not be
	CodeOrgMismatch        Code = "org-mismatch"        // another organisation is active
	CodeRoleRequired       Code = "role-required"       // none of the roles
	CodePermissionRequired Code = "permission-required" // not all of the permissions
)

// Identity is who asks, as far as the policy looks at it. All of it must have
// been verified.
type Identity struct {
	UserID         string
	SessionID      string
	OrgID          string // of the active organisation; empty: none is
	OrgSlug        string
	OrgRole        string   // as the token has it, with or without "org:"
	OrgPermissions []string // as Clerk's SDK decodes them, with "org:"
	TokenType      string
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
	// Line is the line of require that failed, such as "role"; else empty.
	Line string
	// Detail is a sentence about why it was denied. It holds words of the policy
	// and nothing of the request.
	Detail string
}

// Trace collects how a decision was made.
type Trace struct {
	// Conditions holds every line of require, in the order of evaluation.
	Conditions []Condition
}

// Condition is one line of require with its result.
type Condition struct {
	Line  string `json:"line"`  // org, role or permission
	Want  string `json:"want"`  // what the policy asks for, parameters filled in
	Got   string `json:"got"`   // what the identity has
	Holds bool   `json:"holds"` // whether that is enough
	Code  Code   `json:"code"`  // why not
}

// Decide says whether an identity, which is nil if nobody is signed in, may do
// what the match is about. It is pure. Without a trace it stops at the first
// line that fails and does not allocate; with one it evaluates every line, and
// decides the same.
func Decide(m Match, id *Identity, tr *Trace) Decision {
	if m.Route == nil {
		return Decision{Code: CodeNoRoute, Detail: "no route of the policy matches"}
	}
	switch m.Route.Access {
	case AccessPublic, AccessOptional:
		return Decision{Outcome: Passed}
	case AccessAuthenticated:
	default:
		return Decision{Code: CodeAccessDenied, Detail: "the route is closed"}
	}
	// Clerk's has() is false for whoever has no user id.
	if id == nil || id.UserID == "" {
		return Decision{Code: CodeUnauthenticated, Detail: "the route is for signed-in users"}
	}
	return m.Route.judge(m, id, tr)
}

// judge evaluates the lines of require.
func (r *Route) judge(m Match, id *Identity, tr *Trace) Decision {
	decision := Decision{Outcome: Passed}
	for _, q := range r.require {
		code := q.line.check(m, id)
		if tr != nil {
			want, got := q.line.describe(m, id)
			tr.Conditions = append(tr.Conditions, Condition{q.name, want, got, code == CodeNone, code})
		}
		if code == CodeNone || decision.Outcome != Passed {
			continue
		}
		decision = Decision{Denied, code, q.name, q.explain(code)}
		if tr == nil {
			break
		}
	}
	return decision
}
