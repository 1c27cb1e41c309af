package clerktest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// location is where an answer redirects to.
func location(t *testing.T, w *httptest.ResponseRecorder) *url.URL {
	t.Helper()
	u, err := url.Parse(w.Header().Get("location"))
	if err != nil || u.String() == "" {
		t.Fatalf("%d, no redirect: %s", w.Code, w.Body)
	}
	return u
}

// setCookies are the cookies that lines set, without attributes; a token is
// replaced by what it says.
func setCookies(t *testing.T, lines []string) []string {
	t.Helper()
	var short []string
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		if strings.Count(value, ".") == 2 {
			value = identity(t, value)
		}
		short = append(short, name+"="+value)
	}
	return short
}

// handshaken asks for a handshake without a nonce and returns the directives.
func handshaken(t *testing.T, h http.Handler, query string, change ...func(*http.Request)) []string {
	t.Helper()
	w := call(h, "GET", "/v1/client/handshake?redirect_url=http://app.test/&"+query, "", change...)
	token := location(t, w).Query().Get("__clerk_handshake")
	_, claims := read(t, token)
	var lines []string
	for _, d := range claims["handshake"].([]any) {
		lines = append(lines, d.(string))
	}
	return lines
}

func TestHandshakeDirectives(t *testing.T) {
	i := instance(withUsers)
	h := i.Handler()
	sfx := "_" + publishable(t, i).Suffix
	session := must[clerktest.Session](t)(i.SignIn("ada", "acme"))
	signedIn := func(who string) []string {
		return []string{
			"__clerk_handshake=", "__clerk_handshake_nonce=", "__client_uat=1767323045", "__client_uat" + sfx + "=1767323045",
			"__clerk_db_jwt=" + session.Browser, "__clerk_db_jwt" + sfx + "=" + session.Browser, "__refresh" + sfx + "=" + session.RefreshToken,
			"__session=" + who, "__session" + sfx + "=" + who,
		}
	}
	db := "__clerk_db_jwt=" + session.Browser
	if diff := cmp.Diff(signedIn("user_ada org_acme acme org:admin org:invoices:manage"), setCookies(t, handshaken(t, h, db+"&suffixed_cookies=true&__clerk_hs_reason=x&__session=x"))); diff != "" {
		t.Errorf("signed in (-want +got):\n%s", diff)
	}
	for query, who := range map[string]string{
		"&organization_id=":           "user_ada",
		"&organization_id=acme":       "user_ada org_acme acme org:admin org:invoices:manage",
		"&organization_id=org_acme":   "user_ada org_acme acme org:admin org:invoices:manage",
		"&organization_id=org_globex": "user_ada", // not a member
		"&organization_id=org_other":  "user_ada", // nor does it exist
	} {
		if diff := cmp.Diff(signedIn(who), setCookies(t, handshaken(t, h, db+query))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	session.End()
	want := []string{
		"__clerk_handshake=", "__clerk_handshake_nonce=", "__client_uat=0", "__client_uat" + sfx + "=0",
		"__clerk_db_jwt=" + session.Browser, "__clerk_db_jwt" + sfx + "=" + session.Browser,
		"__session=", "__session" + sfx + "=", "__refresh" + sfx + "=",
	}
	if diff := cmp.Diff(want, setCookies(t, handshaken(t, h, db))); diff != "" {
		t.Errorf("signed out (-want +got):\n%s", diff)
	}
}

// The attributes are those that let the application, and nobody else, keep them.
func TestHandshakeAttributes(t *testing.T) {
	i := instance(withUsers)
	session := must[clerktest.Session](t)(i.SignIn("ada", ""))
	for _, line := range handshaken(t, i.Handler(), "__clerk_db_jwt="+session.Browser) {
		name, rest, _ := strings.Cut(line, "=")
		_, attributes, _ := strings.Cut(rest, "; ")
		want := "Path=/; Max-Age=31536000; SameSite=Lax"
		switch {
		case strings.HasPrefix(name, "__clerk_handshake"):
			want = "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; SameSite=Lax"
		case strings.HasPrefix(name, "__refresh"):
			want = "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
		case strings.HasPrefix(name, "__client_uat"):
			want = "Path=/; Max-Age=315360000; SameSite=Lax"
		}
		if attributes != want {
			t.Errorf("%s: %s\nwant %s", name, attributes, want)
		}
	}
}

// On development instances the outcome comes back in the URL, where nothing else
// changes.
func TestHandshakeReturnsInURL(t *testing.T) {
	i := instance(withUsers)
	h := i.Handler()
	back := url.QueryEscape("http://localhost:3000/a?x=1&&b=%20&x=2&__clerk_handshake=old&__clerk_handshake%5Fnonce=old")
	w := call(h, "GET", "/v1/client/handshake?format=nonce&redirect_url="+back, "")
	got := location(t, w)
	nonce := got.Query().Get("__clerk_handshake_nonce")
	if want := "http://localhost:3000/a?x=1&b=%20&x=2&__clerk_handshake_nonce=" + nonce; w.Code != http.StatusTemporaryRedirect || got.String() != want || nonce == "old" {
		t.Errorf("%d %s\nwant %s", w.Code, got, want)
	}
	if w.Header().Get("cache-control") != "no-store" {
		t.Errorf("header %v", w.Header())
	}
	_, payload := backend(t, h, "sk_test_1", "GET", "/v1/clients/handshake_payload?nonce="+nonce, "")
	if lines, _ := payload["directives"].([]any); len(lines) != 9 {
		t.Errorf("payload %v", payload)
	}
	i = instance(withUsers, func(o *clerktest.Options) { o.TokenHandshake = true })
	w = call(i.Handler(), "GET", "/v1/client/handshake?format=nonce&redirect_url="+back, "")
	header, claims := read(t, location(t, w).Query().Get("__clerk_handshake"))
	if header["cat"] != "cl_B7d4PD111AAA" || header["kid"] != "ins_test" || len(claims) != 1 {
		t.Errorf("token %v %v", header, claims)
	}
}

// A development browser is known by the parameter, else by the instance's own
// cookie; whoever is not known is new.
func TestHandshakeBrowsers(t *testing.T) {
	i := instance(withUsers)
	h := i.Handler()
	own := "__clerk_db_jwt_" + publishable(t, i).Suffix
	ada, bob := must[clerktest.Session](t)(i.SignIn("ada", "")), must[clerktest.Session](t)(i.SignIn("bob", ""))
	cookie := func(text string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("cookie", text) }
	}
	tests := []struct{ name, query, cookie, want string }{
		{"parameter", "__clerk_db_jwt=" + ada.Browser, "", "__session=user_ada"},
		{"own cookie", "", own + "=" + ada.Browser, "__session=user_ada"},
		{"parameter before cookie", "__clerk_db_jwt=" + bob.Browser, own + "=" + ada.Browser, "__session=user_bob"},
		{"an unknown parameter", "__clerk_db_jwt=needstobeset", own + "=" + ada.Browser, "__session=user_ada"},
		{"nobody", "__clerk_db_jwt=needstobeset", own + "=dvb_x", "__session="},
		{"the session token proves nothing", "__session=" + ada.Token(), "", "__session="},
		{"another kind of cookie", "", "__client=" + ada.Browser, "__session="},
	}
	for _, tt := range tests {
		lines := setCookies(t, handshaken(t, h, tt.query, cookie(tt.cookie)))
		if !strings.Contains(strings.Join(lines, "\n")+"\n", "\n"+tt.want+"\n") {
			t.Errorf("%s: want %s in %q", tt.name, tt.want, lines)
		}
	}
}

// On production instances the outcome comes back in a cookie that the instance
// and its applications share, and the browser is known by __client.
func TestHandshakeReturnsInCookie(t *testing.T) {
	i := instance(withUsers, func(o *clerktest.Options) { o.Live, o.FrontendAPI = true, "clerk.acme.test" })
	h := i.Handler()
	session := must[clerktest.Session](t)(i.SignIn("ada", "acme"))
	w := call(h, "GET", "/v1/client/handshake?format=nonce&redirect_url=https://app.acme.test/a?b", "", func(r *http.Request) {
		r.Host = "clerk.acme.test"
		r.Header.Set("cookie", "__client="+session.Browser+"; __clerk_db_jwt=x")
	})
	if got := location(t, w).String(); got != "https://app.acme.test/a?b" {
		t.Errorf("back to %s", got)
	}
	lines := w.Header().Values("set-cookie")
	last, attributes, _ := strings.Cut(lines[len(lines)-1], "; ")
	nonce, ok := strings.CutPrefix(last, "__clerk_handshake_nonce=")
	if !ok || attributes != "Path=/; Domain=acme.test; Max-Age=60; HttpOnly; SameSite=Lax" {
		t.Errorf("cookies %q", lines)
	}
	_, payload := backend(t, h, "sk_test_1", "GET", "/v1/clients/handshake_payload?nonce="+nonce, "")
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"__client_uat=1767323045; Path=/; Domain=acme.test;`, `"__clerk_handshake_nonce=; Path=/; Domain=acme.test;`, `; HttpOnly; Secure; SameSite=Lax"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(string(text), "__clerk_db_jwt") || strings.Contains(string(text), "__session=ey; Path=/; Domain") {
		t.Errorf("payload %s", text)
	}
}

