package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// members are those of a JSON object, their values as JSON text; the empty text
// leaves one out.
type members map[string]string

// object writes base with the changes made.
func (base members) object(changes members) string {
	all := map[string]json.RawMessage{}
	for _, m := range []members{base, changes} {
		for name, value := range m {
			delete(all, name)
			if value != "" {
				all[name] = json.RawMessage(value)
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // a value that is no JSON: an error of the table
	}
	return string(text)
}

// forge makes tokens of one instance that differ from a good one as the table
// wants it. Party is the azp that the policy accepts.
type forge struct {
	*clerk
	stranger        *jwkstest.Signer // a key of nobody, under the instance's key id
	header, payload members
}

const party = "https://app.example.com"

func newForge(c *clerk) *forge {
	now := time.Now().Unix()
	return &forge{
		clerk:    c,
		stranger: jwkstest.NewSigner(c.Signer().ID),
		header:   members{"alg": `"RS256"`, "cat": `"cl_B7d4PD111AAA"`, "kid": quoted(c.Signer().ID), "typ": `"JWT"`},
		payload: members{
			"iss": quoted(c.Issuer()), "sub": `"user_ada"`, "sid": `"sess_ada"`, "azp": quoted(party), "v": "2", "fva": "[0,-1]",
			"iat": fmt.Sprint(now), "nbf": fmt.Sprint(now - 10), "exp": fmt.Sprint(now + 3600),
		},
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string has no way to fail
	return string(b)
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// signed is a good token with these changes, signed with the right key.
func (f *forge) signed(header, payload members) string {
	return f.Signer().Sign([]byte(f.header.object(header)), []byte(f.payload.object(payload)))
}

// raw signs these very texts with the right key; "" stands for a good one.
func (f *forge) raw(header, payload string) string {
	if header == "" {
		header = f.header.object(nil)
	}
	if payload == "" {
		payload = f.payload.object(nil)
	}
	return f.Signer().Sign([]byte(header), []byte(payload))
}

// with signs by other means: sign gets the first two parts.
func (f *forge) with(header members, sign func(input string) []byte) string {
	input := b64(f.header.object(header)) + "." + b64(f.payload.object(nil))
	return input + "." + b64(string(sign(input)))
}

// parts of a good token.
func (f *forge) parts() (header, payload, signature string) {
	p := strings.Split(f.signed(nil, nil), ".")
	return p[0], p[1], p[2]
}

// resign replaces the signature of a token by bytes made from it.
func resign(token string, change func([]byte) []byte) string {
	input, signature := cutLast(token)
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		panic(err)
	}
	return input + "." + b64(string(change(raw)))
}

// cutLast splits a token into what is signed and the signature.
func cutLast(token string) (input, signature string) {
	i := strings.LastIndexByte(token, '.')
	return token[:i], token[i+1:]
}

// sized is a good token of exactly this many bytes.
func (f *forge) sized(t testing.TB, bytes int) string {
	t.Helper()
	// Base64 cannot have every length, so the header grows by a few bytes, too.
	for extra := range 8 {
		header := members{"x": quoted(strings.Repeat("x", extra))}
		low, high := 0, bytes
		for low < high {
			middle := (low + high) / 2
			token := f.signed(header, members{"x": quoted(strings.Repeat("x", middle))})
			switch {
			case len(token) == bytes:
				return token
			case len(token) < bytes:
				low = middle + 1
			default:
				high = middle
			}
		}
	}
	t.Fatalf("no token has %d bytes", bytes)
	return ""
}

// duplicate is the object with one more member at its end, and one with it in
// front.
func duplicate(object, name, value string) (after, before string) {
	m := quoted(name) + ":" + value
	return object[:len(object)-1] + "," + m + "}", "{" + m + "," + object[1:]
}

// with is a copy of members with others added.
func (base members) with(more members) members {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

// tokenCase is a token with the answer that it must get.
type tokenCase struct {
	name, token string
	want        string // a code, or "pass"
	cookie      string // by cookie, where that differs
	suffixed    string // by cookie with suffix, where that differs again
	user, org   string // of a pass; the default is user_ada without an organisation
}

// statusOf is the status that goes with a code.
func statusOf(code string) int {
	switch code {
	case "request-malformed":
		return 400
	case "keys-unavailable":
		return 503
	}
	return 401
}

// newTokenClerk is an instance and a policy that compares azp.
func newTokenClerk(t testing.TB) (*clerk, string) {
	t.Helper()
	c := newClerk(t, clerktest.Options{Live: true})
	return c, c.section("authorizedParties: ["+party+"]\n    "+patientKeys) + keysRoutes
}
