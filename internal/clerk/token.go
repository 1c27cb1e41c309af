package clerk

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxToken bounds a token, in bytes. Browsers cap a cookie at 4 KiB; the rest
// is room for header tokens with large custom claims (contract of Clerkgate).
const maxToken = 16 << 10

// Categories of Clerk's tokens, the "cat" of their JOSE header.
const (
	categorySession = "cl_B7d4PD111AAA"
	// categoryIgnore is stamped on tokens of every class by instances that
	// opted out of telling them apart.
	categoryIgnore = "cl_I7d4PD111III"
)

// token is a JWT, decoded and not verified.
type token struct {
	*frame
	signed        bool // the signature part is not empty
	sub, sid      textValue
	exp, nbf, iat instant
	handshake     value // the directives of a handshake token
	claims        object
}

// frame is what a token has in common with the others of its key and application.
type frame struct {
	alg, typ, cat textValue
	kid           string
	iss, azp      textValue
	aud           audience
}

// instant is a time claim, in seconds since 1970. Of JSON true the seconds are 1,
// of everything else that is no number 0.
type instant struct {
	kind    kind
	seconds int64
}

// audience is the aud claim. alien says that it is neither a string nor an
// array of strings; the SDK lets such a claim pass unread.
type audience struct {
	list  []string
	alien bool
}

