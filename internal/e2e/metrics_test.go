package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

const countedRoutes = `
routes:
  - {name: health, path: /healthz, access: public}
  - {name: me, path: /me}
  - {name: new, path: /new, mode: shadow, require: {org: any}}
`

// TestMetrics: what Envoy asked is what a scraper reads.
func TestMetrics(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+countedRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	token := c.token()
	for range 3 {
		allowed(t, envoytest.Get(t, e.Addr, "/me", bearer(token)))
	}
	denied(t, envoytest.Get(t, e.Addr, "/me"), http.StatusUnauthorized, "session-token-and-uat-missing")
	denied(t, envoytest.Get(t, e.Addr, "/nowhere"), http.StatusForbidden, "no-route")
	allowed(t, envoytest.Get(t, e.Addr, "/healthz"))
	allowed(t, envoytest.Get(t, e.Addr, "/new", bearer(token)))
	got := s.metrics()
	for _, line := range []string{
		`clerkgate_decisions_total{outcome="pass",reason="",route="me",token="session_token"} 3`,
		`clerkgate_decisions_total{outcome="deny",reason="session-token-and-uat-missing",route="me",token=""} 1`,
		`clerkgate_decisions_total{outcome="deny",reason="no-route",route="",token=""} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="health",token=""} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="new",token="session_token"} 1`,
		`clerkgate_shadow_disagreements_total{route="new"} 1`,
		`clerkgate_check_duration_seconds_count 7`,
		`clerkgate_policy_routes 3`,
		`clerkgate_policy_info{hash="` + s.await("the policy", says("policy loaded"))["policy"].(string) + `"} 1`,
		`clerkgate_token_cache_hits_total 3`,
		`clerkgate_token_cache_misses_total 1`,
		`clerkgate_jwks_fetches_total{result="success"} 1`,
	} {
		if !strings.Contains(got, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, secret := range []string{token, "user_ada", c.Signer().ID, "otel_scope"} {
		if strings.Contains(got, secret) {
			t.Errorf("the metrics have %s", secret)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// metrics asks the admin listener.
func (s *sidecar) metrics() string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.Admin+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatal(response.Status, err)
	}
	return string(body)
}
