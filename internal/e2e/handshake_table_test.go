package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// This is the table of the official SDK's own black-box test of handshakes
// (integration/tests/handshake.test.ts of clerk/javascript): 45 cases, 13 of
// organisation activation, and 2 of redirect loops, by their numbers. There it
// runs against a framework that is configured by headers; here each configuration
// is a policy. Where the table's 200 is the framework's answer to somebody signed
// out, the route takes such callers, and the service must not be told of any user.

// tablePolicy has both kinds of routes on every path. They differ by host.
const tablePolicy = `
routes:
  - {name: open, hosts: [open.localhost], path: "/**", access: optional}
  - {name: closed, hosts: [localhost], path: "/**"}
`

// Reasons and values that occur in many rows.
const (
	expiredReason = "session-token-expired-refresh-non-eligible-no-refresh-cookie"
	nbfReason     = "session-token-nbf"
	tableUser     = "user_12345"
	tableBrowser  = "needstobeset"
	apiVersion    = "2026-05-12"
	firstRedirect = "__clerk_redirect_count=1; SameSite=Lax; HttpOnly; Max-Age=2"
)

// row is one case. Its name begins with its number.
type row struct {
	name    string
	open    bool    // somebody signed out passes
	target  string  // if it is not /
	session session // what the request shows, if anything
	bearer  bool    // … in Authorization; else in __session
	uat     string  // __client_uat; "iat" is the session's
	browser bool    // it has a development browser
	cookies []string
	headers []string
	noDest  bool // without Sec-Fetch-Dest
	want    want
}

// session is a session token and its iat.
type session struct{ raw, iat string }

// want is what becomes of a row. The zero want is a pass without identity.
type want struct {
	user, org string // a pass, and who the service is told is calling

	code   string // a denial with 401
	reason string // … and the SDK's word for why; without a code it is a handshake

	endpoint     string // where, unless it is the instance's own
	back         string // its redirect_url, unless that is the URL of the request
	browser      string // its __clerk_db_jwt, unless that is the cookie's
	organization string // its last parameter, organization_id=…

	location   string   // another redirect
	setCookies []string // beside what a handshake has
}

// group is a configuration and the rows that have it.
type group struct {
	name     string
	live     bool
	settings []string // of the clerk section
	foreign  bool     // another key is published under the instance's key id
	envoy    func(*envoytest.Config)
	rows     func(k *kit) []row
}

// kit is what rows are made of: the tokens of one instance.
type kit struct {
	*clerk
	active, expired, early session
}

func TestHandshakeTable(t *testing.T) {
	t.Parallel()
	keys := map[bool]*jwkstest.Signer{false: jwkstest.NewSigner("ins_table_test"), true: jwkstest.NewSigner("ins_table_live")}
	stranger := jwkstest.NewSigner("")
	for _, g := range slices.Concat(browserGroups(), satelliteGroups(), organizationGroups()) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			c := newClerk(t, clerktest.Options{FrontendAPI: "clerk.primary.example", Live: g.live, Signer: keys[g.live]})
			if g.foreign {
				c.Endpoint().Publish(&jwkstest.Signer{ID: c.Signer().ID, Private: stranger.Private})
			}
			change := g.envoy
			if change == nil {
				change = func(*envoytest.Config) {}
			}
			s := newSite(t, c, c.section(strings.Join(g.settings, "\n    "))+tablePolicy, variants[0], change)
			for _, r := range g.rows(newKit(c, nil)) {
				t.Run(r.name, func(t *testing.T) { r.run(t, s) })
			}
		})
	}
	t.Run("organisation 13 an invalid pattern", refusesInvalidPattern)
}

// newKit signs tokens that are valid, expired and not valid yet.
func newKit(c *clerk, change func(*clerktest.Claims)) *kit {
	at := func(offset time.Duration) session {
		issued := time.Now().Add(offset)
		return session{c.sessionToken(func(k *clerktest.Claims) {
			k.IssuedAt = issued
			if change != nil {
				change(k)
			}
		}), strconv.FormatInt(issued.Unix(), 10)}
	}
	return &kit{c, at(0), at(-10 * time.Minute), at(10 * time.Minute)}
}

// of is a kit whose tokens differ in this.
func (k *kit) of(change func(*clerktest.Claims)) *kit { return newKit(k.clerk, change) }

