package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// renewalPolicy has a route for whoever is signed in, and one for members.
const renewalPolicy = `
routes:
  - {name: tenants, path: "/orgs/{org}/**", require: {org: "{org}"}}
  - {name: hello, path: /hello, access: optional}
  - {name: anything, path: "/**"}
`

// Paths of the Backend API.
const (
	noncePath   = "/v1/clients/handshake_payload"
	refreshPath = "/v1/sessions/sess_ada/refresh"
)

// renewal is a site on a production instance, where a request can bring the
// answer of a handshake, or what a session is refreshed with, in its cookies.
type renewal struct {
	*site
	api *backendtest.Endpoint
}

func newRenewal(t *testing.T, v variant, settings ...string) *renewal {
	t.Helper()
	api, apiURL := newBackend(t)
	c := newClerk(t, clerktest.Options{Live: true})
	settings = append(settings, "secretKey: "+c.SecretKey(), apiURL)
	service := newShop(t)
	s := guarded(t, c, c.section(strings.Join(settings, "\n    "))+renewalPolicy).site(t, v, service, service.addr)
	return &renewal{s, api}
}

// renewed is a way in which a request gets new cookies: what it brings, what the
// browser is told to set, and what the service sees.
type renewed struct {
	brings, directives, sees []string
}

// directives are what Clerk has an application set for a session: in them are a
// date, which has a comma, and cookies that are to go.
func (r *renewal) directives(session string) []string {
	return []string{
		"__clerk_handshake=; Path=/; Domain=example.com; Max-Age=0",
		"__clerk_handshake_nonce=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
		"__client_uat=" + strconv.FormatInt(time.Now().Unix(), 10) + "; Path=/; Domain=example.com; Expires=Tue, 01 Jan 2086 00:00:00 GMT; Secure; SameSite=Lax",
		r.suffixed("__refresh") + "=rt_fresh_" + rand.Text() + "; Path=/; HttpOnly; Secure; SameSite=Lax",
		"__session=" + session + "; Path=/; Secure; SameSite=Lax",
		r.suffixed("__session") + "=" + session + "; Path=/; Secure; SameSite=Lax",
	}
}

// pair is the cookie that a directive sets.
func pair(directive string) string { pair, _, _ := strings.Cut(directive, ";"); return pair }

// bring is a request with the answer of a handshake, as somebody whose cookies
// are of another user yet.
func (r *renewal) bring(answer string, directives []string) renewed {
	old := "__session=" + r.Token(memberOf("user_old", "old"))
	return renewed{
		brings:     []string{"first=1", old, answer, "__client_uat=1700000000", "last=2"},
		directives: directives,
		sees:       []string{"first=1", pair(directives[4]), pair(directives[2]), "last=2", pair(directives[3]), pair(directives[5])},
	}
}

// ways are the three ways in which a request gets a session of user_ada in acme.
func (r *renewal) ways() map[string]func(*testing.T) renewed {
	fresh := func() string { return r.Token(memberOf("user_ada", "acme")) }
	return map[string]func(*testing.T) renewed{
		"handshake token": func(*testing.T) renewed {
			directives := r.directives(fresh())
			return r.bring("__clerk_handshake="+(&kit{clerk: r.clerk}).answer(directives...), directives)
		},
		"handshake nonce": func(t *testing.T) renewed {
			directives := r.directives(fresh())
			r.api.Answer(noncePath, backendtest.JSON(200, quote(t, map[string]any{"directives": directives})))
			return r.bring("__clerk_handshake_nonce=nonce_"+rand.Text(), directives)
		},
		"refresh": func(t *testing.T) renewed {
			session := fresh()
			directives := []string{"__session=" + session + "; Path=/; Secure", r.suffixed("__session") + "=" + session + "; Path=/; Expires=Tue, 01 Jan 2086 00:00:00 GMT"}
			r.api.Answer(refreshPath, backendtest.JSON(200, quote(t, map[string]any{"object": "cookies", "cookies": directives})))
			refresh := r.suffixed("__refresh") + "=rt_" + rand.Text()
			return renewed{
				brings:     []string{"first=1", "__session=" + r.expired(), refresh, "__client_uat=1700000000", "last=2"},
				directives: directives,
				sees:       []string{"first=1", pair(directives[0]), refresh, "__client_uat=1700000000", "last=2", pair(directives[1])},
			}
		},
	}
}

// expired is a token of user_ada's session, from before she was in acme.
func (r *renewal) expired() string {
	return r.Token(memberOf("user_ada", "", func(k *clerktest.Claims) { k.IssuedAt = time.Now().Add(-10 * time.Minute) }))
}

