package clerk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nlnwa/whatwg-url/url"
)

// ErrMalformed says that the request's credential cannot be read in exactly
// one way, or is larger than any that Clerk mints. State.Err wraps it with the
// reason, which holds no text of the client's.
var ErrMalformed = errors.New("malformed credential")

// ErrBackendUnavailable says that the Backend API gave no answer that tells
// good from bad: it could not be reached, was overloaded or failing, or did not
// accept our own key.
var ErrBackendUnavailable = errors.New("the Backend API is not available")

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
	// Path is the request's path as it was received, without the query.
	Path string
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
	// Accepts are the types of tokens that may prove who calls.
	Accepts TokenTypes
	// Replies are the answers of the Backend API that this request has got.
	Replies Replies
	// UnknownKey is a key id that is settled not to exist, because it was just
	// fetched for and not found; empty: none is.
	UnknownKey string
}

// State is what is known of the caller. The zero State is not signed in.
type State struct {
	// SignedIn says that Session or Machine was verified. A pending session is
	// signed in, as in the SDK, and must not be treated as a user.
	SignedIn bool
	// Reason is the SDK's reason for not being signed in, verbatim; empty if
	// signed in or if the SDK has none.
	Reason string
	// Code is Reason without the details of a refresh: token-expired for
	// session-token-expired-refresh-….
	Code string
	// Detail says for operators what Reason leaves out, if anything. It holds no
	// text of the client's or of Clerk's.
	Detail string
	// Presented says that a token was shown, by header or by the session
	// cookie that counts.
	Presented bool
	// Carrier is where the token was, [CarrierHeader] or [CarrierCookie];
	// empty if none was presented.
	Carrier string
	// TokenType is the type of the token that signed in, such as [TypeSession];
	// empty if not signed in.
	TokenType string
	// Session is what a session or template token says; set if and only if one
	// of them signed in.
	Session *Session
	// Machine is what a machine token says; set if and only if one signed in.
	Machine *Machine
	// Handshake says that the SDK's status is "handshake": Location leads
	// through Clerk, or through the other domain, and back.
	Handshake bool
	// Location is where the client must be sent with 307 before anything else,
	// also if SignedIn (the result of a handshake on a development instance).
	Location string
	// NoRedirect says that a sign-in page would not help, because the client
	// would come back the same: the loop guard is full, or the answer of a
	// handshake on a development instance is not genuine.
	NoRedirect bool
	// SetCookies are Set-Cookie values for the response, whatever it is.
	SetCookies []string
	// Instance is the one that the token belongs to; for requests without
	// token that whose cookies were read. It may be nil.
	Instance *Instance
	// Err says why nothing could be found out: [ErrMalformed],
	// [ErrBackendUnavailable], jwks.ErrFetchNeeded or jwks.ErrUnavailable,
	// wrapped or not; else nil.
	Err error
	// KeyID is the key that is missing if Err is one of package jwks.
	KeyID string
	// RetryAfter is how long to wait before the next try if Err is
	// [ErrBackendUnavailable]; 0: unknown.
	RetryAfter time.Duration
	// Call is what the Backend API has to be asked first, of Instance: nothing
	// else in the State counts then. Put the answer into Request.Replies and
	// authenticate again.
	Call *Call

	token string // the JWT that signed in
}

// attempt is one request on its way to a State.
type attempt struct {
	request *Request
	opener
	now         time.Time
	instance    *Instance
	carrier     string
	headerToken string
	detail      string

	// What the request's cookies and query say; empty where they may not be
	// read for the instance.
	jar    jar
	choice choice
	chosen family
	query  query
}

// Authenticate finds out who sent r. A token in the Authorization header alone
// decides if there is one, good or bad; else the cookies of r.CookieInstance
// do. The cache may be nil. Now is the time by which exp, nbf and iat are
// judged.
func (is Instances) Authenticate(r *Request, c *Cache, now time.Time) State {
	a := attempt{request: r, opener: opener{cache: c}, now: now}
	token, err := bearerToken(r.Authorization)
	switch {
	case err != nil:
		a.carrier = CarrierHeader
		return a.malformed(err)
	case token != "":
		a.carrier, a.headerToken = CarrierHeader, token
		return a.header(is, token)
	case !r.Accepts.Has(SessionTokens):
		return a.withoutToken()
	}
	a.instance = r.CookieInstance
	if !a.hasCookies() {
		return a.signedOut(reasonSessionTokenAndUATMissing)
	}
	if err = a.takeCookies(); err != nil {
		a.carrier = CarrierCookie
		return a.malformed(err)
	}
	return a.cookie()
}

// hasCookies reports whether the request's cookies may be read for the instance.
func (a *attempt) hasCookies() bool {
	in := a.instance
	return in != nil && in == a.request.CookieInstance && in.settings.Cookies
}

