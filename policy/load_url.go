package policy

import (
	"net/netip"
	"net/url"
	"strings"
)

// checkJWKSURL wants keys to come over TLS, or from this very machine.
func checkJWKSURL(s string) *problemWithHint {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return &problemWithHint{"is not a URL", "write it like https://clerk.example.com/.well-known/jwks.json"}
	}
	if p := checkScheme(u, "fetch keys"); p != nil {
		return p
	}
	if u.User != nil || u.Fragment != "" {
		return &problemWithHint{"has credentials or a fragment", "leave them out"}
	}
	return nil
}

// checkAPIURL wants the Backend API's origin: the paths of its endpoints are
// appended to it, and the secret key is sent there.
func checkAPIURL(s string) *problemWithHint {
	const example = "write it like https://api.clerk.com"
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" || !isVisible(s) {
		return &problemWithHint{"is not a URL", example}
	}
	if p := checkScheme(u, "send the secret key"); p != nil {
		return p
	}
	if u.User != nil || u.Path != "" || strings.ContainsAny(s, "?#") {
		return &problemWithHint{"has more than scheme, host and port in it", example}
	}
	return nil
}

// checkProxyURL wants where the application forwards Clerk's Frontend API.
func checkProxyURL(s string) *problemWithHint {
	const example = "write it like https://app.example.com/__clerk, or as a path: /__clerk"
	if p := checkPlace(s, example); p != nil {
		return p
	}
	if strings.ContainsAny(s, "?#") {
		return &problemWithHint{"has a query or a fragment", "leave them out"}
	}
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return checkScheme(u, "send sessions")
	}
	return nil
}

// checkPage wants where a browser can be sent.
func checkPage(s string) *problemWithHint {
	return checkPlace(s, "write it like https://app.example.com/page, or as a path: /page")
}

// checkPlace wants an absolute URL, or a path that stays on the origin on which
// a browser resolves it.
func checkPlace(s, example string) *problemWithHint {
	u, err := url.Parse(s)
	switch {
	case err != nil || !isVisible(s) || strings.Contains(s, `\`):
		return &problemWithHint{"is neither a URL nor a path", example}
	case strings.HasPrefix(s, "//"):
		return &problemWithHint{"begins with //, after which browsers read a host", "a path begins with one /"}
	case isPath(s):
		return nil
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return &problemWithHint{"is neither a URL nor a path", example}
	case u.User != nil:
		return &problemWithHint{"has credentials", "leave them out"}
	}
	return nil
}

// isPath tells the two forms of a place apart.
func isPath(s string) bool { return strings.HasPrefix(s, "/") }

// isVisible reports whether s can stand in a header as it is.
func isVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkScheme wants TLS, or loopback; what names that which else would be
// exposed.
func checkScheme(u *url.URL, what string) *problemWithHint {
	const hint = "write https; http is for loopback hosts only"
	switch {
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return &problemWithHint{"would " + what + " without TLS", hint}
	}
	return &problemWithHint{"is neither https nor http", hint}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