// TestRenewedCookies: on a production instance a request goes on with what a
// handshake or a refresh brought. The browser gets each cookie, next to those of
// the service; the service sees them in place of the old ones, and the new
// identity. A denial brings them as well.
func TestRenewedCookies(t *testing.T) {
	t.Parallel()
	for _, v := range []variant{variants[0], variants[3], lean} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := newRenewal(t, v)
			for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
				for name, way := range r.ways() {
					t.Run(name+", "+protocol, func(t *testing.T) {
						r.passes(t, way(t), protocol == "HTTP/2")
						r.denies(t, way(t), protocol == "HTTP/2")
					})
				}
			}
		})
	}
}

func (r *renewal) passes(t *testing.T, w renewed, http2 bool) {
	v := r.send(t, call{target: "/orgs/acme/7", http2: http2, headers: []string{"Cookie: " + strings.Join(w.brings, "; ")}})
	got := v.wantPass(t, "user_ada", "org_acme")
	if want := []string{strings.Join(w.sees, "; ")}; !slices.Equal(got.Headers["cookie"], want) {
		t.Errorf("the service sees these cookies (-want +got):\n%s", cmp.Diff(want, got.Headers["cookie"]))
	}
	// What the proxy adds comes after the service's own.
	v.wantCookies(t, slices.Concat(shopCookies(), w.directives)...)
}

func (r *renewal) denies(t *testing.T, w renewed, http2 bool) {
	v := r.send(t, call{target: "/orgs/globex/7", http2: http2, headers: []string{"Cookie: " + strings.Join(w.brings, "; ")}})
	v.wantDenied(t, http.StatusForbidden, "org-mismatch", "")
	v.wantCookies(t, w.directives...)
}

// TestBackendIsAskedAsTheSDKAsks looks at what a nonce and a refresh make of it.
func TestBackendIsAskedAsTheSDKAsks(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, variants[0])
	nonce, refresh := r.ways()["handshake nonce"](t), r.ways()["refresh"](t)
	r.passes(t, nonce, false)
	r.passes(t, refresh, false)

	asked := r.api.Requests()
	if len(asked) != 2 {
		t.Fatalf("it was asked %d times, want twice: %+v", len(asked), asked)
	}
	for i, want := range []string{
		"GET " + noncePath + "?" + strings.Replace(nonce.brings[2], "__clerk_handshake_nonce", "nonce", 1),
		"POST " + refreshPath + "?",
	} {
		got := asked[i].Method + " " + asked[i].Path + "?" + asked[i].Query
		if got != want || asked[i].Header.Get("Authorization") != "Bearer "+r.SecretKey() || asked[i].Header.Get("Clerk-Api-Version") != apiVersion {
			t.Errorf("asked %s %v, want %s with the secret key", got, asked[i].Header, want)
		}
	}
	var body struct {
		Format         string              `json:"format"`
		ExpiredToken   string              `json:"expired_token"`
		RefreshToken   string              `json:"refresh_token"`
		RequestOrigin  string              `json:"request_origin"`
		RequestHeaders map[string][]string `json:"request_headers"`
	}
	if err := json.Unmarshal([]byte(asked[1].Body), &body); err != nil {
		t.Fatal(err)
	}
	got := []string{body.Format, "__session=" + body.ExpiredToken, r.suffixed("__refresh") + "=" + body.RefreshToken, body.RequestOrigin}
	want := []string{"cookie", refresh.brings[1], refresh.brings[2], "http://localhost:3000"}
	if !slices.Equal(got, want) {
		t.Errorf("asked with (-want +got):\n%s", cmp.Diff(want, got))
	}
	if cookie := body.RequestHeaders["cookie"]; len(cookie) != 1 || cookie[0] != strings.Join(refresh.brings, "; ") {
		t.Errorf("the request's cookies are passed on as %q", cookie)
	}
	for name := range body.RequestHeaders {
		if strings.HasPrefix(name, ":") || name != strings.ToLower(name) {
			t.Errorf("the request's headers are passed on with %q", name)
		}
	}
}

// TestSeveralCookieLines: a client may send its cookies in several lines. They
// are one list, and one line is what the service gets.
func TestSeveralCookieLines(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, variants[0])
	w := r.ways()["handshake nonce"](t)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		c := call{http2: protocol == "HTTP/2"}
		for _, cookie := range w.brings {
			c.headers = append(c.headers, "Cookie: "+cookie)
		}
		v := r.send(t, c)
		if got := v.wantPass(t, "user_ada", "org_acme").Headers["cookie"]; len(got) != 1 || got[0] != strings.Join(w.sees, "; ") {
			t.Errorf("over %s the service sees %q, want %q", protocol, got, w.sees)
		}
		v.wantCookies(t, slices.Concat(shopCookies(), w.directives)...)
	}
}
