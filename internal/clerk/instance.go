package clerk

import (
	"errors"
	"slices"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// Keys finds the key that verifies a token. It never blocks. Its errors are
// those of package jwks; any error, and a nil key, leaves the token unverified.
type Keys interface {
	Key(kid string) (*jwks.Key, error)
}

// MissingAzp says what becomes of a token without azp where authorised parties
// are configured. Clerk mints such tokens when the minting request carried no
// Origin, as a top-level navigation does.
type MissingAzp uint8

// What becomes of a token without azp.
const (
	MissingAzpDeny        MissingAzp = iota // refused, as the SDK does
	MissingAzpAllowCookie                   // accepted from a cookie only
	MissingAzpAllow                         // accepted
)

// Settings describes one Clerk instance.
type Settings struct {
	// PublishableKey names the instance; see [ParsePublishableKey].
	PublishableKey string
	// AuthorizedParties are the values that azp may have; empty: azp is not
	// read, as in the SDK.
	AuthorizedParties []string
	// MissingAzp matters only with AuthorizedParties.
	MissingAzp MissingAzp
	// Issuers are the values that iss must have; empty: https:// and the
	// publishable key's host.
	Issuers []string
	// Audiences are the values of which aud must have one, if the token has an
	// aud; empty: aud is not compared.
	Audiences []string
	// ClockSkew is how far exp, nbf and iat may be off, to the millisecond.
	// Zero is zero; the SDK's default is 5 s.
	ClockSkew time.Duration
	// Cookies allows cookies to sign in.
	Cookies bool
	// Keys are this instance's own: a key source of several instances would let
	// one speak for another.
	Keys Keys
	// InsecureUnverified takes every signature for good. It exists to explain
	// decisions without a key and must never serve a request.
	InsecureUnverified bool
}

// Instance is one Clerk instance whose tokens are accepted. It never changes.
// Create it with [NewInstance].
type Instance struct {
	key      PublishableKey
	settings Settings
	cookies  cookieNames
	accounts string // origin of the account portal
}

// NewInstance checks settings and builds an Instance. The error is a sentence
// about the first setting that cannot be right.
func NewInstance(s Settings) (*Instance, error) {
	key, err := ParsePublishableKey(s.PublishableKey)
	switch {
	case err != nil:
		return nil, err
	case s.Keys == nil && !s.InsecureUnverified:
		return nil, errors.New("the instance has no keys to verify tokens with")
	case s.ClockSkew < 0:
		return nil, errors.New("the clock skew is negative")
	case slices.Contains(s.Issuers, ""):
		return nil, errors.New("an issuer is empty")
	case slices.Contains(s.AuthorizedParties, ""):
		return nil, errors.New("an authorised party is empty")
	case slices.Contains(s.Audiences, ""):
		return nil, errors.New("an audience is empty")
	}
	s.Issuers = slices.Clone(s.Issuers)
	s.AuthorizedParties = slices.Clone(s.AuthorizedParties)
	s.Audiences = slices.Clone(s.Audiences)
	if len(s.Issuers) == 0 {
		s.Issuers = []string{"https://" + key.Host}
	}
	return &Instance{
		key:      key,
		settings: s,
		cookies:  suffixed(key.Suffix),
		accounts: accountPortal(key.Host),
	}, nil
}

// PublishableKey returns the instance's publishable key, parsed.
func (in *Instance) PublishableKey() PublishableKey { return in.key }

// Instances are the Clerk instances whose tokens are accepted.
type Instances []*Instance

// issuerOf finds the instance that a header token belongs to. Its iss is not
// verified yet: it only selects whose keys will verify it. A single instance
// needs no selection, and refuses a foreign iss in the SDK's order.
func (is Instances) issuerOf(t *token) *Instance {
	if len(is) == 1 {
		return is[0]
	}
	for _, in := range is {
		if t.iss.kind == kindString && slices.Contains(in.settings.Issuers, t.iss.text) {
			return in
		}
	}
	return nil
}
