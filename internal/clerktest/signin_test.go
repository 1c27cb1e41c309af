package clerktest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// visitor is a browser at the pages of an instance.
type visitor struct {
	t       *testing.T
	handler http.Handler
	cookies map[string]string
}

func visit(t *testing.T, i *clerktest.Instance) *visitor {
	return &visitor{t: t, handler: i.Handler(), cookies: map[string]string{}}
}

func (v *visitor) do(method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	v.t.Helper()
	w := call(v.handler, method, path, body, append([]func(*http.Request){func(r *http.Request) {
		for name, value := range v.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		if method == http.MethodPost {
			r.Header.Set("content-type", "application/x-www-form-urlencoded")
			r.Header.Set("origin", "http://"+host)
			r.Header.Set("sec-fetch-site", "same-origin")
		}
	}}, change...)...)
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
	}
	return w
}

// shows checks a page: its status and what it must contain.
func shows(t *testing.T, w *httptest.ResponseRecorder, status int, want ...string) {
	t.Helper()
	if w.Code != status || w.Header().Get("content-type") != "text/html; charset=utf-8" {
		t.Errorf("status %d, want %d; %v", w.Code, status, w.Header())
	}
	for _, text := range want {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("no %s in\n%s", text, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "<script") {
		t.Error("there is a script")
	}
	if h := w.Header(); h.Get("x-frame-options") != "DENY" || h.Get("cache-control") != "no-store" || !strings.HasPrefix(h.Get("content-security-policy"), "default-src 'none'") {
		t.Errorf("header %v", h)
	}
}

// leads checks a redirect.
func leads(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	if got := w.Header().Get("location"); w.Code != http.StatusSeeOther || got != want {
		t.Errorf("%d to %s, want 303 to %s\n%s", w.Code, got, want, w.Body)
	}
}

const back = "redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fa%3Fb%3D1"

func TestSignInAndOut(t *testing.T) {
	i := instance(withUsers)
	v := visit(t, i)
	shows(t, v.do("GET", "/sign-in?"+back, ""), 200,
		"<h1>Sign in</h1>", `name="redirect_url" value="http://localhost:3000/a?b=1"`,
		`<button id="user_ada-org_acme" name="organization" value="org_acme">Acme (org:admin)</button>`,
		`<button id="user_cleo" name="organization" value="">personal account</button>`)
	leads(t, v.do("GET", "/account?"+back, ""), "/sign-in?"+back)
	leads(t, v.do("GET", "/sign-out?"+back, ""), "/sign-in?"+back)

	w := v.do("POST", "/sign-in", "user=user_ada&organization=org_acme&"+back)
	browser := v.cookies["__clerk_db_jwt_"+publishable(t, i).Suffix]
	leads(t, w, "http://localhost:3000/a?b=1&__clerk_db_jwt="+browser)
	for _, path := range []string{"/sign-in", "/account"} {
		shows(t, v.do("GET", path+"?"+back, ""), 200, "You are <b>Ada</b>", "Continue to http://localhost:3000/a?b=1", `aria-current="true">✓ Acme (org:admin)`)
	}
	session := func() string {
		lines := setCookies(t, handshaken(t, v.handler, "__clerk_db_jwt="+browser))
		return lines[len(lines)-1]
	}
	sfx := publishable(t, i).Suffix
	if got := session(); got != "__session_"+sfx+"=user_ada org_acme acme org:admin org:invoices:manage" {
		t.Errorf("session %s", got)
	}
	leads(t, v.do("POST", "/account", "organization="), "/account")
	if got := session(); got != "__session_"+sfx+"=user_ada" {
		t.Errorf("session %s", got)
	}
	leads(t, v.do("POST", "/account", back), "http://localhost:3000/a?b=1&__clerk_db_jwt="+browser)
	shows(t, v.do("POST", "/account", "organization=org_globex"), 403, "user_ada is not a member of org_globex")
	shows(t, v.do("GET", "/sign-out", ""), 200, `<button id="sign-out">`)
	leads(t, v.do("POST", "/sign-out", back), "http://localhost:3000/a?b=1&__clerk_db_jwt="+browser)
	if got := session(); got != "__refresh_"+sfx+"=" {
		t.Errorf("after signing out: %s", got)
	}
	leads(t, v.do("POST", "/account", "organization="), "/sign-in")
	leads(t, v.do("POST", "/sign-in", "user=ada"), "/account")
	leads(t, v.do("POST", "/sign-out", ""), "/sign-in")
}

func TestSignInProblems(t *testing.T) {
	v := visit(t, instance(withUsers))
	shows(t, v.do("POST", "/sign-in", "user=user_eve"), 404, `there is no user &#34;user_eve&#34;`)
	shows(t, v.do("POST", "/sign-in", ""), 400, "no user is named")
	shows(t, v.do("POST", "/sign-in", "user=user_bob&organization=org_globex"), 403, "user_bob is not a member of org_globex")
	shows(t, v.do("POST", "/sign-in", "user=user_ada&redirect_url=https://evil.example"), 400, "which is not on this machine; to allow it: --app-origin https://evil.example")
	shows(t, v.do("GET", "/sign-in?redirect_url=%3Cscript%3E", ""), 400, "&lt;script&gt;")
	shows(t, v.do("POST", "/sign-in", "user="+strings.Repeat("a", 64<<10)), 400, "request body too large")
	shows(t, v.do("POST", "/sign-in", "user=%zz"), 400, "invalid URL escape")
	leads(t, v.do("GET", "/account", ""), "/sign-in")
}

// No other site's page signs a browser in or out, or switches its organisation.
func TestSignInRefusesOtherSites(t *testing.T) {
	i := instance(withUsers)
	v := visit(t, i)
	for name, change := range map[string]func(*http.Request){
		"another origin":          func(r *http.Request) { r.Header.Set("origin", "https://evil.example") },
		"no origin that is known": func(r *http.Request) { r.Header.Set("origin", "null") },
		"an empty origin":         func(r *http.Request) { r.Header.Set("origin", "") },
		"another port":            func(r *http.Request) { r.Header.Set("origin", "http://127.0.0.1:3000") },
		"another site":            func(r *http.Request) { r.Header.Set("sec-fetch-site", "cross-site") },
		"the same site":           func(r *http.Request) { r.Header.Set("sec-fetch-site", "same-site") },
		"another name":            func(r *http.Request) { r.Host = "evil.example:9010" },
	} {
		for _, path := range []string{"/sign-in", "/sign-out", "/account", "/sign-in/tasks"} {
			w := v.do("POST", path, "user=user_ada", change)
			shows(t, w, 403, `<p role="alert">`)
			if len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: %s sets cookies", name, path)
			}
		}
	}
	evil := func(r *http.Request) { r.Host = "evil.example" }
	shows(t, v.do("GET", "/sign-in", "", evil), 403, "host &#34;evil.example&#34; is not this instance")
	// Programs say nothing of where they come from.
	leads(t, v.do("POST", "/sign-in", "user=user_ada", func(r *http.Request) {
		r.Header.Del("origin")
		r.Header.Del("sec-fetch-site")
	}), "/account")
	// An application may forward the Frontend API under its own name.
	i = instance(withUsers, func(o *clerktest.Options) { o.AppOrigins = []string{"https://app.acme.dev"} })
	shows(t, visit(t, i).do("GET", "/sign-in", "", func(r *http.Request) { r.Host = "app.acme.dev" }), 200)
}

