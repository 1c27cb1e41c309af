package e2e_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// document is what a browser says of a page that it is to show.
const document = "Sec-Fetch-Dest: document"

// portal is where the instance of these tests has its sign-in page, as the SDK
// derives it from the Frontend API at clerk.example.com.
const portal = "https://accounts.example.com/sign-in"

// answerCase is an answer of the Backend API about a nonce, and what becomes of
// the request that brought it, first as a page's script sends it, then as a
// document.
type answerCase struct {
	name         string
	answer       backendtest.Answer
	status       int // of a denial of the script
	code, reason string
	page         string   // where the document is sent; empty: it is denied as well
	setCookies   []string // for both
}

// nonceCases lists what can come of a nonce.
func nonceCases(t *testing.T, r *renewal) []answerCase {
	outage := func(name string, answer backendtest.Answer) answerCase {
		return answerCase{name: name, answer: answer, status: http.StatusServiceUnavailable, code: "backend-unavailable"}
	}
	nobody := func(name string, answer backendtest.Answer, setCookies ...string) answerCase {
		return answerCase{
			name: name, answer: answer, status: http.StatusUnauthorized,
			code: "session-token-missing", reason: "session-token-missing", page: portal, setCookies: setCookies,
		}
	}
	sets := func(directives ...string) backendtest.Answer {
		return backendtest.JSON(200, quote(t, map[string]any{"directives": directives}))
	}
	session := func(change func(*clerktest.Claims)) []string {
		return r.directives(r.Token(memberOf("user_ada", "acme", change)))
	}
	pending := session(func(k *clerktest.Claims) { k.Status = "pending" })
	template := session(func(k *clerktest.Claims) { k.Header = map[string]any{"cat": "cl_B7d4PD222AAA"} })
	stale := session(func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-time.Hour) })
	gone := []string{"__session=; Path=/; Max-Age=0", "__client_uat=0; Path=/"}
	useless := func(name string, answer backendtest.Answer) answerCase {
		return answerCase{
			name: name, answer: answer, status: http.StatusUnauthorized,
			code: "session-token-and-uat-missing", reason: "session-token-and-uat-missing", page: portal,
		}
	}
	return []answerCase{
		outage("it fails", backendtest.Error(500, "internal_clerk_error")),
		nobody("it knows no such nonce", backendtest.Error(404, "resource_not_found")),
		outage("a proxy in front fails", backendtest.Status(502)),
		nobody("it does not like the nonce", backendtest.Error(400, "form_param_format_invalid")),
		outage("it hangs up", backendtest.HangUp()),
		nobody("it says something else", backendtest.Status(200)),
		outage("the answer is cut short", backendtest.Truncate(200, `{"directives":[]}`)),
		nobody("nothing to set", sets()),
		outage("it does not accept our key", backendtest.Error(401, "secret_key_invalid")),
		outage("our key may not", backendtest.Error(403, "authorization_invalid")),
		nobody("the browser is signed out", sets(gone...), gone...),
		{name: "a pending session", answer: sets(pending...), status: http.StatusUnauthorized, code: "session-pending", page: portal + "/tasks", setCookies: pending},
		{name: "a template's token", answer: sets(template...), status: http.StatusUnauthorized, code: "token-type-mismatch", reason: "token-type-mismatch", page: portal},
		useless("an expired session", sets(stale...)),
		useless("no token", sets("__session=garbage; Path=/")),
		nobody("a cookie that ends the line", sets("a=b\r\nX-User-Id: user_root", pending[4])),
	}
}

func TestAnswersAboutANonce(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, variants[0])
	for _, tt := range nonceCases(t, r) {
		t.Run(tt.name, func(t *testing.T) {
			r.api.Answer(noncePath, tt.answer)
			script := r.send(t, call{target: "/a?b=c", headers: []string{"Accept: application/json", "Cookie: __clerk_handshake_nonce=nonce_" + rand.Text()}})
			script.wantDenied(t, tt.status, tt.code, tt.reason)
			script.wantCookies(t, tt.setCookies...)
			if got := script.answer.Header.Get("Retry-After"); (got != "") != (tt.status == http.StatusServiceUnavailable) {
				t.Errorf("retry-after %q with status %d", got, tt.status)
			}
			page := r.send(t, call{target: "/a?b=c", headers: []string{document, "Cookie: __clerk_handshake_nonce=nonce_" + rand.Text()}})
			page.wantCookies(t, tt.setCookies...)
			if tt.page == "" {
				page.wantDenied(t, tt.status, tt.code, tt.reason)
				return
			}
			page.wantReason(t, "signed-out", tt.reason)
			page.wantPage(t, tt.page, "redirect_url=http://localhost:3000/a?b=c")
		})
	}
}

