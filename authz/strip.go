package authz

import (
	"strings"

	"github.com/clerkgate/clerkgate/policy"
)

// identityHeader is one header that tells the service who is calling, and
// where its value comes from.
type identityHeader struct {
	name  string
	value func(*policy.Identity) string
}

// identityHeaders lists the identity headers. Each is set or removed on every
// pass.
var identityHeaders = [...]identityHeader{
	{"x-user-id", func(id *policy.Identity) string { return id.UserID }},
	{"x-org-id", func(id *policy.Identity) string { return id.OrgID }},
}

// clerkInternal begins the names that Clerk's own middlewares use between
// themselves and the application behind them (x-clerk-auth-token and others).
// An application that trusts them must not get a client's.
const clerkInternal = "x-clerk-"

// mustStrip reports whether a received header of this name (in lower case)
// must be kept from the service: an identity header or one of Clerk's internal
// ones in any spelling, and, if the policy depends on the method, those that
// ask a framework to pretend another method.
func mustStrip(name string, overrides bool) bool {
	if !strings.HasPrefix(name, "x-") && !strings.HasPrefix(name, "x_") {
		return false
	}
	twin := canonical(name)
	if strings.HasPrefix(twin, clerkInternal) {
		return true
	}
	for i := range identityHeaders {
		if twin == identityHeaders[i].name {
			return true
		}
	}
	return overrides && isMethodOverride(twin)
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
