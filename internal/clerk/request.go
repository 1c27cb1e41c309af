package clerk

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrMalformed says that the request's credential cannot be read in exactly
// one way, or is larger than any that Clerk mints. State.Err wraps it with the
// reason, which holds no text of the client's.
var ErrMalformed = errors.New("malformed credential")

// Where a token was presented.
const (
	CarrierHeader = "header"
	CarrierCookie = "cookie"
)

// Request holds what Clerk's SDK reads of an HTTP request. Absent headers are
// empty.
type Request struct {
	// Method is the request method.
	Method string
	// Scheme and Host are those of the request itself, as the proxy saw it.
	Scheme, Host string
	// Query is the raw query, without "?".
	Query string
	// Authorization is the value of the one Authorization header.
	Authorization string
	// Cookie is the cookie header; several lines are joined with "; ".
	Cookie string
	// Accept, SecFetchDest, Referer and Origin are the headers of these names.
	Accept, SecFetchDest, Referer, Origin string
	// ForwardedHost and ForwardedProto are X-Forwarded-Host and -Proto.
	ForwardedHost, ForwardedProto string
	// CookieInstance is the instance whose cookies may be read on this host;
	// nil: nobody's.
	CookieInstance *Instance
}

// State is what is known of the caller. The zero State is not signed in.
type State struct {
	// SignedIn says that Session was verified. A pending session is signed in,
	// as in the SDK, and must not be treated as a user.
	SignedIn bool
	// Reason is the SDK's reason for not being signed in, verbatim; empty if
	// signed in or if the SDK has none.
	Reason string
	// Code is Reason without the details of a refresh: token-expired for
	// session-token-expired-refresh-….
	Code string
	// Presented says that a token was shown, by header or by the session
	// cookie that counts.
	Presented bool
	// Carrier is where the token was, [CarrierHeader] or [CarrierCookie];
	// empty if none was presented.
	Carrier string
	// Session is set if and only if SignedIn is.
	Session *Session
	// Instance is the one that the token belongs to; for requests without
	// token that whose cookies were read. It may be nil.
	Instance *Instance
	// Err says why nothing could be found out: [ErrMalformed],
	// jwks.ErrFetchNeeded or jwks.ErrUnavailable, wrapped or not; else nil.
	Err error
	// KeyID is the key that is missing if Err is one of package jwks.
	KeyID string
}

// attempt is one request on its way to a State.
type attempt struct {
	request  *Request
	cache    *Cache
	now      time.Time
	instance *Instance
	carrier  string
	jar      jar // cookies of the instance; empty if they may not be read
}

// Authenticate finds out who sent r. A token in the Authorization header alone
// decides if there is one, good or bad; else the cookies of r.CookieInstance
// do. The cache may be nil. Now is the time by which exp, nbf and iat are
// judged.
func (is Instances) Authenticate(r *Request, c *Cache, now time.Time) State {
	a := attempt{request: r, cache: c, now: now}
	token, err := bearerToken(r.Authorization)
	switch {
	case err != nil:
		a.carrier = CarrierHeader
		return a.malformed(err)
	case token != "":
		a.carrier = CarrierHeader
		return a.header(is, token)
	case r.CookieInstance == nil || !r.CookieInstance.settings.Cookies:
		return a.signedOut(reasonSessionTokenAndUATMissing)
	}
	a.instance = r.CookieInstance
	if a.jar, err = a.instance.readCookies(r.Cookie); err != nil {
		a.carrier = CarrierCookie
		return a.malformed(err)
	}
	return a.cookie()
}

// bearerToken returns the token of an Authorization header, or "" if there is
// none for us: another scheme's credentials are somebody else's.
//
// As in the SDK, a value of one word is the token, and so is the word before
// two spaces. Unlike the SDK it refuses what a list of credentials would look
// like, because the service behind may read another one of them.
func bearerToken(value string) (string, error) {
	value = strings.Trim(value, " \t")
	if strings.Contains(value, ",") {
		return "", errors.New("authorization holds a comma")
	}
	token, rest, _ := strings.Cut(value, " ")
	if rest != "" && rest[0] != ' ' {
		if !equalFoldASCII(token, "bearer") {
			return "", nil
		}
		if strings.ContainsAny(rest, " \t") {
			return "", errors.New("authorization holds more than one token")
		}
		token = rest
	}
	if len(token) > maxToken {
		return "", errors.New("the token in authorization is too long")
	}
	return token, nil
}

