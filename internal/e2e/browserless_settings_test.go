package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// TestSignInPages goes through the ways in which a policy says, or leaves open,
// where the sign-in page is. A path is one of the application's own origin, as
// the browser knows it.
func TestSignInPages(t *testing.T) {
	t.Parallel()
	live := clerktest.Options{Live: true}
	development := clerktest.Options{FrontendAPI: "foo-bar-13.clerk.accounts.dev"}
	const here, browser = "redirect_url=http://localhost:3000/account?a=b", "__clerk_db_jwt=" + tableBrowser
	for _, tt := range []struct {
		name     string
		options  clerktest.Options
		settings []string
		change   func(*envoytest.Config)
		headers  []string
		page     string
		want     []string
	}{
		{"derived", live, nil, nil, nil, portal, []string{here}},
		{"absolute", live, []string{"signInUrl: https://login.acme.com/in"}, nil, nil, "https://login.acme.com/in", []string{here}},
		{"with a query of its own", live, []string{`signInUrl: "https://login.acme.com/in?lang=en"`}, nil, nil, "https://login.acme.com/in", []string{"lang=en", here}},
		{"path", live, []string{"signInUrl: /in"}, nil, nil, "http://localhost:3000/in", []string{here}},
		{"path, forwarded", live, []string{"signInUrl: /in"}, behindProxy,
			[]string{"X-Forwarded-Host: app.acme.com", "X-Forwarded-Proto: https"}, "https://app.acme.com/in", []string{"redirect_url=https://app.acme.com/account?a=b"}},
		{"path, development", development, []string{"signInUrl: /in"}, nil, []string{"Cookie: " + browser}, "http://localhost:3000/in", []string{here}},
		{"derived, development", development, nil, nil, []string{"Cookie: " + browser}, "https://foo-bar-13.accounts.dev/sign-in", []string{here, browser}},
		{"satellite", live, []string{"satellite: {domain: acme.dev}", "signInUrl: https://app.acme.com/in"}, nil, nil,
			"https://app.acme.com/in", []string{here + "&__clerk_synced=false"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.change == nil {
				tt.change = asShipped
			}
			s := signInSite(t, newClerk(t, tt.options), tt.change, tt.settings...)
			v := s.send(t, call{target: "/account?a=b", headers: append(tt.headers, document)})
			v.wantReason(t, "signed-out", "session-token-and-uat-missing")
			v.wantCookies(t)
			v.wantPage(t, tt.page, tt.want...)
		})
	}
}

// TestWithoutHandshake: a policy can keep documents from being sent through
// Clerk. Those whose session has expired are then sent to sign in.
func TestWithoutHandshake(t *testing.T) {
	t.Parallel()
	c := newClerk(t, clerktest.Options{Live: true})
	s := signInSite(t, c, asShipped, "handshake: false")
	k := newKit(c, nil)
	for _, tt := range []struct {
		name   string
		row    row
		reason string
	}{
		{"expired", row{session: k.expired, uat: "iat"}, expiredReason},
		{"early", row{session: k.early, uat: "iat"}, nbfReason},
		{"expired, by header", row{session: k.expired, bearer: true}, expiredReason},
		{"no client_uat", row{session: k.active}, "session-token-but-no-client-uat"},
		{"client_uat alone", row{uat: "1"}, "client-uat-but-no-session-token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.row.target = "/account"
			v := s.send(t, tt.row.call())
			v.wantReason(t, "signed-out", tt.reason)
			v.wantCookies(t)
			v.wantPage(t, portal, "redirect_url=http://localhost:3000/account")
			tt.row.noDest = true
			v = s.send(t, tt.row.call())
			v.wantDenied(t, http.StatusUnauthorized, strings.Replace(tt.reason, expiredReason, "token-expired", 1), tt.reason)
		})
	}
	active := row{target: "/account", session: k.active, uat: "iat"}
	s.send(t, active.call()).wantPass(t, tableUser, "")
	linked := active
	linked.headers = []string{"Referer: https://elsewhere.example/"}
	t.Run("a link from elsewhere", func(t *testing.T) {
		// With a handshake it would be a reason for one. Without, the session
		// cannot be known to be the newest.
		v := s.send(t, linked.call())
		v.wantReason(t, "signed-out", "primary-domain-cross-origin-sync")
	})
}

// TestWithoutCookies: a policy can have the tokens of headers count alone.
func TestWithoutCookies(t *testing.T) {
	t.Parallel()
	c := newClerk(t, clerktest.Options{Live: true})
	s := signInSite(t, c, asShipped, "cookies: false")
	token := c.Token(memberOf("user_ada", "acme"))
	expired := c.Token(memberOf("user_ada", "", func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-time.Hour) }))
	cookies := "Cookie: " + c.Cookies(token) + "; __clerk_handshake_nonce=nonce_of_nobody"
	s.send(t, call{target: "/account", headers: []string{bearer(token), "Cookie: " + c.Cookies(expired)}}).wantPass(t, "user_ada", "org_acme")
	s.send(t, call{target: "/hello", headers: []string{cookies}}).wantPass(t, "", "")
	for _, tt := range []struct {
		name         string
		headers      []string
		code, reason string
	}{
		{"a script", []string{cookies}, "session-token-and-uat-missing", "session-token-and-uat-missing"},
		{"an expired token, a script", []string{bearer(expired), cookies}, "token-expired", expiredReason},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := s.send(t, call{target: "/account", headers: tt.headers})
			v.wantDenied(t, http.StatusUnauthorized, tt.code, tt.reason)
			v.wantCookies(t)
		})
	}
	t.Run("a document", func(t *testing.T) {
		// Signing in would give it cookies, which are not read: it would be sent
		// to sign in for ever.
		v := s.send(t, call{target: "/account", headers: []string{document, cookies}})
		v.wantDenied(t, http.StatusUnauthorized, "session-token-and-uat-missing", "session-token-and-uat-missing")
	})
}

// TestCookiesOfOtherHosts: on a host that the instance has not claimed, nobody
// reads its cookies, and nobody is sent through its handshake.
func TestCookiesOfOtherHosts(t *testing.T) {
	t.Parallel()
	c := newClerk(t, clerktest.Options{Live: true})
	s := signInSite(t, c, asShipped, "hosts: [app.example.com]")
	k := newKit(c, nil)
	for _, r := range []row{{name: "active", session: k.active, uat: "iat"}, {name: "expired", session: k.expired, uat: "iat"}} {
		t.Run(r.name, func(t *testing.T) {
			r.target = "/account"
			own := r.call()
			own.host = "app.example.com"
			v := s.send(t, own)
			if r.session == k.active {
				v.wantPass(t, tableUser, "")
			} else if to := v.wantRedirect(t); to.Host != "clerk.example.com" {
				t.Errorf("sent to %s", to)
			}
			v = s.send(t, r.call())
			v.wantDenied(t, http.StatusUnauthorized, "session-token-and-uat-missing", "session-token-and-uat-missing")
		})
	}
}
