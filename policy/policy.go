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
	// Denials says what a denied client is told.
	Denials Denials
	// Routes holds the routes in the order of the file.
	Routes []*Route

	source  *source
	open    insecure
	folding folding
	index   matcher
	methods bool
}

// Problem describes something wrong at a place of this policy. It is meant for
// values that the policy language cannot judge, such as publishable keys.
func (p *Policy) Problem(sev Severity, pos Pos, message, hint string) Problem {
	if p.source == nil {
		return Problem{File: p.File, Severity: sev, Message: message, Hint: hint}
	}
	return p.source.problem(sev, pos, message, hint)
}

// DependsOnMethod reports whether any route looks at the method. If so, headers
// that override the method must not reach the service.
func (p *Policy) DependsOnMethod() bool { return p.methods }

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
}

// Access says who may use a route.
type Access int

// The values of access. The zero value denies.
const (
	AccessDeny          Access = iota // nobody
	AccessPublic                      // everybody; credentials are not looked at
	AccessOptional                    // everybody; valid credentials set the identity
	AccessAuthenticated               // who is signed in and meets every requirement
)

// String returns the word that the policy language has for it.
func (a Access) String() string {
	switch a {
	case AccessPublic:
		return "public"
	case AccessOptional:
		return "optional"
	case AccessAuthenticated:
		return "authenticated"
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

	hosts    []string
	patterns []*pattern
	methods  []string
	context  map[string]string
	require  []requirement
	params   []string // the names that require uses
}
