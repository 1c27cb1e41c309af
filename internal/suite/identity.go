package suite

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// Identity is who sends requests, as a test file describes it. The zero Identity
// is nobody.
type Identity struct {
	Name string

	verified *policy.Identity // nil: nobody, or whom the token names
	token    string
}

// Given reports whether the identity counts as verified. Any other is who its
// token, or that of the request, proves.
func (id *Identity) Given() bool { return id.verified != nil }

// Decide decides a request of this identity, by the evaluation that serves. The
// credentials that the request has itself count if the identity is nobody.
func (id *Identity) Decide(ctx context.Context, e *authz.Engine, r *authz.Request) (authz.Verdict, authz.Answer) {
	switch {
	case id.token != "":
		carrying := *r
		carrying.Headers = append(slices.Clone(r.Headers), authz.Header{Name: "authorization", Value: "Bearer " + id.token})
		return e.Explain(ctx, &carrying)
	case id.verified == nil && showsCredential(r):
		return e.Explain(ctx, r)
	}
	return e.ExplainCaller(r, authz.Caller{Identity: id.verified})
}

// showsCredential reports whether Clerk's rules would find something to judge in
// the request itself.
func showsCredential(r *authz.Request) bool {
	for _, h := range r.Headers {
		switch strings.ToLower(h.Name) {
		case "authorization":
			return true
		case "cookie":
			for _, name := range [...]string{"__session", "__client_uat", "__refresh", "__clerk_"} {
				if strings.Contains(h.Value, name) {
					return true
				}
			}
		}
	}
	return false
}

func sorted(identities map[string]*Identity) []string {
	return slices.Sorted(maps.Keys(identities))
}
