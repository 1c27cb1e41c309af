package clerktest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// handshakePayload is GET /v1/clients/handshake_payload. A nonce can be asked for
// again within its minute: a request that is repeated is not a thief.
func (i *Instance) handshakePayload(c apiCall) (any, *apiError) {
	nonce := c.URL.Query().Get("nonce")
	if nonce == "" {
		return nil, missingParameter("nonce")
	}
	o, ok := i.state.outcomes[nonce]
	if !ok || i.now().After(o.until) {
		return nil, notFound("No handshake was found with this nonce, or it was too long ago.")
	}
	return map[string]any{"nonce": nonce, "directives": o.directives}, nil
}

// refreshSession is POST /v1/sessions/{id}/refresh.
func (i *Instance) refreshSession(c apiCall) (any, *apiError) {
	var params struct {
		Format        string `json:"format"`
		ExpiredToken  string `json:"expired_token"`
		RefreshToken  string `json:"refresh_token"`
		RequestOrigin string `json:"request_origin"`
	}
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	for name, value := range map[string]string{
		"expired_token": params.ExpiredToken, "refresh_token": params.RefreshToken, "request_origin": params.RequestOrigin,
	} {
		if value == "" {
			return nil, missingParameter(name)
		}
	}
	s := i.state.sessions[c.PathValue("id")]
	if s == nil {
		return nil, notFound("No active session was found with id %s", c.PathValue("id"))
	}
	if !same(params.RefreshToken, s.refresh) || !i.isTokenOf(s, params.ExpiredToken) {
		return nil, &apiError{http.StatusBadRequest, "refresh_token_invalid", "is invalid", "The refresh token or the expired token is not one of this session."}
	}
	token := i.mint(s)
	if params.Format != "cookie" {
		return map[string]any{"object": "token", "jwt": token}, nil
	}
	secure := strings.HasPrefix(params.RequestOrigin, "https:")
	cookies := []string{i.sessionCookie(cookieSession, token, secure)}
	if c.URL.Query().Get("suffixed_cookies") == "true" {
		cookies = append(cookies, i.sessionCookie(i.suffixed(cookieSession), token, secure))
	}
	return map[string]any{"object": "cookies", "cookies": cookies}, nil
}

// isTokenOf tells whether a token, expired or not, was minted for the session.
func (i *Instance) isTokenOf(s *session, token string) bool {
	input, signature, ok := cutLast(token, ".")
	if !ok {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(input))
	if rsa.VerifyPKCS1v15(&i.signer.Private.PublicKey, crypto.SHA256, digest[:], raw) != nil {
		return false
	}
	payload, err := payloadOf(token)
	if err != nil {
		return false
	}
	var claims struct {
		Session string `json:"sid"`
		User    string `json:"sub"`
	}
	return json.Unmarshal(payload, &claims) == nil && claims.Session == s.id && claims.User == s.user.ID
}

func cutLast(s, separator string) (before, after string, found bool) {
	n := strings.LastIndex(s, separator)
	if n < 0 {
		return s, "", false
	}
	return s[:n], s[n+len(separator):], true
}
