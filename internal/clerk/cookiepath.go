package clerk

// cookie decides by cookies (the SDK's authenticateRequestWithTokenInCookie).
// Its order is the SDK's, and the first condition that holds decides.
func (a *attempt) cookie() State {
	choice := a.jar.choose(a.instance, a.cache, a.now)
	chosen := a.jar.plain
	if choice.suffixed {
		chosen = a.jar.suffixed
	}
	if chosen.session != "" || choice.doubt != "" {
		a.carrier = CarrierCookie
	}
	query := readQuery(a.request.Query)
	if a.jar.nonce != "" || a.jar.handshake != "" || query.nonce.value != "" || query.handshake.value != "" {
		return a.resolveHandshake()
	}
	if s, done := a.syncDomains(&query); done {
		return s
	}
	uat := count(chosen.clientUAT)
	development := a.instance.key.Development
	switch {
	case development && query.devBrowser.present:
		return a.maybeHandshake(reasonDevBrowserSync)
	case choice.doubt != "":
		return a.signedOut(choice.doubt)
	case development && chosen.devBrowser == "":
		return a.maybeHandshake(reasonDevBrowserMissing)
	case uat == 0 && chosen.session == "":
		return a.signedOut(reasonSessionTokenAndUATMissing)
	case uat == 0:
		return a.maybeHandshake(reasonSessionTokenWithoutClientUAT)
	case chosen.session == "":
		return a.maybeHandshake(reasonClientUATWithoutSessionToken)
	}
	return a.sessionCookie(chosen.session, uat)
}

// resolveHandshake is where the answer of a handshake is turned into cookies.
// Today no answer can be read, which leaves the request without a session.
func (a *attempt) resolveHandshake() State {
	return a.signedOut(reasonSessionTokenMissing)
}

// syncDomains is where satellites ask their primary for a session, and where
// the primary of a development instance answers them. Only the latter can be
// asked for here, since no instance is a satellite.
func (a *attempt) syncDomains(query *query) (s State, done bool) {
	if a.instance.key.Development && query.redirectURL.value != "" {
		return a.maybeHandshake(reasonPrimaryRespondsToSyncing), true
	}
	return State{}, false
}

// sessionCookie verifies a session cookie that has a client_uat beside it.
func (a *attempt) sessionCookie(raw string, uat int64) State {
	p, err := a.cache.open(raw)
	switch {
	case err != nil:
		return a.signedOut(reasonTokenInvalid)
	case p.token.ofAnotherClass():
		return a.signedOut(reasonTokenTypeMismatch)
	case p.token.iat.before(uat):
		return a.maybeHandshake(reasonSessionTokenIATBeforeUAT)
	}
	v := a.instance.verify(p, a.carrier, a.cache, a.now)
	if v.reason != verifiedReason {
		return a.tokenError(p, v)
	}
	if a.fromAnotherDomain() {
		return a.maybeHandshake(reasonPrimaryDomainCrossOriginSync)
	}
	// Here the organisation that the path names would be activated.
	return a.signedIn(v.proof)
}

// fromAnotherDomain reports whether a document was reached by a link from
// somewhere else, perhaps from a satellite on which the session has changed. One
// redirect, which the counter records, is enough to find out.
func (a *attempt) fromAnotherDomain() bool {
	r := a.request
	return a.isGET() && r.SecFetchDest == "document" && r.Referer != "" &&
		count(a.jar.redirectsSoFar) == 0 && a.instance.foreignReferer(r)
}

// count reads client_uat, the time of the last change of a client's sessions
// (0: there are none), and the redirect counter. What is not digits alone counts
// as 0, where the SDK makes a number of 0x10, of 1.0, or of the digits in front.
// For either, 0 is the reading that refuses. (A guard against redirect loops
// will have to take such a counter for a full one.)
func count(cookie string) int64 {
	n, plain := plainInteger([]byte(cookie))
	if !plain || n < 0 {
		return 0
	}
	return n
}

// before compares iat with a positive client_uat as JavaScript's "<" does. JSON
// null and false are 0 there; a missing iat compares with nothing. Types that
// are left out here are refused a few checks later.
func (at instant) before(uat int64) bool {
	switch at.kind {
	case kindNumber:
		return at.seconds < uat
	case kindNull:
		return true
	case kindBool:
		return string(at.raw) == "false" || uat > 1
	default:
		return false
	}
}
