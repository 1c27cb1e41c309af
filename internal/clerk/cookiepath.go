package clerk

// cookie decides by cookies (the SDK's authenticateRequestWithTokenInCookie).
// Its order is the SDK's, and the first condition that holds decides.
func (a *attempt) cookie() State {
	if a.chosen.session != "" || a.choice.doubt != "" {
		a.carrier = CarrierCookie
	}
	if a.choice.throws || a.stumbles() {
		return a.signedOut(reasonTokenInvalid)
	}
	nonce, token := either(a.query.nonce, a.jar.nonce), either(a.query.handshake, a.jar.handshake)
	if nonce != "" || token != "" {
		if s, done := a.resolveHandshake(nonce, token); done {
			return s
		}
	}
	uat := count(a.chosen.clientUAT)
	if s, done := a.syncDomains(uat); done {
		return s
	}
	development := a.instance.key.Development
	switch {
	case development && a.query.hasDevBrowser:
		return a.maybeHandshake(reasonDevBrowserSync)
	case a.choice.doubt != "":
		return a.signedOut(a.choice.doubt)
	case development && a.devBrowser() == "":
		return a.maybeHandshake(reasonDevBrowserMissing)
	case uat == 0 && a.chosen.session == "":
		return a.signedOut(reasonSessionTokenAndUATMissing)
	case uat == 0:
		return a.maybeHandshake(reasonSessionTokenWithoutClientUAT)
	case a.chosen.session == "":
		return a.maybeHandshake(reasonClientUATWithoutSessionToken)
	}
	return a.sessionCookie(a.chosen.session, uat)
}

// sessionCookie verifies a session cookie that has a client_uat beside it.
func (a *attempt) sessionCookie(raw string, uat int64) State {
	p, err := a.open(raw)
	switch {
	case err != nil:
		return a.signedOut(reasonTokenInvalid)
	case p.token.ofAnotherClass():
		return a.signedOut(reasonTokenTypeMismatch)
	case p.token.iat.before(uat):
		return a.maybeHandshake(reasonSessionTokenIATBeforeUAT)
	}
	v := a.verify(p)
	if v.reason != verifiedReason {
		return a.tokenError(p, v)
	}
	if a.fromAnotherDomain() {
		return a.maybeHandshake(reasonPrimaryDomainCrossOriginSync)
	}
	if s, needed := a.activateOrganization(v.proof); needed {
		return s
	}
	return a.signedIn(v.proof, raw)
}

// activateOrganization redirects a document whose path belongs to another
// organisation than the active one. If that cannot be done, or was tried and
// did not help, the request goes on with what is active.
func (a *attempt) activateOrganization(p *proof) (s State, needed bool) {
	if a.instance.sync.empty() || p.session == nil || p.session.Pending {
		return State{}, false
	}
	here := publicURL(a.request)
	if here == nil || !a.instance.sync.target(here.path).differs(p.session) {
		return State{}, false
	}
	s = a.maybeHandshake(reasonActiveOrganizationMismatch)
	// An odd counter is no sign that it was tried before.
	tried := count(a.jar.redirectsSoFar) > 0
	return s, s.Handshake || s.NoRedirect && !tried
}

// fromAnotherDomain reports whether a document was reached by a link from
// somewhere else, perhaps from a satellite on which the session has changed. One
// redirect, which the counter records, is enough to find out.
func (a *attempt) fromAnotherDomain() bool {
	r := a.request
	return a.instance.settings.Satellite == nil && r.isGET() && r.SecFetchDest == "document" && r.Referer != "" &&
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
	case kindNumber, kindBool:
		return at.seconds < uat
	case kindNull:
		return true
	default:
		return false
	}
}
