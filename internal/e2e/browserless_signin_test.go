package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// signInPolicy has routes for every kind of caller that can be sent somewhere.
const signInPolicy = `
denials: {selectOrgUrl: %s}
routes:
  - {name: hello, path: /hello, access: optional}
  - {name: closed, path: /closed, access: deny}
  - {name: machines, path: "/machines/**", tokens: [m2m]}
  - {name: both, path: "/both/**", tokens: [session, m2m]}
  - {name: tenants, path: "/orgs/{org}/**", require: {org: "{org}"}}
  - {name: admin, path: "/admin/**", require: {role: org:admin}}
  - {name: account, path: "/account/**"}
`

const selectOrg = "https://app.example.com/select-org"

// noToken is the SDK's reason where sessions do not count.
const noToken = "No token in header"

// signInSite is a site with these settings. Machine tokens need to be addressed
// to somebody.
func signInSite(t *testing.T, c *clerk, change func(*envoytest.Config), settings ...string) *site {
	t.Helper()
	settings = append(settings, "machineId: mch_this")
	return newSite(t, c, c.section(strings.Join(settings, "\n    "))+strings.ReplaceAll(signInPolicy, "%s", selectOrg), variants[0], change)
}

func asShipped(*envoytest.Config) {}

// TestDocumentsAreSentToSignIn: a browser that asks for a page gets to the place
// where its user can get what is missing, and back.
func TestDocumentsAreSentToSignIn(t *testing.T) {
	t.Parallel()
	c := newClerk(t, clerktest.Options{Live: true})
	s := signInSite(t, c, asShipped)
	back := "redirect_url=http://localhost:3000"
	alone, pending, stale := memberOf("user_bob", ""), memberOf("user_bob", ""), memberOf("user_bob", "")
	pending.Status, stale.IssuedAt = "pending", time.Now().Add(-time.Hour)
	cookie := func(k clerktest.Claims) string { return "Cookie: " + c.Cookies(c.Token(k)) }
	for _, tt := range []struct {
		name    string
		call    call
		page    string
		back    string
		reason  string
		cookies []string
	}{
		{"nobody", call{target: "/account", headers: []string{document}}, portal, back + "/account", "session-token-and-uat-missing", nil},
		{"the query comes back", call{target: "/account?a=b%20c&d=%26", headers: []string{document}}, portal, back + "/account?a=b%20c&d=%26", "session-token-and-uat-missing", nil},
		{"in a frame", call{target: "/account", headers: []string{"Sec-Fetch-Dest: iframe"}}, portal, back + "/account", "session-token-and-uat-missing", nil},
		{"an old browser", call{target: "/account", headers: []string{"Accept: text/html,application/xhtml+xml"}}, portal, back + "/account", "session-token-and-uat-missing", nil},
		{"HTTP/2", call{target: "/account", headers: []string{document}, http2: true}, portal, back + "/account", "session-token-and-uat-missing", nil},
		{"a bad token", call{target: "/account", headers: []string{document, bearer("garbage")}}, portal, back + "/account", "token-invalid", nil},
		{"a bad token where none is needed", call{target: "/hello", headers: []string{document, bearer("garbage")}}, portal, back + "/hello", "token-invalid", nil},
		{"nobody, where machines may, too", call{target: "/both/", headers: []string{document}}, portal, back + "/both/", "session-token-and-uat-missing", nil},
		{"a pending session", call{target: "/account", headers: []string{document, cookie(pending)}}, portal + "/tasks", back + "/account", "", nil},
		{"no active organisation", call{target: "/orgs/acme/7", headers: []string{document, cookie(alone)}}, selectOrg, "", "", nil},
		{"a role without an organisation", call{target: "/admin/", headers: []string{document, cookie(alone)}}, selectOrg, "", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := s.send(t, tt.call)
			v.wantReason(t, "signed-out", tt.reason)
			v.wantCookies(t, tt.cookies...)
			if tt.back == "" {
				v.wantPage(t, tt.page, "")
				return
			}
			v.wantPage(t, tt.page, tt.back)
		})
	}
	// The way to a fresh session of somebody who has one is shorter.
	v := s.send(t, call{target: "/account", headers: []string{document, cookie(stale)}})
	if to := v.wantRedirect(t); to.Host != "clerk.example.com" {
		t.Errorf("an expired session is sent to %s", to)
	}
}

