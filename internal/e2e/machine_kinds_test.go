package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// machinePolicy has a route for each type of token, and some for several.
const machinePolicy = `
routes:
  - {name: machines, path: "/m2m/**", tokens: [m2m]}
  - {name: keys, path: "/key/**", tokens: [apiKey]}
  - {name: grants, path: "/oauth/**", tokens: [oauth]}
  - {name: templates, path: "/template/**", tokens: [template]}
  - {name: people and keys, path: "/both/**", tokens: [session, apiKey]}
  - {name: programs, path: "/programs/**", tokens: [m2m, apiKey, oauth]}
  - {name: anybody, path: "/any/**", tokens: [session, template, m2m, apiKey, oauth]}
  - {name: perhaps a key, path: "/maybe/**", tokens: [apiKey], access: optional}
  - {name: tenants, path: "/orgs/{org}/**", tokens: [session, apiKey], require: {org: "{org}"}}
  - {name: admins, path: "/admin/**", tokens: [session, apiKey, m2m], require: {role: org:member}}
  - {name: people, path: "/session/**"}
  - {name: people who erase, path: "/erase/**", methods: [DELETE]}
`

// This service is the machine mch_billing, and what its OAuth and template tokens
// name as their audience.
const (
	thisMachine  = "mch_billing"
	thisAudience = "https://billing.acme.com"
)

// company is who exists in these tests.
func company() *clerktest.Directory {
	return &clerktest.Directory{
		Organizations: []clerktest.Organization{{ID: "org_acme", Slug: "acme"}},
		Users:         []clerktest.User{{ID: "user_ada", Memberships: []clerktest.Membership{{Org: "org_acme", Role: "org:member"}}}},
		Machines: []clerktest.Machine{
			{ID: thisMachine, SecretKey: "ak_the_key_of_this_machine"},
			{ID: "mch_reports", Scopes: []string{thisMachine, "mch_mail"}},
			{ID: "mch_mail"},
			{ID: "mch_stranger", Scopes: []string{"mch_mail"}},
		},
	}
}

// machineSettings are those of a service that takes every type of token.
func machineSettings(c *clerk, apiURL string, more ...string) string {
	settings := append([]string{
		"secretKey: " + c.SecretKey(), "apiUrl: " + apiURL, "machineId: " + thisMachine,
		"machineSecretKey: ak_the_key_of_this_machine", "audiences: [" + thisAudience + "]",
	}, more...)
	return c.section(strings.Join(settings, "\n    ")) + machinePolicy
}

// newMachineSite is a site whose Backend API is that of its instance.
func newMachineSite(t *testing.T, v variant) *site {
	t.Helper()
	c := newClerk(t, clerktest.Options{Live: true, Directory: company()})
	s := newSite(t, c, machineSettings(c, strings.TrimSuffix(c.JWKSURL, clerktest.JWKSPath)), v)
	s.keep("the machine's key", "ak_the_key_of_this_machine")
	return s
}

// mint is a token of the instance's own.
func (c *clerk) mint(t *testing.T, r clerktest.TokenRequest) clerktest.TokenResponse {
	t.Helper()
	minted, err := c.Mint(r)
	if err != nil {
		t.Fatal(err)
	}
	return minted
}

// wallet holds a good token of every kind. Their names begin with their type.
type wallet map[string]string

func newWallet(t *testing.T, c *clerk) wallet {
	t.Helper()
	w := wallet{}
	for kind, r := range map[string]clerktest.TokenRequest{
		"session":      {Type: clerktest.TypeSession, User: "user_ada", Org: "acme"},
		"template":     {Type: clerktest.TypeTemplate, User: "user_ada", Audience: []string{thisAudience}},
		"m2m":          {Type: clerktest.TypeM2M, Machine: "mch_reports"},
		"m2m JWT":      {Type: clerktest.TypeM2MJWT, Machine: "mch_reports"},
		"apiKey":       {Type: clerktest.TypeAPIKey, User: "user_ada", Name: "laptop", Scopes: []string{"read"}},
		"apiKey org":   {Type: clerktest.TypeAPIKey, Subject: "org_acme", Name: "build"},
		"oauth":        {Type: clerktest.TypeOAuth, User: "user_ada", Audience: []string{thisAudience}, Scopes: []string{"read"}},
		"oauth JWT":    {Type: clerktest.TypeOAuthJWT, User: "user_ada", Audience: []string{"https://other.acme.com", thisAudience}},
		"m2m stranger": {Type: clerktest.TypeM2M, Machine: "mch_stranger"},
	} {
		w[kind] = c.mint(t, r).Token
	}
	return w
}

