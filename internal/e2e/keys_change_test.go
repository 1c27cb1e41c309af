package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// TestKeyVanishes: a token that has passed, and is cached, is refused once its
// key is gone or is another one.
func TestKeyVanishes(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(quickKeys)+keysRoutes).ready()
	a := s.ask(t)
	again := func() { c.Endpoint().Publish(c.Signer()) }
	other := jwkstest.NewSigner("ins_other")
	sameID := jwkstest.NewSigner(c.Signer().ID)
	otherAlgorithm := *c.Signer()
	otherAlgorithm.Algorithm = "RS512"

	for _, tt := range []struct {
		name    string
		publish *jwkstest.Signer
		want    string
	}{
		{"another id", other, unknownKey},
		{"another key of the same id", sameID, badSig},
		{"the same key for another algorithm", &otherAlgorithm, "401 token-verification-failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			again()
			c.refreshed(t)
			tokens := []string{c.token(), c.token()}
			cookie := "Cookie: " + c.Cookies(tokens[0])
			for range 2 {
				for _, token := range tokens {
					expect(t, a, "before", token, "pass")
				}
			}
			if r := a.get(t, "/me", cookie); r.String() != "pass" {
				t.Errorf("by cookie before: %s", r)
			}
			c.Endpoint().Publish(tt.publish)
			c.refreshed(t)
			for range 2 {
				for _, token := range append(tokens, c.token()) {
					expect(t, a, "after", token, tt.want)
				}
			}
			if r := a.get(t, "/me", cookie); r.String() != tt.want {
				t.Errorf("by cookie after: %s, want %s", r, tt.want)
			}
			again()
			c.refreshed(t)
			expect(t, a, "when the key is back", tokens[0], "pass")
		})
	}
}

// TestRefusedIsNotForever: a bad signature is remembered for one key only. The
// token that fails under the old key passes as soon as the right one is there.
func TestRefusedIsNotForever(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(quickKeys)+keysRoutes).ready()
	a := s.ask(t)
	next := c.with(jwkstest.NewSigner(c.Signer().ID))
	token := next.token()
	for range 2 {
		expect(t, a, "under the old key", token, badSig)
	}
	c.Endpoint().Publish(next.Signer())
	c.refreshed(t)
	for range 2 {
		expect(t, a, "under the new key", token, "pass")
	}
}

// TestPinnedKey: the public key in the policy, in each form in which people paste
// it, is enough; nothing is fetched, and the key id does not matter.
func TestPinnedKey(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	stranger := c.with(jwkstest.NewSigner(c.Signer().ID))
	otherID := *c.Signer()
	otherID.ID = "ins_whatever"
	renamed := c.with(&otherID)
	noID := c.Token(clerktest.Claims{User: "user_ada", RemoveHeader: []string{"kid"}})
	emptyID := c.Token(clerktest.Claims{User: "user_ada", Header: map[string]any{"kid": ""}})
	listID := c.Token(clerktest.Claims{User: "user_ada", Header: map[string]any{"kid": []string{c.Signer().ID}}})

	pem := strings.TrimSpace(c.Signer().PEM())
	body := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(pem, "-----BEGIN PUBLIC KEY-----"), "-----END PUBLIC KEY-----"))
	joined := func(text, with string) string { return strings.ReplaceAll(text, "\n", with) }
	for _, tt := range []struct{ name, text string }{
		{"real line breaks", pem},
		{"real line breaks, CRLF", joined(pem, "\r\n")},
		{"escaped line breaks", joined(pem, `\n`)},
		{"escaped line breaks, CRLF", joined(pem, `\r\n`)},
		{"twice escaped line breaks", joined(pem, `\\n`)},
		{"blanks for line breaks", joined(pem, " ")},
		{"no line breaks", joined(pem, "")},
		{"in quotes", `"` + joined(pem, `\n`) + `"`},
		{"without first and last line", body},
		{"without first and last line and line breaks", joined(body, "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CLERK_JWT_KEY", tt.text)
			s := startSidecar(t, c.section("jwtKey: ${CLERK_JWT_KEY}")+keysRoutes).ready()
			if status, _ := s.readyz(); status != http.StatusOK {
				t.Errorf("/readyz: %d", status)
			}
			a := s.ask(t)
			for what, token := range map[string]string{
				"its own id": c.token(), "another id": renamed.token(), "no id": noID, "an empty id": emptyID,
			} {
				expect(t, a, what, token, "pass")
			}
			expect(t, a, "another key", stranger.token(), badSig)
			expect(t, a, "an id that is a list", listID, "401 token-invalid")
		})
	}
	if n := c.Endpoint().Fetches(); n != 0 {
		t.Errorf("%d fetches with a pinned key", n)
	}
}

// TestPinnedKeyInline: the same key written into the policy itself, through a real
// Envoy.
func TestPinnedKeyInline(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	escaped := strings.ReplaceAll(strings.TrimSpace(c.Signer().PEM()), "\n", `\n`)
	block := "|\n      " + strings.ReplaceAll(strings.TrimSpace(c.Signer().PEM()), "\n", "\n      ")
	for name, value := range map[string]string{"single quotes": "'" + escaped + "'", "double quotes": `"` + escaped + `"`, "block": block} {
		t.Run(name, func(t *testing.T) {
			policy := fmt.Sprintf("version: 1\nclerk:\n  - publishableKey: %s\n    jwtKey: %s\n", c.PublishableKey(), value)
			s := startSidecar(t, policy+keysRoutes).ready()
			e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
			identity(t, allowed(t, envoytest.Get(t, e.Addr, "/me", bearer(c.token()))), "user_ada", "")
		})
	}
	if n := c.Endpoint().Fetches(); n != 0 {
		t.Errorf("%d fetches with a pinned key", n)
	}
}
