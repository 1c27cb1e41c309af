package authz

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// setCookie is a Set-Cookie value (RFC 6265 section 4.1) as far as it changes
// what the next request would send.
type setCookie struct {
	name, value string
	deleted     bool
}

// applySetCookies returns the cookie header that the client would send after it
// had received these Set-Cookie values: the service must see the new session, not
// the old one. What cannot be written into a header is left out; the result is
// empty if nothing remains.
func applySetCookies(cookie string, directives []string, now time.Time) string {
	jar := splitCookies(cookie)
	for _, directive := range directives {
		jar = jar.apply(readSetCookie(directive, now))
	}
	return jar.String()
}

// withoutClerkCookies takes Clerk's own cookies, with a suffix or without, out of
// a cookie header. It is returned as it is if there is none.
func withoutClerkCookies(cookie string) string {
	jar := splitCookies(cookie)
	rest := slices.DeleteFunc(slices.Clone(jar), func(c receivedCookie) bool { return isClerkCookie(c.name) })
	if len(rest) == len(jar) {
		return cookie
	}
	return rest.String()
}

func isClerkCookie(name string) bool {
	for _, own := range [...]string{"__session", "__client_uat", "__refresh"} {
		if suffix, ok := strings.CutPrefix(name, own); ok && (suffix == "" || suffix[0] == '_') {
			return true
		}
	}
	return strings.HasPrefix(name, "__clerk_")
}

// cookieJar holds the cookies of a request in their order.
type cookieJar []receivedCookie

type receivedCookie struct{ name, pair string }

// String writes the cookies that can be written into a header.
func (jar cookieJar) String() string {
	var pairs []string
	for _, c := range jar {
		if writableText(c.pair) {
			pairs = append(pairs, c.pair)
		}
	}
	return strings.Join(pairs, "; ")
}

// splitCookies splits at ';' only, as the SDK does.
func splitCookies(header string) cookieJar {
	var jar cookieJar
	for pair := range strings.SplitSeq(header, ";") {
		if pair = strings.Trim(pair, " \t"); pair != "" {
			name, _, _ := strings.Cut(pair, "=")
			jar = append(jar, receivedCookie{strings.TrimRight(name, " \t"), pair})
		}
	}
	return jar
}

// apply replaces every cookie of the name by the new one, in the place of the
// first: a service may read another one of two than Clerk does.
func (jar cookieJar) apply(set setCookie) cookieJar {
	done := set.deleted || set.name == ""
	out := jar[:0]
	for _, c := range jar {
		switch {
		case c.name != set.name:
			out = append(out, c)
		case !done:
			done = true
			out = append(out, receivedCookie{set.name, set.name + "=" + set.value})
		}
	}
	if !done {
		out = append(out, receivedCookie{set.name, set.name + "=" + set.value})
	}
	return out
}

// readSetCookie reads a Set-Cookie value as browsers do (RFC 6265 section 5.2).
// Max-Age counts more than Expires; of two attributes of a name the last counts.
func readSetCookie(directive string, now time.Time) setCookie {
	pair, attributes, _ := strings.Cut(directive, ";")
	name, value, _ := strings.Cut(pair, "=")
	set := setCookie{name: strings.Trim(name, " \t"), value: strings.Trim(value, " \t")}
	maxAged := false
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		value = strings.Trim(value, " \t")
		switch lower(strings.Trim(name, " \t")) {
		case "max-age":
			if expired, ok := expiredMaxAge(value); ok {
				set.deleted, maxAged = expired, true
			}
		case "expires":
			if at, ok := cookieDate(value); ok && !maxAged {
				set.deleted = !at.After(now)
			}
		}
	}
	return set
}

// expiredMaxAge reads a Max-Age: digits, with or without a minus.
func expiredMaxAge(value string) (expired, ok bool) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false, false
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil { // out of range, which its sign decides
		return value[0] == '-', true
	}
	return seconds <= 0, true
}

// cookieDate reads an Expires date in the forms that servers write.
func cookieDate(value string) (time.Time, bool) {
	for _, layout := range [...]string{
		"Mon, 02 Jan 2006 15:04:05 GMT",
		"Mon, 02-Jan-2006 15:04:05 GMT",
		"Monday, 02-Jan-06 15:04:05 GMT",
		time.ANSIC,
	} {
		if at, err := time.Parse(layout, value); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
