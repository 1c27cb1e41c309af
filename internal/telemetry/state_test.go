package telemetry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/jwks"
)

// endpoint and client are doing what a test says.
type (
	endpoint struct{ status jwks.Status }
	client   struct{ counts []backend.Count }
)

func (e *endpoint) Status() jwks.Status { return e.status }

func (c *client) Stats() backend.Stats { return backend.Stats{Counts: c.counts} }

// TestThePolicyInForce: one at a time has a series.
func TestThePolicyInForce(t *testing.T) {
	m := newMetrics(t)
	m.Use(telemetry.InForce{Policy: "sha256:a", Routes: 3})
	compare(t, series(t, m, "clerkgate_policy_info", "clerkgate_policy_routes"), `clerkgate_policy_info{hash="sha256:a"} 1`, `clerkgate_policy_routes 3`)
	m.Use(telemetry.InForce{Policy: "sha256:b", Routes: 4})
	compare(t, series(t, m, "clerkgate_policy_info", "clerkgate_policy_routes"), `clerkgate_policy_info{hash="sha256:b"} 1`, `clerkgate_policy_routes 4`)
}

// TestShadowRoutes: a route in shadow mode has a zero before it disagrees, and what
// it has after a policy without it.
func TestShadowRoutes(t *testing.T) {
	m := newMetrics(t)
	m.Use(telemetry.InForce{Shadow: []string{"", "new"}})
	m.ShadowDisagreement("new")
	compare(t, series(t, m, "clerkgate_shadow"), `clerkgate_shadow_disagreements_total{route=""} 0`, `clerkgate_shadow_disagreements_total{route="new"} 1`)
	m.Use(telemetry.InForce{})
	m.Use(telemetry.InForce{Shadow: []string{"new"}})
	compare(t, series(t, m, "clerkgate_shadow"), `clerkgate_shadow_disagreements_total{route=""} 0`, `clerkgate_shadow_disagreements_total{route="new"} 1`)
}

// TestKeys: what sources have counted stays when they go, and what they have goes
// with them.
func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMetrics(t)
		never := &endpoint{}
		stays := &endpoint{jwks.Status{Keys: 1, Fetched: time.Now(), Fetches: 10, Failures: 2, Suppressed: 7}}
		goes := &endpoint{jwks.Status{Keys: 2, Fetched: time.Now().Add(-time.Minute), Fetches: 5, Failures: 5, Suppressed: 1}}
		m.Use(telemetry.InForce{Keys: []telemetry.KeySource{never, stays, goes}})
		time.Sleep(1500 * time.Millisecond) // of the bubble
		compare(t, series(t, m, "clerkgate_jwks"),
			`clerkgate_jwks_age_seconds 61.5`,
			`clerkgate_jwks_fetches_total{result="failure"} 7`,
			`clerkgate_jwks_fetches_total{result="success"} 8`,
			`clerkgate_jwks_keys 3`,
			`clerkgate_jwks_refetch_suppressed_total 8`)

		comes := &endpoint{jwks.Status{Keys: 4, Fetched: time.Now().Add(time.Hour), Fetches: 1}} // the clock was set back
		m.Use(telemetry.InForce{Keys: []telemetry.KeySource{stays, comes}})
		stays.status.Fetches++
		compare(t, series(t, m, "clerkgate_jwks"),
			`clerkgate_jwks_age_seconds 1.5`,
			`clerkgate_jwks_fetches_total{result="failure"} 7`,
			`clerkgate_jwks_fetches_total{result="success"} 10`,
			`clerkgate_jwks_keys 5`,
			`clerkgate_jwks_refetch_suppressed_total 8`)

		m.Use(telemetry.InForce{Keys: []telemetry.KeySource{comes}})
		compare(t, series(t, m, "clerkgate_jwks_age", "clerkgate_jwks_fetches"),
			`clerkgate_jwks_age_seconds 0`,
			`clerkgate_jwks_fetches_total{result="failure"} 7`,
			`clerkgate_jwks_fetches_total{result="success"} 10`)

		m.Use(telemetry.InForce{})
		compare(t, series(t, m, "clerkgate_jwks_age", "clerkgate_jwks_keys"), `clerkgate_jwks_keys 0`)
	})
}

// TestBackend: questions are told apart by what was asked and how it ended.
func TestBackend(t *testing.T) {
	m := newMetrics(t)
	stays := &client{[]backend.Count{{Kind: clerk.CallRefresh, Result: backend.ResultOK, N: 3}, {Kind: clerk.CallVerifyAPIKey, Result: backend.ResultCached, N: 9}}}
	goes := &client{[]backend.Count{{Kind: clerk.CallRefresh, Result: backend.ResultOK, N: 2}, {Kind: clerk.CallRefresh, Result: backend.ResultFailed, N: 1}}}
	want := []string{
		`clerkgate_backend_requests_total{call="refresh_session",result="failed"} 1`,
		`clerkgate_backend_requests_total{call="refresh_session",result="ok"} 5`,
		`clerkgate_backend_requests_total{call="verify_api_key",result="cached"} 9`,
	}
	m.Use(telemetry.InForce{Backends: []telemetry.Backend{goes, stays}})
	compare(t, series(t, m, "clerkgate_backend"), want...)
	m.Use(telemetry.InForce{Backends: []telemetry.Backend{stays}})
	compare(t, series(t, m, "clerkgate_backend"), want...)
	m.Use(telemetry.InForce{})
	compare(t, series(t, m, "clerkgate_backend"), want...)
}

func TestTokenCache(t *testing.T) {
	m := newMetrics(t)
	m.UseTokenCache(func() authz.CacheStats { return authz.CacheStats{Hits: 5, Misses: 2, Entries: 1} })
	compare(t, series(t, m, "clerkgate_token_cache"),
		`clerkgate_token_cache_entries 1`, `clerkgate_token_cache_hits_total 5`, `clerkgate_token_cache_misses_total 2`)
}
