package clerk

import (
	"errors"
	"strings"
	"time"
)

// developmentSkew is how far clocks may differ right after a handshake of a
// development instance: a laptop's clock is nobody's job (the SDK's value).
const developmentSkew = 24 * time.Hour

// resolveHandshake turns the answer of a handshake, brought along by the
// browser, into cookies and a session. It is not done if the answer is none of
// ours, or its session no good: on a production instance several applications
// share the cookies that carry it (the SDK's resolveHandshake).
func (a *attempt) resolveHandshake(nonce, token string) (s State, done bool) {
	var answer handshakeAnswer
	if nonce != "" {
		answer = a.answerOfNonce(nonce)
	} else {
		answer = a.answerOfToken(token)
	}
	if answer.decided {
		return answer.state, true
	}
	if answer.useless {
		return State{}, false
	}
	cookies, session, ok := readDirectives(answer.directives)
	if !ok {
		// The SDK would set some of them. Whatever the request's own cookies say,
		// it is not what the browser would be told.
		return a.signedOut(reasonSessionTokenMissing), true
	}
	carrier := a.carrier
	s, done = a.freshSession(session)
	if !done {
		a.carrier = carrier
		return State{}, false
	}
	if s.SignedIn || s.Reason == reasonSessionTokenMissing {
		s.SetCookies, s.Location = cookies, a.afterHandshake()
	}
	return s, true
}

// handshakeAnswer is what a nonce or handshake token stands for: directives,
// perhaps none; or nothing, so that the request is judged without; or the end of
// the request.
type handshakeAnswer struct {
	directives []string
	useless    bool
	decided    bool
	state      State
}

func decided(s State) handshakeAnswer { return handshakeAnswer{decided: true, state: s} }

// directivesOf reads an array of Set-Cookie values. Anything else sets nothing;
// an array that holds something else is useless.
func directivesOf(v value) handshakeAnswer {
	if v.kind != kindArray {
		return handshakeAnswer{}
	}
	list, ok := texts(v)
	return handshakeAnswer{directives: list, useless: !ok}
}

// answerOfNonce asks the Backend API what the handshake has to set. What it
// refuses, and what is not of the documented shape, sets nothing.
func (a *attempt) answerOfNonce(nonce string) handshakeAnswer {
	if !a.instance.settings.SecretKey {
		a.detail = "the nonce of a handshake cannot be read without the secret key"
		return handshakeAnswer{}
	}
	reply := a.request.Replies.Handshake
	if reply == nil {
		return decided(a.ask(&Call{Kind: CallHandshake, Secret: nonce}))
	}
	body, refused, err := reply.object()
	switch {
	case err != nil:
		return decided(a.backendUnavailable(reply))
	case refused != nil:
		a.detail = "the Backend API does not know the nonce of the handshake"
		return handshakeAnswer{}
	}
	return directivesOf(body.get("directives"))
}

// answerOfToken reads a handshake token. Its signature alone proves it: it has
// neither an expiry nor an audience. But its class must be that of session
// tokens, because the author of a JWT template chooses every claim of it.
//
// On a development instance a token that is no good ends the request, since it
// came in the query and nobody else can have meant it.
func (a *attempt) answerOfToken(raw string) handshakeAnswer {
	v := verification{reason: reasonTokenInvalid}
	p, err := a.open(raw)
	if err == nil {
		v = a.verifyHandshake(p)
	}
	switch {
	case v.err != nil:
		return decided(a.withoutKey(p.token, v.reason, v.err))
	case v.reason == verifiedReason:
		return directivesOf(p.token.handshake)
	case a.instance.key.Development, err != nil && readAsSDK(raw) != sdkCannotRead:
		s := a.signedOut(v.reason)
		s.NoRedirect = a.instance.key.Development
		return decided(s)
	}
	a.detail = "the handshake token is not used: " + v.reason
	return handshakeAnswer{useless: true}
}

// verifyHandshake makes the SDK's checks of a handshake token, in its order.
func (a *attempt) verifyHandshake(p *presented) verification {
	t := p.token
	switch _, known := hashOf(t.alg.text); {
	case !t.typeFits(SessionTokens):
		return verification{reason: reasonTokenInvalid}
	case !known:
		return verification{reason: reasonTokenInvalidAlgorithm}
	case t.ofAnotherCategory():
		return verification{reason: reasonTokenInvalid}
	}
	key, reason, err := a.instance.keyOf(t, a.request.UnknownKey)
	if reason != verifiedReason || err != nil {
		return verification{reason: reason, err: err}
	}
	_, reason = a.instance.checkSignature(p, key, SessionTokens, a.cache, a.now)
	return verification{reason: reason}
}

