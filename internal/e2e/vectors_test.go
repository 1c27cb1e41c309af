package e2e_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// TestVectorsAreGenuine: another implementation verifies each example with its
// own key, so that a refusal below is one of the real thing.
func TestVectorsAreGenuine(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			if v.algorithm == "" {
				if !strings.HasSuffix(v.token, ".") {
					t.Error("there is a signature")
				}
				return
			}
			key, err := jwk.ParseKey([]byte(v.key))
			if err != nil {
				t.Fatal(err)
			}
			token := v.token
			if v.detached != "" {
				token = strings.Replace(token, "..", "."+v.detached+".", 1)
			}
			if _, err := jws.Verify([]byte(token), jws.WithKey(jwa.SignatureAlgorithm(v.algorithm), key)); err != nil {
				t.Error(err)
			}
		})
	}
}

// pemOf is an RSA key with this modulus and the exponent 65537.
func pemOf(t testing.TB, modulus string) string {
	t.Helper()
	n, err := base64.RawURLEncoding.DecodeString(modulus)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestVectorsAreNoSessions: genuine as they are, they open nothing, neither with
// the RFC's own RSA key nor with keys that do not concern them.
//
// The answer to RFC 7515 A.2 under its own key also shows that the sidecar finds
// that signature good: it comes to the claims, where there is no sub. With one bit
// of it changed, or under another key, the signature is what it complains about.
func TestVectorsAreNoSessions(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	pinned := map[string]*asker{}
	for rfc, modulus := range map[string]string{"RFC 7515": modulus7515, "RFC 7520": modulus7520} {
		t.Setenv("CLERK_JWT_KEY", pemOf(t, modulus))
		pinned[rfc] = startSidecar(t, c.section("jwtKey: ${CLERK_JWT_KEY}")+keysRoutes).ready().ask(t)
	}
	fetched := startSidecar(t, c.section(patientKeys)+keysRoutes).ready().ask(t)
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			own := pinned[v.name[:len("RFC 7515")]]
			for what, line := range map[string]string{"by header": bearer(v.token), "by cookie": "Cookie: " + c.Cookies(v.token)} {
				if got := own.get(t, "/me", line).String(); got != "401 "+v.pinned {
					t.Errorf("%s, the RFC's key pinned: %s, want 401 %s", what, got, v.pinned)
				}
				if got := fetched.get(t, "/me", line).String(); got != "401 "+v.fetched {
					t.Errorf("%s, keys fetched: %s, want 401 %s", what, got, v.fetched)
				}
			}
			if v.name != "RFC 7515 A.2" {
				return
			}
			flipped := resign(v.token, func(s []byte) []byte { s[100] ^= 1; return s })
			expect(t, own, "one bit of the signature changed", flipped, badSig)
			expect(t, pinned["RFC 7520"], "another RSA key", v.token, badSig)
		})
	}
}