func TestSignInPending(t *testing.T) {
	i := instance(func(o *clerktest.Options) {
		o.Directory = &clerktest.Directory{Users: []clerktest.User{{ID: "user_eve", Pending: true}}}
	})
	v := visit(t, i)
	leads(t, v.do("GET", "/sign-in/tasks?"+back, ""), "/sign-in?"+back)
	leads(t, v.do("POST", "/sign-in/tasks", back), "/sign-in?"+back)
	leads(t, v.do("POST", "/sign-in", "user=user_eve&"+back), "/sign-in/tasks?"+back)
	leads(t, v.do("GET", "/sign-in?"+back, ""), "/sign-in/tasks?"+back)
	shows(t, v.do("GET", "/sign-in/tasks?"+back, ""), 200, `<button id="complete">`, "user_eve")
	browser := v.cookies["__clerk_db_jwt_"+publishable(t, i).Suffix]
	status := func() any {
		lines := handshaken(t, v.handler, "__clerk_db_jwt="+browser)
		token, _, _ := strings.Cut(strings.SplitN(lines[len(lines)-1], "=", 2)[1], ";")
		_, claims := read(t, token)
		return claims["sts"]
	}
	if got := status(); got != "pending" {
		t.Errorf("sts %v", got)
	}
	leads(t, v.do("POST", "/sign-in/tasks", back), "http://localhost:3000/a?b=1&__clerk_db_jwt="+browser)
	if got := status(); got != "active" {
		t.Errorf("sts %v", got)
	}
	leads(t, v.do("GET", "/sign-in/tasks", ""), "/account")
}

