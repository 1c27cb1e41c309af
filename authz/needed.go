package authz

import (
	"slices"

	"github.com/clerkgate/clerkgate/policy"
)

// HeaderNeeds are the request headers that a policy makes a difference of. To a
// request without all others the [Engine] has the same answer: the same decision,
// the same headers set and taken away, the same facts for the log. What a refresh
// repeats to Clerk's Backend API is not among them: that is every header there is.
type HeaderNeeds struct {
	// Read are the names, in lower case, of headers whose values are read. The
	// pseudo-headers that repeat fields of the [Request] are among them, because the
	// two need not agree: Envoy writes the fields as text, with a "!" for each byte
	// that is none, and raw headers as they came.
	Read []string
	// Any says that conditions of the policy may look at any header, so that Read
	// is not all of them.
	Any bool
	// Strip are the names, in lower case, of headers that are taken away if they
	// are seen. Each "-" in them stands for a "_" as well.
	Strip []string
	// StripPrefixes are what such names begin with, with "-" for "_" as well.
	StripPrefixes []string
}

// NeededHeaders says which headers a policy needs to see. It is the counterpart of
// reading.take, readDelivery and stripper.takes, and has to know all that they do.
func NeededHeaders(p *policy.Policy) HeaderNeeds {
	strip := newStripper(p)
	conditions, all := p.ReadsHeaders()
	needs := HeaderNeeds{Any: all, Strip: strip.names(), StripPrefixes: []string{clerkInternal}}
	for _, group := range neededGroups(p) {
		if group.needed {
			needs.Read = append(needs.Read, group.names...)
		}
	}
	for _, name := range conditions {
		if !slices.Contains(needs.Read, name) {
			needs.Read = append(needs.Read, name)
		}
	}
	return needs
}

// headerGroup are headers that are read for one reason.
type headerGroup struct {
	needed bool
	names  []string
}

func neededGroups(p *policy.Policy) []headerGroup {
	return []headerGroup{
		{true, []string{":authority", ":method", ":path"}},
		// What answers and the log say of every request.
		{true, []string{"x-request-id", "accept", "sec-fetch-dest", "origin", "access-control-request-method"}},
		// Who calls, and where a browser can be sent instead.
		{slices.ContainsFunc(p.Routes, asks), []string{"authorization", "x-forwarded-host", "x-forwarded-proto"}},
		{!p.ForwardSessionCookies || slices.ContainsFunc(p.Routes, readsCookies), []string{"cookie"}},
		{slices.ContainsFunc(p.Routes, takesSessions), []string{"referer"}},
		{slices.ContainsFunc(p.Routes, verifiesWebhooks), []string{
			headerSvixID, headerSvixTimestamp, headerSvixSignature, headerContentLength, headerPartialBody,
		}},
	}
}

// asks reports whether the route wants to know who calls.
func asks(r *policy.Route) bool {
	switch r.Access {
	case policy.AccessPublic, policy.AccessDeny, policy.AccessWebhook:
		return false
	}
	return true
}

// readsCookies leaves out the routes for which Clerk's SDK does not look at
// cookies at all; for most machine tokens it does, to no good end (see
// internal/clerk).
func readsCookies(r *policy.Route) bool {
	return asks(r) && r.Tokens != policy.TokenM2M && r.Tokens != policy.TokenAPIKey
}

func takesSessions(r *policy.Route) bool { return asks(r) && r.Tokens.Has(policy.TokenSession) }

func verifiesWebhooks(r *policy.Route) bool { return r.Access == policy.AccessWebhook }
