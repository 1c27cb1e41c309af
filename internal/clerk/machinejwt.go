package clerk

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// machineJWT decides by a JWT of a machine or of an OAuth application (the SDK's
// verifyM2MJwt and verifyOAuthJwt). It has neither handshake nor refresh.
func (a *attempt) machineJWT(p *presented, class TokenTypes) State {
	t := p.token
	switch {
	case class == M2MTokens && t.cat.kind != kindAbsent && !t.cat.is(categoryM2M):
		return a.signedOut(reasonTokenInvalid)
	case class == M2MTokens && a.instance.settings.MachineID == "":
		return a.signedOut(reasonTokenVerificationFailed) // nobody's machine: it cannot be for us
	}
	key, reason, err := a.instance.keyOf(t, a.request.UnknownKey)
	if err != nil {
		return a.withoutKey(t, reasonTokenVerificationFailed, err)
	}
	if reason != verifiedReason {
		return a.signedOut(reasonTokenVerificationFailed)
	}
	proof, reason := a.instance.checkSignature(p, key, class, a.cache, a.now)
	if reason != verifiedReason { // the SDK does not tell machines which check it was
		return a.signedOut(reasonTokenVerificationFailed)
	}
	if reason = a.instance.settings.checkMachine(proof, class, a.now); reason != verifiedReason {
		return a.signedOut(reason)
	}
	return a.signedIn(proof, p.raw)
}

// checkMachine makes the SDK's checks of a machine's JWT, and after them ours.
// None of them depends on what was cached. Parties are not checked: azp is a
// browser's affair.
func (s *Settings) checkMachine(p *proof, class TokenTypes, now time.Time) string {
	t := p.token
	switch {
	case t.sub.kind != kindString:
		return reasonTokenVerificationFailed
	case t.checkTimes(now, s.ClockSkew) != verifiedReason:
		return reasonTokenVerificationFailed
	case class == OAuthTokens && len(s.Audiences) > 0 && !s.addressed(t.aud):
		return reasonTokenVerificationFailed
	case t.iss.kind != kindString || !slices.Contains(s.Issuers, t.iss.text):
		return reasonTokenInvalidIssuer
	case p.machine == nil:
		return reasonTokenVerificationFailed
	case class == M2MTokens && !slices.Contains(p.machine.Scopes, s.MachineID):
		return reasonTokenVerificationFailed
	}
	return verifiedReason
}

// addressed reports whether aud names one of the audiences, and is a string or
// an array of strings of which none is empty (the SDK's assertOAuthAudienceClaim).
// Unlike hears it takes silence for no.
func (s *Settings) addressed(aud audience) bool {
	return !slices.Contains(aud.list, "") &&
		slices.ContainsFunc(aud.list, func(a string) bool { return slices.Contains(s.Audiences, a) })
}

// readMachine reads the identity out of a machine's JWT. What it refuses, the
// SDK would accept, or throw over: see the package documentation, entries 3 to 5.
func readMachine(t *token, class TokenTypes) (*Machine, error) {
	m := &Machine{ExpiresAt: t.exp.time(), Audiences: t.aud.list}
	if t.sub.kind != kindString {
		return nil, errors.New("sub is not a string")
	}
	if err := m.bind(class, t.sub.text); err != nil {
		return nil, err
	}
	if t.aud.alien {
		return nil, errors.New("aud is neither a string nor an array of strings")
	}
	var err error
	if m.ID, err = optionalID(t.claims, "jti"); err != nil {
		return nil, err
	}
	if class == M2MTokens {
		err = m.readM2MClaims(t)
	} else {
		err = m.readOAuthClaims(t.claims)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// readM2MClaims reads the machines that the token is for out of scopes or, only
// if there is none, out of aud; and what else the sender put into the token.
func (m *Machine) readM2MClaims(t *token) (err error) {
	if scopes := t.claims.get("scopes"); scopes.kind != kindAbsent {
		m.Scopes, err = readWords(scopes)
	} else {
		m.Scopes, err = t.aud.list, allSafe(t.aud.list)
	}
	if err != nil {
		return fmt.Errorf("scopes: %w", err)
	}
	m.Claims, err = customClaims(t.claims)
	return err
}

// readOAuthClaims reads client_id, act and the scopes: scp or, only if there is
// none, scope (RFC 9068 section 2.2.3).
func (m *Machine) readOAuthClaims(claims object) (err error) {
	if m.ClientID, err = optionalID(claims, "client_id"); err != nil {
		return err
	}
	if err = m.readActor(claims.get("act")); err != nil {
		return err
	}
	if scp := claims.get("scp"); scp.kind != kindAbsent {
		m.Scopes, err = readList(scp)
	} else if scope := claims.get("scope"); scope.kind != kindAbsent {
		m.Scopes, err = readWords(scope)
	}
	if err != nil {
		return fmt.Errorf("scopes: %w", err)
	}
	return nil
}

// customClaims returns what is not a claim of Clerk's own (the SDK's
// M2M_RESERVED_JWT_CLAIMS) as one JSON object. Whom the token is for is part of
// it, so that there is always something.
func customClaims(claims object) ([]byte, error) {
	custom := make(map[string]json.RawMessage, len(claims))
	for _, c := range claims {
		switch c.name {
		case "iss", "sub", "exp", "nbf", "iat", "jti":
		default:
			custom[c.name] = c.raw
		}
	}
	return json.Marshal(custom)
}
