package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// maxReply bounds the answer about one token, in bytes. One is less than 1 KiB
// plus its custom claims; the bound also limits how deep JSON can nest.
const maxReply = 64 << 10

// opaqueForm is how Clerk's tokens of one class look, how they are asked about
// and how the answer names itself.
type opaqueForm struct {
	prefix string
	call   CallKind
	object string
}

func opaqueFormOf(class TokenTypes) opaqueForm {
	switch class {
	case M2MTokens:
		return opaqueForm{"mt_", CallVerifyM2M, "machine_to_machine_token"}
	case OAuthTokens:
		return opaqueForm{"oat_", CallVerifyOAuth, "clerk_idp_oauth_access_token"}
	case APIKeys:
		return opaqueForm{"ak_", CallVerifyAPIKey, "api_key"}
	}
	return opaqueForm{}
}

// opaqueClass finds the class of an opaque token by its prefix, or noClass.
func opaqueClass(raw string) TokenTypes {
	return findClass(func(f opaqueForm) bool { return strings.HasPrefix(raw, f.prefix) })
}

func findClass(is func(opaqueForm) bool) TokenTypes {
	for _, class := range [...]TokenTypes{M2MTokens, OAuthTokens, APIKeys} {
		if is(opaqueFormOf(class)) {
			return class
		}
	}
	return noClass
}

// opaque decides by an opaque token, which only the Backend API can read (the
// SDK's verifyM2MToken, verifyOAuthToken and verifyAPIKey). Each question costs
// money, so that what cannot be such a token is not asked about. One with the
// shape of a JWT is one to the SDK, which then fails to read it.
func (a *attempt) opaque(raw string, class TokenTypes) State {
	if a.request.CookieInstance != nil {
		a.instance = a.request.CookieInstance
	}
	form, reply := opaqueFormOf(class), a.request.Replies.Verify
	switch {
	case jwtShaped(raw), raw == form.prefix, !safe(raw):
		return a.signedOut(reasonTokenInvalid)
	case a.instance == nil || !a.instance.settings.canAsk(class):
		return a.signedOut(reasonTokenInvalid)
	case reply == nil:
		s := a.signedOut("")
		s.Call = &Call{Kind: form.call, Secret: raw}
		return s
	case reply.tellsNothing():
		return a.backendUnavailable(reply)
	case reply.Status == http.StatusNotFound:
		return a.signedOut(reasonTokenInvalid)
	case reply.Status >= http.StatusBadRequest:
		return a.signedOut(reasonUnexpectedError)
	}
	m, reason := a.instance.settings.readReply(reply, class, a.now)
	if reason != verifiedReason {
		return a.signedOut(reason)
	}
	return a.signedIn(&proof{class: class, machine: m}, "")
}

// canAsk reports whether there is a key to ask about tokens of this class with.
func (s *Settings) canAsk(class TokenTypes) bool {
	return s.SecretKey || s.MachineSecretKey && class == M2MTokens
}

// tellsNothing reports whether the reply leaves open if the token is good: there
// was none, the API failed or was busy, or it did not accept our own key. Nor
// does a redirect, or anything below 200, answer the question.
func (r *Reply) tellsNothing() bool {
	switch s := r.Status; {
	case r.Err != nil, s < 200, 300 <= s && s < 400, s >= 500:
		return true
	case s == http.StatusUnauthorized, s == http.StatusForbidden,
		s == http.StatusRequestTimeout, s == http.StatusTooManyRequests:
		return true
	}
	return false
}

// backendUnavailable decides nothing, because the Backend API did not.
func (a *attempt) backendUnavailable(r *Reply) State {
	s := a.signedOut(reasonUnexpectedError)
	if r.Err != nil {
		s.Err = fmt.Errorf("%w: %w", ErrBackendUnavailable, r.Err)
	} else {
		s.Err = fmt.Errorf("%w: it answered with status %d", ErrBackendUnavailable, r.Status)
	}
	s.RetryAfter = r.RetryAfter
	return s
}

