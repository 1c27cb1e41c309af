package clerk

import "github.com/nlnwa/whatwg-url/url"

// Values of the query parameter __clerk_synced.
const (
	syncedNeeded = "false" // the user may have signed in at the primary since
	syncedDone   = "true"  // the primary has answered
)

// syncDomains is where a satellite asks its primary for a session, and where
// the primary of a development instance answers (the SDK's multi-domain sync).
func (a *attempt) syncDomains(uat int64) (s State, done bool) {
	development := a.instance.key.Development
	satellite := a.instance.settings.Satellite
	if satellite != nil && a.request.SecFetchDest == "document" && a.request.isGET() && a.query.synced != syncedDone {
		hasCookies := a.chosen.session != "" || uat != 0 || a.choice.doubt != ""
		needed := a.query.synced == syncedNeeded
		switch {
		case !satellite.AutoSync && !hasCookies && !needed:
			return a.signedOut(reasonSessionTokenAndUATMissing), true
		case hasCookies && !needed: // they can be verified like any others
		case development:
			return a.maybeRedirect(reasonSatelliteNeedsSyncing, a.primaryURL), true
		default:
			return a.maybeHandshake(reasonSatelliteNeedsSyncing), true
		}
	}
	if development && satellite == nil && a.query.redirectURL != "" {
		return a.maybeRedirect(reasonPrimaryRespondsToSyncing, a.satelliteURL), true
	}
	return State{}, false
}

// primaryURL is the sign-in page of a development satellite's primary, which
// sends the browser back with its development browser.
func (a *attempt) primaryURL(string) string {
	here := publicURL(a.request)
	primary, err := url.Parse(a.instance.settings.SignInURL)
	if here == nil || err != nil {
		return ""
	}
	return withFragment(primary, queryOf(primary).append(parameterRedirectURL, here.href()))
}

// satelliteURL is the page of a satellite that asked this primary. It comes from
// the query and belongs to anybody: that is how development instances work, and
// why production instances do not. Only web pages are sent to.
func (a *attempt) satelliteURL(string) string {
	if len(a.query.redirectURL) > maxURL {
		return ""
	}
	back, err := url.Parse(a.query.redirectURL)
	if err != nil || back.Scheme() != "https" && back.Scheme() != "http" {
		return ""
	}
	p := queryOf(back)
	if browser := a.devBrowser(); browser != "" {
		p = p.append(cookieDevBrowser, browser)
	}
	return withFragment(back, p.set(parameterSynced, syncedDone))
}

// withFragment is withQuery, and keeps the fragment.
func withFragment(u *url.Url, p parameters) string { return withQuery(u, p) + u.Hash() }