// header decides by a token of the Authorization header (the SDK's
// authenticateRequestWithTokenInHeader). No cookie takes part.
func (a *attempt) header(is Instances, raw string) State {
	if len(is) == 1 {
		a.instance = is[0]
	}
	p, err := a.cache.open(raw)
	if err != nil {
		return a.signedOut(reasonTokenInvalid)
	}
	if p.token.ofAnotherClass() {
		return a.signedOut(reasonTokenTypeMismatch)
	}
	if a.instance = is.issuerOf(p.token); a.instance == nil {
		return a.signedOut(reasonTokenInvalidIssuer)
	}
	v := a.instance.verify(p, a.carrier, a.cache, a.now)
	if v.reason != verifiedReason {
		return a.tokenError(p, v)
	}
	return a.signedIn(v.proof)
}

// signedIn is the only way to a State that is signed in.
func (a *attempt) signedIn(p *proof) State {
	if p.strict != nil {
		return a.signedOut(reasonTokenVerificationFailed)
	}
	return State{
		SignedIn:  true,
		Presented: true,
		Carrier:   a.carrier,
		Session:   p.session,
		Instance:  a.instance,
	}
}

func (a *attempt) signedOut(reason string) State {
	return State{
		Reason:    reason,
		Code:      plainCode(reason),
		Presented: a.carrier != "",
		Carrier:   a.carrier,
		Instance:  a.instance,
	}
}

func (a *attempt) malformed(why error) State {
	s := a.signedOut("")
	s.Code = codeRequestMalformed
	s.Err = fmt.Errorf("%w: %w", ErrMalformed, why)
	return s
}

// maybeHandshake is where a document is redirected through Clerk to get fresh
// cookies. Every other request, and today every one, is signed out with the
// same reason.
func (a *attempt) maybeHandshake(reason string) State {
	return a.signedOut(reason)
}

// tokenError makes the best of a token that was refused (the SDK's
// handleSessionTokenError). Bad times may be cured by a refresh or a handshake,
// also those of a header token.
func (a *attempt) tokenError(p *presented, v verification) State {
	switch v.reason {
	case reasonTokenExpired:
		return a.maybeHandshake(reasonSessionTokenExpiredRefresh + a.refresh())
	case reasonTokenNotActiveYet:
		return a.maybeHandshake(reasonSessionTokenNBF)
	case reasonTokenIATInTheFuture:
		return a.maybeHandshake(reasonSessionTokenIATInTheFuture)
	}
	s := a.signedOut(v.reason)
	if v.err != nil {
		s.Err, s.KeyID = v.err, p.token.kid
	}
	return s
}

// refresh is where an expired session is refreshed through the Backend API, and
// says why it was not. Today it has no client to do so.
func (a *attempt) refresh() (reason string) {
	switch {
	case !a.isGET():
		return refreshNonEligibleNonGet
	case !a.hasRefreshCookie():
		return refreshNonEligibleNoCookie
	}
	return refreshMissingAPIClient
}

// hasRefreshCookie looks for the refresh cookie, which only has a suffixed name.
// The header path has not read the cookies before.
func (a *attempt) hasRefreshCookie() bool {
	if a.carrier == CarrierCookie {
		return a.jar.refresh != ""
	}
	if a.instance != a.request.CookieInstance || !a.instance.settings.Cookies {
		return false
	}
	j, err := a.instance.readCookies(a.request.Cookie)
	return err == nil && j.refresh != ""
}

// isGET folds case, as the SDK's Request does before it compares.
func (a *attempt) isGET() bool { return equalFoldASCII(a.request.Method, "get") }

// equalFoldASCII compares with a lower-case word. Unicode folding would let
// other letters stand in for ASCII ones.
func equalFoldASCII(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
