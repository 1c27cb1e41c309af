package jwks_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

func TestKeysAreLoadedBeforeReady(t *testing.T) {
	story(t, nil, func(w *world) {
		w.looks("ins_one", jwks.ErrUnavailable)
		w.looks("", jwks.ErrUnknownKey)
		select {
		case <-w.source.Ready():
			w.Fatal("ready before the first load")
		default:
		}
		if err := w.source.Status().Usable(); !errors.Is(err, jwks.ErrUnavailable) {
			w.Fatalf("usable before the first load: %v", err)
		}
		w.run()
		<-w.source.Ready()
		w.looks("ins_one", nil)
		if err := w.source.Status().Usable(); err != nil {
			w.Fatal(err)
		}
		w.fetched(1)
		w.logged("keys loaded")
	})
}

func TestWithoutKeysTheLoadIsRetriedWithinFiveSeconds(t *testing.T) {
	for _, tt := range []struct {
		jitter float64
		want   []time.Duration // since the start
	}{
		{0, []time.Duration{0, 1 * time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second}},
		{0.5, []time.Duration{0, 1 * time.Second, 2500 * time.Millisecond, 5 * time.Second, 8 * time.Second, 11 * time.Second}},
		{0.9999999999, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 12 * time.Second, 17 * time.Second}},
	} {
		t.Run(fmt.Sprint("jitter ", tt.jitter), func(t *testing.T) {
			story(t, func(c *jwks.Config) { c.Jitter = func() float64 { return tt.jitter } }, func(w *world) {
				w.endpoint.Fail(http.StatusBadGateway)
				start := time.Now()
				w.run()
				for i, at := range tt.want {
					if err := w.endpoint.WaitFetches(w.Context(), i+1); err != nil {
						w.Fatal(err)
					}
					if got := time.Since(start).Round(time.Microsecond); got != at {
						w.Errorf("fetch %d after %v, want %v", i+1, got, at)
					}
				}
				w.looks("ins_one", jwks.ErrUnavailable)
				w.endpoint.Heal()
				<-w.source.Ready()
				w.finds("ins_one")
			})
		})
	}
}

func TestTheRefreshIsSpreadByATenth(t *testing.T) {
	for _, tt := range []struct {
		jitter float64
		want   time.Duration
	}{
		{0, 270 * time.Second}, {0.5, 300 * time.Second}, {0.75, 315 * time.Second},
	} {
		story(t, func(c *jwks.Config) { c.Jitter = func() float64 { return tt.jitter } }, func(w *world) {
			w.run()
			w.later(tt.want - time.Millisecond).fetched(1)
			w.later(2 * time.Millisecond).fetched(2)
		})
	}
}

func TestARefreshFollowsTheEndpoint(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Publish(signer("ins_one"), signer("ins_two"))
		w.run()
		one, two := w.finds("ins_one"), w.finds("ins_two")

		w.endpoint.Publish(signer("ins_two"), signer("ins_three"))
		w.later(5 * time.Minute).fetched(2)
		w.looks("ins_one", jwks.ErrFetchNeeded) // gone
		w.finds("ins_three")
		if w.finds("ins_two") != two {
			w.Error("a key that did not change has another pointer")
		}
		w.logged("keys changed")

		renamed := *signer("ins_two")
		renamed.ID = "ins_one"
		w.endpoint.Publish(&renamed, signer("ins_two"))
		w.later(5 * time.Minute)
		if key, err := w.source.Key("ins_one"); err != nil || key == one || key.Public.Equal(one.Public) {
			w.Errorf("a kid with other numbers keeps its old key: %v, %v", key, err)
		}

		stronger := *signer("ins_two")
		stronger.Algorithm = "RS512"
		w.endpoint.Publish(&stronger)
		w.later(5 * time.Minute)
		if key, err := w.source.Key("ins_two"); err != nil || key == two || key.Algorithm != "RS512" {
			w.Errorf("a key with another alg keeps its old pointer: %v, %v", key, err)
		}
	})
}

func TestAnUnknownKeyIsFetchedOnce(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run().fetched(1)
		w.endpoint.Publish(signer("ins_one"), signer("ins_two"))
		w.looks("ins_two", jwks.ErrFetchNeeded)
		w.fetched(1) // looking starts nothing
		w.finds("ins_two")
		w.fetched(2)

		// In the cool-down the answer is no, at once, also for a key that would be there.
		w.endpoint.Publish(signer("ins_three"))
		w.later(10*time.Second - time.Nanosecond)
		w.looks("ins_three", jwks.ErrUnknownKey)
		if _, err := w.await("ins_three"); !errors.Is(err, jwks.ErrUnknownKey) {
			w.Errorf("await in the cool-down: %v", err)
		}
		w.fetched(2)

		w.later(time.Nanosecond)
		w.finds("ins_three")
		w.looks("ins_one", jwks.ErrUnknownKey)
		w.fetched(3)
	})
}

func TestALoadOrRefreshStartsNoCooldown(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.looks("forged", jwks.ErrFetchNeeded)
		w.later(5 * time.Minute).fetched(2)
		w.looks("forged", jwks.ErrFetchNeeded)
	})
}

