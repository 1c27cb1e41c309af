package clerk

import (
	"strconv"
	"strings"
)

// query holds the query parameters that Clerk's state machine reads.
type query struct {
	handshake, nonce, redirectURL, devBrowser parameter
}

// parameter is the first of its name. Empty and absent are not the same for
// all of them.
type parameter struct {
	present bool
	value   string // not decoded; it matters only whether it is empty
}

// readQuery reads them as URLSearchParams does: names may be percent-encoded,
// and what is no escape stays.
func readQuery(raw string) query {
	var q query
	raw, _, _ = strings.Cut(raw, "#")
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if p := q.slot(formDecode(name)); p != nil && !p.present {
			*p = parameter{true, value}
		}
	}
	return q
}

func (q *query) slot(name string) *parameter {
	switch name {
	case cookieHandshake:
		return &q.handshake
	case cookieNonce:
		return &q.nonce
	case cookieDevBrowser:
		return &q.devBrowser
	case "__clerk_redirect_url":
		return &q.redirectURL
	}
	return nil
}

// formDecode decodes percent-escapes. It leaves "+" alone: no name that is
// looked for has a space.
func formDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if c, ok := hexByte(s[i+1:]); ok {
				out = append(out, c)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// foreignReferer reports whether the referer is another origin than the
// request's public one, and not Clerk itself (the SDK's isCrossOriginReferrer
// and isKnownClerkReferrer).
func (in *Instance) foreignReferer(r *Request) bool {
	from, ok := parseOrigin(r.Referer)
	if !ok {
		return false
	}
	return from == (origin{}) || from != publicOrigin(r) && !in.isClerk(from)
}

// isClerk reports whether an origin is the instance's Frontend API, its account
// portal or, for a development instance, anybody's development portal.
func (in *Instance) isClerk(from origin) bool {
	if strings.HasPrefix(in.key.Host, "http") {
		return false // the SDK takes such a host for a URL, and gives up
	}
	if from.host == in.key.Host || in.key.Development && isDevelopmentPortal(from.host) {
		return true
	}
	portal, ok := parseOrigin(in.accounts)
	return ok && from == portal
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

// accountPortal derives the account portal's origin from the Frontend API host.
func accountPortal(host string) string {
	host = strings.Replace(host, "clerk.accountsstage.", "accountsstage.", 1)
	before, after, found := strings.Cut(host, "clerk.")
	if found {
		host = before + "accounts." + strings.TrimPrefix(after, "accounts.")
	}
	return "https://" + host
}

// publicOrigin is the origin under which the client sees the request: that of
// the first forwarded host and scheme, if they make one, else the request's own.
func publicOrigin(r *Request) origin {
	scheme, host := r.Scheme, r.Host
	if r.ForwardedProto != "" {
		scheme, _, _ = strings.Cut(r.ForwardedProto, ",")
	}
	if r.ForwardedHost != "" {
		host, _, _ = strings.Cut(r.ForwardedHost, ",")
	}
	if scheme != "" && host != "" {
		if o, ok := parseOrigin(scheme + "://" + host); ok {
			return o
		}
	}
	o, _ := parseOrigin(r.Scheme + "://" + r.Host)
	return o
}

// origin is a web origin (RFC 6454) of http or https. Every other URL has the
// zero origin, which stands for "null" and equals no other.
type origin struct {
	scheme, host, port string
}

// parseOrigin reads the origin of an absolute URL as the WHATWG URL Standard
// does, as far as a browser's Referer or a proxy's headers use it. It fails for
// what is no URL there either. Internationalised names are not converted: they
// come in ASCII, and one that does not is foreign.
func parseOrigin(url string) (origin, bool) {
	url = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.Trim(url, " "))
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok || !isScheme(scheme) {
		return origin{}, false
	}
	web := origin{port: "443"}
	switch {
	case equalFoldASCII(scheme, "https"):
		web.scheme = "https"
	case equalFoldASCII(scheme, "http"):
		web.scheme, web.port = "http", "80"
	default:
		return origin{}, true
	}
	rest = strings.TrimLeft(rest, `/\`)
	if end := strings.IndexAny(rest, `/\?#`); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	host, port := splitPort(rest)
	if name := strings.Trim(host, "[]"); name == "" || strings.ContainsAny(name, " <>[]^|") {
		return origin{}, false
	}
	web.host = lowerASCII(host)
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return origin{}, false
		}
		web.port = strconv.FormatUint(n, 10)
	}
	return web, true
}

// splitPort cuts a port off; a colon inside an IPv6 address starts none.
func splitPort(authority string) (host, port string) {
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || colon < strings.LastIndexByte(authority, ']') {
		return authority, ""
	}
	return authority[:colon], authority[colon+1:]
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(c) && (i == 0 || c != '+' && c != '-' && c != '.') || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return s != ""
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
