package clerktest

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// ParseOrigin reads the origin of an application, such as https://app.acme.dev,
// and returns it as a browser would write it. The error says what is wrong.
func ParseOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") ||
		strings.TrimSuffix(s, "/") != u.Scheme+"://"+u.Host {
		return "", fmt.Errorf("%q is not an origin of the form https://app.example.com", s)
	}
	return originOf(u), nil
}

// originOf leaves out the port that the scheme implies.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; port != "" {
		host = strings.TrimSuffix(host, port)
	}
	return u.Scheme + "://" + host
}

// target reads the URL that a browser wants to be sent to. Only applications on
// this machine, and those that were named, are one: anything else would make the
// instance send people, and their fresh sessions, anywhere.
func (i *Instance) target(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("redirect_url %q is not an absolute URL", raw)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("redirect_url %q is neither http nor https", raw)
	case u.User != nil:
		return nil, fmt.Errorf("redirect_url %q holds a user", raw)
	case !isLocal(u.Host) && !slices.Contains(i.origins, originOf(u)):
		return nil, fmt.Errorf("redirect_url leads to %s, which is not on this machine; to allow it: --app-origin %s", u.Host, originOf(u))
	}
	return u, nil
}

// isLocal tells whether the host of an authority is this machine, or a name that
// nobody can register (RFC 6761).
func isLocal(authority string) bool {
	host := strings.ToLower(hostname(authority))
	return isLoopback(authority) || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test")
}

// hostname is an authority without its port, and an IPv6 address without its
// brackets.
func hostname(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(authority, "["), "]")
}

// withParameter sets a parameter of a query, in which everything else stays as it
// is written, and takes others out.
func withParameter(u *url.URL, name, value string, remove ...string) *url.URL {
	var kept []string
	for _, pair := range strings.Split(u.RawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
		if pair != "" && key != name && !slices.Contains(remove, key) {
			kept = append(kept, pair)
		}
	}
	if value != "" {
		kept = append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	changed := *u
	changed.RawQuery = strings.Join(kept, "&")
	return &changed
}

// cookieDomain is the Domain of the cookies that a production instance shares
// with its applications: the parent of its own host, as Clerk's clerk.example.com
// has it. An address, or a name without a parent, shares only with itself: empty.
func cookieDomain(authority string) string {
	host := strings.ToLower(hostname(authority))
	_, parent, _ := strings.Cut(host, ".")
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(parent, ".") {
		return ""
	}
	return parent
}

// sharesCookies tells whether an application sees what cookieDomain names.
func sharesCookies(authority string, target *url.URL) bool {
	app, domain := strings.ToLower(target.Hostname()), cookieDomain(authority)
	if domain == "" {
		return app == strings.ToLower(hostname(authority))
	}
	return app == domain || strings.HasSuffix(app, "."+domain)
}

// checkVisitor refuses a browser that came by a name which is not the instance's:
// a hostile page may have made its own resolve to this machine. The names of
// applications are in order, for those that forward the Frontend API.
func (i *Instance) checkVisitor(r *http.Request) error {
	host := strings.ToLower(hostname(r.Host))
	if isLocal(r.Host) || host == strings.ToLower(hostname(i.host)) {
		return nil
	}
	for _, origin := range i.origins {
		if _, authority, _ := strings.Cut(origin, "://"); host == hostname(authority) {
			return nil
		}
	}
	return fmt.Errorf("host %q is not this instance", r.Host)
}

// checkForm refuses forms that another site's page sends: it could sign the
// browser in as whom it likes. A browser says where a form comes from.
func checkForm(r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return fmt.Errorf("the form comes from another site")
	}
	origin := r.Header.Get("Origin")
	if _, ok := r.Header["Origin"]; ok && origin != "http://"+r.Host && origin != "https://"+r.Host {
		return fmt.Errorf("the form comes from %q", origin)
	}
	return nil
}
