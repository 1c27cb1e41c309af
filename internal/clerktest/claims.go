package clerktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Judgements of Clerk about a session token.
const (
	// DefaultExpiresIn is how long a session token of Clerk lasts.
	DefaultExpiresIn = 60 * time.Second
	// nbf lies before iat by this much, for verifiers whose clock is behind.
	notBeforeMargin = 10 * time.Second
	// Values of the header cat: a session token (handshake tokens have it, too), a
	// JWT of a template, a machine-to-machine JWT.
	categorySession  = "cl_B7d4PD111AAA"
	categoryTemplate = "cl_B7d4PD222AAA"
	categoryM2M      = "cl_B7d4PD333AAA"
)

// Org is the active organisation of a token. The zero value is none.
type Org struct {
	// ID is the id, org_…; if it is empty the token has no organisation.
	ID string
	// Slug is left out of the token if it is empty.
	Slug string
	// Role is org:admin or, the same, admin. Version 1 carries it as it is here.
	Role string
	// Permissions are of the form org:feature:permission.
	Permissions []string
}

// Claims says what a token is to contain. Only User is needed; everything else
// has the value that Clerk would give it.
type Claims struct {
	// User is the claim sub, user_….
	User string
	// Session is the claim sid; empty: one session per user, sess_….
	Session string
	// Org is the active organisation.
	Org Org
	// Version is 2 or 1, the version of Clerk's session token; 0 is 2.
	Version int
	// AuthorizedParty is the claim azp, an origin; empty: left out, as in tokens
	// that a handshake mints.
	AuthorizedParty string
	// Issuer is the claim iss; empty: the instance's own.
	Issuer string
	// IssuedAt is the claim iat; zero: now.
	IssuedAt time.Time
	// ExpiresIn is exp - iat in whole seconds; 0: DefaultExpiresIn. A negative one
	// makes a token that has never been valid.
	ExpiresIn time.Duration
	// Status is the claim sts, active or pending; empty: left out, as on instances
	// that did not opt in.
	Status string
	// FactorAges is the claim fva, minutes since the first and the second factor
	// were verified, -1 for never; nil: 0 and -1.
	FactorAges []int
	// Features are further elements of fea such as o:dashboard or u:beta (version 2).
	Features []string
	// Plan is the claim pla such as o:pro (version 2); empty: left out.
	Plan string

	// Extra claims are set last and replace others of their name: custom claims,
	// act, aud, and what a hostile token needs.
	Extra map[string]any
	// Remove names claims to leave out after all.
	Remove []string
	// Header fields replace those of the JOSE header. The signature stays RS256
	// whatever alg says.
	Header map[string]any
	// RemoveHeader names header fields to leave out.
	RemoveHeader []string
}

// payload is the claims set for one instant.
func (c Claims) payload(issuer string, now time.Time) (map[string]any, error) {
	issued := c.IssuedAt
	if issued.IsZero() {
		issued = now
	}
	lasts := c.ExpiresIn
	if lasts == 0 {
		lasts = DefaultExpiresIn
	}
	claims := map[string]any{
		"iss": either(c.Issuer, issuer),
		"sub": c.User,
		"sid": either(c.Session, sessionPrefix+strings.TrimPrefix(c.User, userPrefix)),
		"iat": issued.Unix(),
		"nbf": issued.Add(-notBeforeMargin).Unix(),
		"exp": issued.Unix() + int64(lasts/time.Second),
		"fva": c.factorAges(),
	}
	setText(claims, "azp", c.AuthorizedParty)
	setText(claims, "sts", c.Status)
	if err := c.addVersioned(claims); err != nil {
		return nil, err
	}
	maps.Copy(claims, c.Extra)
	for _, name := range c.Remove {
		delete(claims, name)
	}
	return claims, nil
}

// addVersioned adds what versions 1 and 2 say differently.
func (c Claims) addVersioned(claims map[string]any) error {
	switch c.Version {
	case 1:
		c.addVersion1(claims)
		return nil
	case 0, 2:
		return c.addVersion2(claims)
	default:
		return fmt.Errorf("version %d: there are session tokens of version 1 and 2", c.Version)
	}
}

func (c Claims) addVersion1(claims map[string]any) {
	if c.Org.ID == "" {
		return
	}
	claims["org_id"] = c.Org.ID
	setText(claims, "org_slug", c.Org.Slug)
	setText(claims, "org_role", c.Org.Role)
	claims["org_permissions"] = append([]string{}, c.Org.Permissions...)
}

func (c Claims) addVersion2(claims map[string]any) error {
	claims["v"] = 2
	claims["jti"] = randomHex()
	setText(claims, "pla", c.Plan)
	var permissions []string
	if c.Org.ID != "" {
		permissions = c.Org.Permissions
	}
	g, err := encodeGrants(permissions, c.Features)
	if err != nil {
		return err
	}
	setText(claims, "fea", g.fea)
	if c.Org.ID == "" {
		return nil
	}
	o := map[string]any{"id": c.Org.ID}
	setText(o, "slg", c.Org.Slug)
	setText(o, "rol", strings.TrimPrefix(c.Org.Role, orgScope))
	setText(o, "per", g.per)
	setText(o, "fpm", g.fpm)
	claims["o"] = o
	return nil
}

func (c Claims) factorAges() []int {
	if c.FactorAges == nil {
		return []int{0, -1}
	}
	return c.FactorAges
}

// header is the JOSE header for a key.
func (c Claims) header(keyID, algorithm string) map[string]any {
	header := map[string]any{
		"alg": either(algorithm, "RS256"),
		"cat": categorySession,
		"kid": keyID,
		"typ": "JWT",
	}
	maps.Copy(header, c.Header)
	for _, name := range c.RemoveHeader {
		delete(header, name)
	}
	return header
}

// Token signs a session token with these claims. It panics if they cannot be
// written down at all: a version other than 1 and 2, a permission that is not
// org:feature:permission, an Extra value that JSON does not have.
func (i *Instance) Token(c Claims) string {
	token, err := i.sign(c)
	if err != nil {
		panic("clerktest: " + err.Error())
	}
	return token
}

func (i *Instance) sign(c Claims) (string, error) {
	claims, err := c.payload(i.Issuer(), i.now())
	if err != nil {
		return "", err
	}
	return i.signJWT(c.header(i.signer.ID, i.signer.Algorithm), claims)
}

// signJWT signs any JWT with the key of the instance.
func (i *Instance) signJWT(header, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	protected, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	return i.signer.Sign(protected, payload), nil
}

// setText sets a claim unless its value is empty: Clerk leaves such claims out.
func setText(claims map[string]any, name, value string) {
	if value != "" {
		claims[name] = value
	}
}

func either(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
