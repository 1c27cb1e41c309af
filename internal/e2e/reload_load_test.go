package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// alternative is one of two policies, and what it says to two callers. The two
// differ in their clerk section and in their routes: whoever saw one half of each
// would get an answer that is neither's.
type alternative struct {
	policy  string
	answers [2]string
}

const otherParty = "401 token-invalid-authorized-parties"

func alternatives(c *clerk) (policies [2]alternative, tokens [2]string) {
	text := func(party, route string) string {
		return c.section(patientKeys+"\n    authorizedParties: [https://"+party+".example.com]") + "\nroutes:\n  - " + route + "\n"
	}
	token := func(party string, org clerktest.Org) string {
		return c.Token(clerktest.Claims{User: "user_ada", Org: org, AuthorizedParty: "https://" + party + ".example.com", ExpiresIn: time.Hour})
	}
	member := clerktest.Org{ID: "org_acme", Slug: "acme", Role: "org:member"}
	return [2]alternative{
		{text("one", "{name: me, path: /me}"), [2]string{"pass", otherParty}},
		{text("two", "{name: me, path: /me, require: {org: any, role: org:admin}}"), [2]string{otherParty, "403 role-required"}},
	}, [2]string{token("one", clerktest.Org{}), token("two", member)}
}

// watchdog asks about a sidecar again and again, and keeps what is wrong.
type watchdog struct {
	answers *tally
	mu      sync.Mutex
	wrong   []string
}

func (w *watchdog) bark(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// judge sends both callers' requests through Envoy, and wants one policy's answer
// to each.
func (w *watchdog) judge(ctx context.Context, client *http.Client, url string, policies [2]alternative, tokens [2]string) {
	for i := 0; ctx.Err() == nil; i++ {
		caller := i % 2
		answer, err := ask(ctx, client, url, tokens[caller])
		if ctx.Err() != nil {
			return
		}
		if err != nil || answer != policies[0].answers[caller] && answer != policies[1].answers[caller] {
			w.bark("caller %d: %s %v", caller, answer, err)
		}
		w.answers.add()
	}
}

// health asks both health endpoints.
func (w *watchdog) health(ctx context.Context, t *testing.T, s *sidecar) {
	a := s.ask(t)
	for ctx.Err() == nil {
		if status, body := s.readyz(); status != http.StatusOK {
			w.bark("/readyz: %d %s", status, body)
		}
		if got := a.serving(t); got != servingStatus {
			w.bark("health: %v", got)
		}
	}
}

// TestReloadsUnderLoad: two policies take turns 1,000 times while requests come in.
// Each answer is that of one of them, and once the log says which, of that one.
func TestReloadsUnderLoad(t *testing.T) {
	const reloads = 1000
	c := newClerk(t, clerktest.Options{Live: true})
	policies, tokens := alternatives(c)
	s := startSidecar(t, policies[0].policy).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	url, client := "http://"+e.Addr+"/me", httpClient(t)
	w := &watchdog{answers: newTally()}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers sync.WaitGroup
	for range 6 {
		workers.Go(func() { w.judge(ctx, client, url, policies, tokens) })
	}
	workers.Go(func() { w.health(ctx, t, s) })
	w.answers.reach(t, 50, "answers before the first reload")
	for i := 1; i <= reloads; i++ {
		now := policies[i%2]
		from := s.mark()
		renameOver(t, s.Policy, now.policy)
		if i%10 != 0 { // and the others by themselves
			s.signal(syscall.SIGHUP)
		}
		s.awaitNext(from, "the reload", says("policy reloaded"))
		for caller, token := range tokens {
			if answer, err := ask(ctx, client, url, token); err != nil || answer != now.answers[caller] {
				t.Fatalf("after reload %d, caller %d: %s %v, want %s", i, caller, answer, err, now.answers[caller])
			}
		}
	}
	w.answers.reach(t, 50, "answers after the last reload")
	stop()
	workers.Wait()
	slices.Sort(w.wrong)
	for what, n := range countEach(w.wrong) {
		t.Errorf("%d times: %s", n, what)
	}
	if n := c.Endpoint().Fetches(); n != 1 {
		t.Errorf("%d fetches of keys that never changed", n)
	}
}