// takeCookies reads the cookies and the query of the instance, and chooses
// between those with suffix and without. The error says that a session cookie is
// too long to be one.
func (a *attempt) takeCookies() (err error) {
	if !a.hasCookies() {
		return nil
	}
	a.query = readQuery(a.request.Query)
	if a.jar, err = a.instance.readCookies(a.request.Cookie); err != nil {
		return err
	}
	a.choice = a.jar.choose(a.instance, &a.opener, a.now)
	a.chosen = a.jar.plain
	if a.choice.suffixed {
		a.chosen = a.jar.suffixed
	}
	return nil
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
		if strings.IndexByte(rest, ' ') >= 0 || strings.IndexByte(rest, '\t') >= 0 {
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
// authenticateRequestWithTokenInHeader, authenticateMachineRequestWithTokenInHeader
// and authenticateAnyRequestWithTokenInHeader). No cookie takes part.
func (a *attempt) header(is Instances, raw string) State {
	if len(is) == 1 {
		a.instance = is[0]
	}
	if a.stumbles() {
		return a.signedOut(reasonUnexpectedError)
	}
	p, class, err := a.classify(raw)
	switch {
	case err != nil:
		return a.signedOut(reasonTokenInvalid)
	case !a.accepts(class):
		return a.signedOut(reasonTokenTypeMismatch)
	case p == nil:
		return a.opaque(raw, class)
	}
	if a.instance = is.issuerOf(p.token); a.instance == nil {
		return a.signedOut(reasonTokenInvalidIssuer)
	}
	switch class {
	case SessionTokens:
	case TemplateTokens:
		return a.template(p)
	default:
		return a.machineJWT(p, class)
	}
	v := a.verify(p)
	if v.reason != verifiedReason {
		return a.tokenError(p, v)
	}
	return a.signedIn(v.proof, raw)
}

// stumbles reports whether the SDK would throw over the request, good token or
// not. What it does not get to accept is not accepted here.
func (a *attempt) stumbles() bool {
	in, r := a.request.CookieInstance, a.request
	if in == nil {
		in = a.instance
	}
	if in == nil || r.Accepts == M2MTokens {
		return false
	}
	if in.settings.Satellite != nil && r.Origin != "" {
		// Its sign-in page must not be on its own origin; the SDK takes the
		// Origin header for that.
		if page, err := url.Parse(in.settings.SignInURL); err == nil && originOf(page) == r.Origin {
			return true
		}
	}
	if r.Accepts == APIKeys || !mayHoldNullToken(r.Cookie) { // then it reads no cookie
		return false
	}
	j, err := in.readCookies(r.Cookie)
	return err == nil && j.choose(in, &a.opener, a.now).throws
}

// signedIn is the only way to a State that is signed in. It asks once more
// whether such a token may sign in here, whoever calls it. raw is the token, if it
// is a JWT.
func (a *attempt) signedIn(p *proof, raw string) State {
	switch {
	case p.strict != nil:
		return a.signedOut(reasonTokenVerificationFailed)
	case !a.accepts(p.class):
		return a.signedOut(reasonTokenTypeMismatch)
	}
	return State{
		SignedIn:  true,
		Presented: true,
		Carrier:   a.carrier,
		TokenType: p.class.name(),
		Session:   p.session,
		Machine:   p.machine,
		Instance:  a.instance,
		token:     raw,
	}
}

// Claims returns the payload of the session or template token that signed in, one
// JSON object; nil if none did. What a machine's token says is in Machine.
func (s *State) Claims() []byte {
	if !s.SignedIn || s.Session == nil {
		return nil
	}
	return payloadOf(s.token)
}

// withoutKey decides nothing, because the key source did not.
func (a *attempt) withoutKey(t *token, reason string, err error) State {
	s := a.signedOut(reason)
	s.Err, s.KeyID = err, t.kid
	return s
}

func (a *attempt) signedOut(reason string) State {
	return State{
		Reason:    reason,
		Code:      plainCode(reason),
		Detail:    a.detail,
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

// tokenError makes the best of a token that was refused (the SDK's
// handleSessionTokenError). Bad times may be cured by a refresh or a handshake,
// also those of a header token.
func (a *attempt) tokenError(p *presented, v verification) State {
	if !v.isTime() {
		if v.err != nil {
			return a.withoutKey(p.token, v.reason, v.err)
		}
		return a.signedOut(v.reason)
	}
	if a.carrier == CarrierHeader {
		if err := a.takeCookies(); err != nil {
			a.jar, a.chosen, a.choice = jar{}, family{}, choice{}
		}
	}
	switch v.reason {
	case reasonTokenNotActiveYet:
		return a.maybeHandshake(reasonSessionTokenNBF)
	case reasonTokenIATInTheFuture:
		return a.maybeHandshake(reasonSessionTokenIATInTheFuture)
	}
	s, done, why := a.refresh(p)
	if done {
		return s
	}
	return a.maybeHandshake(reasonSessionTokenExpiredRefresh + why)
}

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
