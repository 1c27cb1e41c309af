package clerk

import "strings"

// Categories of the tokens that are no session tokens.
const (
	categoryTemplate = "cl_B7d4PD222AAA"
	categoryM2M      = "cl_B7d4PD333AAA"
)

// noClass is the class of a token that nobody may accept: one of a category
// that is not known, or one that nothing was found out about.
const noClass TokenTypes = 0

// class says of which type the token is. It is a property of the token alone:
// all types are signed with the same key, so that nothing else tells them apart,
// and a token that was verified as one type can never serve as another.
//
// The order is the SDK's (getMachineTokenType, then isNonSessionJwtCategory):
// a machine's token by its subject, an OAuth access token by its type (RFC 9068
// section 2.1), the others by their category. An absent category is one of
// tokens minted before there were categories. JSON null is not absence.
func (t *token) class() TokenTypes {
	switch {
	case !t.signed: // the SDK does not classify a token without a signature part
	case t.sub.kind == kindString && strings.HasPrefix(t.sub.text, "mch_"):
		return M2MTokens
	case t.isAccessToken():
		return OAuthTokens
	}
	switch {
	case t.cat.kind == kindAbsent, t.cat.is(categorySession), t.cat.is(categoryIgnore):
		return SessionTokens
	case t.cat.is(categoryTemplate):
		return TemplateTokens
	}
	return noClass
}

// isAccessToken reports whether the token's header says that it is an OAuth
// access token (the SDK's OAUTH_ACCESS_TOKEN_TYPES).
func (t *token) isAccessToken() bool {
	return t.typ.is("at+jwt") || t.typ.is("application/at+jwt")
}

// typeFits is the SDK's assertHeaderType for a token that is verified as one of
// this class.
func (t *token) typeFits(class TokenTypes) bool {
	if class == OAuthTokens {
		return t.isAccessToken()
	}
	return t.typ.kind == kindAbsent || t.typ.is("JWT")
}

// name is the SDK's name of one type.
func (t TokenTypes) name() string {
	switch t {
	case SessionTokens:
		return TypeSession
	case TemplateTokens:
		return TypeTemplate
	case M2MTokens:
		return TypeM2M
	case APIKeys:
		return TypeAPIKey
	case OAuthTokens:
		return TypeOAuth
	}
	return ""
}

// accepts reports whether a token of this class may prove who calls.
func (a *attempt) accepts(class TokenTypes) bool {
	return class != noClass && a.request.Accepts.Has(class)
}

// classify finds out of which class a header token is and, unless it is opaque,
// takes it apart. The error says that its form is not one of ours, although the
// SDK may read it.
//
// Where sessions alone are accepted the SDK does not look at prefixes. Where
// they are not, what is no machine's token to the SDK is a session token of
// some kind, whatever is wrong with it.
func (a *attempt) classify(raw string) (*presented, TokenTypes, error) {
	if class := opaqueClass(raw); class != noClass && a.request.Accepts.orDefault() != SessionTokens {
		return nil, class, nil
	}
	p, err := a.open(raw)
	switch {
	case err == nil:
		return p, p.token.class(), nil
	case a.accepts(SessionTokens), jwtShaped(raw) && readAsSDK(raw) != sdkCannotRead:
		return nil, noClass, err
	}
	return nil, SessionTokens, nil
}

// jwtShaped is the SDK's isJwtFormat: three parts of base64url, none empty.
func jwtShaped(raw string) bool {
	parts := 0
	for part := range strings.SplitSeq(raw, ".") {
		for i := range len(part) {
			if c := part[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
				return false
			}
		}
		if parts++; part == "" {
			return false
		}
	}
	return parts == 3
}

// withoutToken decides on a request without a token in its header where session
// tokens, and so cookies, are not accepted.
func (a *attempt) withoutToken() State {
	if a.request.Accepts.single() {
		return a.signedOut(reasonNoTokenInHeader)
	}
	return a.signedOut(reasonTokenTypeMismatch)
}
