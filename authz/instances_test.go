package authz_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// pair is an engine with two Clerk instances, a and b, whose entries in the
// policy have these further keys.
type pair struct {
	*world
	a, b *clerktest.Instance
}

func newPair(t *testing.T, moreA, moreB string) *pair {
	t.Helper()
	clock := func() time.Time { return now }
	p := &pair{
		world: &world{t: t, engine: authz.New(authz.Options{Now: clock})},
		a:     clerktest.New(clerktest.Options{FrontendAPI: "clerk.a.example", Live: true, Now: clock}),
		b:     clerktest.New(clerktest.Options{FrontendAPI: "clerk.b.example", Live: true, Now: clock}),
	}
	src := fmt.Sprintf("version: 1\nclerk:\n  - {publishableKey: %q%s}\n  - {publishableKey: %q%s}\nroutes: [{name: all, path: /**}]\n",
		p.a.PublishableKey(), moreA, p.b.PublishableKey(), moreB)
	loaded, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if loaded == nil {
		t.Fatal(problems)
	}
	s, problems := authz.Compile(loaded, func(c policy.Clerk) (authz.Connection, error) {
		signer := p.a.Signer()
		if c.PublishableKey.Value == p.b.PublishableKey() {
			signer = p.b.Signer()
		}
		pinned, err := jwks.ParsePEM(signer.PEM())
		return authz.Connection{Keys: authz.Keys{Lookup: pinned}}, err
	})
	if s == nil {
		t.Fatal(problems)
	}
	p.engine.Use(s)
	return p
}

func (p *pair) askAt(host string, headers ...string) authz.Answer {
	r := request("GET", "/", headers...)
	r.Host = host
	return p.engine.Check(p.t.Context(), r)
}

func TestSeveralInstances(t *testing.T) {
	p := newPair(t, ", hosts: [a.example]", `, hosts: ["*.b.example"]`)
	tokenA, tokenB := p.a.Token(clerktest.Claims{User: "user_a"}), p.b.Token(clerktest.Claims{User: "user_b"})
	p.allow(p.askAt("a.example", "authorization: Bearer "+tokenA), "x-user-id: user_a")
	p.allow(p.askAt("a.example", "authorization: Bearer "+tokenB), "x-user-id: user_b")
	p.allow(p.askAt("a.example", "cookie: "+p.a.Cookies(tokenA)), "x-user-id: user_a")
	p.allow(p.askAt("x.b.example:8443", "cookie: "+p.b.Cookies(tokenB)), "x-user-id: user_b")
	p.deny(p.askAt("x.b.example", "cookie: "+p.a.Cookies(tokenA)), 401, "session-token-and-uat-missing")
	p.deny(p.askAt("c.example", "cookie: "+p.a.Cookies(tokenA)), 401, "session-token-and-uat-missing")

	// A token that B's key signed but that names A must not pass as A's.
	forged := p.b.Token(clerktest.Claims{User: "user_a", Issuer: p.a.Issuer()})
	p.deny(p.askAt("a.example", "authorization: Bearer "+forged), 401, "token-invalid-signature")
	foreign := p.b.Token(clerktest.Claims{User: "user_a", Issuer: "https://clerk.evil.example"})
	p.deny(p.askAt("a.example", "authorization: Bearer "+foreign), 401, "token-invalid-issuer")
}

func TestCookiesOfAHostThatIsNotClearlyOneInstances(t *testing.T) {
	both := newPair(t, ", hosts: [app.example]", `, hosts: ["*.example"]`)
	cookie := "cookie: " + both.a.Cookies(both.a.Token(clerktest.Claims{User: "user_a"}))
	both.deny(both.askAt("app.example", cookie), 401, "session-token-and-uat-missing")
	cookie = "cookie: " + both.b.Cookies(both.b.Token(clerktest.Claims{User: "user_b"}))
	both.deny(both.askAt("app.example", cookie), 401, "session-token-and-uat-missing")
	both.allow(both.askAt("other.example", cookie), "x-user-id: user_b")

	unclaimed := newPair(t, "", "")
	token := unclaimed.a.Token(clerktest.Claims{User: "user_a"})
	unclaimed.deny(unclaimed.askAt("app.example", "cookie: "+unclaimed.a.Cookies(token)), 401, "session-token-and-uat-missing")
	unclaimed.allow(unclaimed.askAt("app.example", "authorization: Bearer "+token), "x-user-id: user_a")
}

func TestMissingAzp(t *testing.T) {
	for _, tt := range []struct {
		setting        string
		header, cookie bool
	}{
		{"", false, false},
		{", missingAzp: deny", false, false},
		{", missingAzp: allow-cookie", false, true},
		{", missingAzp: allow", true, true},
	} {
		p := newPair(t, ", hosts: [a.example], authorizedParties: [https://a.example]"+tt.setting, "")
		token := p.a.Token(clerktest.Claims{User: "user_a"})
		if got := p.askAt("a.example", "authorization: Bearer "+token).Allow; got != tt.header {
			t.Errorf("%q: by header %v, want %v", tt.setting, got, tt.header)
		}
		if got := p.askAt("a.example", "cookie: "+p.a.Cookies(token)).Allow; got != tt.cookie {
			t.Errorf("%q: by cookie %v, want %v", tt.setting, got, tt.cookie)
		}
		other := p.a.Token(clerktest.Claims{User: "user_a", AuthorizedParty: "https://evil.example"})
		p.deny(p.askAt("a.example", "authorization: Bearer "+other), 401, "token-invalid-authorized-parties")
	}
}
