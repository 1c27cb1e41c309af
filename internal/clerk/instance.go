package clerk

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nlnwa/whatwg-url/url"

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
	// Issuers are the values that iss may have; empty: https:// and the
	// publishable key's host, an absolute ProxyURL, and https://clerk. with the
	// domain of a production satellite.
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
	// Handshake allows documents to be redirected through Clerk's Frontend API
	// to get fresh cookies. It has no effect without Cookies.
	Handshake bool
	// SignInURL is the sign-in page, absolute or a path on the request's own
	// origin; empty: that of the account portal, if one can be derived.
	SignInURL string
	// ProxyURL is where the application forwards the Frontend API, absolute or
	// a path on the request's own origin; empty: nowhere.
	ProxyURL string
	// Satellite is set if the application is a satellite domain of another one.
	Satellite *Satellite
	// OrganizationSync names the paths that belong to an organisation or to the
	// personal account.
	OrganizationSync OrganizationSync
	// SecretKey says that there is a secret key, so that calls to the Backend
	// API can be made.
	SecretKey bool
	// MachineSecretKey says the same of the machine's own secret key, which is
	// enough to verify machine-to-machine tokens.
	MachineSecretKey bool
	// MachineID is this service's machine, mch_…. JWTs of machines must be
	// addressed to it; without one none is accepted.
	MachineID string
	// InsecureUnverified takes every signature for good. It exists to explain
	// decisions without a key and must never serve a request.
	InsecureUnverified bool
}

// Satellite describes a satellite domain (Clerk's isSatellite, domain and
// satelliteAutoSync).
type Satellite struct {
	// Domain is the satellite's own domain, such as acme.dev.
	Domain string
	// AutoSync asks the primary for a session on the first visit, not only
	// after a sign-in.
	AutoSync bool
}

// OrganizationSync holds path patterns (Clerk's organizationSyncOptions). A
// document below one of them activates the organisation that the path names as
// :id or :slug, or none.
type OrganizationSync struct {
	OrganizationPatterns    []string
	PersonalAccountPatterns []string
}

// Instance is one Clerk instance whose tokens are accepted. It never changes.
// Create it with [NewInstance].
type Instance struct {
	key      PublishableKey
	settings Settings
	cookies  cookieNames
	// ownHost is the Frontend API host that tokens are issued by: that of the
	// publishable key, or of a production satellite's own domain.
	ownHost string
	portal  string // origin of the account portal; empty: there is none
	sync    organizationSync
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
	in := &Instance{key: key, settings: s, cookies: suffixed(key.Suffix), ownHost: key.Host}
	if s.Satellite != nil {
		if err := in.satellite(s.Satellite); err != nil {
			return nil, err
		}
	}
	if len(s.Issuers) == 0 {
		in.settings.Issuers = in.ownIssuers()
	}
	if portal := accountPortal(key.Host); portal != "https://"+key.Host {
		in.portal = portal
	}
	in.sync, err = compileSync(s.OrganizationSync)
	return in, err
}

// ownIssuers are the issuers of an instance that names none: its Frontend API,
// by each of the names that Clerk has for it.
func (in *Instance) ownIssuers() []string {
	issuers := []string{"https://" + in.key.Host}
	if proxy := strings.TrimRight(in.settings.ProxyURL, "/"); strings.HasPrefix(proxy, "http") {
		issuers = append(issuers, proxy)
	}
	if in.ownHost != in.key.Host {
		issuers = append(issuers, "https://"+in.ownHost)
	}
	return issuers
}

// satellite checks what the SDK asserts of a satellite, and names its own
// Frontend API, which only production instances have.
func (in *Instance) satellite(s *Satellite) error {
	switch signIn, err := url.Parse(in.settings.SignInURL); {
	case s.Domain == "" && in.settings.ProxyURL == "":
		return errors.New("a satellite has a domain or a proxy URL")
	case in.settings.SignInURL == "" && !in.key.Development: // the account portal's
	case err != nil || originOf(signIn) == noOrigin:
		return errors.New("a satellite needs the absolute URL of its primary's sign-in page")
	}
	if !in.key.Development && s.Domain != "" {
		in.ownHost = "clerk." + s.Domain
	}
	return nil
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
