package authz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/policy"
)

// api plays the Backend API: it answers each kind of call with one text, and
// remembers what it was asked.
type api struct {
	answers map[clerk.CallKind]string // none: no answer
	asked   []*clerk.Call
}

func (a *api) Cached(*clerk.Call) (clerk.Reply, bool) { return clerk.Reply{}, false }

func (a *api) Do(_ context.Context, c *clerk.Call) clerk.Reply {
	a.asked = append(a.asked, c)
	body, ok := a.answers[c.Kind]
	if !ok {
		return clerk.Reply{Err: context.DeadlineExceeded, RetryAfter: 7 * time.Second}
	}
	return clerk.Reply{Status: 200, ContentType: "application/json", Body: []byte(body)}
}

// browser is a world whose instance has a secret key.
func newBrowser(t *testing.T) (*world, *api) {
	t.Helper()
	w, backend := newWorld(t, routes), &api{answers: map[clerk.CallKind]string{}}
	w.backend = backend
	src := fmt.Sprintf("version: 1\nclerk: [{publishableKey: %q, secretKey: sk_live_x}]\n%s", w.clerk.PublishableKey(), routes)
	snapshot, problems := compileText(t, src, policy.Options{}, w.connect)
	if snapshot == nil {
		t.Fatal(problems)
	}
	w.engine.Use(snapshot)
	return w, backend
}

func added(a authz.Answer) []string {
	var cookies []string
	for _, h := range a.AddResponse {
		cookies = append(cookies, h.Name+": "+h.Value)
	}
	return cookies
}

func denialHeader(a authz.Answer, name string) string {
	for _, h := range a.ResponseHeaders {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// TestAHandshakeEndsInAPass: with the answer in a cookie or behind a nonce, the
// client gets its new cookies and the service sees the new session.
func TestAHandshakeEndsInAPass(t *testing.T) {
	w, backend := newBrowser(t)
	token := w.clerk.Token(clerktest.Claims{User: "user_bob"})
	uat := fmt.Sprint(now.Unix())
	directives := []string{"__session=" + token + "; Path=/; HttpOnly", "__client_uat=" + uat + "; Path=/",
		"__clerk_handshake=; Path=/; Max-Age=0", "__clerk_handshake_nonce=; Path=/; Max-Age=0"}
	wantAdded := []string{"set-cookie: " + directives[0], "set-cookie: " + directives[1], "set-cookie: " + directives[2], "set-cookie: " + directives[3], "cache-control: no-store"}
	wantCookie := "cookie: theme=dark; __session=" + token + "; __client_uat=" + uat

	payload, err := json.Marshal(map[string]any{"handshake": directives})
	if err != nil {
		t.Fatal(err)
	}
	signer := w.clerk.Signer()
	handshake := signer.Sign([]byte(`{"alg":"RS256","typ":"JWT","kid":"`+signer.ID+`"}`), payload)
	a := w.ask("GET", "/me", "cookie: theme=dark; __clerk_handshake="+handshake)
	w.allow(a, "x-user-id: user_bob", wantCookie)
	if diff := cmp.Diff(wantAdded, added(a)); diff != "" {
		t.Errorf("set-cookie (-want +got):\n%s", diff)
	}

	answer, err := json.Marshal(map[string]any{"directives": directives})
	if err != nil {
		t.Fatal(err)
	}
	backend.answers[clerk.CallHandshake] = string(answer)
	a = w.ask("POST", "/orgs/acme/invoices", "cookie: theme=dark; __clerk_handshake_nonce=n1")
	w.deny(a, 403, "org-required")
	if got := denialHeader(a, "set-cookie"); got != directives[0] {
		t.Errorf("a denial sets %q", got)
	}
	a = w.ask("GET", "/me", "cookie: theme=dark; __clerk_handshake_nonce=n2")
	w.allow(a, "x-user-id: user_bob", wantCookie)
	if backend.asked[1].Secret != "n2" {
		t.Errorf("asked for %+v", backend.asked[1])
	}

	delete(backend.answers, clerk.CallHandshake)
	a = w.ask("GET", "/me", "cookie: __clerk_handshake_nonce=n3")
	w.deny(a, 503, "backend-unavailable")
	if got := denialHeader(a, "retry-after"); got != "7" {
		t.Errorf("retry-after %q", got)
	}
}

// TestARefreshEndsInAPass; one that fails is what Clerk makes of it, not a 503.
func TestARefreshEndsInAPass(t *testing.T) {
	w, backend := newBrowser(t)
	suffix := "_" + mustKey(t, w.clerk.PublishableKey()).Suffix
	old := w.clerk.Token(clerktest.Claims{User: "user_bob", Session: "sess_1", IssuedAt: now.Add(-10 * time.Minute)})
	fresh := w.clerk.Token(clerktest.Claims{User: "user_bob", Session: "sess_1"})
	cookie := fmt.Sprintf("cookie: __session%[1]s=%[2]s; __client_uat%[1]s=%[3]d; __refresh%[1]s=r1", suffix, old, now.Add(-time.Hour).Unix())

	answer, err := json.Marshal(map[string]any{"object": "cookies", "cookies": []string{"__session" + suffix + "=" + fresh + "; Path=/"}})
	if err != nil {
		t.Fatal(err)
	}
	backend.answers[clerk.CallRefresh] = string(answer)
	a := w.ask("GET", "/me", cookie, "x-custom: v", "sec-fetch-dest: empty")
	w.allow(a, "x-user-id: user_bob", strings.Replace(cookie, old, fresh, 1))
	if got := added(a); len(got) != 2 || got[1] != "cache-control: no-store" {
		t.Errorf("added %d headers, want the one cookie and no-store", len(got))
	}
	if len(backend.asked) != 1 || backend.asked[0].Refresh.RequestHeaders["x-custom"] == nil {
		t.Errorf("asked %+v", backend.asked)
	}

	delete(backend.answers, clerk.CallRefresh)
	w.deny(w.ask("GET", "/me", cookie, "sec-fetch-dest: empty"), 401, "token-expired")
	a = w.ask("GET", "/me", cookie, "sec-fetch-dest: document")
	w.deny(a, 307, "token-expired")
	if got := denialHeader(a, "location"); !strings.HasPrefix(got, "https://"+host+"/v1/client/handshake?") {
		t.Errorf("location %q", got)
	}
	if got := denialHeader(a, "set-cookie"); !strings.HasPrefix(got, "__clerk_redirect_count=1;") {
		t.Errorf("set-cookie %q", got)
	}
	if got := denialHeader(a, "x-clerk-auth-reason"); got != "session-token-expired-refresh-fetch-error" || denialHeader(a, "x-clerk-auth-status") != "handshake" {
		t.Errorf("reason %q", got)
	}
}

func mustKey(t *testing.T, text string) clerk.PublishableKey {
	t.Helper()
	key, err := clerk.ParsePublishableKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
