package clerk

import (
	"strings"
	"unicode/utf8"

	"github.com/nlnwa/whatwg-url/url"
)

// Bounds of what is parsed as a URL, in bytes: the parser's time grows with the
// square of some lengths, and everybody may send a request.
const (
	maxAuthority = 512  // a host name has 255 at most (RFC 1035); room for a port and more
	maxURL       = 2048 // of a referer or of a satellite's page
)

// webURL is the URL of a request, written as the WHATWG URL Standard writes
// URLs, because Clerk compares it with what browsers send.
type webURL struct {
	base         *url.Url // its origin
	path, search string   // search begins with "?" unless it is empty
}

// publicURL is the URL under which the client sees the request (the SDK's
// clerkUrl): its own path and query, on the first forwarded host and scheme if
// they make an origin, else on the request's own. It is nil if that makes none
// either.
func publicURL(r *Request) *webURL {
	scheme, host := r.Scheme, r.Host
	if r.ForwardedProto != "" {
		scheme, _, _ = strings.Cut(r.ForwardedProto, ",")
	}
	if r.ForwardedHost != "" {
		host, _, _ = strings.Cut(r.ForwardedHost, ",")
	}
	base := parseOrigin(scheme, host)
	if base == nil {
		base = parseOrigin(r.Scheme, r.Host)
	}
	if base == nil {
		return nil
	}
	u := &webURL{base: base, path: urlEncode(r.Path, "\"<>`{}#?")}
	if u.path == "" {
		u.path = "/"
	}
	if r.Query != "" {
		u.search = "?" + urlEncode(r.Query, "\"<>'#")
	}
	return u
}

func parseOrigin(scheme, host string) *url.Url {
	if scheme == "" || host == "" || len(scheme)+len(host) > maxAuthority {
		return nil
	}
	u, err := url.Parse(scheme + "://" + host)
	if err != nil {
		return nil
	}
	return u
}

// urlEncode percent-encodes what a URL's path or query must not hold as it is:
// the characters given, controls, spaces, and what is not ASCII. Everything else
// that the parser would change in a request target is refused before it gets
// here (dot segments, backslashes), and nothing is put together with the origin
// in a way that would let a path choose its host.
func urlEncode(s, special string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(special, c) >= 0 {
			percentEncode(&b, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// href writes the whole URL.
func (u *webURL) href() string { return u.prefix() + u.path + u.search }

// hrefWith writes the URL with another query.
func (u *webURL) hrefWith(p parameters) string {
	if len(p) == 0 {
		return u.prefix() + u.path
	}
	return u.prefix() + u.path + "?" + p.encode()
}

// prefix is what comes before the path: the origin, and a user if the host
// brought one along.
func (u *webURL) prefix() string {
	bare := u.base.Clone()
	bare.SetPathname("")
	bare.SetSearch("")
	bare.SetHash("")
	return strings.TrimSuffix(bare.Href(true), "/")
}

// parameters reads the query.
func (u *webURL) parameters() parameters { return parseParameters(u.search) }

// resolve reads a URL of the configuration relative to this one.
func (u *webURL) resolve(ref string) (*url.Url, error) { return u.base.Parse(ref) }

// noOrigin is the origin of a URL that has none. It equals itself, in the SDK
// as here.
const noOrigin = "null"

// originOf is a URL's origin as the URL Standard writes it.
func originOf(u *url.Url) string {
	switch u.Scheme() {
	case "https", "http", "wss", "ws", "ftp":
		return u.Scheme() + "://" + u.Host()
	}
	return noOrigin
}

// parameters are the pairs of a query, application/x-www-form-urlencoded. (The
// URL library's own reading turns %2B into a space.)
type parameters []parameter

type parameter struct{ name, value string }

// queryOf reads a URL's query.
func queryOf(u *url.Url) parameters { return parseParameters(u.Search()) }

// parseParameters reads a query as URLSearchParams does.
func parseParameters(search string) parameters {
	var out parameters
	for pair := range strings.SplitSeq(strings.TrimPrefix(search, "?"), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, parameter{formDecode(name), formDecode(value)})
	}
	return out
}

// without drops every pair with one of the names.
func (p parameters) without(names ...string) parameters {
	var out parameters
	for _, pair := range p {
		if !contains(names, pair.name) {
			out = append(out, pair)
		}
	}
	return out
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// set gives the first pair of that name the value and drops the others, or
// appends one.
func (p parameters) set(name, value string) parameters {
	var out parameters
	done := false
	for _, pair := range p {
		switch {
		case pair.name != name:
			out = append(out, pair)
		case !done:
			out, done = append(out, parameter{name, value}), true
		}
	}
	if !done {
		out = append(out, parameter{name, value})
	}
	return out
}

func (p parameters) append(name, value string) parameters {
	return append(p, parameter{name, value})
}

// encode writes the pairs as URLSearchParams does.
func (p parameters) encode() string {
	var b strings.Builder
	for i, pair := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		formEncode(&b, pair.name)
		b.WriteByte('=')
		formEncode(&b, pair.value)
	}
	return b.String()
}

// withQuery writes u with this query instead of its own, and without fragment.
func withQuery(u *url.Url, p parameters) string {
	bare, _, _ := strings.Cut(u.Href(true), "?")
	if len(p) == 0 {
		return bare
	}
	return bare + "?" + p.encode()
}

// formDecode decodes percent-escapes and "+". What is no escape stays, what is
// not UTF-8 becomes U+FFFD.
func formDecode(s string) string {
	if !strings.ContainsAny(s, "%+") && utf8.ValidString(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if decoded, ok := hexByte(s[i+1:]); ok {
				c = decoded
				i += 2
			}
		}
		out = append(out, c)
	}
	return replaceInvalid(string(out))
}

// replaceInvalid writes U+FFFD for each maximal part of a broken sequence, as
// the Encoding Standard's UTF-8 decoder does; Go would write one for each byte.
func replaceInvalid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			size = brokenLength(s)
		}
		b.WriteRune(r)
		s = s[size:]
	}
	return b.String()
}

// brokenLength is how many bytes of a broken sequence begin a sound one.
func brokenLength(s string) int {
	n := 1
	for n < len(s) && !utf8.FullRuneInString(s[:n+1]) {
		n++
	}
	return n
}

// formEncode writes text as application/x-www-form-urlencoded has it.
func formEncode(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case isAlphanumeric(c) || c == '*' || c == '-' || c == '.' || c == '_':
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			percentEncode(b, c)
		}
	}
}

func percentEncode(b *strings.Builder, c byte) {
	const upperHex = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(upperHex[c>>4])
	b.WriteByte(upperHex[c&15])
}