// told is what a service is told of the bearer of a token.
func told(kind string) (user, org string) {
	switch kind {
	case "session":
		return "user_ada", "org_acme"
	case "apiKey org":
		return "", "org_acme"
	case "m2m", "m2m JWT", "m2m stranger":
		return "", ""
	}
	return "user_ada", ""
}

// openTo lists the kinds of tokens that open a path.
func openTo() map[string][]string {
	return map[string][]string{
		"/m2m/":      {"m2m", "m2m JWT"},
		"/key/":      {"apiKey", "apiKey org"},
		"/oauth/":    {"oauth", "oauth JWT"},
		"/template/": {"template"},
		"/both/":     {"session", "apiKey", "apiKey org"},
		"/programs/": {"m2m", "m2m JWT", "apiKey", "apiKey org", "oauth", "oauth JWT"},
		"/any/":      {"session", "template", "m2m", "m2m JWT", "apiKey", "apiKey org", "oauth", "oauth JWT"},
		"/maybe/":    {"apiKey", "apiKey org"},
		"/session/":  {"session"},
	}
}

// TestEachTypeOpensItsRoutes shows every kind of token on every kind of route: it
// passes where its type is accepted, and nowhere else.
func TestEachTypeOpensItsRoutes(t *testing.T) {
	t.Parallel()
	for _, v := range []variant{variants[0], variants[3]} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := newMachineSite(t, v)
			w := newWallet(t, s.clerk)
			for path, kinds := range openTo() {
				for kind, token := range w {
					t.Run(kind+" at "+path, func(t *testing.T) {
						v := s.send(t, call{target: path + "a?b=c", headers: []string{bearer(token)}})
						if !slices.Contains(kinds, kind) {
							v.wantDenied(t, http.StatusUnauthorized, refusal(path, kind), refusal(path, kind))
							v.wantChallenge(t, http.StatusUnauthorized)
							return
						}
						user, org := told(kind)
						got := v.wantPass(t, user, org)
						if text := fmt.Sprint(got.Headers); strings.Contains(text, "mch_") {
							t.Errorf("the service is told of a machine: %s", text)
						}
					})
				}
			}
			if !strings.Contains(s.sidecar.log(), `"machine":"mch_reports"`) {
				t.Error("the log does not name the machine that called")
			}
		})
	}
}

// refusal is the SDK's reason for not accepting a token of this kind there. Where
// sessions alone are accepted, it takes an opaque token for a broken session. A
// token that is accepted by its type was not made for this machine.
func refusal(path, kind string) string {
	opaque := kind != "session" && kind != "template" && !strings.HasSuffix(kind, "JWT")
	switch {
	case path == "/session/" && opaque:
		return "token-invalid"
	case kind == "m2m stranger" && slices.Contains(openTo()[path], "m2m"):
		return "token-invalid"
	}
	return otherType
}

// TestNoTokenForMachines: where sessions are not accepted, nobody looks for them,
// and no page can help.
func TestNoTokenForMachines(t *testing.T) {
	t.Parallel()
	s := newMachineSite(t, variants[0])
	session := "Cookie: " + s.Cookies(newWallet(t, s.clerk)["session"])
	for _, tt := range []struct{ name, path, header, reason string }{
		{"nothing", "/m2m/", "Accept: */*", noToken},
		{"nothing", "/key/", "Accept: */*", noToken},
		{"nothing", "/template/", "Accept: */*", noToken},
		{"nothing, several types", "/programs/", "Accept: */*", otherType},
		{"a document", "/oauth/", document, noToken},
		{"a session cookie", "/m2m/", session, noToken},
		{"a session cookie", "/programs/", session, otherType},
		{"another scheme", "/key/", "Authorization: Basic YWs6YWs=", noToken},
		{"an empty token", "/key/", "Authorization: Bearer ", otherType},
		{"garbage", "/key/", bearer("garbage"), otherType},
		{"the prefix alone", "/key/", bearer("ak_"), "token-invalid"},
		{"upper case", "/key/", bearer("AK_ABCDEF"), otherType},
		{"an unknown key", "/key/", bearer("ak_nobody_has_this_key"), "token-invalid"},
		{"this machine's own key", "/key/", bearer("ak_the_key_of_this_machine"), "token-invalid"},
		{"the instance's own key", "/key/", bearer(s.SecretKey()), otherType},
	} {
		t.Run(tt.name+" at "+tt.path, func(t *testing.T) {
			v := s.send(t, call{target: tt.path, headers: []string{tt.header}})
			v.wantDenied(t, http.StatusUnauthorized, tt.reason, tt.reason)
			v.wantCookies(t)
			v.wantResourceMetadata(t, strings.HasPrefix(tt.path, "/oauth/") || strings.HasPrefix(tt.path, "/programs/"))
		})
	}
	s.send(t, call{target: "/maybe/"}).wantPass(t, "", "")
	s.send(t, call{target: "/maybe/", headers: []string{session}}).wantPass(t, "", "")
	s.send(t, call{target: "/both/", headers: []string{session}}).wantPass(t, "user_ada", "org_acme")
}

