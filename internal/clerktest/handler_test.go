package clerktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// call asks a handler as a program on this machine would, unless changed.
func call(h http.Handler, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = host
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerToken(t *testing.T) {
	i := instance(withUsers)
	// curl -d sends this content type.
	w := call(i.Handler(), "POST", "/dev/token", `{"user": "ada", "org": "acme", "format": "cookie"}`, func(r *http.Request) {
		r.Header.Set("content-type", "application/x-www-form-urlencoded")
	})
	if w.Code != http.StatusOK || w.Header().Get("content-type") != "application/json" || w.Header().Get("cache-control") != "no-store" {
		t.Fatalf("status %d, header %v: %s", w.Code, w.Header(), w.Body)
	}
	var got clerktest.TokenResponse
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if id := identity(t, got.Token); id != "user_ada org_acme acme org:admin org:invoices:manage" {
		t.Errorf("token of %s", id)
	}
	if !strings.Contains(got.Cookie, "__session="+got.Token) || len(got.Claims) == 0 || got.ExpiresAt.Unix() != now.Unix()+60 {
		t.Errorf("answer %+v", got)
	}
}

func TestHandlerRefusesBodies(t *testing.T) {
	const notObject, example = "the body is not a JSON object", `send {"user": "ada", "org": "acme"}`
	const example2 = `send JSON such as {"user": "ada", "org": "acme"}`
	tests := []struct {
		name, body    string
		status        int
		message, hint string
	}{
		{"nothing", "", 400, notObject, example},
		{"null", "null", 400, notObject, example},
		{"a list", "[]", 400, notObject, example},
		{"a text", `"ada"`, 400, notObject, example},
		{"a form", "user=ada", 400, "the body: invalid character 'u' looking for beginning of value", example2},
		{"cut short", `{"user": "ada"`, 400, "the body: unexpected EOF", example2},
		{"two objects", `{"user": "ada"} {}`, 400, "the body: something follows the object", example2},
		{"an object and more", `{"user": "ada"} x`, 400, "the body: invalid character 'x' looking for beginning of value", example2},
		{"an unknown field", `{"user": "ada", "organization": "acme"}`, 400, `the body: unknown field "organization"`, example2},
		{"a number for a text", `{"user": 1}`, 400, "user: a JSON number where a string belongs", ""},
		{"a text for a number", `{"user": "ada", "expiresIn": "60s"}`, 400, "expiresIn: a JSON string where a whole number belongs", ""},
		{"a text for a list", `{"user": "ada", "permissions": "org:a:b"}`, 400, "permissions: a JSON string where a list of strings belongs", ""},
		{"an unknown user", `{"user": "dan"}`, 404, `there is no user "dan"`, "known users: user_ada (Ada), user_bob (Bob), user_cleo (Cleo)"},
		{"a huge body", `{"user": "` + strings.Repeat("a", 64<<10) + `"}`, 413, "the body is larger than 65536 bytes", ""},
		{"a huge end", `{"user": "ada"}` + strings.Repeat(" ", 64<<10), 413, "the body is larger than 65536 bytes", ""},
	}
	h := instance(withUsers).Handler()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(t, call(h, "POST", "/dev/token", tt.body), tt.status, tt.message, tt.hint)
		})
	}
}

// refused checks an answer that gives nothing but a reason.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, message, hint string) {
	t.Helper()
	want := map[string]any{"error": message}
	if hint != "" {
		want["hint"] = hint
	}
	if diff := cmp.Diff(want, decode(t, w.Body.Bytes())); diff != "" || w.Code != status {
		t.Errorf("status %d, want %d (-want +got):\n%s", w.Code, status, diff)
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a page may read it: %s", name)
		}
	}
}

