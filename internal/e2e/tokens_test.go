package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	internalclerk "github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// carriers are the ways in which a token is presented.
func (c *clerk) carriers() map[string]func(token string) string {
	key, err := internalclerk.ParsePublishableKey(c.PublishableKey())
	if err != nil {
		panic(err) // it is the instance's own
	}
	return map[string]func(string) string{
		"header": bearer,
		"cookie": func(token string) string { return "Cookie: theme=dark; __session=" + token + "; __client_uat=1" },
		"suffixed cookie": func(token string) string {
			return "Cookie: __session_" + key.Suffix + "=" + token + "; __client_uat_" + key.Suffix + "=1"
		},
	}
}

// by is what a carrier must get.
func (tt tokenCase) by(carrier string) string {
	switch {
	case carrier == "suffixed cookie" && tt.suffixed != "":
		return tt.suffixed
	case carrier != "header" && tt.cookie != "":
		return tt.cookie
	}
	return tt.want
}

// TestHostileTokens shows each token of the tables to the sidecar through Envoy,
// by header and by each of the two cookies.
func TestHostileTokens(t *testing.T) {
	c, policy := newTokenClerk(t)
	s := startSidecar(t, policy).ready()
	echo := envoytest.NewEcho(t)
	e := variants[0].envoy(t, s, echo.Addr)
	f, lines := newForge(c), c.carriers()
	for _, group := range []struct {
		name  string
		cases []tokenCase
	}{
		{"good", goodTokens(f)},
		{"algorithm", algorithmTokens(t, f)},
		{"signature", signatureTokens(f)},
		{"key id", keyIDTokens(f)},
		{"embedded keys", embeddedKeyTokens(t, f)},
		{"class", classTokens(f)},
		{"form", formTokens(t, f)},
		{"JSON", jsonTokens(f)},
		{"times", timeTokens(f)},
		{"identity", identityTokens(f)},
		{"audience and party", audienceTokens(f)},
		{"organisation", organisationTokens(f)},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, tt := range group.cases {
				t.Run(tt.name, func(t *testing.T) { tt.run(t, lines, e, echo) })
			}
		})
	}
	// The key id in each forged token was new, and none but the first caused a fetch.
	if n := c.Endpoint().Fetches(); n != 2 {
		t.Errorf("%d fetches, want the first and one more", n)
	}
	if strings.Contains(s.log(), "eyJ") {
		t.Error("the log contains a token")
	}
}

func (tt tokenCase) run(t *testing.T, lines map[string]func(string) string, e *envoytest.Envoy, echo *envoytest.Echo) {
	for carrier, line := range lines {
		want := tt.by(carrier)
		before := len(echo.Received())
		a := envoytest.Get(t, e.Addr, "/me", line(tt.token), "X-User-Id: user_root", "X-Org-Id: org_root")
		if want == "pass" {
			if a.Status != http.StatusOK {
				t.Errorf("by %s: status %d, want a pass: %s", carrier, a.Status, a.Body)
				continue
			}
			identity(t, allowed(t, a), either(tt.user, "user_ada"), tt.org)
			continue
		}
		if arrived := len(echo.Received()) - before; arrived != 0 {
			t.Errorf("by %s: the request reached the service: %+v", carrier, echo.Last(t))
		}
		if a.Status == 0 {
			t.Errorf("by %s: no answer: %s", carrier, a.Reset)
			continue
		}
		p := denied(t, a, statusOf(want), want)
		if text := fmt.Sprint(a.Header, string(a.Body)); strings.Contains(text, "eyJ") || strings.Contains(text, "ins_") {
			t.Errorf("by %s: the answer repeats the token or its key id: %s", carrier, text)
		}
		if t.Failed() {
			t.Logf("by %s: %+v", carrier, p)
		}
	}
}

func either(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// TestEveryCutAndEveryChange shortens a good token by every number of bytes, and
// changes it at every byte. Nothing of it passes.
func TestEveryCutAndEveryChange(t *testing.T) {
	c, policy := newTokenClerk(t)
	s := startSidecar(t, policy).ready()
	a := s.ask(t)
	token := newForge(c).signed(nil, nil)
	expect(t, a, "the whole token", token, "pass")
	for i := 1; i < len(token); i++ {
		r := a.get(t, "/me", bearer(token[:i]))
		if got := r.String(); got != "401 token-invalid" && got != badSig {
			t.Errorf("cut to %d of %d bytes: %s", i, len(token), got)
		}
	}
	for i := range len(token) {
		for _, b := range []byte{'A', 'z', '.', '=', '+', '%'} {
			if token[i] == b {
				continue
			}
			changed := token[:i] + string(b) + token[i+1:]
			if r := a.get(t, "/me", bearer(changed)); r.Status != http.StatusUnauthorized {
				t.Errorf("byte %d changed from %q to %q: %s", i, token[i], b, r)
			}
		}
	}
	expect(t, a, "the whole token again", token, "pass")
}

// TestTokensOfOtherInstances: the same key id at two instances, and a policy that
// knows both. A token belongs to the instance that signed it, whatever it says.
func TestTokensOfOtherInstances(t *testing.T) {
	one := newClerk(t, clerktest.Options{Live: true, FrontendAPI: "clerk.one.example"})
	two := newClerk(t, clerktest.Options{Live: true, FrontendAPI: "clerk.two.example"})
	shared := one.Signer().ID
	two.Signer().ID = shared
	two.Endpoint().Publish(two.Signer())
	policy := one.section("") + strings.SplitN(two.section(""), "clerk:\n", 2)[1] + keysRoutes
	a := startSidecar(t, policy).ready().ask(t)
	ada := clerktest.Claims{User: "user_ada"}
	as := func(signer *clerk, iss string) string {
		claims := ada
		claims.Issuer = iss
		return signer.Token(claims)
	}
	for _, tt := range []struct{ name, token, want string }{
		{"one", as(one, ""), "pass"},
		{"two", as(two, ""), "pass"},
		{"one's key, two's name", as(one, two.Issuer()), badSig},
		{"two's key, one's name", as(two, one.Issuer()), badSig},
		{"one's key, nobody's name", as(one, "https://clerk.three.example"), "401 token-invalid-issuer"},
	} {
		expect(t, a, tt.name, tt.token, tt.want)
		expect(t, a, tt.name+", again", tt.token, tt.want)
	}
	cookie := "Cookie: " + one.Cookies(as(one, ""))
	if r := a.get(t, "/me", cookie); r.String() != "401 session-token-and-uat-missing" {
		t.Errorf("a cookie on a host that no instance has claimed: %s", r)
	}
}

// TestAudiences: a session token need not name an audience; if it names some, one
// of them must be ours.
func TestAudiences(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	a := startSidecar(t, c.section("audiences: [billing, reports]")+keysRoutes).ready().ask(t)
	f := newForge(c)
	for aud, want := range map[string]string{
		``: "pass", `"billing"`: "pass", `["x","reports"]`: "pass", `[]`: "pass", `""`: "pass",
		`"shop"`: "401 " + failed, `["shop"]`: "401 " + failed, `"Billing"`: "401 " + failed, `"billing "`: "401 " + failed, `"billing,reports"`: "401 " + failed,
		`{"billing":1}`: "401 " + failed, `["billing",1]`: "401 " + failed, `[["billing"]]`: "401 " + failed, `null`: "401 " + failed,
	} {
		expect(t, a, "aud "+aud, f.signed(nil, members{"aud": aud}), want)
	}
}
