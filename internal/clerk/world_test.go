package clerk

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

const (
	liveKey  = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"                 // clerk.example.com
	testKey  = "pk_test_Zm9vLWJhci0xMy5jbGVyay5hY2NvdW50cy5kZXYk" // foo-bar-13.clerk.accounts.dev
	otherKey = "pk_live_Y2xlcmsuY2xlcmsuZGV2JA"                   // clerk.clerk.dev

	liveSuffix = "naoXFJnI"
	testSuffix = "nx2hSE6I"
	liveIssuer = "https://clerk.example.com"
	testIssuer = "https://foo-bar-13.clerk.accounts.dev"
)

// issuedAt is when the tokens of these tests are minted; they live 60 s.
var issuedAt = time.Unix(1_700_000_000, 0)

// signers are made once: RSA keys are expensive, and no test changes one.
var signers = sync.OnceValue(func() map[string]*jwkstest.Signer {
	return map[string]*jwkstest.Signer{
		"ins_live": jwkstest.NewSigner("ins_live"),
		"ins_new":  jwkstest.NewSigner("ins_new"),
	}
})

// keyring is a key source that a test changes as it likes.
type keyring map[string]*jwks.Key

func (k keyring) Key(kid string) (*jwks.Key, error) {
	if key := k[kid]; key != nil {
		return key, nil
	}
	return nil, jwks.ErrUnknownKey
}

// failing is a key source without keys.
type failing struct{ err error }

func (f failing) Key(string) (*jwks.Key, error) { return nil, f.err }

func keyOf(name, algorithm string) *jwks.Key {
	return &jwks.Key{ID: name, Algorithm: algorithm, Public: &signers()[name].Private.PublicKey}
}

func ring() keyring { return keyring{"ins_live": keyOf("ins_live", "RS256")} }

// claims are a token's header or payload; a nil value stands for JSON null, and
// gone for a claim that is left out.
type claims map[string]any

type gone struct{}

// raw is JSON text that goes into a token as it is.
func raw(s string) json.RawMessage { return json.RawMessage(s) }

func (c claims) with(more claims) claims {
	out := maps.Clone(c)
	for name, v := range more {
		if _, left := v.(gone); left {
			delete(out, name)
			continue
		}
		out[name] = v
	}
	return out
}

func (c claims) json(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var goodHeader = claims{"alg": "RS256", "typ": "JWT", "kid": "ins_live", "cat": categorySession}

func goodPayload(issuer string) claims {
	at := issuedAt.Unix()
	return claims{
		"iss": issuer, "sub": "user_1", "sid": "sess_1",
		"iat": at, "nbf": at - 10, "exp": at + 60,
	}
}

// mint signs a good token with the changes given, of which either may be nil.
func mint(t testing.TB, header, payload claims) string {
	t.Helper()
	return signers()["ins_live"].Sign(goodHeader.with(header).json(t), goodPayload(liveIssuer).with(payload).json(t))
}

// mintRaw signs header and payload as they are.
func mintRaw(header, payload string) string {
	return signers()["ins_live"].Sign([]byte(header), []byte(payload))
}

// instance builds an instance with the SDK's defaults and the changes made by
// change, which may be nil.
func instance(t testing.TB, change func(*Settings)) *Instance {
	t.Helper()
	s := Settings{PublishableKey: liveKey, Keys: ring(), Cookies: true, ClockSkew: 5 * time.Second}
	if change != nil {
		change(&s)
	}
	in, err := NewInstance(s)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// byHeader authenticates a request that has nothing but a bearer token.
func byHeader(in *Instance, token string) State {
	return Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + token}, nil, issuedAt)
}

// byCookie authenticates a request that has the two cookies of a session.
func byCookie(in *Instance, token string) State {
	cookie := "__session=" + token + "; __client_uat=1"
	if in.key.Development {
		cookie += "; __clerk_db_jwt=dev"
	}
	return Instances{in}.Authenticate(&Request{Method: "GET", Cookie: cookie, CookieInstance: in}, nil, issuedAt)
}

// outcome is "signed-in", or the reason for not being it.
func outcome(s State) string {
	switch {
	case s.SignedIn && s.Session != nil && s.Reason == "" && s.Err == nil:
		return "signed-in"
	case s.SignedIn || s.Session != nil:
		return "half signed in"
	case s.Err != nil:
		return s.Err.Error()
	}
	return s.Reason
}

// table splits the lines of a text table, without comments.
func table(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// mustKey is the publishable key of a production instance.
func mustKey(host string) string {
	return "pk_live_" + base64.RawStdEncoding.EncodeToString([]byte(host+"$"))
}
