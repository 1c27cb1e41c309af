package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// flood is a number of forged key ids from many callers at once, with valid
// tokens among them.
type flood struct {
	asker *asker
	clerk *clerk
	valid []string

	mu             sync.Mutex
	forged, passed map[string]int // answers to forged and to valid tokens
}

func newFlood(t testing.TB, a *asker, c *clerk) *flood {
	t.Helper()
	f := &flood{asker: a, clerk: c, forged: map[string]int{}, passed: map[string]int{}}
	for range 20 {
		f.valid = append(f.valid, c.token())
	}
	return f
}

// run sends ids until next says that it was enough. It must be safe for
// concurrent use.
func (f *flood) run(ctx context.Context, next func() (id int, more bool)) {
	_, rest, _ := strings.Cut(f.valid[0], ".")
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				id, more := next()
				if !more || ctx.Err() != nil {
					return
				}
				f.note(ctx, f.forged, headerOf(fmt.Sprintf("ins_forged_%d", id))+"."+rest)
				if id%25 == 0 {
					f.note(ctx, f.passed, f.valid[id/25%len(f.valid)])
				}
			}
		})
	}
	workers.Wait()
}

func (f *flood) note(ctx context.Context, answers map[string]int, token string) {
	r, err := f.asker.try(ctx, "/me", bearer(token))
	answer := r.String()
	if err != nil {
		answer = err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answers[answer]++
}

// upTo yields the numbers below n.
func upTo(n int) func() (int, bool) {
	var mu sync.Mutex
	next := 0
	return func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= n
	}
}

// check compares the answers: every forged token got want, every valid one
// passed.
func (f *flood) check(t testing.TB, n int, want string) {
	t.Helper()
	if len(f.forged) != 1 || f.forged[want] != n {
		t.Errorf("answers to %d forged key ids: %v, want %s each", n, f.forged, want)
	}
	if len(f.passed) != 1 || f.passed["pass"] == 0 {
		t.Errorf("answers to valid tokens meanwhile: %v", f.passed)
	}
}

func TestForgedKeyIDsCostOneFetch(t *testing.T) {
	const many = 10_000
	for _, tt := range []struct {
		name  string
		n     int
		spoil func(*clerk)
		want  string
	}{
		{"endpoint works", many, func(*clerk) {}, unknownKey},
		{"endpoint fails", many / 10, func(c *clerk) { c.Endpoint().Fail(http.StatusServiceUnavailable) }, noKeys},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClerk(t, clerktest.Options{Live: true})
			s := startSidecar(t, c.section(patientKeys)+keysRoutes).ready()
			tt.spoil(c)
			f := newFlood(t, s.ask(t), c)
			f.run(t.Context(), upTo(tt.n))
			f.check(t, tt.n, tt.want)
			if fetches := c.Endpoint().Fetches(); fetches != 2 {
				t.Errorf("%d fetches, want the first and one more", fetches)
			}
		})
	}
}

// TestForgedKeyIDsCostOneFetchPerCooldown sends until the endpoint has seen three
// refetches, and compares with the time that took.
func TestForgedKeyIDsCostOneFetchPerCooldown(t *testing.T) {
	const cooldown = time.Second
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("keys: {refresh: 2h, cooldown: 1s}")+keysRoutes).ready()
	f := newFlood(t, s.ask(t), c)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ids := upTo(1 << 30)
	sent := 0
	var mu sync.Mutex
	start := time.Now()
	f.run(ctx, func() (int, bool) {
		if c.Endpoint().Fetches() >= 4 {
			return 0, false
		}
		mu.Lock()
		defer mu.Unlock()
		sent++
		return ids()
	})
	most := 2 + int(time.Since(start)/cooldown)
	if n := c.Endpoint().Fetches(); n < 4 || n > most {
		t.Errorf("%d fetches in %v with a cool-down of %v, want 4 to %d", n, time.Since(start), cooldown, most)
	}
	f.check(t, sent, unknownKey)
}

// TestValidTokensDoNotWait: a refetch that hangs holds up those who need it and
// nobody else.
func TestValidTokensDoNotWait(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+keysRoutes).ready()
	a := s.ask(t)
	c.Endpoint().Hang()
	t.Cleanup(c.Endpoint().Heal) // a hung request would keep its server from closing
	f := newFlood(t, a, c)
	var waiting sync.WaitGroup
	waiting.Go(func() { f.run(t.Context(), upTo(8)) }) // as many as there are callers: all of them wait
	c.awaitFetches(t, 2)
	for range 50 {
		expect(t, a, "a valid token during a refetch", c.token(), "pass")
	}
	c.Endpoint().Heal()
	waiting.Wait()
	f.check(t, 8, unknownKey)
	if n := c.Endpoint().Fetches(); n != 2 {
		t.Errorf("%d fetches, want the first and one more", n)
	}
}

// TestFetchSettlesTheKeyID: the fetch that a request has waited for settles its
// key id, also if the cool-down is over before the request goes on.
func TestFetchSettlesTheKeyID(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("keys: {refresh: 2h, cooldown: 1ns}")+keysRoutes).ready()
	expect(t, s.ask(t), "an unknown key id after a fetch that did not bring it", c.forged("ins_forged"), unknownKey)
}
