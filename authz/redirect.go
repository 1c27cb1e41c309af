package authz

import (
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// redirectThroughClerk sends the client where Clerk's rules want it first: into
// a handshake or a sync, or, after a handshake on a development instance, to the
// same page without the answer in its URL.
func (c *check) redirectThroughClerk(state *clerk.State) {
	code := state.Code
	if code == "" {
		code = CodeHandshake
	}
	c.verdict.refuse(Unauthenticated, code, "the client has to go through Clerk first")
	c.verdict.ClerkReason, c.verdict.Unverified = state.Reason, code
	c.verdict.ThroughClerk, c.verdict.location = true, state.Location
}

// redirectToSignIn turns a refusal into a way to the sign-in page, or to the
// tasks of a pending session, for whoever can go there: a document on a route
// that sessions open.
func (c *check) redirectToSignIn(who *caller, pending bool) {
	if c.verdict.hidden || who.state.NoRedirect || !who.match.Route.Tokens.Has(policy.TokenSession) || !who.request.IsDocument() {
		return
	}
	if in := c.instanceOf(who); in != nil {
		c.verdict.location = in.SignInURL(who.request, pending)
	}
}

// redirectForbidden does the same for a caller who may not: to the page of the
// route for those, else, for want of an active organisation, to where one can be
// selected. What a document is asked to verify again is not for another page.
func (c *check) redirectForbidden(who *caller) {
	v, page := &c.verdict, who.match.Route.OnDeny.Redirect.Value
	if page == "" && v.Code == string(policy.CodeOrgRequired) && !v.hidden {
		page = c.snapshot.policy.Denials.SelectOrgURL.Value
	}
	if page == "" || v.Kind != Forbidden || v.reverification != nil || !who.request.IsDocument() {
		return
	}
	if strings.HasPrefix(page, "/") {
		page = who.request.PublicURL(page)
	}
	v.location = page
}

// instanceOf returns the instance whose sign-in page a caller is sent to: the
// one that the token belongs to, else the one whose cookies are read here.
func (c *check) instanceOf(who *caller) *clerk.Instance {
	if who.state.Instance != nil {
		return who.state.Instance
	}
	return who.request.CookieInstance
}

// resourceMetadata is where a client learns how to get a token for a route that
// takes OAuth tokens (RFC 9728); empty for others, and if several instances could
// be meant.
func (c *check) resourceMetadata(who *caller) string {
	if !who.match.Route.Tokens.Has(policy.TokenOAuth) {
		return ""
	}
	in := c.instanceOf(who)
	if in == nil && len(c.snapshot.instances) == 1 {
		in = c.snapshot.instances[0]
	}
	if in == nil {
		return ""
	}
	return "https://" + in.PublishableKey().Host + "/.well-known/oauth-protected-resource"
}
