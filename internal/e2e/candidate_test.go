package e2e_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// TestCandidateBesideALivePolicy: the log and the metrics tell where it disagrees;
// clients and services notice nothing of it, also when its file breaks.
func TestCandidateBesideALivePolicy(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	file := filepath.Join(t.TempDir(), "candidate.yaml")
	writeFile(t, file, c.section("")+"\nroutes:\n  - {name: mine, path: /me, require: {role: org:admin}}\n  - {name: all, path: /**, access: public}\n")
	s := startSidecar(t, c.section("")+openRoutes, "--candidate", file).ready()
	echo := envoytest.NewEcho(t)
	e := variants[0].envoy(t, s, echo.Addr)
	member := bearer(c.Token(acme(2, "org:member")))

	identity(t, allowed(t, envoytest.Get(t, e.Addr, "/me?secret=1", member)), "user_ada", "org_acme")
	disagrees := func(path string) map[string]any {
		return s.await("a disagreement about "+path, func(r map[string]any) bool { return r["msg"] == "candidate disagrees" && r["path"] == path })
	}
	got := disagrees("/me")
	want := map[string]any{
		"level": "INFO", "msg": "candidate disagrees", "method": "GET", "host": "service.test", "path": "/me", "route": "me", "candidate_route": "mine",
		"live":      map[string]any{"outcome": "pass", "status": 200.0},
		"candidate": map[string]any{"outcome": "deny", "status": 403.0, "reason": "role-required", "detail": "the role org:admin is required"},
		"count":     1.0,
	}
	for _, varies := range []string{"time", "request_id", "policy", "candidate_policy"} {
		if got[varies] == nil {
			t.Errorf("the record has no %s", varies)
		}
		delete(got, varies)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}

	denied(t, envoytest.Get(t, e.Addr, "/elsewhere", member), 403, "no-route")
	disagrees("/elsewhere")

	renameOver(t, file, "version: 1\nrutes: []\n")
	s.await("the refusal", func(r map[string]any) bool { return r["msg"] == "candidate policy not reloaded" })
	identity(t, allowed(t, envoytest.Get(t, e.Addr, "/me", member)), "user_ada", "org_acme")
	if n := c.Endpoint().Fetches(); n != 1 {
		t.Errorf("keys were fetched %d times for two policies", n)
	}
}
