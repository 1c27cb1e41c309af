package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/watch"
)

// bothStricter is the stricter candidate with another instance.
func (k *kept) bothStricter() string {
	return strings.Replace(k.stricter(), "routes:", entry(k.two, k.url, "")+"routes:", 1)
}

// TestCandidateReloads as the policy does, with its own name in the log; whatever is
// wrong with it, the old one stays, and the metrics of reloads are not about it.
func TestCandidateReloads(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).stricter, func(k *kept) { k.watcher = watch.New(nil) }))
	live, old := k.current.hash(), k.rival.current.hash()
	k.decides(k.one, "")
	k.says(`msg="candidate disagrees"`)

	k.write("candidate.yaml", "version: 1\nrutes: []\n")
	k.says("level=ERROR", `msg="candidate policy"`, "candidate.yaml:2:1")
	k.says("level=ERROR", `msg="candidate policy not reloaded"`, "policy="+old)
	k.decides(k.one, "")
	k.says(`msg="candidate disagrees"`, "count=2")

	if err := os.Remove(filepath.Join(k.dir, "candidate.yaml")); err != nil {
		t.Fatal(err)
	}
	k.says("level=ERROR", `msg="candidate policy not reloaded"`, "policy="+old)
	k.write("candidate.yaml", `version: 1`+"\nclerk: [{publishableKey: \"${PANIC}\"}]\n"+keptRoutes)
	k.says(`msg="candidate policy"`, "the loader panicked")

	k.write("candidate.yaml", k.alone())
	k.says(`msg="candidate compared"`, "disagreed=2")
	k.says(`msg="candidate policy reloaded"`, "policy="+live, "replaced="+old)
	k.decides(k.one, "")
	k.hangUp(`msg="candidate policy unchanged"`, "policy="+live)
	k.says(`msg="candidate compared"`)
	k.counts(append(reloads(0, 0), k.inForce(live), `clerkgate_shadow_disagreements_total{route="me"} 2`)...)

	// Another policy in force begins another comparison.
	k.write("policy.yaml", k.stricter())
	k.says(`msg="candidate compared"`, "agreed=1 disagreed=0")
	k.says(`msg="policy reloaded"`, "policy="+old)
	k.decides(k.one, "org-required")
	k.says(`msg="candidate disagrees"`, "live.outcome=deny", "candidate.outcome=pass", "count=1")
	k.counts(append(reloads(0, 1), k.inForce(old))...)
	if k.log.count(`level=ERROR msg=policy`)+k.log.count(`msg="policy not reloaded"`) > 0 {
		t.Error("the policy is blamed for its candidate")
	}
}

// TestCandidateWithoutKeys is undecided until it has some; neither readiness nor the
// policy in force wait for them.
func TestCandidateWithoutKeys(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).second, func(k *kept) { k.two.Endpoint().Fail(500) }))
	k.decides(k.one, "")
	k.sumsUp("agreed=0 disagreed=0 undecided=1")
	if err := k.engine.Ready(); err != nil {
		t.Error(err)
	}
	k.write("policy.yaml", k.alone()+"  - {name: more, path: /more}\n")
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.one, "")
	k.two.Endpoint().Heal()
	k.until(func() bool {
		k.decides(k.two, "jwk-kid-mismatch")
		return k.log.count(`msg="candidate disagrees"`) > 0
	})
	k.says(`msg="candidate disagrees"`, "live.reason=jwk-kid-mismatch", "candidate.outcome=pass")
}

// until asks again and again, as long as there is patience.
func (k *kept) until(done func() bool) {
	k.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			k.Fatal("never done")
		}
	}
}

// TestPromotion: a candidate that comes into force brings its keys, a policy that
// goes leaves them to its candidate, and what neither has is stopped.
func TestPromotion(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).both))
	k.until(func() bool { return len(k.rival.current.lacking()) == 0 })
	k.two.Endpoint().Fail(500) // nobody may need to ask again
	one, two := k.one.Endpoint().Fetches(), k.two.Endpoint().Fetches()
	k.write("policy.yaml", k.both())
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.two, "")
	k.write("policy.yaml", k.second())
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.two, "")
	k.sumsUp("agreed=1")
	if n := k.log.count(`msg="key source stopped"`); n != 0 {
		t.Errorf("%d key sources stopped, and the candidate has both", n)
	}
	k.write("candidate.yaml", k.second())
	k.hangUp(`msg="candidate policy reloaded"`)
	k.log.await(0, `msg="key source stopped"`, k.oneURL)
	k.decides(k.two, "")
	if n := k.one.Endpoint().Fetches() - one + k.two.Endpoint().Fetches() - two; n != 0 {
		t.Errorf("%d fetches of keys that are there", n)
	}
	if n := k.log.count(`msg="key source stopped"`); n != 1 {
		t.Errorf("in the end %d key sources stopped", n)
	}
}

