package clerk

import (
	"strings"
	"unicode/utf8"

	"github.com/nlnwa/whatwg-url/url"
)

// publicURL is the URL under which the client sees the request (the SDK's
// clerkUrl): its own path and query, on the first forwarded host and scheme if
// they make an origin, else on the request's own. It is written as the WHATWG
// URL Standard writes URLs, because Clerk compares it with what browsers send.
//
// The result is nil if the request's own host makes no URL either.
func publicURL(r *Request) *url.Url {
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	own := requestURL(r.Scheme, r.Host, target)
	if r.ForwardedProto == "" && r.ForwardedHost == "" {
		return own
	}
	scheme, host := r.Scheme, r.Host
	if r.ForwardedProto != "" {
		scheme, _, _ = strings.Cut(r.ForwardedProto, ",")
	}
	if r.ForwardedHost != "" {
		host, _, _ = strings.Cut(r.ForwardedHost, ",")
	}
	if scheme == "" || host == "" {
		return own
	}
	if own != nil { // as the request's own URL writes them, whatever the scheme
		target = own.Pathname() + own.Search()
	}
	if u := requestURL(scheme, host, target); u != nil {
		return u
	}
	return own
}

// requestURL is a request target below an origin, nil if there is no such URL.
func requestURL(scheme, host, target string) *url.Url {
	base, err := url.Parse(scheme + "://" + host)
	if err != nil {
		return nil
	}
	if strings.HasPrefix(target, "//") {
		// Resolved, such a path would choose its own host.
		target = originOf(base) + target
	}
	u, err := base.Parse(target)
	if err != nil {
		return nil
	}
	return u
}

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

// queryOf reads a URL's query as URLSearchParams does.
func queryOf(u *url.Url) parameters {
	var out parameters
	for pair := range strings.SplitSeq(strings.TrimPrefix(u.Search(), "?"), "&") {
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
	const upperHex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case isAlphanumeric(c) || c == '*' || c == '-' || c == '.' || c == '_':
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
}