// wantResourceMetadata checks whether the answer says where a token comes from
// (RFC 9728), as it does where OAuth tokens are accepted.
func (v *visit) wantResourceMetadata(t *testing.T, want bool) {
	t.Helper()
	const metadata = `resource_metadata="https://clerk.example.com/.well-known/oauth-protected-resource"`
	if got := v.answer.Header.Get("WWW-Authenticate"); strings.Contains(got, metadata) != want {
		t.Errorf("www-authenticate: %q; want the resource's metadata in it: %v", got, want)
	}
}

// TestWhatMachinesMay: an organisation's key acts for it; roles are people's.
func TestWhatMachinesMay(t *testing.T) {
	t.Parallel()
	s := newMachineSite(t, variants[0])
	w := newWallet(t, s.clerk)
	s.send(t, call{target: "/orgs/org_acme/7", headers: []string{bearer(w["apiKey org"])}}).wantPass(t, "", "org_acme")
	s.send(t, call{target: "/orgs/acme/7", headers: []string{bearer(w["session"])}}).wantPass(t, "user_ada", "org_acme")
	s.send(t, call{target: "/admin/", headers: []string{bearer(w["session"])}}).wantPass(t, "user_ada", "org_acme")
	for _, tt := range []struct{ path, kind, code string }{
		{"/orgs/org_acme/7", "apiKey", "org-required"},
		{"/orgs/org_globex/7", "apiKey org", "org-mismatch"},
		{"/admin/", "apiKey org", "role-required"},
		{"/admin/", "apiKey", "org-required"},
		{"/admin/", "m2m", "org-required"},
	} {
		t.Run(tt.kind+" at "+tt.path, func(t *testing.T) {
			v := s.send(t, call{target: tt.path, headers: []string{bearer(w[tt.kind])}})
			v.wantDenied(t, http.StatusForbidden, tt.code, "")
		})
	}
}

// TestRevokedAndExpired: the Backend API says so in two ways, see VerifyFlags.
func TestRevokedAndExpired(t *testing.T) {
	t.Parallel()
	for _, flags := range []bool{false, true} {
		t.Run(fmt.Sprintf("by flags: %v", flags), func(t *testing.T) {
			t.Parallel()
			c := newClerk(t, clerktest.Options{Live: true, Directory: company(), VerifyFlags: flags})
			s := newSite(t, c, machineSettings(c, strings.TrimSuffix(c.JWKSURL, clerktest.JWKSPath)), variants[0])
			reason := "token-invalid" // not found
			if flags {
				reason = notVerified
			}
			for path, r := range map[string]clerktest.TokenRequest{
				"/key/":   {Type: clerktest.TypeAPIKey, User: "user_ada", Name: "laptop"},
				"/m2m/":   {Type: clerktest.TypeM2M, Machine: "mch_reports"},
				"/oauth/": {Type: clerktest.TypeOAuth, User: "user_ada", Audience: []string{thisAudience}},
			} {
				revoked := c.mint(t, r)
				if err := c.Revoke(revoked.ID); err != nil {
					t.Fatal(err)
				}
				r.ExpiresIn = -60
				for name, token := range map[string]string{"revoked": revoked.Token, "expired": c.mint(t, r).Token} {
					t.Run(name+" at "+path, func(t *testing.T) {
						v := s.send(t, call{target: path, headers: []string{bearer(token)}})
						v.wantDenied(t, http.StatusUnauthorized, reason, reason)
					})
				}
			}
		})
	}
}
