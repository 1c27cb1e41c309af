package e2e_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

const seriesPolicy = `
identity:
  headers: {x-user-id: user.id, x-org-id: org.id, x-town: claims.town}
routes:
  - {name: health, path: /healthz, access: public}
  - {name: keys, path: "/keys/**", tokens: [apiKey]}
  - {name: new, path: /new, mode: shadow, require: {org: any}}
  - {name: me, path: /me}
`

// counted is a sidecar whose metrics are read.
type counted struct {
	*sidecar
	*clerk
	*asker
	api *backendtest.Endpoint
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	api := backendtest.NewEndpoint()
	url := "http://" + service(t, api.ServeHTTP)
	t.Cleanup(api.Release)
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("secretKey: "+c.SecretKey()+"\n    apiUrl: "+url)+seriesPolicy).ready()
	return &counted{s, c, s.ask(t), api}
}

// scrape reads the metrics as Prometheus does.
func (c *counted) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(c.metrics()))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(families, func(name string, _ *dto.MetricFamily) bool { return !strings.HasPrefix(name, "clerkgate_") })
	return families
}

// values returns the value of each series, of a histogram the count.
func (c *counted) values(t *testing.T) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for name, family := range c.scrape(t) {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all[strings.TrimSpace(name+" "+strings.Join(labels, " "))] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// TestEveryMetric: what was sent is what a scraper reads, in each metric that there
// is; and the documentation names those and no others.
func TestEveryMetric(t *testing.T) {
	c := newCounted(t)
	key := askedAbout()["apiKey"]
	c.api.Answer(key.path, key.says(t, nil))
	abroad := c.Token(clerktest.Claims{User: "user_ada", ExpiresIn: time.Hour, Extra: map[string]any{"town": "Zürich"}})
	apiKey, token := key.token(), c.token()
	for _, call := range []struct {
		path, token, want string
		times             int
	}{
		{"/healthz", "", "pass", 5},
		{"/me", token, "pass", 1},
		{"/me", abroad, "pass", 3},
		{"/me", "", "401 session-token-and-uat-missing", 2},
		{"/me", c.with(jwkstest.NewSigner("ins_other")).token(), "401 jwk-kid-mismatch", 2},
		{"/new", token, "pass", 2},
		{"/keys/1", apiKey, "pass", 3},
		{"/keys/1", "ak_", "401 token-invalid", 1},
		{"/nowhere", "", "403 no-route", 4},
		{"//me", "", "400 path-ambiguous", 1},
	} {
		for range call.times {
			var headers []string
			if call.token != "" {
				headers = append(headers, bearer(call.token))
			}
			if got := c.get(t, call.path, headers...).String(); got != call.want {
				t.Fatalf("%s: %s, want %s", call.path, got, call.want)
			}
		}
	}
	got := c.values(t)
	if age, there := got["clerkgate_jwks_age_seconds"]; !there || age < 0 || age > patience.Seconds() {
		t.Errorf("keys are %v s old", age)
	}
	if got["clerkgate_jwks_refetch_suppressed_total"] == 0 {
		t.Error("an unknown key id was looked up again, and no fetch was suppressed")
	}
	delete(got, "clerkgate_jwks_age_seconds")
	delete(got, "clerkgate_jwks_refetch_suppressed_total")
	decisions := func(outcome, reason, route, token string) string {
		return "clerkgate_decisions_total outcome=" + outcome + " reason=" + reason + " route=" + route + " token=" + token
	}
	want := map[string]float64{
		decisions("pass", "", "health", ""):                                  5,
		decisions("pass", "", "me", "session_token"):                         4,
		decisions("deny", "session-token-and-uat-missing", "me", ""):         2,
		decisions("deny", "jwk-kid-mismatch", "me", ""):                      2,
		decisions("pass", "", "new", "session_token"):                        2,
		decisions("pass", "", "keys", "api_key"):                             3,
		decisions("deny", "token-invalid", "keys", ""):                       1,
		decisions("deny", "no-route", "", ""):                                4,
		decisions("deny", "path-ambiguous", "", ""):                          1,
		"clerkgate_check_duration_seconds":                                   24,
		"clerkgate_shadow_disagreements_total route=new":                     2,
		"clerkgate_identity_headers_dropped_total header=x-town":             3,
		"clerkgate_policy_reload_total result=success":                       0,
		"clerkgate_policy_reload_total result=failure":                       0,
		"clerkgate_policy_info hash=" + c.policyHash():                       1,
		"clerkgate_policy_routes":                                            4,
		"clerkgate_token_cache_hits_total":                                   4,
		"clerkgate_token_cache_misses_total":                                 2,
		"clerkgate_token_cache_entries":                                      2,
		"clerkgate_jwks_fetches_total result=success":                        2,
		"clerkgate_jwks_fetches_total result=failure":                        0,
		"clerkgate_jwks_keys":                                                1,
		"clerkgate_backend_requests_total call=verify_api_key result=ok":     1,
		"clerkgate_backend_requests_total call=verify_api_key result=cached": 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(documentedMetrics(t), slices.Sorted(maps.Keys(c.scrape(t)))); diff != "" {
		t.Errorf("names (-documented +there):\n%s", diff)
	}
}

// policyHash is what the log calls the policy.
func (c *counted) policyHash() string {
	return c.await("the policy", says("policy loaded"))["policy"].(string)
}

// documentedMetrics are the names in docs/telemetry.md.
func documentedMetrics(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Compact(slices.Sorted(slices.Values(regexp.MustCompile(`\bclerkgate_[a-z_]+`).FindAllString(string(page), -1))))
}

// TestClientsMakeNoSeries: whatever a client sends, in whichever place, there are the
// same series as before.
func TestClientsMakeNoSeries(t *testing.T) {
	c := newCounted(t)
	c.api.Answer("/api_keys/verify", backendtest.JSON(404, `{"errors":[{"code":"not_found","message":"not found"}]}`))
	flood := func() (series []string) {
		for range 40 {
			for _, r := range oddRequests(c.clerk) {
				check := checkOf(r.method, r.path, r.headers...)
				if r.host != "" {
					check.Host = r.host
				}
				if _, err := c.check(t.Context(), check); err != nil {
					t.Fatal(err)
				}
			}
		}
		return slices.Sorted(maps.Keys(c.values(t)))
	}
	first := flood()
	if diff := cmp.Diff(first, flood()); diff != "" {
		t.Errorf("more of the same made series (-before +after):\n%s", diff)
	}
	if len(first) > 60 {
		t.Errorf("%d series:\n%s", len(first), strings.Join(first, "\n"))
	}
}

type oddRequest struct {
	method, path, host string
	headers            []string
}

// oddRequests have something in them that no other request ever had, in each place
// that a client can write to.
func oddRequests(c *clerk) []oddRequest {
	odd := rand.Text()
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	unknown := part(fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":"JWT"}`, odd)) + "." + part(fmt.Sprintf(`{"sub":%q}`, odd)) + ".AAAA"
	return []oddRequest{
		{odd, "/me", "", nil},
		{"GET", "/" + odd, "", nil},
		{"GET", "/me?" + odd + "=" + odd, "", nil},
		{"GET", "/me/%2f" + odd, "", nil},
		{"GET", "/me", odd + ".example", nil},
		{"GET", "/healthz", "", []string{"x-" + odd + ": " + odd, "x-request-id: " + odd, "user-agent: " + odd}},
		{"GET", "/me", "", []string{bearer(odd)}},
		{"GET", "/me", "", []string{bearer(unknown)}},
		{"GET", "/me", "", []string{bearer(c.Token(clerktest.Claims{User: "user_" + odd, Session: "sess_" + odd, ExpiresIn: time.Hour}))}},
		{"GET", "/new", "", []string{"Cookie: __session=" + odd + "; __client_uat=1; " + odd + "=" + odd}},
		{"GET", "/keys/" + odd, "", []string{bearer("ak_" + odd)}},
		{"OPTIONS", "/me", "", []string{"Origin: https://" + odd + ".example", "Access-Control-Request-Method: " + odd}},
	}
}
