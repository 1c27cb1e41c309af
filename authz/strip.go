package authz

import (
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/policy"
)

// clerkInternal begins the names that Clerk's own middlewares use between
// themselves and the application behind them (x-clerk-auth-token and others).
// An application that trusts them must not get a client's.
const clerkInternal = "x-clerk-"

// stripper knows which headers of a client must not reach the service. The zero
// stripper knows those that never may.
type stripper struct {
	identity  []string  // the policy's identity headers, in lower case
	initials  [256]bool // what those begin with
	overrides bool      // the policy depends on the method
}

func newStripper(p *policy.Policy) stripper {
	s := stripper{overrides: p.DependsOnMethod()}
	for i := range p.IdentityHeaders {
		s.add(p.IdentityHeaders[i].Name)
	}
	return s
}

// add adds an identity header.
func (s *stripper) add(name string) {
	if name == "" { // no loaded policy has one
		return
	}
	s.identity = append(s.identity, name)
	s.initials[name[0]] = true
}

// takes reports whether a received header of this name (in lower case) must be
// kept from the service: an identity header or one of Clerk's internal ones in
// any spelling, and, if the policy depends on the method, those that ask a
// framework to pretend another method.
func (s *stripper) takes(name string) bool {
	if first := name[0]; first != 'x' && first != '_' && !s.initials[first] {
		return false // as most are, and looking further would be a tenth of a decision
	}
	twin := canonical(name)
	if slices.Contains(s.identity, twin) {
		return true
	}
	switch {
	case !strings.HasPrefix(twin, "x-"):
		return false
	case strings.HasPrefix(twin, clerkInternal):
		return true
	}
	switch twin {
	case "x-user-id", "x-org-id":
		// Also where the policy has other names for them: a service may still
		// look at those that it was once told to trust.
		return true
	}
	return s.overrides && isMethodOverride(twin)
}

// names are all that takes knows, spelled with "-", except for what begins with
// clerkInternal.
func (s *stripper) names() []string {
	names := slices.Clone(s.identity)
	more := []string{"x-user-id", "x-org-id"}
	if s.overrides {
		more = append(more, "x-http-method-override", "x-http-method", "x-method-override")
	}
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isMethodOverride names what Rails, Express, Laravel, Symfony and others read
// instead of the method.
func isMethodOverride(name string) bool {
	switch name {
	case "x-http-method-override", "x-http-method", "x-method-override":
		return true
	}
	return false
}

// canonical makes one name of all that reach a WSGI, PHP, Rack or CGI program
// as the same variable: X_User_Id and x-user-id are both HTTP_X_USER_ID there.
func canonical(lowered string) string {
	if strings.IndexByte(lowered, '_') < 0 {
		return lowered
	}
	return strings.ReplaceAll(lowered, "_", "-")
}