// TestCandidateFetchesNothing: what Clerk would have to be asked is not asked for
// the candidate: no key that nobody knows, no opaque token that the policy has not
// verified. What the policy has asked, the candidate knows.
func TestCandidateFetchesNothing(t *testing.T) {
	var calls atomic.Int64
	var api *httptest.Server
	answer := func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("content-type", "application/json")
		_, _ = fmt.Fprint(w, `{"object":"api_key","id":"ak_1","type":"api_key","name":"ci","subject":"user_ada","scopes":["read"],"claims":null,"revoked":false,"revocation_reason":null,"expired":false,"expiration":null,"created_by":null,"description":null,"last_used_at":null,"created_at":1,"updated_at":1}`)
	}
	routes := func(live bool) func(*kept) string {
		return func(k *kept) string {
			if live {
				api = httptest.NewServer(http.HandlerFunc(answer))
				k.Cleanup(api.Close)
			}
			text := "version: 1\nclerk:\n" + k.first("secretKey: sk_live_1\n    apiUrl: "+api.URL) + "routes:\n"
			if live {
				return text + "  - {name: open, path: /open, access: public}\n  - {name: keys, path: /**, tokens: [apiKey]}\n"
			}
			return text + "  - {name: keys, path: /**, tokens: [apiKey, session]}\n"
		}
	}
	k := keep(t, routes(true), beside(routes(false)))
	ask := func(path, token string) bool {
		return k.engine.Check(t.Context(), &authz.Request{Method: "GET", Path: path, Host: "api.example.com", Scheme: "https",
			Headers: []authz.Header{{Name: "authorization", Value: "Bearer " + token}}}).Allow
	}
	if !ask("/open", "ak_unasked") || calls.Load() != 0 {
		t.Errorf("%d calls", calls.Load())
	}
	if !ask("/open", k.two.Token(clerktest.Claims{User: "user_ada"})) {
		t.Error("denied")
	}
	k.sumsUp("undecided=2")
	if !ask("/keys", "ak_asked") || calls.Load() != 1 {
		t.Errorf("%d calls", calls.Load())
	}
	k.sumsUp("agreed=1 disagreed=0 undecided=2")
	if n, m := calls.Load(), k.one.Endpoint().Fetches(); n != 1 || m != 1 {
		t.Errorf("%d calls, %d fetches of keys", n, m)
	}
}

// TestCandidateReloadsUnderLoad: the answers are the policy's, whatever becomes of
// the candidate meanwhile.
func TestCandidateReloadsUnderLoad(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).stricter))
	token := k.one.Token(clerktest.Claims{User: "user_ada", AuthorizedParty: "https://app.example.com", ExpiresIn: time.Hour})
	var stop atomic.Bool
	var wrong atomic.Int64
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			for !stop.Load() {
				a := k.engine.Check(t.Context(), &authz.Request{Method: "GET", Path: "/me", Host: "api.example.com", Scheme: "https",
					Headers: []authz.Header{{Name: "authorization", Value: "Bearer " + token}}})
				if !a.Allow {
					wrong.Add(1)
				}
			}
		})
	}
	for range 50 {
		for _, text := range []string{k.bothStricter(), "version: 1\n", k.stricter()} {
			k.write("candidate.yaml", text)
			if text == "version: 1\n" {
				k.hangUp(`msg="candidate policy not reloaded"`)
			} else {
				k.hangUp(`msg="candidate policy reloaded"`)
			}
		}
	}
	k.write("candidate.yaml", strings.Replace(k.stricter(), "name: me", "name: shut", 1))
	k.hangUp(`msg="candidate policy reloaded"`)
	k.until(func() bool { return k.log.count("candidate_route=shut") > 0 })
	stop.Store(true)
	load.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d wrong answers", n)
	}
}