// readReply reads a good answer about a token. The SDK takes any answer for a
// yes, whatever it says: see the package documentation, entry 8. The content
// type is compared as the SDK does, to which any other is text.
func (s *Settings) readReply(r *Reply, class TokenTypes, now time.Time) (m *Machine, reason string) {
	if r.Status != http.StatusOK || r.ContentType != "application/json" || len(r.Body) > maxReply {
		return nil, reasonTokenVerificationFailed
	}
	answer, err := parseObject(r.Body)
	if err != nil {
		if unreadable(r.Body) {
			return nil, reasonUnexpectedError
		}
		return nil, reasonTokenVerificationFailed
	}
	object := answer.get("object").asText()
	switch findClass(func(f opaqueForm) bool { return object.is(f.object) }) {
	case class:
	case noClass:
		return nil, reasonTokenVerificationFailed
	default:
		return nil, reasonTokenTypeMismatch
	}
	m, err = readAnswer(answer, class)
	switch {
	case err != nil:
		return nil, reasonTokenVerificationFailed
	case !m.ExpiresAt.IsZero() && m.ExpiresAt.UnixMilli() <= now.UnixMilli()-s.ClockSkew.Milliseconds():
		return nil, reasonTokenVerificationFailed
	case class == OAuthTokens && len(s.Audiences) > 0 && !s.addressed(audience{list: m.Audiences}):
		return nil, reasonTokenVerificationFailed
	}
	return m, verifiedReason
}

// unreadable reports whether the SDK stumbles over an answer, too: it is not
// JSON, or it is null, true, false or a number.
func unreadable(body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	return !json.Valid(body) || bytes.IndexByte([]byte(`{["`), body[0]) < 0
}

// readAnswer reads what the Backend API says of a token. An absent field and
// null are the same in it, but for those that say whether the token is good.
func readAnswer(o object, class TokenTypes) (*Machine, error) {
	if err := checkValid(o); err != nil {
		return nil, err
	}
	m := new(Machine)
	if err := m.bind(class, o.get("subject").asText().text); err != nil {
		return nil, err
	}
	if id := o.get("id").asText(); id.kind == kindString && safe(id.text) {
		m.ID = id.text
	} else {
		return nil, errors.New("id is not one")
	}
	for _, name := range [...]string{"type", "name"} {
		if _, err := optionalText(o, name); err != nil {
			return nil, err
		}
	}
	var err error
	if scopes := o.given("scopes"); scopes.kind != kindAbsent {
		if m.Scopes, err = readList(scopes); err != nil {
			return nil, fmt.Errorf("scopes: %w", err)
		}
	}
	if m.ExpiresAt, err = readExpiration(o.given("expiration"), class); err != nil {
		return nil, err
	}
	if class == OAuthTokens {
		err = m.readGrant(o)
	} else {
		err = m.readAttached(o.given("claims"))
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// given returns a member; null is as if it were absent.
func (o object) given(name string) value {
	if v := o.get(name); v.kind != kindNull {
		return v
	}
	return value{}
}

// checkValid refuses an answer that does not say plainly that the token is good,
// and one that is about several things, or about a thing that is gone: in those
// the SDK finds no subject.
func checkValid(o object) error {
	for _, name := range [...]string{"revoked", "expired"} {
		if v := o.get(name); v.kind != kindAbsent && string(v.raw) != "false" {
			return fmt.Errorf("%s is not false", name)
		}
	}
	if v := o.get("active"); v.kind != kindAbsent && string(v.raw) != "true" {
		return errors.New("active is not true")
	}
	for _, name := range [...]string{"deleted", "data", "m2m_tokens", "errors"} {
		if o.get(name).kind != kindAbsent {
			return fmt.Errorf("an answer with %s is not about one token", name)
		}
	}
	return nil
}

// readGrant reads what only OAuth tokens have.
func (m *Machine) readGrant(o object) (err error) {
	if m.ClientID, err = optionalID(o, "client_id"); err != nil {
		return err
	}
	aud := readAudience(o.given("aud"))
	if aud.alien {
		return errors.New("aud is neither a string nor an array of strings")
	}
	m.Audiences = aud.list
	return m.readActor(o.given("act"))
}

// readAttached reads the custom claims. They outlive the answer.
func (m *Machine) readAttached(claims value) error {
	if claims.kind != kindAbsent && claims.kind != kindObject {
		return errors.New("claims is not an object")
	}
	if len(claims.members()) > 0 {
		m.Claims = bytes.Clone(claims.raw)
	}
	return nil
}

// millisFrom is the number from which on an OAuth token's expiration must be
// milliseconds: as seconds it is the year 5138, as milliseconds 1973. Clerk
// documents seconds there, and milliseconds for every other token.
const millisFrom = 100_000_000_000

func readExpiration(v value, class TokenTypes) (time.Time, error) {
	if v.kind == kindAbsent {
		return time.Time{}, nil
	}
	n, plain := plainInteger(v.raw)
	if !plain {
		return time.Time{}, errors.New("expiration is not a time")
	}
	if class == OAuthTokens && n < millisFrom {
		n *= 1000
	}
	if n > latest*1000 {
		return time.Time{}, errors.New("expiration is after the year 9999")
	}
	return time.UnixMilli(n).UTC(), nil
}
