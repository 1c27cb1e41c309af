package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

func TestAwaitJoinsAnyFetch(t *testing.T) {
	for _, tt := range []struct {
		name    string
		publish string // what the fetch under way will bring
		fetches int
	}{
		{"the refresh brings the key", "ins_two", 2},
		{"the refresh does not: the refetch is still due", "ins_one", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.run()
				w.endpoint.Hang()
				w.later(5 * time.Minute).fetched(2) // the refresh hangs
				w.endpoint.Publish(signer(tt.publish))
				w.looks("ins_two", jwks.ErrFetchNeeded)
				var wait sync.WaitGroup
				for range 50 {
					wait.Go(func() { _, _ = w.source.Await(w.Context(), "ins_two") })
				}
				w.fetched(2) // all of them joined
				w.endpoint.Heal()
				wait.Wait()
				w.fetched(tt.fetches)
			})
		})
	}
}

func TestARefreshJoinsTheRefetch(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.later(5*time.Minute - time.Second)
		w.endpoint.Hang()
		w.fails("ins_two", jwks.ErrUnavailable)
		w.later(2 * time.Second).fetched(2) // the refresh was due in between
		w.endpoint.Publish(signer("ins_two"))
		w.endpoint.Heal()
		w.finds("ins_two")
		w.fetched(2)
		w.later(5*time.Minute - time.Second).fetched(2)
		w.later(time.Second).fetched(3) // counted from the end of that one
	})
}

func TestAwaitJoinsTheFirstLoad(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Hang()
		w.run()
		w.looks("ins_one", jwks.ErrUnavailable)
		time.AfterFunc(100*time.Millisecond, w.endpoint.Heal)
		if key, err := w.await("ins_one"); err != nil || key.ID != "ins_one" {
			w.Errorf("got %v, %v", key, err)
		}
		w.fetched(1)
	})
}

func TestAwaitWorksWithoutRun(t *testing.T) {
	story(t, nil, func(w *world) {
		if key, err := w.await("ins_one"); err != nil || key.ID != "ins_one" {
			w.Fatalf("got %v, %v", key, err)
		}
		<-w.source.Ready()
		w.fails("ins_two", jwks.ErrUnknownKey) // that fetch was a refetch
		w.fetched(1)
	})
}

// TestAwaitAnswersBeforeTheDeadline measures in the bubble's time, which is exact.
func TestAwaitAnswersBeforeTheDeadline(t *testing.T) {
	for _, tt := range []struct{ left, answers time.Duration }{
		{time.Second, 900 * time.Millisecond},
		{200 * time.Millisecond, 150 * time.Millisecond},
		{80 * time.Millisecond, 60 * time.Millisecond},
		{40 * time.Millisecond, 30 * time.Millisecond},
		{4 * time.Millisecond, 3 * time.Millisecond},
		{0, 0},
		{-time.Second, 0},
	} {
		t.Run(tt.left.String(), func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.run()
				w.endpoint.Hang()
				start := time.Now()
				ctx, cancel := context.WithDeadline(w.Context(), start.Add(tt.left))
				defer cancel()
				if _, err := w.source.Await(ctx, "ins_two"); !errors.Is(err, jwks.ErrUnavailable) {
					w.Errorf("got %v", err)
				}
				if got := time.Since(start); got != tt.answers {
					w.Errorf("answered after %v, want %v", got, tt.answers)
				}
			})
		})
	}
}

// TestAFetchOutlivesWhoStartedIt: the first caller leaves, the second gets the key.
func TestAFetchOutlivesWhoStartedIt(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.endpoint.Publish(signer("ins_two"))
		w.endpoint.Hang()
		ctx, cancel := context.WithCancel(w.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := w.source.Await(ctx, "ins_two"); !errors.Is(err, jwks.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			w.Errorf("got %v", err)
		}
		w.looks("ins_two", jwks.ErrFetchNeeded)
		time.AfterFunc(time.Millisecond, w.endpoint.Heal)
		w.finds("ins_two")
		w.fetched(2)
	})
}

func TestAwaitWithoutKeysObservesTheCooldown(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Fail(http.StatusServiceUnavailable)
		for range 3 {
			if _, err := w.await("ins_one"); !errors.Is(err, jwks.ErrUnavailable) {
				w.Errorf("got %v", err)
			}
		}
		w.fetched(1)
		w.later(10 * time.Second)
		w.endpoint.Heal()
		if _, err := w.await("ins_one"); err != nil {
			w.Error(err)
		}
		w.fetched(2)
	})
}

// TestAwaitAfterAFailedLoad does not ask an endpoint again that just failed.
func TestAwaitAfterAFailedLoad(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Hang()
		w.run()
		time.AfterFunc(100*time.Millisecond, func() { w.endpoint.Fail(http.StatusServiceUnavailable) })
		if _, err := w.await("ins_one"); !errors.Is(err, jwks.ErrUnavailable) {
			w.Errorf("got %v", err)
		}
		w.fetched(1)
	})
}