// TestProgramsAreTold: whoever is not a browser that asks for a page cannot
// follow a redirect to one. Nor can a page help where no session counts.
func TestProgramsAreTold(t *testing.T) {
	t.Parallel()
	c := newClerk(t, clerktest.Options{Live: true})
	s := signInSite(t, c, asShipped)
	cookie := func(k clerktest.Claims) string { return "Cookie: " + c.Cookies(c.Token(k)) }
	alone, inAcme := memberOf("user_bob", ""), memberOf("user_ada", "acme")
	pending := alone
	pending.Status = "pending"
	expired := alone
	expired.IssuedAt = time.Now().Add(-time.Hour)
	const nobody = "session-token-and-uat-missing"
	for _, tt := range []struct {
		name         string
		call         call
		status       int
		code, reason string
	}{
		{"no headers", call{target: "/account"}, 401, nobody, nobody},
		{"an API client", call{target: "/account", headers: []string{"Accept: application/json"}}, 401, nobody, nobody},
		{"HTML as second choice", call{target: "/account", headers: []string{"Accept: application/json,text/html"}}, 401, nobody, nobody},
		{"a page's script", call{target: "/account", headers: []string{"Sec-Fetch-Dest: empty", "Accept: text/html"}}, 401, nobody, nobody},
		{"an image", call{target: "/account", headers: []string{"Sec-Fetch-Dest: image"}}, 401, nobody, nobody},
		{"a form", call{method: "POST", target: "/account", headers: []string{document}, body: "a=b"}, 401, nobody, nobody},
		{"HEAD", call{method: "HEAD", target: "/account", headers: []string{document}}, 401, nobody, nobody},
		{"a script, expired", call{target: "/account", headers: []string{cookie(expired)}}, 401, "token-expired", expiredReason},
		{"a form, expired", call{method: "POST", target: "/account", headers: []string{document, cookie(expired)}}, 401, "token-expired", "session-token-expired-refresh-non-eligible-non-get"},
		{"a script, pending", call{target: "/account", headers: []string{cookie(pending)}}, 401, "session-pending", ""},
		{"a script without organisation", call{target: "/orgs/acme/7", headers: []string{cookie(alone)}}, 403, "org-required", ""},
		{"a form without organisation", call{method: "POST", target: "/orgs/acme/7", headers: []string{document, cookie(alone)}}, 403, "org-required", ""},
		{"a document of machines", call{target: "/machines/", headers: []string{document}}, 401, noToken, noToken},
		{"a document of machines, with a session", call{target: "/machines/", headers: []string{document, cookie(alone)}}, 401, noToken, noToken},
		{"a document of another organisation", call{target: "/orgs/globex/7", headers: []string{document, cookie(inAcme)}}, 403, "org-mismatch", ""},
		{"a document for admins", call{target: "/admin/", headers: []string{document, cookie(inAcme)}}, 403, "role-required", ""},
		{"a closed document", call{target: "/closed", headers: []string{document}}, 403, "access-denied", ""},
		{"a document of no route", call{target: "/nowhere", headers: []string{document}}, 403, "no-route", ""},
		{"an ambiguous document", call{target: "/account;a", headers: []string{document}}, 400, "path-ambiguous", ""},
		{"two redirects too many", call{target: "/account", headers: []string{document, cookie(expired) + "; __clerk_redirect_count=3"}}, 401, "token-expired", expiredReason},
		{"a redirect counter that is no number", call{target: "/account", headers: []string{document, cookie(expired) + "; __clerk_redirect_count=0x1"}}, 401, "token-expired", expiredReason},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := s.send(t, tt.call)
			v.wantDenied(t, tt.status, tt.code, tt.reason)
			v.wantCookies(t)
			v.wantChallenge(t, tt.status)
		})
	}
}

// wantChallenge checks that a 401, and nothing else, says which credentials are
// wanted, and that they were no good if some were shown.
func (v *visit) wantChallenge(t *testing.T, status int) {
	t.Helper()
	got := v.answer.Header.Values("WWW-Authenticate")
	if status != http.StatusUnauthorized {
		if len(got) > 0 {
			t.Errorf("www-authenticate: %q with status %d", got, status)
		}
		return
	}
	sent := strings.Join(v.headers, "\n")
	cookies := v.answer.Header.Get("X-Clerk-Auth-Reason") != noToken // else they do not count
	shown := strings.Contains(sent, "Authorization:") || cookies && strings.Contains(sent, "__session=")
	if len(got) != 1 || !strings.HasPrefix(got[0], `Bearer realm="clerkgate"`) || strings.Contains(got[0], `error="invalid_token"`) != shown {
		t.Errorf("www-authenticate: %q, with a credential: %v", got, shown)
	}
}
