package clerktest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"time"
)

// Lifetimes of machine tokens that nobody gave one. Clerk lets those without an
// entry here live until they are revoked.
const (
	m2mJWTLifetime = time.Hour
	oauthLifetime  = 24 * time.Hour
)

// oauthClient is the client that OAuth tokens are issued to.
const oauthClient = "client_dev"

// issued is one machine token.
type issued struct {
	id, kind, token string // kind is a type of a TokenRequest
	subject         string // machine, user or organisation
	name            string
	description     string
	createdBy       string
	scopes          []string
	audience        []string
	claims          map[string]any
	created         time.Time
	updated         time.Time
	expires         time.Time // zero: never
	revoked         bool
	reason          string // of the revocation, or empty
}

// token finds a machine token by its id. It needs the lock.
func (s *state) token(id string) *issued {
	for _, t := range s.tokens {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (t *issued) revoke(now time.Time, reason string) {
	if !t.revoked {
		t.revoked, t.reason, t.updated = true, reason, now
	}
}

func (t *issued) expired(now time.Time) bool { return !t.expires.IsZero() && !now.Before(t.expires) }

// object is the token as the Backend API describes it. It never has the token
// itself: only the answer that creates it does.
func (t *issued) object(now time.Time) map[string]any {
	unit := time.Time.UnixMilli
	if isOAuth(t.kind) {
		unit = time.Time.Unix // the only one of the three whose times are seconds
	}
	o := map[string]any{
		"id": t.id, "subject": t.subject, "scopes": append([]string{}, t.scopes...),
		"revoked": t.revoked, "revocation_reason": orNull(t.reason), "expired": t.expired(now), "expiration": nil,
		"created_at": unit(t.created), "updated_at": unit(t.updated),
	}
	if !t.expires.IsZero() {
		o["expiration"] = unit(t.expires)
	}
	switch {
	case isOAuth(t.kind):
		o["object"], o["type"], o["client_id"] = "clerk_idp_oauth_access_token", "oauth_token", oauthClient
		if t.audience != nil {
			o["aud"] = t.audience
		}
		return o
	case t.kind == TypeAPIKey:
		o["object"], o["type"], o["name"] = "api_key", "api_key", t.name
		o["description"], o["created_by"] = orNull(t.description), orNull(t.createdBy)
	default:
		o["object"] = "machine_to_machine_token"
	}
	o["last_used_at"], o["claims"] = nil, nil
	if t.claims != nil {
		o["claims"] = t.claims
	}
	return o
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func isOAuth(kind string) bool { return kind == TypeOAuth || kind == TypeOAuthJWT }

// issue makes a machine token out of everything but its id, token and times. A
// lifetime of 0 is the default of its kind. It needs the lock.
func (i *Instance) issue(t issued, lifetime time.Duration) (*issued, error) {
	t.created = i.now()
	t.updated = t.created
	if lifetime == 0 {
		lifetime = map[string]time.Duration{TypeM2MJWT: m2mJWTLifetime, TypeOAuth: oauthLifetime, TypeOAuthJWT: oauthLifetime}[t.kind]
	}
	if lifetime != 0 {
		t.expires = t.created.Add(lifetime).Truncate(time.Second)
	}
	prefix := map[string]string{TypeAPIKey: apiKeyPrefix, TypeOAuth: oauthPrefix, TypeOAuthJWT: oauthPrefix}[t.kind]
	prefix = either(prefix, m2mPrefix)
	t.id, t.token = prefix+rand.Text(), prefix+rand.Text()
	if t.kind == TypeM2MJWT || t.kind == TypeOAuthJWT {
		token, err := i.signJWT(i.machineJWT(t))
		if err != nil {
			return nil, err
		}
		t.token = token
	}
	if t.kind != TypeM2MJWT { // Clerk does not store these: they cannot be looked up
		i.state.tokens[t.token] = &t
	}
	return &t, nil
}

// machineJWT is the header and the claims of a machine token that is a JWT.
func (i *Instance) machineJWT(t issued) (header, claims map[string]any) {
	header = Claims{}.header(i.signer.ID, i.signer.Algorithm)
	claims = map[string]any{}
	maps.Copy(claims, t.claims)
	maps.Copy(claims, map[string]any{
		"iss": i.Issuer(), "sub": t.subject, "jti": t.id,
		"iat": t.created.Unix(), "nbf": t.created.Add(-notBeforeMargin).Unix(), "exp": t.expires.Unix(),
	})
	scopes := strings.Join(t.scopes, " ")
	if t.kind == TypeOAuthJWT {
		header["typ"] = "at+jwt" // RFC 9068
		delete(header, "cat")
		claims["client_id"] = oauthClient
		setText(claims, "scope", scopes)
		if t.audience != nil {
			claims["aud"] = t.audience
		}
		return header, claims
	}
	header["cat"] = categoryM2M
	setText(claims, "scopes", scopes)
	if t.scopes != nil {
		claims["aud"] = t.scopes
	}
	return header, claims
}

// templateJWT signs a JWT of a template: nothing in it but what every template
// has, and its own claims.
func (i *Instance) templateJWT(user string, r TokenRequest, lifetime time.Duration) (string, error) {
	now := i.now()
	claims := map[string]any{}
	maps.Copy(claims, r.Claims)
	maps.Copy(claims, map[string]any{
		"iss": i.Issuer(), "sub": user, "jti": randomHex(),
		"iat": now.Unix(), "nbf": now.Add(-templateMargin).Unix(), "exp": now.Add(lifetime).Unix(),
	})
	setText(claims, "azp", r.AuthorizedParty)
	switch len(r.Audience) {
	case 0:
	case 1:
		claims["aud"] = r.Audience[0]
	default:
		claims["aud"] = r.Audience
	}
	header := Claims{}.header(i.signer.ID, i.signer.Algorithm)
	header["cat"] = categoryTemplate
	return i.signJWT(header, claims)
}

// templateMargin is by how much nbf lies before iat unless a template says
// otherwise.
const templateMargin = 5 * time.Second

// describe is the object as JSON.
func (t *issued) describe(now time.Time) (json.RawMessage, error) {
	return json.Marshal(t.object(now))
}
