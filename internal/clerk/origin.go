package clerk

import (
	"strings"

	"github.com/nlnwa/whatwg-url/url"
)

// frontendAPI is where the browser finds the instance's Frontend API: the
// application's proxy, the satellite's own host, or the host of the publishable
// key. It is a URL if it begins with http, else a host (the SDK's frontendApi).
func (in *Instance) frontendAPI(r *Request) string {
	switch proxy := in.settings.ProxyURL; {
	case strings.HasPrefix(proxy, "/"):
		u := publicURL(r)
		if u == nil {
			return in.ownHost
		}
		return originOf(u.base) + proxy
	case proxy != "":
		return proxy
	}
	return in.ownHost
}

// foreignReferer reports whether the referer is another origin than the
// request's public one, and not Clerk itself (the SDK's isCrossOriginReferrer
// and isKnownClerkReferrer).
func (in *Instance) foreignReferer(r *Request) bool {
	if len(r.Referer) > maxURL {
		return true // no browser sends such a one
	}
	from, err := url.Parse(r.Referer)
	if err != nil {
		return false
	}
	if here := publicURL(r); here != nil && originOf(from) == originOf(here.base) {
		return false
	}
	return !in.isClerk(from, in.frontendAPI(r))
}

// isClerk reports whether a URL is on the instance's Frontend API, its account
// portal or, for a development instance, anybody's development portal.
func (in *Instance) isClerk(from *url.Url, frontendAPI string) bool {
	host := frontendAPI
	if strings.HasPrefix(frontendAPI, "http") {
		u, err := url.Parse(frontendAPI)
		if err != nil {
			return false // the SDK takes such a host for a URL, and gives up
		}
		host = u.Hostname()
	}
	if from.Hostname() == host || in.key.Development && isDevelopmentPortal(from.Hostname()) {
		return true
	}
	portal, err := url.Parse(accountPortal(frontendAPI))
	return err == nil && originOf(from) == originOf(portal)
}

func isDevelopmentPortal(host string) bool {
	for _, legacy := range [...]string{".lcl.dev", ".lclstage.dev", ".lclclerk.com"} {
		if strings.HasPrefix(host, "accounts.") && strings.HasSuffix(host, legacy) {
			return true
		}
	}
	for _, suffix := range [...]string{".accounts.dev", ".accountsstage.dev", ".accounts.lclclerk.com"} {
		if strings.HasSuffix(host, suffix) && !strings.HasSuffix(host, ".clerk"+suffix) {
			return true
		}
	}
	return false
}

// accountPortal derives the account portal's origin from the Frontend API (the
// SDK's buildAccountsBaseUrl).
func accountPortal(frontendAPI string) string {
	host := strings.Replace(frontendAPI, "clerk.accountsstage.", "accountsstage.", 1)
	before, after, found := strings.Cut(host, "clerk.")
	if found {
		host = before + "accounts." + strings.TrimPrefix(after, "accounts.")
	}
	return "https://" + host
}