// Without a directory, anybody can be typed in.
func TestSignInWithoutDirectory(t *testing.T) {
	v := visit(t, instance())
	shows(t, v.do("GET", "/sign-in", ""), 200, `<input name="user"`, `<input name="organization"`)
	leads(t, v.do("POST", "/sign-in", "user=user_1&organization=acme"), "/account")
	shows(t, v.do("GET", "/account", ""), 200, `value="org_acme"`)
}

// On a production instance the applications learn of a change by __client_uat,
// which is newer than each token before it, also within one second.
func TestSignInLive(t *testing.T) {
	i := instance(withUsers, func(o *clerktest.Options) { o.Live = true })
	v := visit(t, i)
	leads(t, v.do("POST", "/sign-in", "user=user_bob&"+back), "http://localhost:3000/a?b=1")
	sfx := publishable(t, i).Suffix
	if v.cookies["__client"] == "" || v.cookies["__client_uat"] != "1767323045" || v.cookies["__client_uat_"+sfx] != "1767323045" {
		t.Errorf("cookies %v", v.cookies)
	}
	ask := func() (issued string) {
		w := v.do("GET", "/v1/client/handshake?redirect_url=http://127.0.0.1:3000/", "")
		_, claims := read(t, v.cookies["__clerk_handshake"])
		for _, d := range claims["handshake"].([]any) {
			if text, ok := strings.CutPrefix(d.(string), "__session="); ok {
				token, _, _ := strings.Cut(text, ";")
				_, claims := read(t, token)
				issued = time.Unix(int64(claims["iat"].(float64)), 0).UTC().Format(time.TimeOnly)
			}
		}
		if location(t, w).String() != "http://127.0.0.1:3000/" {
			t.Errorf("back to %s", location(t, w))
		}
		return issued
	}
	if got := ask(); got != "03:04:05" {
		t.Errorf("minted at %s", got)
	}
	v.do("POST", "/account", "organization=org_acme")
	if got := ask(); v.cookies["__client_uat"] != "1767323046" || got != "03:04:06" {
		t.Errorf("changed at %s, minted at %s", v.cookies["__client_uat"], got)
	}
	v.do("POST", "/sign-out", "")
	if v.cookies["__client_uat"] != "0" || v.cookies["__client_uat_"+sfx] != "0" {
		t.Errorf("cookies %v", v.cookies)
	}
}

func TestSessions(t *testing.T) {
	clock := now
	i := instance(withUsers, func(o *clerktest.Options) {
		o.Now, o.TokenLifetime = func() time.Time { return clock }, 5*time.Second
	})
	s := must[clerktest.Session](t)(i.SignIn("ada", "acme"))
	lifetime := func(token string) float64 {
		_, claims := read(t, token)
		if claims["sid"] != s.ID || claims["sub"] != s.User || claims["azp"] != nil {
			t.Errorf("claims %v", claims)
		}
		return claims["exp"].(float64) - float64(clock.Unix())
	}
	if got := lifetime(s.Token()); got != 5 {
		t.Errorf("%v seconds left", got)
	}
	if got := lifetime(s.ExpiredToken()); got != -9*60 {
		t.Errorf("%v seconds left of an expired token", got)
	}
	i.SetTokenLifetime(-time.Second)
	if got := lifetime(s.Token()); got != -1 {
		t.Errorf("%v seconds left", got)
	}
	i.SetTokenLifetime(0)
	if got := lifetime(s.Token()); got != 60 {
		t.Errorf("%v seconds left", got)
	}
	if err := s.SetOrganization("globex"); err == nil || identity(t, s.Token()) != "user_ada org_acme acme org:admin org:invoices:manage" {
		t.Errorf("an organisation that is not theirs: %v, %s", err, identity(t, s.Token()))
	}
	if err := s.SetOrganization(""); err != nil || identity(t, s.Token()) != "user_ada" {
		t.Errorf("the personal account: %v, %s", err, identity(t, s.Token()))
	}
	if _, err := i.SignIn("eve", ""); err == nil {
		t.Error("a user that there is not signed in")
	}
	cookies := s.Cookies(s.ExpiredToken())
	for _, want := range []string{"__client_uat=1767322445;", "__clerk_db_jwt=" + s.Browser + ";", "__refresh_" + publishable(t, i).Suffix + "=" + s.RefreshToken} {
		if !strings.Contains(cookies, want) {
			t.Errorf("no %s in %s", want, cookies)
		}
	}
	if _, err := url.Parse(i.SignInURL()); err != nil || i.SignInURL() != "http://127.0.0.1:9010/sign-in" {
		t.Errorf("sign-in URL %s", i.SignInURL())
	}
}
