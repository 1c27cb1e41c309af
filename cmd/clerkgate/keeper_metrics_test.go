package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// scrape returns what a scraper gets.
func (k *kept) scrape() string {
	answer := httptest.NewRecorder()
	k.metrics.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(k.Context(), "GET", "/metrics", nil))
	return answer.Body.String()
}

// counts checks lines of it.
func (k *kept) counts(lines ...string) {
	k.Helper()
	if err := lacksLine(strings.NewReader(k.scrape()), lines); err != nil {
		k.Error(err)
	}
}

func reloads(failures, successes int) []string {
	return []string{
		fmt.Sprintf(`clerkgate_policy_reload_total{result="failure"} %d`, failures),
		fmt.Sprintf(`clerkgate_policy_reload_total{result="success"} %d`, successes),
	}
}

func (k *kept) inForce(hash string) string {
	return fmt.Sprintf(`clerkgate_policy_info{hash="%s"} 1`, hash)
}

// TestReloadsAreCounted: each try once, whichever way it ends; none if nothing has
// changed.
func TestReloadsAreCounted(t *testing.T) {
	k := keep(t, (*kept).alone, nil)
	first := k.current.hash()
	k.hangUp(`msg="policy unchanged"`)
	k.counts(append(reloads(0, 0), k.inForce(first), "clerkgate_policy_routes 1")...)

	k.write("policy.yaml", "version: 2\n")
	k.hangUp(`msg="policy not reloaded"`)
	k.hangUp(`msg="policy not reloaded"`)
	k.counts(append(reloads(2, 0), k.inForce(first), "clerkgate_policy_routes 1")...)

	k.write("policy.yaml", k.alone()+"  - {name: more, path: /more}\n")
	k.hangUp(`msg="policy reloaded"`)
	k.hangUp(`msg="policy unchanged"`)
	if k.current.hash() == first {
		t.Fatal("the hash stayed")
	}
	k.counts(append(reloads(2, 1), k.inForce(k.current.hash()), "clerkgate_policy_routes 2")...)
}

// TestAPolicyWithoutKeysIsAFailureAtFirst, and a success when the keys are there.
func TestAPolicyWithoutKeysIsAFailureAtFirst(t *testing.T) {
	k := keep(t, (*kept).alone, func(k *kept) { k.patience = time.Millisecond })
	k.two.Endpoint().Hang()
	k.write("policy.yaml", k.both())
	k.hangUp(`msg="policy waits for keys"`)
	k.says(`msg="policy not reloaded"`)
	k.counts(reloads(1, 0)...)
	k.hangUp(`msg="policy not reloaded"`) // told again, and the same try
	k.counts(reloads(1, 0)...)
	k.two.Endpoint().Heal()
	k.says(`msg="policy reloaded"`)
	k.counts(reloads(1, 1)...)
}

// TestDecisionsAreCounted: routes, keys and the token cache under their names.
func TestDecisionsAreCounted(t *testing.T) {
	k := keep(t, (*kept).alone, nil)
	k.decides(k.one, "")
	k.decides(k.two, "jwk-kid-mismatch")
	k.counts(
		`clerkgate_decisions_total{outcome="pass",reason="",route="me",token="session_token"} 1`,
		`clerkgate_decisions_total{outcome="deny",reason="jwk-kid-mismatch",route="me",token=""} 1`,
		`clerkgate_check_duration_seconds_count 2`,
		`clerkgate_token_cache_misses_total 1`,
		`clerkgate_token_cache_entries 1`,
		`clerkgate_jwks_fetches_total{result="failure"} 0`,
		`clerkgate_jwks_fetches_total{result="success"} 2`,
		`clerkgate_jwks_keys 1`,
	)
}

// TestShadowDisagreementsAreCounted by the route in shadow mode, from zero on.
func TestShadowDisagreementsAreCounted(t *testing.T) {
	k := keep(t, func(k *kept) string {
		return "version: 1\nmode: shadow\nclerk:\n" + k.first("") +
			"routes:\n  - {name: me, path: /me, require: {org: any}}\n  - {name: strict, path: /strict, mode: enforce}\n"
	}, nil)
	k.counts(`clerkgate_shadow_disagreements_total{route=""} 0`, `clerkgate_shadow_disagreements_total{route="me"} 0`)
	k.decides(k.one, "")
	k.decides(k.two, "")
	k.counts(
		`clerkgate_shadow_disagreements_total{route=""} 0`,
		`clerkgate_shadow_disagreements_total{route="me"} 2`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="me",token="session_token"} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="me",token=""} 1`,
	)
	if answer := k.scrape(); strings.Contains(answer, `route="strict"`) {
		k.Errorf("a route that is enforced has a series:\n%s", answer)
	}
}