// decode takes a token apart. It holds it to the form that Clerk writes:
// everything that another parser might read differently is an error.
func decode(raw string) (*token, error) {
	if len(raw) > maxToken {
		return nil, errors.New("a token is not that long")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	header, err := decodePart(parts[0])
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	payload, err := decodePart(parts[1])
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	if _, err = decodeSegment(parts[2]); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	t := newToken()
	t.signed = parts[2] != ""
	if err = t.readHeader(header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err = t.readPayload(payload); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return t, nil
}

// newToken makes a token and its frame at once.
func newToken() *token {
	t := new(struct {
		token
		frame
	})
	t.token.frame = &t.frame
	return &t.token
}

// withoutClaims returns what is left of a token without its claims. It is a token of
// its own: a part of the first one would keep all of it in memory.
func (t *token) withoutClaims() *token {
	rest := newToken()
	frame := rest.frame
	*rest, *frame = *t, *t.frame
	rest.frame, rest.claims, rest.handshake = frame, nil, value{}
	return rest
}

func decodePart(segment string) (object, error) {
	text, err := decodeSegment(segment)
	if err != nil {
		return nil, err
	}
	return parseObject(text)
}

// payloadOf decodes the payload of a token that was decoded before.
func payloadOf(raw string) []byte {
	_, rest, _ := strings.Cut(raw, ".")
	segment, _, _ := strings.Cut(rest, ".")
	text, err := decodeSegment(segment)
	if err != nil {
		return nil
	}
	return text
}

// decodeSegment decodes base64url (RFC 7515 section 2): unpadded, no bits left
// over, and without the line breaks that encoding/base64 would skip.
func decodeSegment(segment string) ([]byte, error) {
	if strings.ContainsAny(segment, "\r\n") {
		return nil, errors.New("not base64url")
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return text, nil
}

func (t *token) readHeader(header object) error {
	t.alg, t.typ, t.cat = header.get("alg").asText(), header.get("typ").asText(), header.get("cat").asText()
	kid := header.get("kid")
	if kid.kind != kindAbsent && kid.kind != kindString {
		return errors.New("kid is not a string")
	}
	t.kid = kid.asText().text
	if header.get("crit").kind != kindAbsent {
		return errors.New("crit asks for extensions that Clerk does not have")
	}
	return nil
}

func (t *token) readPayload(claims object) error {
	t.claims = claims
	t.iss, t.sub, t.sid, t.azp = claims.get("iss").asText(), claims.get("sub").asText(), claims.get("sid").asText(), claims.get("azp").asText()
	t.handshake = claims.get("handshake")
	t.aud = readAudience(claims.get("aud"))
	for _, c := range [...]struct {
		name string
		to   *instant
	}{{"exp", &t.exp}, {"nbf", &t.nbf}, {"iat", &t.iat}} {
		v := claims.get(c.name)
		at, err := readInstant(v)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		*c.to = at
	}
	return checkNumbers(claims)
}

// latest is the last second of the year 9999, where RFC 3339 ends.
const latest = 253402300799

func readInstant(v value) (instant, error) {
	at := instant{kind: v.kind}
	if v.kind == kindBool && string(v.raw) == "true" {
		at.seconds = 1
	}
	if v.kind != kindNumber {
		return at, nil // of which type it must be is a later check of the SDK's
	}
	n, plain := plainInteger(v.raw)
	switch {
	case !plain:
		return at, errors.New("not spelled as a plain integer")
	case n < 0 || n > latest:
		return at, errors.New("outside the years 1970 to 9999")
	}
	at.seconds = n
	return at, nil
}

// checkNumbers holds v and fva to a spelling that every parser reads alike.
func checkNumbers(claims object) error {
	if v := claims.get("v"); v.kind == kindNumber {
		if _, plain := plainInteger(v.raw); !plain {
			return errors.New("v: not spelled as a plain integer")
		}
	}
	for _, age := range claims.get("fva").elements() {
		if age.kind == kindNumber && (bytes.ContainsAny(age.raw, "eE") || bytes.HasPrefix(age.raw, []byte("-0"))) {
			return errors.New("fva: not spelled as plain numbers")
		}
	}
	return nil
}

// plainInteger reads a decimal integer as Clerk writes it: digits, perhaps a
// minus, no leading zero (JSON has none), no more digits than a float64 holds.
func plainInteger(text []byte) (int64, bool) {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 15 || string(text) == "-0" || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

func readAudience(v value) audience {
	switch v.kind {
	case kindAbsent:
		return audience{}
	case kindString:
		return audience{list: []string{unquote(v.raw)}}
	case kindArray:
		var list []string
		for _, e := range v.elements() {
			if e.kind != kindString {
				return audience{alien: true}
			}
			list = append(list, unquote(e.raw))
		}
		return audience{list: list}
	default:
		return audience{alien: true}
	}
}

// ofAnotherClass reports whether the token says of itself that it is no session
// token.
func (t *token) ofAnotherClass() bool { return t.class() != SessionTokens }

// ofAnotherCategory is the part of it that goes by the category alone, as the
// SDK judges handshake tokens.
func (t *token) ofAnotherCategory() bool {
	return t.cat.kind != kindAbsent && !t.cat.is(categorySession) && !t.cat.is(categoryIgnore)
}

// sdkReading says what the SDK makes of a token that decode refuses.
type sdkReading uint8

const (
	sdkCannotRead sdkReading = iota
	sdkReads
	sdkThrows // it stumbles over a payload that is JSON null
)

func readAsSDK(raw string) sdkReading {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return sdkCannotRead
	}
	var texts [3][]byte
	for i, p := range parts {
		text, err := decodeSegment(strings.TrimRight(p, "="))
		if err != nil {
			return sdkCannotRead
		}
		texts[i] = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	switch {
	case tooDeepToTell(texts[0]) || tooDeepToTell(texts[1]):
		return sdkReads
	case !json.Valid(texts[0]) || !json.Valid(texts[1]):
		return sdkCannotRead
	case string(bytes.TrimSpace(texts[1])) == "null":
		return sdkThrows
	}
	return sdkReads
}

// mayHoldNullToken reports whether a cookie header could hold a session token
// whose payload is JSON null, which no token of Clerk's is. A payload that begins
// with "{" is none, and "ey" or "ew" is how that begins in base64url.
func mayHoldNullToken(cookies string) (may bool) {
	eachCookie(cookies, func(name, value string) {
		if !strings.HasPrefix(name, cookieSession) {
			return
		}
		_, payload, found := strings.Cut(value, ".")
		may = may || strings.Contains(value, "%") ||
			found && !strings.HasPrefix(payload, "ey") && !strings.HasPrefix(payload, "ew")
	})
	return may
}

// tooDeepToTell reports whether encoding/json might refuse a text for its depth
// alone. JavaScript would not; what is in doubt counts as read.
func tooDeepToTell(text []byte) bool {
	const depth = 5000 // half of what encoding/json bears
	return bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) > depth
}
