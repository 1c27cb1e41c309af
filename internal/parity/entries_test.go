package parity_test

import (
	"slices"
	"strings"
)

// entry is a number of the list in internal/clerk's package documentation, by
// which Clerkgate is stricter than the SDK, or something else that is known to
// differ.
type entry string

const (
	entryRequest  entry = "1 request"
	entryForm     entry = "2 form"
	entryIdentity entry = "3 identity"
	entryIssuer   entry = "3 issuer"
	entryTypes    entry = "4 types"
	entryAudience entry = "5 audience"
	entryMasks    entry = "6 masks"
	entryClasses  entry = "7 classes in answers"
	entryMachine  entry = "8 machine answers"
	entryCounters entry = "9 counters"
	// entryBearer is accepted beyond the SDK: the scheme in any case. The SDK is
	// asked with the one spelling that it knows.
	entryBearer entry = "bearer in any case"
	// entryOutage: the Backend API does not tell good from bad, or gives no keys.
	// Both refuse, the SDK as if the token were bad, Clerkgate with a 503.
	entryOutage entry = "outage"
)

// excuses holds, by entry, the codes that a refusal for it may have.
var excuses = map[entry][]string{
	entryRequest:  {"request-malformed"},
	entryForm:     {"token-invalid", "request-malformed"},
	entryIdentity: {"token-verification-failed"},
	entryIssuer:   {"token-invalid-issuer"},
	entryTypes:    {"token-verification-failed"},
	entryAudience: {"token-verification-failed"},
	entryClasses:  {"token-type-mismatch"},
	entryMachine:  {"token-type-mismatch", "token-invalid", "token-verification-failed"},
	entryCounters: {"session-token-but-no-client-uat", "session-token-and-uat-missing", "primary-domain-cross-origin-sync", "satellite-needs-syncing", "active-organization-mismatch"},
	entryOutage:   {"backend-unavailable", "jwk-remote-failed-to-load"},

	// These excuse no refusal.
	entryMasks:  nil,
	entryBearer: nil,
}

// oddity is something about a case that an entry may excuse.
type oddity struct {
	entry entry
	// inner says that it sits in a token of an answer. What becomes of such a
	// token shows only in what becomes of the whole request.
	inner bool
}

// explains reports whether a refusal by Clerkgate, or another reason of one, can
// come from the oddity.
func (o oddity) explains(sdk, mine *answer) bool {
	switch {
	case o.inner && o.entry != entryOutage:
		return mine.Code != "request-malformed"
	case o.entry == entryCounters && !sdk.signedIn() && mine.Reason == sdk.Reason:
		return true // the loop guard reads the counter otherwise
	case o.entry == entryTypes && mine.Reason == "session-token-expired-refresh-invalid-session-token":
		return true // an id that is no text proves no session to refresh
	case o.entry == entryTypes && sdk.Reason == "session-token-iat-before-client-uat":
		return true // JavaScript compares an iat that is no number as if it were one
	case (o.entry == entryForm || o.entry == entryTypes) && mine.Status == "handshake" && sdk.Status == mine.Status && mine.Reason == sdk.Reason:
		return true // the redirect leaves the token out, and is for the other family of cookies
	}
	return slices.Contains(excuses[o.entry], mine.Code)
}

// explanation finds the oddity of a case that explains a difference.
func (c *testCase) explanation(sdk, mine *answer) (entry, bool) {
	for _, o := range c.oddities {
		if o.explains(sdk, mine) {
			return o.entry, true
		}
	}
	return "", false
}

func (c *testCase) has(e entry) bool {
	return slices.ContainsFunc(c.oddities, func(o oddity) bool { return o.entry == e })
}

func (c *testCase) odd(e entry, inner bool) { c.oddities = append(c.oddities, oddity{e, inner}) }

func (c *testCase) told() string { return strings.Join(c.story, "; ") }
