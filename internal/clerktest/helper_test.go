package clerktest_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// now is when everything in these tests happens: a second and a bit, because a
// token knows whole seconds only.
var now = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

const host = "127.0.0.1:9010"

// signer makes one RSA key do for all tests.
var signer = sync.OnceValue(func() *jwkstest.Signer { return jwkstest.NewSigner("ins_test") })

func instance(change ...func(*clerktest.Options)) *clerktest.Instance {
	o := clerktest.Options{
		FrontendAPI: host, Signer: signer(), Now: func() time.Time { return now }, SecretKey: "sk_test_1",
	}
	for _, c := range change {
		c(&o)
	}
	return clerktest.New(o)
}

func withUsers(o *clerktest.Options) { o.Directory = users() }

// users are Ada, admin of acme, Bob, member of acme, and Cleo, admin of globex.
func users() *clerktest.Directory {
	manage := []string{"org:invoices:manage"}
	return &clerktest.Directory{
		Organizations: []clerktest.Organization{
			{ID: "org_acme", Slug: "acme", Name: "Acme"},
			{ID: "org_globex", Slug: "globex", Name: "Globex"},
		},
		Users: []clerktest.User{
			{ID: "user_ada", Name: "Ada", Memberships: []clerktest.Membership{{Org: "acme", Role: "org:admin", Permissions: manage}}},
			{ID: "user_bob", Name: "Bob", Memberships: []clerktest.Membership{{Org: "org_acme", Role: "org:member"}}},
			{ID: "user_cleo", Name: "Cleo", Memberships: []clerktest.Membership{{Org: "globex", Role: "org:admin", Permissions: manage}}},
		},
	}
}

// read verifies a token with the key of these tests, without any code of ours,
// and returns its header and claims.
func read(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q has %d parts", token, len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&signer().Private.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
		t.Fatal(err)
	}
	return object(t, parts[0]), object(t, parts[1])
}

func object(t *testing.T, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}
