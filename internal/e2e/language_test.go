package e2e_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// languagePolicy names identity headers of its own and withholds credentials.
const languagePolicy = `
preflight: pass
identity:
  headers: {x-user-id: user.id, x-org-id: org.id, x-org-role: org.role, x-plan: claims.metadata.plan, x-town: {claim: town, encode: percent}, remote-user: user.id}
  forwardAuthorization: false
  forwardSessionCookies: false
routes:
  - {name: public, path: /public, access: public}
  - {name: hidden, path: /hidden, require: {role: org:admin}, onDeny: {status: 404}}
  - {name: upgrade, path: /upgrade, require: {plan: pro}, onDeny: {redirect: /pricing}}
  - {name: watched, path: /watched, mode: shadow, require: {role: org:admin}}
  - {name: put, path: /put, methods: [PUT]}
  - {name: me, path: /me}
`

// knowingTheNames edits the two places of the shipped file that name the identity
// headers. An expression that had each of them in every spelling would be too long
// for Envoy.
func knowingTheNames(c *envoytest.Config) {
	const names = `x[-_](user|org)[-_]id|x[-_]org[-_]role|x[-_](plan|town)|remote[-_]user`
	c.Patch = func(d *envoyconfig.Document) error {
		return errors.Join(
			d.Set(envoyconfig.Manager("early_header_mutation_extensions", 0, "typed_config", "mutations", 0, "remove_on_match", "key_matcher", "safe_regex", "regex"), names),
			d.Set(envoyconfig.Filter("decoder_header_mutation_rules", "allow_expression", "regex"),
				`x[-_].*|remote[-_]user|authorization|cookie`))
	}
}

// TestLanguageThroughEnvoy is what a policy says about answers and headers, seen by
// client and service.
func TestLanguageThroughEnvoy(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+languagePolicy).ready()
	admin, member := acme(2, "org:admin"), acme(2, "org:member")
	admin.Extra = map[string]any{"metadata": map[string]any{"plan": "gold"}, "town": "Zürich"}
	forged := []string{"x-user-id: root", "X-Org-Role: org:admin", "x-plan: free", "x-town: Rome", "Remote-User: root",
		"x_org_role: org:admin", "X_Plan: free", "remote_user: root", "Cookie: theme=dark; __session=x; __client_uat=0; __clerk_db_jwt=x"}
	for _, v := range append(slices.Clip(variants), lean) {
		for _, l := range []listener{
			{"shipped file, edited", false, knowingTheNames},
			{"unprotected", true, func(c *envoytest.Config) { c.Unsafe = true }},
		} {
			t.Run(v.name+", "+l.name, func(t *testing.T) {
				echo := envoytest.NewEcho(t)
				e := v.envoy(t, s, echo.Addr, l.change)
				send := forged
				if !l.underscores {
					send = append(append([]string{}, forged[:5]...), forged[8])
				}
				get := func(path string, headers ...string) *envoytest.Answer {
					return envoytest.Get(t, e.Addr, path, append(headers, send...)...)
				}
				arrives := func(a *envoytest.Answer, want map[string]string) {
					t.Helper()
					got := allowed(t, a)
					for _, name := range []string{"x-user-id", "x-org-id", "x-org-role", "x-plan", "x-town", "remote-user",
						"x_org_role", "x_plan", "remote_user", "authorization", "cookie"} {
						switch values := got.Headers[name]; {
						case want[name] == "" && len(values) > 0, want[name] != "" && (len(values) != 1 || values[0] != want[name]):
							t.Errorf("%s arrives as %q, want %q", name, values, want[name])
						}
					}
				}
				nobody := map[string]string{"cookie": "theme=dark"}
				ada := map[string]string{"x-user-id": "user_ada", "x-org-id": "org_acme", "x-org-role": "org:admin", "x-plan": "gold", "x-town": "Z%C3%BCrich",
					"remote-user": "user_ada", "cookie": "theme=dark"}
				plain := map[string]string{"x-user-id": "user_ada", "x-org-id": "org_acme", "x-org-role": "org:member", "remote-user": "user_ada", "cookie": "theme=dark"}

				arrives(get("/public", bearer(c.Token(admin))), nobody)
				arrives(get("/me", bearer(c.Token(admin))), ada)
				arrives(get("/hidden", bearer(c.Token(admin))), ada)
				denied(t, get("/hidden", bearer(c.Token(member))), http.StatusNotFound, "not-found")
				denied(t, get("/hidden", bearer("a.b.c")), http.StatusNotFound, "not-found")
				arrives(get("/watched", bearer(c.Token(member))), plain)
				arrives(get("/watched", bearer("a.b.c")), nobody)
				arrives(get("/watched"), nobody)
				if a := get("/upgrade", bearer(c.Token(member)), "sec-fetch-dest: document"); a.Status != http.StatusTemporaryRedirect || a.Header.Get("location") != "http://service.test/pricing" {
					t.Errorf("%d to %q", a.Status, a.Header.Get("location"))
				}
				preflight := func(path, method string) *envoytest.Answer {
					return envoytest.HTTP1(t, e.Addr, envoytest.Lines("OPTIONS "+path+" HTTP/1.1", "Host: service.test", "Connection: close",
						"Origin: https://app.example.com", "Access-Control-Request-Method: "+method, "x-user-id: root", "Cookie: theme=dark"))
				}
				arrives(preflight("/put", "PUT"), nobody)
				denied(t, preflight("/put", "PATCH"), http.StatusForbidden, "no-route")
			})
		}
	}
	s.await("the would-be denial", func(record map[string]any) bool {
		return record["msg"] == "decision" && record["route"] == "watched" && record["outcome"] == "pass"
	})
}