// No web page gets a token, however it comes by the address.
func TestHandlerRefusesWebPages(t *testing.T) {
	h := instance(withUsers).Handler()
	for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1:9010", ""} {
		for _, path := range []string{"/dev/token", "/dev/info"} {
			for _, method := range []string{"GET", "POST", "OPTIONS"} {
				w := call(h, method, path, `{"user": "ada"}`, func(r *http.Request) { r.Header["Origin"] = []string{origin} })
				refused(t, w, 403, "calls of web pages are refused (the request has an Origin header)", "use clerkgate token, or curl")
			}
		}
	}
	for _, name := range []string{"evil.example", "evil.example:9010", "127.0.0.1.evil.example", "localhost.evil.example:9010", "10.0.0.1:9010", "0.0.0.0:9010", "[::]:9010", "", "127.1"} {
		w := call(h, "POST", "/dev/token", `{"user": "ada"}`, func(r *http.Request) { r.Host = name })
		refused(t, w, 403, `host "`+name+`" is not loopback`, "call it by its loopback address, such as 127.0.0.1")
	}
	refused(t, call(h, "GET", "/", "", func(r *http.Request) { r.Host = "evil.example" }), 403,
		`host "evil.example" is not loopback`, "call it by its loopback address, such as 127.0.0.1")
	for _, name := range []string{"127.0.0.1", "127.0.0.1:9010", "127.8.9.10:1", "localhost", "LocalHost:9010", "[::1]:9010", "[::1]"} {
		if w := call(h, "POST", "/dev/token", `{"user": "ada"}`, func(r *http.Request) { r.Host = name }); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestHandlerMethodsAndPaths(t *testing.T) {
	h := instance(withUsers).Handler()
	w := call(h, "GET", "/dev/token", "")
	refused(t, w, 405, "/dev/token is not for GET", "use POST")
	if w.Header().Get("allow") != "POST" {
		t.Errorf("allow: %s", w.Header().Get("allow"))
	}
	refused(t, call(h, "POST", "/dev/info", ""), 405, "/dev/info is not for POST", "use GET")
	refused(t, call(h, "GET", "/dev/tokens", ""), 404, "there is no /dev/tokens", "there are /dev/info and /dev/token")
	if w := call(h, "GET", "/other", ""); w.Code != http.StatusNotFound {
		t.Errorf("/other: %d", w.Code)
	}
	if w := call(h, "POST", "/", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", w.Code)
	}
}

func TestHandlerPage(t *testing.T) {
	w := call(instance(withUsers).Handler(), "GET", "/", "")
	if w.Code != http.StatusOK || w.Header().Get("content-type") != "text/plain; charset=utf-8" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	golden(t, "testdata/page.txt", w.Body.String())
}

func TestDescribeWithoutDirectory(t *testing.T) {
	var b strings.Builder
	elsewhere := func(o *clerktest.Options) { o.FrontendAPI = "127.0.0.1:7000" }
	if err := instance(elsewhere).Describe(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/no-directory.txt", b.String())
}

// golden compares with a file. UPDATE_GOLDEN=1 writes it instead.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// The published keys verify what the instance signs, and fail when told to.
func TestHandlerKeys(t *testing.T) {
	i := instance()
	h := i.Handler()
	w := call(h, "GET", clerktest.JWKSPath, "", func(r *http.Request) { r.Host = "anyone.example" })
	keys, err := jwk.Parse(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jws.Verify([]byte(i.Token(clerktest.Claims{User: "user_ada"})), jws.WithKeySet(keys)); err != nil {
		t.Error(err)
	}
	i.Endpoint().Fail(http.StatusBadGateway)
	if w := call(h, "GET", clerktest.JWKSPath, ""); w.Code != http.StatusBadGateway {
		t.Errorf("status %d while it should fail", w.Code)
	}
}

func TestClient(t *testing.T) {
	i := instance(withUsers)
	server := httptest.NewServer(i.Handler())
	defer server.Close()
	client := clerktest.Client{BaseURL: server.URL + "/"}
	response, err := client.Token(t.Context(), clerktest.TokenRequest{User: "ada", Org: "acme", Permissions: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if got := identity(t, response.Token); got != "user_ada org_acme acme org:admin" {
		t.Errorf("token of %s: an empty list of permissions must arrive as one", got)
	}
	info, err := client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := clerktest.Info{
		PublishableKey: "pk_test_MTI3LjAuMC4xOjkwMTAk", Issuer: "https://127.0.0.1:9010",
		JWKSURL: "http://127.0.0.1:9010/.well-known/jwks.json", JWTKey: signer().PEM(), KeyID: "ins_test",
		Development: true, SecretKey: i.SecretKey(), APIURL: "http://127.0.0.1:9010", ProxyURL: "http://127.0.0.1:9010",
		SignInURL: "http://127.0.0.1:9010/sign-in", Directory: users(),
	}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestClientErrors(t *testing.T) {
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	tests := []struct {
		name, base, want string
	}{
		{"refused", serve(instance(withUsers).Handler().ServeHTTP), `there is no user "dan"`},
		{"another program", serve(text(404, "404 page not found")), "the answer is not that of a dev instance (status 404)"},
		{"another program that likes everything", serve(text(200, "<html>")), "the answer is not that of a dev instance"},
		{"other JSON", serve(text(200, "{}")), "the answer is not that of a dev instance"},
		{"a redirect", serve(http.RedirectHandler(serve(instance().Handler().ServeHTTP), http.StatusTemporaryRedirect).ServeHTTP), "the answer is not that of a dev instance (status 307)"},
		{"no URL", "http://[", `parse "http://[/dev/token": missing ']' in host`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := clerktest.Client{BaseURL: tt.base}.Token(t.Context(), clerktest.TokenRequest{User: "dan"})
			if err == nil || err.Error() != tt.want {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
			var refused *clerktest.Error
			if errors.As(err, &refused) != (tt.name == "refused") {
				t.Errorf("refusal: %+v", refused)
			}
		})
	}
}

func TestClientHeedsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server := httptest.NewServer(instance().Handler())
	defer server.Close()
	if _, err := (clerktest.Client{BaseURL: server.URL}).Info(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Whatever the body: a token or a reason, and always JSON.
func FuzzTokenRequest(f *testing.F) {
	f.Add([]byte(`{"user": "ada", "org": "acme", "role": "org:admin", "permissions": ["org:a:b"], "version": 1, "authorizedParty": "https://a", "expiresIn": 1, "format": "cookie"}`))
	f.Add([]byte(`null {}`))
	h := instance(withUsers).Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		w := call(h, "POST", "/dev/token", string(body))
		answer := decode(t, w.Body.Bytes())
		if token, ok := answer["token"].(string); ok {
			if _, claims := read(t, token); w.Code != http.StatusOK || !strings.HasPrefix(claims["sub"].(string), "user_") {
				t.Errorf("status %d, claims %v", w.Code, claims)
			}
			return
		}
		if reason, _ := answer["error"].(string); reason == "" || w.Code < 400 || w.Code > 499 {
			t.Errorf("status %d: %v", w.Code, answer)
		}
	})
}