func TestARefreshInTheCooldownIsUsed(t *testing.T) {
	story(t, func(c *jwks.Config) { c.Refresh = 4 * time.Second }, func(w *world) {
		w.run()
		w.fails("ins_two", jwks.ErrUnknownKey)
		w.endpoint.Publish(signer("ins_two"))
		w.later(4 * time.Second)
		w.looks("ins_two", nil)
		w.looks("ins_one", jwks.ErrUnknownKey)
		w.later(6 * time.Second)
		w.looks("ins_one", jwks.ErrFetchNeeded)
	})
}

func TestTheCooldownCountsFromTheEndOfTheFetch(t *testing.T) {
	story(t, func(c *jwks.Config) { c.Cooldown = time.Second }, func(w *world) {
		w.run()
		w.endpoint.Hang()
		var wait sync.WaitGroup
		wait.Go(func() {
			if _, err := w.source.Await(w.Context(), "forged"); !errors.Is(err, jwks.ErrUnknownKey) {
				w.Errorf("await: %v", err)
			}
		})
		w.later(4 * time.Second) // a slow answer, much longer than the cool-down
		w.looks("forged", jwks.ErrFetchNeeded)
		w.endpoint.Heal()
		wait.Wait()
		w.looks("forged", jwks.ErrUnknownKey)
		w.later(time.Second)
		w.looks("forged", jwks.ErrFetchNeeded)
		w.fetched(2)
	})
}

func TestAnEmptyKeyIDNeverFetches(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.looks("", jwks.ErrUnknownKey)
		if _, err := w.await(""); !errors.Is(err, jwks.ErrUnknownKey) {
			w.Errorf("await: %v", err)
		}
		w.fetched(1)
		if got := w.source.Status().Suppressed; got != 0 {
			w.Errorf("%d suppressed", got)
		}
	})
}

// TestAFloodCausesOneFetchPerCooldown sends 10,000 ids that were never seen
// before, from many goroutines, per cool-down.
func TestAFloodCausesOneFetchPerCooldown(t *testing.T) {
	const callers, each = 100, 100
	flood := func(w *world, name string, want error) {
		var wait sync.WaitGroup
		for c := range callers {
			wait.Go(func() {
				for i := range each {
					kid := fmt.Sprintf("forged-%s-%d-%d", name, c, i)
					if key, err := w.ask(kid); !errors.Is(err, want) || key != nil {
						w.Errorf("%s: got %v, %v; want %v", kid, key, err, want)
					}
				}
			})
		}
		wait.Wait()
	}
	story(t, nil, func(w *world) {
		w.run().fetched(1)
		flood(w, "a", jwks.ErrUnknownKey)
		w.fetched(2)
		w.later(9 * time.Second)
		flood(w, "b", jwks.ErrUnknownKey)
		w.fetched(2)
		w.later(time.Second)
		flood(w, "c", jwks.ErrUnknownKey)
		w.fetched(3)
		w.finds("ins_one")

		w.endpoint.Fail(http.StatusInternalServerError)
		w.later(10 * time.Second)
		flood(w, "d", jwks.ErrUnavailable)
		w.fetched(4)

		s := w.source.Status()
		if s.Suppressed < 3*callers*(each-1) || s.Suppressed > 4*callers*each {
			w.Errorf("%d suppressed", s.Suppressed)
		}
	})
}

func TestStatusCounts(t *testing.T) {
	story(t, nil, func(w *world) {
		start := time.Now()
		w.endpoint.Publish(signer("ins_one"), signer("ins_two"))
		w.run()
		w.endpoint.Fail(http.StatusTeapot)
		w.fails("forged", jwks.ErrUnavailable)
		w.looks("forged", jwks.ErrUnavailable)
		synctest.Wait()
		got := w.source.Status()
		if got.Keys != 2 || !got.Fetched.Equal(start) || got.Fetches != 2 || got.Failures != 1 || got.Suppressed != 1 {
			w.Errorf("got %+v", got)
		}
		if got.Err == nil || got.Err.Error() != "answered with HTTP status 418" {
			w.Errorf("err %v", got.Err)
		}
	})
}

func TestZeroValuesFindNothing(t *testing.T) {
	var source jwks.Source
	if _, err := source.Key("ins_one"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("Source.Key: %v", err)
	}
	if _, err := source.Await(t.Context(), "ins_one"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("Source.Await: %v", err)
	}
	if source.Run(t.Context()) == nil {
		t.Error("Source.Run")
	}
	if err := source.Status().Usable(); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("Source.Status: %v", err)
	}
	if err := (jwks.Status{Keys: 1}).Usable(); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("Status: %v", err)
	}
	if _, err := new(jwks.Set).Key(""); !errors.Is(err, jwks.ErrUnknownKey) {
		t.Errorf("Set: %v", err)
	}
	if _, err := new(jwks.Pinned).Key("ins_one"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Errorf("Pinned: %v", err)
	}
}

func TestLookupsAllocateNothing(t *testing.T) {
	story(t, nil, func(w *world) {
		w.run()
		w.fails("forged", jwks.ErrUnknownKey)
		for _, kid := range []string{"ins_one", "forged", ""} {
			if n := testing.AllocsPerRun(100, func() { _, _ = w.source.Key(kid) }); n != 0 {
				w.Errorf("Key(%q) allocates %v times", kid, n)
			}
		}
	})
}
