package clerk

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// cookieNames are the names of an instance's suffixed cookies.
type cookieNames struct {
	session, clientUAT, devBrowser, refresh string
}

// Names without suffix. Handshake, nonce and redirect counter have no other,
// the refresh cookie has no such.
const (
	cookieSession       = "__session"
	cookieClientUAT     = "__client_uat"
	cookieDevBrowser    = "__clerk_db_jwt"
	cookieRefresh       = "__refresh"
	cookieHandshake     = "__clerk_handshake"
	cookieNonce         = "__clerk_handshake_nonce"
	cookieRedirectCount = "__clerk_redirect_count"
)

func suffixed(suffix string) cookieNames {
	return cookieNames{
		session:    cookieSession + "_" + suffix,
		clientUAT:  cookieClientUAT + "_" + suffix,
		devBrowser: cookieDevBrowser + "_" + suffix,
		refresh:    cookieRefresh + "_" + suffix,
	}
}

// family holds the cookies that exist with a suffix and without.
type family struct {
	session, clientUAT, devBrowser string
}

// jar holds the cookies of one instance. An empty cookie is an absent one.
type jar struct {
	plain, suffixed                           family
	refresh, handshake, nonce, redirectsSoFar string
}

// readCookies picks the instance's cookies. Of two with one name the first
// counts. The error says that a session cookie is too long to be one.
func (in *Instance) readCookies(header string) (jar, error) {
	var j jar
	slots := [...]struct {
		name string
		to   *string
		seen bool
	}{
		{name: cookieSession, to: &j.plain.session},
		{name: cookieClientUAT, to: &j.plain.clientUAT},
		{name: cookieDevBrowser, to: &j.plain.devBrowser},
		{name: in.cookies.session, to: &j.suffixed.session},
		{name: in.cookies.clientUAT, to: &j.suffixed.clientUAT},
		{name: in.cookies.devBrowser, to: &j.suffixed.devBrowser},
		{name: in.cookies.refresh, to: &j.refresh},
		{name: cookieHandshake, to: &j.handshake},
		{name: cookieNonce, to: &j.nonce},
		{name: cookieRedirectCount, to: &j.redirectsSoFar},
	}
	eachCookie(header, func(name, value string) {
		for i := range slots {
			if slots[i].name == name && !slots[i].seen {
				*slots[i].to, slots[i].seen = percentDecode(value), true
			}
		}
	})
	if len(j.plain.session) > maxToken || len(j.suffixed.session) > maxToken {
		return jar{}, errors.New("a session cookie is too long")
	}
	return j, nil
}

// eachCookie calls f with each pair of a cookie header, read as the npm package
// "cookie" does: split at ";" only, white space around name and value taken
// off, quotes kept. What has no "=" is skipped. Values are not decoded yet, so
// that an encoded ";" or "=" makes no further cookie.
func eachCookie(header string, f func(name, value string)) {
	for pair := range strings.SplitSeq(header, ";") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			f(strings.Trim(name, " \t"), strings.Trim(value, " \t"))
		}
	}
}

// percentDecode decodes as JavaScript's decodeURIComponent. Text that it
// cannot decode stays as it is, all of it.
func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out []byte
	for i := 0; i < len(s); {
		if s[i] != '%' {
			out = append(out, s[i])
			i++
			continue
		}
		start := len(out)
		for ; i < len(s) && s[i] == '%'; i += 3 {
			c, ok := hexByte(s[i+1:])
			if !ok {
				return s
			}
			out = append(out, c)
		}
		// Each run of escapes is UTF-8 by itself; bytes around it do not help.
		if !utf8.Valid(out[start:]) {
			return s
		}
	}
	return string(out)
}

