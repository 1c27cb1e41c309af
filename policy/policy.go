package policy

import "time"

// Policy is a loaded policy. It never changes and may be shared. The zero
// Policy has no routes and denies everything. Create it with [Load].
type Policy struct {
	// File is the name that Load was given.
	File string
	// Hash is "sha256:" and the first 12 hex digits of the file's digest.
	Hash string
	// Clerk holds the Clerk instances; empty if none is configured.
	Clerk []Clerk
	// IdentityHeaders tell the service who calls. On every pass each of them is
	// set or removed.
	IdentityHeaders []IdentityHeader
	// ForwardAuthorization lets the service see the authorization header, and
	// ForwardSessionCookies Clerk's own cookies.
	ForwardAuthorization, ForwardSessionCookies bool
	// Denials says what a denied client is told.
	Denials Denials
	// Shadow is mode: shadow, for requests that no route matches. Each route has
	// its own.
	Shadow bool
	// Routes holds the routes in the order of the file.
	Routes []*Route

	source  *source
	open    insecure
	folding folding
	index   matcher
	methods bool
	reads   Reads // of all conditions
	assumed []Pos
}

// Problem describes something wrong at a place of this policy. It is meant for
// values that the policy language cannot judge, such as publishable keys.
func (p *Policy) Problem(sev Severity, pos Pos, message, hint string) Problem {
	if p.source == nil {
		return Problem{File: p.File, Severity: sev, Message: message, Hint: hint}
	}
	return p.source.problem(sev, pos, message, hint)
}

// DependsOnMethod reports whether any route looks at the method, to find out
// whether a request belongs to it or is a preflight, or in a condition. If so, headers that override
// the method must not reach the service.
func (p *Policy) DependsOnMethod() bool { return p.methods }

// Assumed returns the places of choices, words such as a route's access or true and
// false, whose variables are not set, so that something else stands in for them.
// There are none without [Options.AllowUnset].
func (p *Policy) Assumed() []Pos { return p.assumed }

// Text is a text of the policy file. The zero Text is absent.
type Text struct {
	// Value is the text after ${NAME} was expanded.
	Value string
	// Pos is where the file has it; zero if it comes from the environment alone.
	Pos Pos
	// Unset says that a variable of the text is not set and that
	// Options.AllowUnset let that pass. Value then still has the ${NAME}, and
	// must not be judged.
	Unset bool
}

// Denials is the denials section.
type Denials struct {
	// Detail tells the client which requirement failed.
	Detail bool
	// SelectOrgURL is where documents go that need an active organisation.
	SelectOrgURL Text
}

// MissingAzp says what a session token without azp claim is worth when
// authorizedParties are set.
type MissingAzp int

// The values of missingAzp. The zero value denies, as Clerk's SDK does.
const (
	MissingAzpDeny        MissingAzp = iota // refuse it
	MissingAzpAllowCookie                   // accept it from a cookie
	MissingAzpAllow                         // accept it
)

// Keys is the keys section of a Clerk instance.
type Keys struct {
	Refresh  time.Duration // how often the key set is fetched anew
	Cooldown time.Duration // how long no second fetch for an unknown key is made
	Stale    time.Duration // how long the last good keys survive an outage
}

// Defaults of a Clerk instance; those of the keys are the intervals that
// Clerk's own SDK caches keys for, or what an outage may last.
const (
	defaultClockSkew = 5 * time.Second
	defaultRefresh   = 5 * time.Minute
	defaultCooldown  = 10 * time.Second
	defaultStale     = 24 * time.Hour
)

// Clerk is one Clerk instance. What it says is form-checked only: whether the
// publishable key and the PEM key are sound is for others to judge.
type Clerk struct {
	// Pos is the place of the entry; zero if it was taken from the environment.
	Pos               Pos
	PublishableKey    Text
	AuthorizedParties []Text
	MissingAzp        MissingAzp
	MissingAzpSet     bool
	Issuers           []Text
	Audiences         []Text
	// ClockSkew is 5 s unless set; zero only if the policy says 0s.
	ClockSkew    time.Duration
	ClockSkewSet bool
	JWKSURL      Text
	// Keys has its defaults filled in.
	Keys   Keys
	JWTKey Text
	// Hosts is nil if the entry names none.
	Hosts *Hosts
	// Cookies says whether Clerk's cookies are read.
	Cookies bool
	// SecretKey or SecretKeyFile gives the secret key: in the policy, or in a
	// file that holds nothing else. At most one of them is set. The same goes
	// for the machine's own secret key.
	SecretKey, SecretKeyFile               Text
	MachineSecretKey, MachineSecretKeyFile Text
	// MachineID is this service's machine, mch_….
	MachineID Text
	// APIURL is where the Backend API is; empty: https://api.clerk.com.
	APIURL Text
	// Handshake says whether documents may be redirected through Clerk to get
	// fresh cookies.
	Handshake bool
	// SignInURL and ProxyURL are absolute, or paths on the request's origin.
	SignInURL, ProxyURL Text
	// Satellite is nil unless the application is a satellite domain.
	Satellite *Satellite
	// OrganizationSync names the paths that activate an organisation.
	OrganizationSync OrganizationSync
	// ForBrowsers says that the entry has one of the keys that only the sessions
	// of browsers need, such as signInUrl or handshake.
	ForBrowsers bool
}

