package e2e_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// costly are routes with as many conditions, each of which takes milliseconds.
func costly(conditions int) string {
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 60), ",") + "]"
	var nest strings.Builder
	for i := range conditions {
		fmt.Fprintf(&nest, "        - {when: '%s.exists(a, %s.exists(b, request.path.size() + a + b == -%d))'}\n", list, list, i)
	}
	return "\nroutes:\n  - name: costly\n    path: /**\n    require:\n      anyOf:\n" + nest.String()
}

// sumUp asks until a summary of the comparison satisfies want.
func (s *sidecar) sumUp(what string, want func(agreed, disagreed, undecided, skipped float64) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		from := s.mark()
		s.signal(syscall.SIGHUP)
		r := s.awaitNext(from, "a summary", says("candidate compared"))
		if want(r["agreed"].(float64), r["disagreed"].(float64), r["undecided"].(float64), r["skipped"].(float64)) {
			return
		}
	}
	s.t.Fatalf("no summary says: %s", what)
}

// TestCandidatesChangeUnderLoad: good ones, broken ones and slow ones take turns,
// and every answer is the policy's.
func TestCandidatesChangeUnderLoad(t *testing.T) {
	const reloads = 60
	c := newClerk(t, clerktest.Options{Live: true})
	candidates := []string{
		c.section(patientKeys) + closedRoutes,
		"version: 1\nrutes: []\n",
		c.section(patientKeys) + costly(5),
		c.section(patientKeys) + openRoutes,
	}
	file := filepath.Join(t.TempDir(), "candidate.yaml")
	writeFile(t, file, candidates[3])
	s := startSidecar(t, c.section(patientKeys)+openRoutes, "--candidate", file).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	client, w, token := httpClient(t), &watchdog{answers: newTally()}, c.token()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for ctx.Err() == nil {
				answer, err := ask(ctx, client, "http://"+e.Addr+"/me", token)
				if ctx.Err() == nil && (err != nil || answer != "pass") {
					w.bark("%s %v", answer, err)
				}
				w.answers.add()
			}
		})
	}
	workers.Go(func() { w.health(ctx, t, s) })
	for i := range reloads {
		from, said := s.mark(), "candidate policy reloaded"
		if i%len(candidates) == 1 {
			said = "candidate policy not reloaded"
		}
		renameOver(t, file, candidates[i%len(candidates)])
		s.signal(syscall.SIGHUP)
		s.awaitNext(from, "the reload", says(said))
		w.answers.reach(t, 10, "answers")
	}
	stop()
	workers.Wait()
	for what, n := range countEach(w.wrong) {
		t.Errorf("%d times: %s", n, what)
	}
	if n := c.Endpoint().Fetches(); n != 1 {
		t.Errorf("%d fetches of keys that never changed", n)
	}
	if n := strings.Count(s.log(), `"msg":"candidate disagrees"`); n > reloads*17 {
		t.Errorf("%d records of disagreements", n)
	}
}

// TestNobodyWaitsForACandidate: requests are answered long before a slow candidate
// has thought about them, and the process ends before it has.
func TestNobodyWaitsForACandidate(t *testing.T) {
	const requests = 500
	c := newClerk(t, clerktest.Options{Live: true})
	file := filepath.Join(t.TempDir(), "candidate.yaml")
	writeFile(t, file, c.section("")+costly(50))
	s := startSidecar(t, c.section("")+openRoutes, "--candidate", file).ready()
	a, token := s.ask(t), c.token()
	for range requests {
		expect(t, a, "beside a slow candidate", token, "pass")
	}
	from := s.mark()
	s.signal(syscall.SIGHUP)
	r := s.awaitNext(from, "a summary", says("candidate compared"))
	if n := r["agreed"].(float64) + r["disagreed"].(float64) + r["undecided"].(float64); n >= requests {
		t.Errorf("%v requests were compared before all were answered: the candidate is not slow, or was waited for", n)
	}
	from = s.mark()
	s.signal(syscall.SIGTERM)
	if status := s.exit(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	last := s.awaitNext(from, "the last summary", says("candidate compared"))
	if n := last["disagreed"].(float64) + last["skipped"].(float64); n != requests {
		t.Errorf("%v: %v in all, want %d", last, n, requests)
	}
}

// TestCandidateAsksNobody: what only Clerk could say about a caller stays unasked,
// and a nonce, which can be spent once, unspent.
func TestCandidateAsksNobody(t *testing.T) {
	api := backendtest.NewEndpoint()
	t.Cleanup(api.Release)
	c := newClerk(t, clerktest.Options{Live: true})
	secret := fmt.Sprintf("secretKey: %s\n    apiUrl: http://%s\n    %s", c.SecretKey(), service(t, api.ServeHTTP), patientKeys)
	file := filepath.Join(t.TempDir(), "candidate.yaml")
	writeFile(t, file, c.section(secret)+"\nroutes:\n  - {name: me, path: /me, tokens: [session, apiKey, m2m, oauth]}\n")
	s := startSidecar(t, c.section(secret)+"\nroutes:\n  - {name: me, path: /me, access: public}\n", "--candidate", file).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	stranger := newClerk(t, clerktest.Options{FrontendAPI: "clerk.stranger.example", Live: true})
	for _, tt := range []struct {
		name, target string
		headers      []string
	}{
		{"an API key", "/me", []string{bearer(askedAbout()["apiKey"].token())}},
		{"a machine's token", "/me", []string{bearer(askedAbout()["m2m"].token())}},
		{"an OAuth token", "/me", []string{bearer(askedAbout()["oauth"].token())}},
		{"a key that nobody knows", "/me", []string{bearer(stranger.token())}},
		{"a nonce", "/me?__clerk_handshake_nonce=nonce_1", []string{"Sec-Fetch-Dest: document", "Accept: text/html"}},
	} {
		allowed(t, envoytest.Get(t, e.Addr, tt.target, tt.headers...))
	}
	s.sumUp("all undecided", func(agreed, disagreed, undecided, skipped float64) bool {
		return undecided == 5 && agreed+disagreed+skipped == 0
	})
	if asked := api.Requests(); len(asked) > 0 {
		t.Errorf("the Backend API was asked %d times: %+v", len(asked), asked)
	}
	if n := c.Endpoint().Fetches(); n != 1 {
		t.Errorf("%d fetches of keys", n)
	}
}