// Nobody is sent off this machine.
func TestHandshakeRefuses(t *testing.T) {
	allowed := func(o *clerktest.Options) {
		o.Directory, o.AppOrigins = users(), []string{"https://app.acme.dev:443", "http://app.acme.dev:8080/"}
	}
	dev, live := instance(allowed).Handler(), instance(allowed, func(o *clerktest.Options) { o.Live, o.FrontendAPI = true, "clerk.acme.test" }).Handler()
	tests := []struct {
		target string
		want   int
	}{
		{"http://localhost:3000/", 307},
		{"https://127.0.0.1/", 307},
		{"http://[::1]:3000/", 307},
		{"http://app.localhost/", 307},
		{"http://app.test:81/", 307},
		{"https://app.acme.dev/x", 307},
		{"https://APP.acme.dev:443/x", 307},
		{"http://app.acme.dev:8080/x", 307},
		{"http://app.acme.dev/x", 400},
		{"https://app.acme.dev:444/x", 400},
		{"https://evil.example/", 400},
		{"https://app.acme.dev.evil.example/", 400},
		{"https://app.acme.dev@evil.example/", 400},
		{"http://user@localhost/", 400},
		{"//localhost/", 400},
		{"/path", 400},
		{"http:localhost", 400},
		{"http:///evil.example", 400},
		{"http:/\\evil.example", 400},
		{"http://localhost\\@evil.example/", 400},
		{"http://localhost%2eevil.example/", 400},
		{"http://localhost\t.evil.example/", 400},
		{"javascript:alert(1)//localhost", 400},
		{"ftp://localhost/", 400},
		{"http://localhost.evil.example/", 400},
		{"http://evil.example/?a=http://localhost", 400},
		{"http://test/", 400},
		{"", 400},
	}
	for _, tt := range tests {
		w := call(dev, "GET", "/v1/client/handshake?format=nonce&redirect_url="+url.QueryEscape(tt.target), "")
		if w.Code != tt.want {
			t.Errorf("%s: status %d, want %d", tt.target, w.Code, tt.want)
		}
		page := call(dev, "GET", "/sign-in?redirect_url="+url.QueryEscape(tt.target), "")
		if want := map[int]int{307: 200, 400: 400}[tt.want]; page.Code != want && tt.target != "" {
			t.Errorf("%s: sign-in page with status %d, want %d", tt.target, page.Code, want)
		}
	}
	if w := call(dev, "GET", "/v1/client/handshake", ""); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without redirect_url: %d", w.Code)
	}
	if w := call(dev, "POST", "/v1/client/handshake?redirect_url=http://localhost/", ""); w.Code != http.StatusNotFound {
		t.Errorf("POST: %d", w.Code)
	}
	evil := func(r *http.Request) { r.Host = "evil.example:9010" }
	if w := call(dev, "GET", "/v1/client/handshake?redirect_url=http://localhost/", "", evil); w.Code != http.StatusBadRequest || len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("by a name that is not the instance's: %d", w.Code)
	}
	clerk := func(r *http.Request) { r.Host = "clerk.acme.test" }
	if w := call(live, "GET", "/v1/client/handshake?redirect_url=http://localhost/", "", clerk); w.Code != http.StatusBadRequest {
		t.Errorf("an application that shares no cookies: %d", w.Code)
	}
	live = instance(allowed, func(o *clerktest.Options) { o.Live = true }).Handler()
	for target, want := range map[string]int{"http://127.0.0.1:3000/": 307, "http://localhost:3000/": 400, "http://127.0.0.2/": 400} {
		if w := call(live, "GET", "/v1/client/handshake?redirect_url="+target, ""); w.Code != want {
			t.Errorf("from 127.0.0.1 to %s: %d, want %d", target, w.Code, want)
		}
	}
}

// A production instance knows no development browsers.
func TestHandshakeLiveBrowsers(t *testing.T) {
	i := instance(withUsers, func(o *clerktest.Options) { o.Live = true })
	session := must[clerktest.Session](t)(i.SignIn("ada", ""))
	for cookie, signedIn := range map[string]bool{"__client=": true, "__clerk_db_jwt=": false, "__clerk_db_jwt_" + publishable(t, i).Suffix + "=": false} {
		v := visit(t, i)
		v.do("GET", "/v1/client/handshake?redirect_url=http://127.0.0.1/&__clerk_db_jwt="+session.Browser, "", func(r *http.Request) {
			r.Header.Set("cookie", cookie+session.Browser)
		})
		_, claims := read(t, v.cookies["__clerk_handshake"])
		text, err := json.Marshal(claims)
		if err != nil || strings.Contains(string(text), "__client_uat=0;") == signedIn {
			t.Errorf("%s: %s", cookie, text)
		}
	}
}
