package clerk

import "errors"

// template decides by a token of a JWT template. The SDK accepts such tokens
// nowhere, because they outlive the session that they were minted in; where a
// policy does, they must say for whom they are. They are what a session token is
// to an API: an expired one is refused, and no redirect makes a new one.
func (a *attempt) template(p *presented) State {
	s := &a.instance.settings
	if len(s.Audiences) == 0 {
		return a.signedOut(reasonTokenVerificationFailed)
	}
	key, reason, err := a.instance.keyOf(p.token, a.request.UnknownKey)
	if err != nil {
		return a.withoutKey(p.token, reason, err)
	}
	if reason != verifiedReason {
		return a.signedOut(reason)
	}
	proof, reason := a.instance.checkSignature(p, key, TemplateTokens, a.cache, a.now)
	switch {
	case reason != verifiedReason:
	case !s.addressed(p.token.aud):
		reason = reasonTokenVerificationFailed
	default:
		reason = a.instance.checkClaims(p.token, a.carrier, a.now, s.ClockSkew)
	}
	if reason != verifiedReason {
		return a.signedOut(reason)
	}
	return a.signedIn(proof, p.raw)
}

// readTemplate reads out of a token of a JWT template a user, and for whom the
// token is. Every other claim is what the template's author wrote, whatever its
// name, and proves no session, organisation, role, second factor or actor.
func readTemplate(t *token) (*Session, error) {
	s := &Session{
		Version:   1,
		Issuer:    t.iss.text,
		UserID:    t.sub.text,
		ExpiresAt: t.exp.time(),
		NotBefore: t.nbf.time(),
		IssuedAt:  t.iat.time(),
		Audiences: t.aud.list,
	}
	if !isID(s.UserID, "user_") {
		return nil, errors.New("sub is not the id of a user")
	}
	if t.aud.alien {
		return nil, errors.New("aud is neither a string nor an array of strings")
	}
	return s, nil
}