// Bounds of the Set-Cookie values of one answer. Clerk's are about ten, with a
// session token of at most 4 KiB twice among them; they all become headers.
const (
	maxDirectives = 32 << 10 // bytes
	minDirective  = 512      // bytes for each of them, on average: 64 values
)

// readDirectives checks the Set-Cookie values of an answer and finds the session
// token that they set: the value of the last one whose name begins with
// __session, "" if there is none. They are not ok if they could not be written
// as headers.
func readDirectives(directives []string) (cookies []string, session string, ok bool) {
	size := 0
	for _, d := range directives {
		size += len(d)
		if !visible(d) || size > maxDirectives || len(directives) > maxDirectives/minDirective {
			return nil, "", false
		}
		name, value := directive(d)
		if strings.HasPrefix(name, cookieSession) {
			session = value
		}
	}
	return directives, session, true
}

// directive returns the name and value of a Set-Cookie value as the SDK takes
// them: what is before the first "=", and from there to the next "=" or ";".
func directive(d string) (name, value string) {
	pair, _, _ := strings.Cut(d, ";")
	name, rest, found := strings.Cut(pair, "=")
	if !found {
		return name, "undefined" // what JavaScript makes of it, and no token
	}
	value, _, _ = strings.Cut(rest, "=")
	return name, value
}

// visible reports whether text consists of visible ASCII and spaces.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// freshSession verifies the session token of a handshake's answer. It is not
// done if the SDK would go on without it.
func (a *attempt) freshSession(raw string) (s State, done bool) {
	a.carrier = CarrierCookie
	if raw == "" {
		a.carrier = ""
		return a.signedOut(reasonSessionTokenMissing), true
	}
	p, err := a.open(raw)
	if err != nil {
		// What the SDK reads it also signs in, perhaps as another user than the
		// request's own cookies would. Then they are not asked.
		return a.signedOut(reasonTokenInvalid), readAsSDK(raw) == sdkReads
	}
	if p.token.ofAnotherClass() {
		return a.signedOut(reasonTokenTypeMismatch), true
	}
	v := a.verify(p)
	if v.isTime() && a.instance.key.Development {
		v = a.verifyWithin(p, developmentSkew)
	}
	switch {
	case v.err != nil:
		return a.withoutKey(p.token, v.reason, v.err), true
	case v.reason != verifiedReason:
		a.detail = "the session of the handshake is not used: " + v.reason
		return State{}, false
	}
	return a.signedIn(v.proof, raw), true
}

// afterHandshake is where a development instance sends the browser next: to the
// same page without the parameters of the handshake. A production instance
// carries its answer in cookies and needs no such detour.
func (a *attempt) afterHandshake() string {
	if !a.instance.key.Development {
		return ""
	}
	here := publicURL(a.request)
	if here == nil {
		return ""
	}
	return here.hrefWith(here.parameters().without(cookieHandshake, parameterHelp, cookieDevBrowser, cookieNonce))
}

// ask is the State of a request that cannot go on without the Backend API.
func (a *attempt) ask(c *Call) State {
	s := a.signedOut("")
	s.Call = c
	return s
}

// errRefused is what [Reply.object] makes of a 4xx that is about the question.
var errRefused = errors.New("the Backend API refuses")

// object reads a reply that is to hold one JSON object. Refused says that the
// Backend API answered and has none to give; err that it did not answer.
func (r *Reply) object() (body object, refused, err error) {
	switch {
	case r.tellsNothing():
		return nil, nil, ErrBackendUnavailable
	case r.Status != 200 || r.ContentType != "application/json":
		return nil, errRefused, nil
	}
	if body, err = parseObject(r.Body); err != nil {
		return nil, err, nil
	}
	return body, nil, nil
}

// texts reads an array of strings.
func texts(v value) (list []string, ok bool) {
	if v.kind != kindArray {
		return nil, false
	}
	for _, e := range v.elements() {
		if e.kind != kindString {
			return nil, false
		}
		list = append(list, unquote(e.raw))
	}
	return list, true
}
