package clerk

import "strings"

// Why a session was not refreshed: the SDK's RefreshTokenErrorReason. They end a
// reason that begins with [reasonSessionTokenExpiredRefresh].
const (
	refreshNonEligibleNonGet   = "non-eligible-non-get"
	refreshNonEligibleNoCookie = "non-eligible-no-refresh-cookie"
	refreshInvalidSessionToken = "invalid-session-token"
	refreshMissingAPIClient    = "missing-api-client"
	refreshDecodeFailed        = "expired-session-token-decode-failed"
	refreshMissingSid          = "expired-session-token-missing-sid-claim"
	refreshFetchError          = "fetch-error"
	refreshUnexpectedSDKError  = "unexpected-sdk-error"
	refreshUnexpectedBAPIError = "unexpected-bapi-error"
)

// refresh exchanges an expired session token for a fresh one through the
// Backend API. If that is not done, the reason says why (the SDK's
// attemptRefresh).
func (a *attempt) refresh(expired *presented) (s State, done bool, reason string) {
	switch {
	case !a.request.isGET():
		return State{}, false, refreshNonEligibleNonGet
	case a.jar.refresh == "":
		return State{}, false, refreshNonEligibleNoCookie
	case !a.instance.settings.SecretKey:
		return State{}, false, refreshMissingAPIClient
	}
	call, reason := a.refreshCall(expired)
	if call == nil {
		return State{}, false, reason
	}
	reply := a.request.Replies.Refresh
	if reply == nil {
		return a.ask(call), true, ""
	}
	cookies, reason := reply.cookies()
	if reason != "" {
		return State{}, false, reason
	}
	directives, session, ok := readDirectives(cookies)
	if !ok {
		return State{}, false, refreshUnexpectedSDKError
	}
	return a.refreshed(expired, session, directives)
}

// refreshCall asks for the session of the cookie if there is one, else of the
// header token, as the SDK does. The answer could be another user's session
// than that of the token which has expired: then it is not even asked for.
func (a *attempt) refreshCall(expired *presented) (c *Call, reason string) {
	raw := either(a.chosen.session, a.headerToken)
	p, err := a.open(raw)
	if err != nil {
		return nil, refreshDecodeFailed
	}
	sid := p.token.sid
	switch {
	case sid.falsy:
		return nil, refreshMissingSid
	case !sameSession(p.token, expired.token):
		return nil, refreshInvalidSessionToken
	}
	r := &Refresh{
		SessionID:       sid.text,
		SuffixedCookies: a.choice.suffixed,
		ExpiredToken:    raw,
		RefreshToken:    a.jar.refresh,
	}
	if here := publicURL(a.request); here != nil {
		r.RequestOrigin = originOf(here.base)
	}
	return &Call{Kind: CallRefresh, Refresh: r}, ""
}

// sameSession reports whether two tokens are of one session of one user. The
// ids must be there: what is absent proves nothing.
func sameSession(a, b *token) bool {
	return a.sid.kind == kindString && a.sub.kind == kindString &&
		b.sid.is(a.sid.text) && b.sub.is(a.sub.text)
}

// cookies reads the answer to a refresh, or says which of the SDK's errors it
// is. The code of a Backend API error is part of the SDK's reason.
func (r *Reply) cookies() (cookies []string, reason string) {
	switch {
	case r.Err != nil || r.Status == 0:
		return nil, refreshFetchError
	case r.Status < 200 || r.Status > 299:
		return nil, r.errorCode()
	case r.ContentType != "application/json":
		return nil, refreshUnexpectedSDKError
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return nil, refreshFetchError
	}
	cookies, _ = texts(body.get("cookies"))
	if len(cookies) == 0 {
		return nil, refreshUnexpectedSDKError
	}
	return cookies, ""
}

// errorCode is the first error's code, if it is a word as Clerk's codes are:
// it becomes part of an answer.
func (r *Reply) errorCode() string {
	if r.ContentType != "application/json" {
		return refreshUnexpectedBAPIError
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return refreshFetchError
	}
	list := body.get("errors").elements()
	if len(list) == 0 {
		return refreshUnexpectedBAPIError
	}
	code := list[0].members().get("code").asText()
	switch {
	case code.is("unexpected_error"):
		return refreshFetchError
	case code.kind != kindString || !isWord(code.text):
		return refreshUnexpectedBAPIError
	}
	return code.text
}

func isWord(s string) bool {
	const maxWord = 64
	return s != "" && len(s) <= maxWord && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// refreshed verifies the fresh token by the normal rules and, beyond the SDK,
// that it is of the class and session of the one that has expired.
func (a *attempt) refreshed(expired *presented, raw string, directives []string) (s State, done bool, reason string) {
	p, err := a.open(raw)
	if err != nil {
		return State{}, false, refreshInvalidSessionToken
	}
	if p.token.ofAnotherClass() {
		return a.signedOut(reasonTokenTypeMismatch), true, ""
	}
	v := a.verify(p)
	switch {
	case v.err != nil:
		return a.withoutKey(p.token, v.reason, v.err), true, ""
	case v.reason != verifiedReason, !sameSession(p.token, expired.token):
		return State{}, false, refreshInvalidSessionToken
	}
	s = a.signedIn(v.proof, raw)
	if s.SignedIn {
		s.SetCookies = directives
	}
	return s, true, ""
}