// wantPage checks that the visit was sent to a page with these parameters.
func (v *visit) wantPage(t *testing.T, page string, want ...string) {
	t.Helper()
	to := v.wantRedirect(t)
	got, _, _ := strings.Cut(to.String(), "?")
	if list := parameters(t, to.RawQuery); got != page || strings.Join(list, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent to %s with %q, want %s with %q", got, list, page, want)
	}
}

// TestRefreshesThatFail: what comes of the refresh is in the reason, and the
// request is handled as one with an expired session, whatever the Backend API is
// going through.
func TestRefreshesThatFail(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, variants[0])
	cookies := func(session string) backendtest.Answer {
		return backendtest.JSON(200, quote(t, map[string]any{"object": "cookies", "cookies": []string{"__session=" + session + "; Path=/"}}))
	}
	token := func(change func(*clerktest.Claims)) backendtest.Answer {
		return cookies(r.Token(memberOf("user_ada", "acme", change)))
	}
	for _, tt := range []struct {
		name   string
		answer backendtest.Answer
		why    string
	}{
		{"it fails", backendtest.Error(500, "internal_clerk_error"), "internal_clerk_error"},
		{"the session has ended", backendtest.Error(404, "resource_not_found"), "resource_not_found"},
		{"a proxy in front fails", backendtest.Status(502), "unexpected-bapi-error"},
		{"it does not accept our key", backendtest.Error(401, "secret_key_invalid"), "secret_key_invalid"},
		{"it hangs up", backendtest.HangUp(), "fetch-error"},
		{"a code that is no word", backendtest.Error(400, "x\r\nX-User-Id: user_root"), "unexpected-bapi-error"},
		{"it says something else", backendtest.Status(200), "unexpected-sdk-error"},
		{"no cookies", backendtest.JSON(200, `{"object":"cookies","cookies":[]}`), "unexpected-sdk-error"},
		{"no token", cookies("garbage"), "invalid-session-token"},
		{"expired again", token(func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-time.Hour) }), "invalid-session-token"},
		{"another user's session", token(func(k *clerktest.Claims) { k.User = "user_eve" }), "invalid-session-token"},
		{"another session of the user", token(func(k *clerktest.Claims) { k.Session = "sess_other" }), "invalid-session-token"},
		{"another instance's session", cookies(newClerk(t, clerktest.Options{Live: true}).Token(memberOf("user_ada", "acme"))), "invalid-session-token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.api.Answer(refreshPath, tt.answer)
			reason := "session-token-expired-refresh-" + tt.why
			expired := r.expired()
			cookie := "Cookie: __session=" + expired + "; __client_uat=1700000000; " + r.suffixed("__refresh") + "=rt_" + rand.Text()
			script := r.send(t, call{target: "/a?b=c", headers: []string{"Accept: application/json", cookie}})
			script.wantDenied(t, http.StatusUnauthorized, "token-expired", reason)
			script.wantCookies(t)
			page := row{session: session{raw: expired}, want: want{reason: reason}}
			page.wantHandshake(t, r.site, r.send(t, call{target: "/a?b=c", headers: []string{document, cookie}}))
		})
	}
}

// TestRefreshesThatAreNotMade: a refresh that Clerk's rules do not want costs no
// call.
func TestRefreshesThatAreNotMade(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, variants[0])
	bring := func(more ...string) string {
		return "Cookie: " + strings.Join(append(more, "__session="+r.expired(), "__client_uat=1700000000"), "; ")
	}
	refresh := r.suffixed("__refresh") + "=rt_" + rand.Text()
	for _, tt := range []struct {
		name string
		call call
		why  string
	}{
		{"not GET", call{method: "POST", headers: []string{bring(refresh)}}, "non-eligible-non-get"},
		{"HEAD", call{method: "HEAD", headers: []string{bring(refresh)}}, "non-eligible-non-get"},
		{"no refresh cookie", call{headers: []string{bring()}}, "non-eligible-no-refresh-cookie"},
		{"an empty refresh cookie", call{headers: []string{bring(r.suffixed("__refresh") + "=")}}, "non-eligible-no-refresh-cookie"},
		{"without the suffix", call{headers: []string{bring("__refresh=rt_" + rand.Text())}}, "non-eligible-no-refresh-cookie"},
		{"the header's token is another user's", call{headers: []string{
			bearer(r.Token(memberOf("user_eve", "", func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-time.Hour) }))), bring(refresh),
		}}, "invalid-session-token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := r.send(t, tt.call)
			v.wantDenied(t, http.StatusUnauthorized, "token-expired", "session-token-expired-refresh-"+tt.why)
			v.wantCookies(t)
		})
	}
	if asked := r.api.Requests(); len(asked) > 0 {
		t.Errorf("it was asked: %+v", asked)
	}
}