// answer is a handshake token: the Set-Cookie lines that an application is to send.
func (k *kit) answer(directives ...string) string {
	header, _ := json.Marshal(map[string]any{"alg": "RS256", "kid": k.Signer().ID, "typ": "JWT"})
	payload, _ := json.Marshal(map[string]any{"handshake": directives, "iat": time.Now().Unix()})
	return k.Signer().Sign(header, payload)
}

// call is the row as a request.
func (r *row) call() call {
	c := call{host: "localhost:3000", target: r.target, headers: slices.Clone(r.headers)}
	if r.open {
		c.host = "open.localhost:3000"
	}
	if !r.noDest {
		c.headers = append(c.headers, "Sec-Fetch-Dest: document")
	}
	cookies := slices.Clone(r.cookies)
	if r.browser {
		cookies = append(cookies, "__clerk_db_jwt="+tableBrowser)
	}
	switch r.uat {
	case "":
	case "iat":
		cookies = append(cookies, "__client_uat="+r.session.iat)
	default:
		cookies = append(cookies, "__client_uat="+r.uat)
	}
	switch {
	case r.session.raw == "":
	case r.bearer:
		c.headers = append(c.headers, bearer(r.session.raw))
	default:
		cookies = append(cookies, "__session="+r.session.raw)
	}
	if len(cookies) > 0 {
		c.headers = append(c.headers, "Cookie: "+strings.Join(cookies, "; "))
	}
	return c
}

// run sends the row and compares what becomes of it.
func (r *row) run(t *testing.T, s *site) {
	v := s.send(t, r.call())
	switch w := &r.want; {
	case w.code != "":
		v.wantCookies(t, w.setCookies...)
		v.wantDenied(t, http.StatusUnauthorized, w.code, w.reason)
	case w.reason != "":
		r.wantHandshake(t, s, v)
	case w.location != "":
		v.wantCookies(t, w.setCookies...)
		v.wantReason(t, "", "")
		if got := v.wantRedirect(t).String(); got != w.location {
			t.Errorf("location %q, want %q", got, w.location)
		}
	default:
		v.wantCookies(t, w.setCookies...)
		v.wantPass(t, w.user, w.org)
	}
}

// wantHandshake checks that the visit goes through Clerk: where, with each
// parameter, and with the guard against loops.
func (r *row) wantHandshake(t *testing.T, s *site, v *visit) {
	t.Helper()
	w := r.want
	v.wantCookies(t, append(w.setCookies, firstRedirect)...)
	v.wantReason(t, "handshake", w.reason)
	to := v.wantRedirect(t)
	endpoint := either(w.endpoint, s.Issuer()+"/v1/client/handshake")
	if got := to.Scheme + "://" + to.Host + to.EscapedPath(); got != endpoint {
		t.Errorf("to %s, want %s", got, endpoint)
	}
	want := []string{
		"redirect_url=" + either(w.back, v.url()), "__clerk_api_version=" + apiVersion, "suffixed_cookies=false",
		"__clerk_hs_reason=" + w.reason, "format=nonce",
	}
	if r.session.raw != "" {
		want = append(want, "__session="+r.session.raw)
	}
	if r.browser {
		want = append(want, "__clerk_db_jwt="+either(w.browser, tableBrowser))
	}
	if w.organization != "" {
		want = append(want, w.organization)
	}
	if got := parameters(t, to.RawQuery); !slices.Equal(got, want) {
		t.Errorf("parameters\n%q, want\n%q", got, want)
	}
}

// refusesInvalidPattern: the SDK drops the pattern with a warning, and activates
// no organisation. Clerkgate does not start.
func refusesInvalidPattern(t *testing.T) {
	t.Parallel()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := newClerk(t, clerktest.Options{})
	file := filepath.Join(t.TempDir(), "policy.yaml")
	policy := c.section(`organizationSync: {organizationPatterns: ["i am not valid config"]}`) + tablePolicy
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "serve", "--policy", file, "--listen", "127.0.0.1:0", "--admin", "")
	out, err := command.CombinedOutput()
	if status := command.ProcessState.ExitCode(); err == nil || status != 1 {
		t.Errorf("exit status %d, %v; want 1", status, err)
	}
	if !strings.Contains(string(out), `"i am not valid config" is not a path pattern`) {
		t.Errorf("it says:\n%s", out)
	}
}
