package clerk

import (
	"strings"

	"github.com/nlnwa/whatwg-url/url"
)

// apiVersion is the version of Clerk's APIs that is spoken here (the SDK's
// SUPPORTED_BAPI_VERSION).
const apiVersion = "2026-05-12"

// IsDocument reports whether the request is for a page that a browser shows:
// such a request can be redirected, any other would fail in the program that
// sent it (the SDK's isRequestEligibleForHandshake).
func (r *Request) IsDocument() bool { return IsDocument(r.Method, r.SecFetchDest, r.Accept) }

// IsDocument is [Request.IsDocument] for a request with this method and these two
// headers.
func IsDocument(method, secFetchDest, accept string) bool {
	switch {
	case !isGET(method):
		return false
	case secFetchDest == "document" || secFetchDest == "iframe":
		return true
	}
	return secFetchDest == "" && strings.HasPrefix(accept, "text/html")
}

func (r *Request) isGET() bool { return isGET(r.Method) }

// isGET folds case, as the SDK's Request does before it compares.
func isGET(method string) bool { return equalFoldASCII(method, "get") }

// maybeHandshake redirects a document through the Frontend API to get fresh
// cookies. Every other request is signed out with the same reason (the SDK's
// handleMaybeHandshakeStatus).
func (a *attempt) maybeHandshake(reason string) State {
	return a.maybeRedirect(reason, a.handshakeURL)
}

// maybeRedirect is [attempt.maybeHandshake] to anywhere. The location is built
// only if it is needed; without one there is no redirect.
func (a *attempt) maybeRedirect(reason string, location func(reason string) string) State {
	s := a.signedOut(reason)
	if !a.request.IsDocument() || !a.handshakes() {
		return s
	}
	count, full := redirects(a.jar.redirectsSoFar)
	if full {
		s.NoRedirect = true
		return s
	}
	if s.Location = location(reason); s.Location != "" {
		s.Handshake = true
		s.SetCookies = []string{cookieRedirectCount + "=" + count + "; SameSite=Lax; HttpOnly; Max-Age=2"}
	}
	return s
}

// handshakes reports whether the answer of a handshake would be read: it comes
// back in the cookies, or for the cookies, of the instance of this host.
func (a *attempt) handshakes() bool {
	return a.hasCookies() && a.instance.settings.Handshake
}

// redirects reads the redirect counter and returns its next value, or that it
// is full: the guard against redirect loops. The SDK stops at 3 exactly, and
// goes on at 4. What is not a plain integer counts as full, lest a counter that
// two programs read differently never stops.
func redirects(cookie string) (next string, full bool) {
	switch cookie {
	case "", "0":
		return "1", false
	case "1":
		return "2", false
	case "2":
		return "3", false
	}
	return "", true
}

// handshakeURL is the Frontend API's handshake endpoint with everything that it
// has to know, in the SDK's order.
func (a *attempt) handshakeURL(reason string) string {
	here := publicURL(a.request)
	if here == nil {
		return ""
	}
	base := a.instance.frontendAPI(a.request)
	if !strings.HasPrefix(base, "http") {
		base = "https://" + base
	}
	endpoint, err := url.ParseRef(strings.TrimRight(base, "/")+"/", "v1/client/handshake")
	if err != nil {
		return ""
	}
	p := parameters{
		{"redirect_url", here.hrefWith(here.parameters().without(cookieDevBrowser, parameterDevSession))},
		{"__clerk_api_version", apiVersion},
		{"suffixed_cookies", boolText(a.choice.suffixed)},
		{"__clerk_hs_reason", reason},
		{"format", "nonce"},
	}
	if token := either(a.chosen.session, a.headerToken); token != "" {
		p = p.append(cookieSession, token)
	}
	if browser := a.devBrowser(); browser != "" && a.instance.key.Development {
		p = p.append(cookieDevBrowser, browser)
	}
	if target := a.instance.sync.target(here.path); target.kind != targetNone {
		p = p.append("organization_id", target.value)
	}
	return withQuery(endpoint, p)
}

// devBrowser is the token of the development browser, which stands for the
// client where third-party cookies do not reach.
func (a *attempt) devBrowser() string { return either(a.query.devBrowser, a.chosen.devBrowser) }

func either(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