// hexByte reads the two hex digits that s begins with.
func hexByte(s string) (byte, bool) {
	if len(s) < 2 || !isHex(s[0]) || !isHex(s[1]) {
		return 0, false
	}
	return unhex(s[0])<<4 | unhex(s[1]), true
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// choice says which of the two families of cookies counts. If doubt is not
// empty, the SDK's choice depends on a token that we do not accept as it is,
// and doubt is the reason to refuse the request for it: guessing what the SDK
// reads in such a token could pass what the SDK refuses.
type choice struct {
	suffixed bool
	doubt    string
	// throws says that the SDK stumbles over one of the tokens, whatever else
	// the request holds, a good header token included.
	throws bool
}

// choose is the SDK's usesSuffixedCookies. Several apps may share the names
// without suffix on one domain, and an app may have been moved back to an SDK
// that knows no others. The tokens are not verified here; the first rule that
// applies decides.
func (j *jar) choose(in *Instance, o *opener, now time.Time) choice {
	plain, reading := openCookie(j.plain.session, o)
	switch {
	case reading == sdkThrows:
		return choice{doubt: reasonTokenInvalid, throws: true}
	case reading == sdkReads:
		return choice{doubt: reasonTokenInvalid}
	case j.plain.session == "":
	case plain == nil || plain.iss.falsy:
		return choice{}
	case plain.iss.kind != kindString:
		return choice{doubt: reasonTokenVerificationFailed}
	case withoutScheme(plain.iss.text) != in.ownHost:
		return choice{suffixed: true} // another instance's
	}
	if j.suffixed.clientUAT == "" && j.suffixed.session == "" {
		return choice{}
	}
	other, reading := openCookie(j.suffixed.session, o)
	switch {
	case reading == sdkThrows:
		return choice{doubt: reasonTokenInvalid, throws: true}
	case j.suffixed.clientUAT == "":
		return choice{} // Clerk has turned suffixes off for the instance
	case j.suffixed.clientUAT == "0":
		// Signed out there. If the other is not, it was written later.
		return choice{suffixed: j.plain.clientUAT == "0"}
	case reading == sdkReads:
		return choice{doubt: reasonTokenInvalid}
	case j.plain.clientUAT != "0":
		return later(issued(plain), issued(other))
	}
	// clerk-js of a development instance leaves a stale suffixed cookie behind
	// when it is downgraded, recognisable by an expired token.
	return choice{suffixed: !in.key.Development || !expired(other, now)}
}

// openCookie decodes a session cookie. If that fails the token is nil, and the
// reading says whether the SDK fails, too.
func openCookie(raw string, o *opener) (*token, sdkReading) {
	if raw == "" {
		return nil, sdkCannotRead
	}
	p, err := o.open(raw)
	if err != nil {
		return nil, readAsSDK(raw)
	}
	return p.token, sdkCannotRead
}

// later chooses by the times of issue of the tokens without suffix and with it.
func later(plain, suffixed instant) choice {
	if plain.kind != kindNumber || suffixed.kind != kindNumber {
		return choice{doubt: reasonTokenVerificationFailed}
	}
	return choice{suffixed: plain.seconds <= suffixed.seconds}
}

// issued returns the time of issue. A missing one, and JSON null, are 0.
func issued(t *token) instant {
	if t == nil || t.iat.kind == kindAbsent || t.iat.kind == kindNull {
		return instant{kind: kindNumber}
	}
	return t.iat
}

// expired is the SDK's sessionExpired: to the second, without clock skew.
func expired(t *token, now time.Time) bool {
	if t == nil {
		return false
	}
	return t.exp.kind == kindNull || t.exp.kind == kindNumber && t.exp.seconds <= now.Unix()
}

// withoutScheme takes every http:// and https:// out of an issuer, in any case,
// as the SDK does.
func withoutScheme(iss string) string {
	var out strings.Builder
	for i := 0; i < len(iss); {
		n := 0
		for _, scheme := range [...]string{"http://", "https://"} {
			if len(iss)-i >= len(scheme) && equalFoldASCII(iss[i:i+len(scheme)], scheme) {
				n = len(scheme)
			}
		}
		if n == 0 {
			out.WriteByte(iss[i])
			n = 1
		}
		i += n
	}
	return out.String()
}