// Satellite is the satellite section of a Clerk instance.
type Satellite struct {
	Pos      Pos
	Domain   Text
	AutoSync bool
}

// OrganizationSync is the organizationSync section of a Clerk instance: path
// patterns with :id or :slug. Their grammar is for others to judge.
type OrganizationSync struct {
	OrganizationPatterns, PersonalAccountPatterns []Text
}

// TokenTypes is a set of the types of tokens that a route accepts. The zero set
// accepts session tokens.
type TokenTypes uint8

// The types of tokens.
const (
	TokenSession  TokenTypes = 1 << iota // session
	TokenTemplate                        // template: JWTs of a JWT template
	TokenM2M                             // m2m
	TokenAPIKey                          // apiKey
	TokenOAuth                           // oauth
)

// Has reports whether the set accepts all of other. It accepts no empty other,
// which is no type of token.
func (t TokenTypes) Has(other TokenTypes) bool {
	if t == 0 {
		t = TokenSession
	}
	return other != 0 && t&other == other
}

// tokenType returns the type of token that an identity comes from, by the name
// that Clerk's SDK has for it; 0 if there is none of that name. Callers that
// know of users only have no name for it.
func tokenType(name string) TokenTypes {
	switch name {
	case "", "session_token":
		return TokenSession
	case "template_token":
		return TokenTemplate
	case "m2m_token":
		return TokenM2M
	case "api_key":
		return TokenAPIKey
	case "oauth_token":
		return TokenOAuth
	}
	return 0
}

// Webhook says how the requests of a webhook route prove where they come from.
type Webhook struct {
	Pos Pos
	// Secrets are the signing secrets, whsec_…; several while one replaces
	// another. There is at least one.
	Secrets []Text
}

// OnDeny is the onDeny section of a route.
type OnDeny struct {
	// Hide answers 404 for every 401 and 403: status: 404.
	Hide bool
	// Redirect is where documents go instead of a 403.
	Redirect Text
}

// Access says who may use a route.
type Access int

// The values of access. The zero value denies.
const (
	AccessDeny          Access = iota // nobody
	AccessPublic                      // everybody; credentials are not looked at
	AccessOptional                    // everybody; valid credentials set the identity
	AccessAuthenticated               // who is signed in and meets every requirement
	AccessWebhook                     // whoever signed the request with a secret of the webhook
)

// String returns the word that the policy language has for it; "webhook" is a
// key of its own there.
func (a Access) String() string {
	switch a {
	case AccessPublic:
		return "public"
	case AccessOptional:
		return "optional"
	case AccessAuthenticated:
		return "authenticated"
	case AccessWebhook:
		return "webhook"
	}
	return "deny"
}

// Route is one entry of routes. The zero Route denies.
type Route struct {
	// Name is unique in the policy.
	Name string
	// Pos is the place of the entry.
	Pos Pos
	// Access says who may use it.
	Access Access
	// Tokens are the types of tokens that prove who calls. They matter only with
	// AccessAuthenticated and AccessOptional.
	Tokens TokenTypes
	// Webhook is set if and only if Access is AccessWebhook.
	Webhook *Webhook
	// OnDeny says what is answered instead of a denial.
	OnDeny OnDeny
	// Shadow lets pass who would be denied, after the decision was recorded.
	Shadow bool
	// PreflightPass lets CORS preflights pass without a caller (the Fetch
	// standard, section 3.2.3), except to routes that are closed or for webhooks.
	PreflightPass bool

	hosts    []string
	patterns []*pattern
	methods  []string
	context  map[string]string
	require  group
	params   []string // the names that require uses
	reads    Reads
}
