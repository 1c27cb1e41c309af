package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

func TestAFailedRefetchIsOurFaultAndIsRemembered(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.endpoint.Fail(http.StatusServiceUnavailable)
		w.fails("ins_two", jwks.ErrUnavailable)
		w.fetched(2)
		w.looks("ins_two", jwks.ErrUnavailable)
		w.looks("forged", jwks.ErrUnavailable)
		w.looks("", jwks.ErrUnknownKey)
		w.finds("ins_one") // known keys go on
		if _, err := w.await("forged"); !errors.Is(err, jwks.ErrUnavailable) {
			w.Errorf("await: %v", err)
		}
		w.fetched(2)

		w.later(10 * time.Second)
		w.looks("ins_two", jwks.ErrFetchNeeded) // the next cool-down, the next try
		w.endpoint.Publish(signer("ins_two"))
		w.endpoint.Heal()
		w.finds("ins_two")
		w.looks("forged", jwks.ErrUnknownKey)
		w.fetched(3)
	})
}

func TestALaterSuccessSettlesAFailedRefetch(t *testing.T) {
	story(t, func(c *jwks.Config) { c.Refresh = 4 * time.Second }, func(w *world) {
		w.run()
		w.later(3 * time.Second)
		w.endpoint.Fail(http.StatusServiceUnavailable)
		w.fails("forged", jwks.ErrUnavailable)
		w.endpoint.Heal()
		w.later(time.Second).fetched(3)
		w.looks("forged", jwks.ErrUnknownKey)
	})
}

func TestAFailedRefreshDoesNotSpoilTheCooldown(t *testing.T) {
	story(t, func(c *jwks.Config) { c.Refresh = 4 * time.Second }, func(w *world) {
		w.run()
		w.fails("forged", jwks.ErrUnknownKey)
		w.endpoint.Fail(http.StatusServiceUnavailable)
		w.later(4 * time.Second).fetched(3)
		w.looks("forged", jwks.ErrUnknownKey) // the endpoint said so four seconds ago
	})
}

func TestAnOutageKeepsTheKeysUntilTheyAreStale(t *testing.T) {
	story(t, func(c *jwks.Config) { c.Stale = 12 * time.Minute }, func(w *world) {
		w.run()
		w.endpoint.Fail(http.StatusServiceUnavailable)
		w.later(12 * time.Minute)
		w.fetched(4) // at 5, at 10, and at 12 minutes: not at 15
		w.looks("ins_one", nil)
		if err := w.source.Status().Usable(); err != nil {
			w.Error(err)
		}

		w.later(time.Nanosecond)
		w.looks("ins_one", jwks.ErrUnavailable)
		w.looks("forged", jwks.ErrUnavailable)
		w.looks("", jwks.ErrUnknownKey)
		err := w.source.Status().Usable()
		if want := "keys unavailable: last loaded 12m0s ago: answered with HTTP status 503"; !errors.Is(err, jwks.ErrUnavailable) || err.Error() != want {
			w.Errorf("got %q, want %q", err, want)
		}
		fetches := w.endpoint.Fetches()
		w.later(time.Minute)                                    // without usable keys it is tried every 1 to 5 s
		if more := w.endpoint.Fetches() - fetches; more != 22 { // 1, 1, 1.5, 2.5, 3, 3, … s apart
			w.Errorf("%d tries in a minute", more)
		}

		w.endpoint.Heal()
		w.later(5 * time.Second)
		w.finds("ins_one")
		w.logged("keys fetched again")
	})
}

func TestTheInjectedClockAgesKeys(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	story(t, func(c *jwks.Config) { c.Now = func() time.Time { return now } }, func(w *world) {
		w.run()
		w.end()
		if got := w.source.Status().Fetched; !got.Equal(now) {
			w.Errorf("fetched %v", got)
		}
		now = now.Add(jwks.DefaultStale)
		w.looks("ins_one", nil)
		now = now.Add(time.Nanosecond)
		w.looks("ins_one", jwks.ErrUnavailable)
	})
}

func TestRunEndsWithItsContextAndLeavesNothing(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.endpoint.Hang()
		var wait sync.WaitGroup
		wait.Go(func() {
			if _, err := w.source.Await(w.Context(), "forged"); !errors.Is(err, jwks.ErrUnavailable) {
				w.Errorf("await: %v", err)
			}
		})
		w.fetched(2)
		before := w.source.Status()
		w.end() // Run has returned; the bubble fails if a goroutine stays
		wait.Wait()
		if diff := cmp.Diff(before.Failures, w.source.Status().Failures); diff != "" {
			w.Errorf("stopping counts as a failure: %s", diff)
		}
		w.looks("ins_one", nil)
		w.fails("forged", jwks.ErrUnavailable)
		w.fetched(2)
		if w.source.Run(w.Context()) == nil {
			w.Error("a second Run")
		}
	})
}

// TestTheInjectedTimerDrivesRun needs no bubble: time is what the test says.
func TestTheInjectedTimerDrivesRun(t *testing.T) {
	endpoint := jwkstest.NewEndpoint(signer("ins_one"))
	server := httptest.NewServer(endpoint)
	defer server.Close()
	type timer struct {
		wait time.Duration
		fire chan time.Time
	}
	timers := make(chan timer)
	source, err := jwks.NewSource(jwks.Config{
		URL: server.URL, Timeout: time.Hour, Jitter: func() float64 { return 0 },
		After: func(d time.Duration) <-chan time.Time {
			fire := make(chan time.Time, 1)
			if d != time.Hour { // not the timeout of a fetch
				timers <- timer{d, fire}
			}
			return fire
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- source.Run(ctx) }()
	for n := 1; n <= 3; n++ {
		next := <-timers
		if got := endpoint.Fetches(); got != n || next.wait != 270*time.Second {
			t.Errorf("%d fetches, the next in %v; want %d, 4m30s", got, next.wait, n)
		}
		next.fire <- time.Time{}
	}
	<-timers // the fourth has begun to wait
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
