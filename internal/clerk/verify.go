package clerk

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256 of RS256, and of the cache's names
	_ "crypto/sha512" // SHA-384 and SHA-512 of RS384 and RS512
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// hashOf returns the hash of a signature algorithm that Clerk's SDK accepts.
func hashOf(alg string) (crypto.Hash, bool) {
	switch alg {
	case "RS256":
		return crypto.SHA256, true
	case "RS384":
		return crypto.SHA384, true
	case "RS512":
		return crypto.SHA512, true
	}
	return 0, false
}

// verifiedReason is what a check returns in place of a reason if it holds.
const verifiedReason = ""

// verification is the result of holding a token against an instance. An err is
// one of the key source: then nothing is known about the token.
type verification struct {
	reason string // [verifiedReason] if the SDK would accept the token
	proof  *proof
	err    error
}

// verify makes the SDK's checks in the SDK's order (verifyToken, verifyJwt), so
// that the first one that fails gives the same reason.
func (a *attempt) verify(p *presented) verification {
	return a.verifyWithin(p, a.instance.settings.ClockSkew)
}

// verifyWithin is [attempt.verify] with another clock skew.
func (a *attempt) verifyWithin(p *presented, skew time.Duration) verification {
	in := a.instance
	key, reason, err := in.keyOf(p.token, a.request.UnknownKey)
	if reason != verifiedReason || err != nil {
		return verification{reason: reason, err: err}
	}
	proof, reason := in.checkSignature(p, key, SessionTokens, a.cache, a.now)
	if reason == verifiedReason {
		reason = in.checkClaims(p.token, a.carrier, a.now, skew)
	}
	return verification{reason: reason, proof: proof}
}

// isTime reports whether the moment is the only thing that is wrong.
func (v verification) isTime() bool {
	switch v.reason {
	case reasonTokenExpired, reasonTokenNotActiveYet, reasonTokenIATInTheFuture:
		return true
	}
	return false
}

// keyOf looks the key up. A key that was just fetched for and not found is not
// fetched for again. Any failure but a certain "there is no such key" is
// handed out: it is about us, not about the token.
func (in *Instance) keyOf(t *token, unknown string) (*jwks.Key, string, error) {
	if in.settings.InsecureUnverified {
		return nil, verifiedReason, nil
	}
	key, err := in.settings.Keys.Key(t.kid)
	switch {
	case errors.Is(err, jwks.ErrUnknownKey), err != nil && unknown != "" && t.kid == unknown:
		return nil, reasonKeyIDMismatch, nil
	case err != nil:
		return nil, reasonKeysRemoteFailedToLoad, err
	case key == nil || key.Public == nil:
		return nil, reasonKeysRemoteFailedToLoad, jwks.ErrUnavailable
	}
	return key, verifiedReason, nil
}

// checkSignature checks the header, as that of a token of this class, and the
// signature. The cache may only spare the arithmetic, and only for this very
// token with this very key.
func (in *Instance) checkSignature(p *presented, key *jwks.Key, class TokenTypes, c *Cache, now time.Time) (*proof, string) {
	t := p.token
	if !t.typeFits(class) {
		return nil, reasonTokenInvalid
	}
	hash, known := hashOf(t.alg.text)
	switch {
	case !known:
		return nil, reasonTokenInvalidAlgorithm
	case in.settings.InsecureUnverified:
		return p.prove(nil), verifiedReason
	case key.Algorithm != "" && key.Algorithm != t.alg.text:
		return nil, reasonTokenVerificationFailed
	case p.proof != nil && p.proof.key == key:
		c.hit()
		return p.proof, verifiedReason
	case c.refuted(p.sum, key, now):
		c.hit()
		return nil, reasonTokenInvalidSignature
	}
	if !c.verify(p, key, hash) {
		c.refute(p, key, now)
		return nil, reasonTokenInvalidSignature
	}
	proof := p.prove(key)
	c.keep(p.sum, proof)
	return proof, verifiedReason
}

// validSignature verifies RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2) over the
// token's first two parts as they were received.
func validSignature(raw string, key *rsa.PublicKey, hash crypto.Hash) bool {
	dot := strings.LastIndexByte(raw, '.')
	signature, err := decodeSegment(raw[dot+1:])
	if err != nil {
		return false
	}
	h := hash.New()
	h.Write([]byte(raw[:dot]))
	return rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), signature) == nil
}

// checkClaims makes the SDK's checks of the payload, in its order. None of them
// depends on what was cached.
func (in *Instance) checkClaims(t *token, carrier string, now time.Time, within time.Duration) string {
	s := &in.settings
	switch {
	case t.sub.kind != kindString:
		return reasonTokenVerificationFailed
	case !s.hears(t.aud):
		return reasonTokenVerificationFailed
	case !s.authorizes(t.azp, carrier):
		return reasonTokenInvalidAzp
	case t.iss.kind != kindString || !slices.Contains(s.Issuers, t.iss.text):
		return reasonTokenInvalidIssuer
	}
	return t.checkTimes(now, within)
}

// checkTimes holds exp, which must be there, nbf and iat against the clock.
func (t *token) checkTimes(now time.Time, within time.Duration) string {
	millis, skew := now.UnixMilli(), within.Milliseconds()
	switch {
	case t.exp.kind != kindNumber:
		return reasonTokenVerificationFailed
	case t.exp.seconds*1000 <= millis-skew:
		return reasonTokenExpired
	case t.nbf.kind != kindAbsent && t.nbf.kind != kindNumber:
		return reasonTokenVerificationFailed
	case t.nbf.seconds*1000 > millis+skew:
		return reasonTokenNotActiveYet
	case t.iat.kind != kindAbsent && t.iat.kind != kindNumber:
		return reasonTokenVerificationFailed
	case t.iat.seconds*1000 > millis+skew:
		return reasonTokenIATInTheFuture
	}
	return verifiedReason
}

// hears reports whether the token is meant for one of the audiences. As in the
// SDK, nothing is compared if either side names none.
func (s *Settings) hears(aud audience) bool {
	asked := slices.ContainsFunc(aud.list, func(a string) bool { return a != "" })
	if len(s.Audiences) == 0 || !asked {
		return true
	}
	return slices.ContainsFunc(aud.list, func(a string) bool { return slices.Contains(s.Audiences, a) })
}

// authorizes compares azp exactly: no wildcard, no trailing slash.
func (s *Settings) authorizes(azp textValue, carrier string) bool {
	switch {
	case len(s.AuthorizedParties) == 0:
		return true
	case azp.kind == kindAbsent:
		return s.MissingAzp == MissingAzpAllow ||
			s.MissingAzp == MissingAzpAllowCookie && carrier == CarrierCookie
	}
	return azp.kind == kindString && slices.Contains(s.AuthorizedParties, azp.text)
}
