package backend_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerk"
)

// crowd is a number of callers that wait at the same time.
type crowd struct {
	wg      sync.WaitGroup
	mu      sync.Mutex
	replies map[string]int // how many got this
}

// join lets one more caller ask, and returns when it waits.
func (c *crowd) join(ctx context.Context, w *world, call *clerk.Call) {
	c.wg.Go(func() {
		reply := w.client.Do(ctx, call)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.replies == nil {
			c.replies = map[string]int{}
		}
		c.replies[brief(reply)]++
	})
	synctest.Wait()
}

// got waits for all of them.
func (c *crowd) got(w *world, want map[string]int) {
	w.Helper()
	c.wg.Wait()
	synctest.Wait()
	if fmt.Sprint(c.replies) != fmt.Sprint(want) {
		w.Errorf("got %v, want %v", c.replies, want)
	}
}

// TestEqualQuestionsAreOneCall, of whatever kind.
func TestEqualQuestionsAreOneCall(t *testing.T) {
	for _, call := range []*clerk.Call{apiKey("ak_1"), nonce("n"), refresh("r")} {
		story(t, nil, func(w *world) {
			w.endpoint.Answer("", backendtest.Hang())
			var c crowd
			for range 50 {
				c.join(w.Context(), w, call)
			}
			w.asked(1)
			if got := w.client.Stats().Pending; got != 1 {
				w.Errorf("%d pending", got)
			}
			w.endpoint.Answer("", backendtest.JSON(200, good))
			c.got(w, map[string]int{"200": 50})
			w.asked(1)
			w.counted(call.Kind.String()+" ok: 1", call.Kind.String()+" shared: 49")
		})
	}
}

// TestOtherQuestionsAreCallsOfTheirOwn: what differs in one thing is another one.
func TestOtherQuestionsAreCallsOfTheirOwn(t *testing.T) {
	change := func(change func(*clerk.Refresh)) *clerk.Call {
		call := refresh("r")
		change(call.Refresh)
		return call
	}
	header := func(name string, values ...string) *clerk.Call {
		return change(func(r *clerk.Refresh) { r.RequestHeaders[name] = values })
	}
	calls := []*clerk.Call{
		apiKey("1"), apiKey("2"), nonce("1"), nonce("2"),
		{Kind: clerk.CallVerifyM2M, Secret: "1"}, {Kind: clerk.CallVerifyOAuth, Secret: "1"},
		refresh("r"), refresh("s"),
		change(func(r *clerk.Refresh) { r.SessionID = "sess_other" }),
		change(func(r *clerk.Refresh) { r.ExpiredToken = "other" }),
		change(func(r *clerk.Refresh) { r.RequestOrigin = "https://other.example.com" }),
		change(func(r *clerk.Refresh) { r.SuffixedCookies = true }),
		change(func(r *clerk.Refresh) { r.ExpiredToken, r.RefreshToken = "SECRETEXPIREDr", "" }),
		header("user-agent", "another"), header("user-agent"),
		header("x-forwarded-for", "192.0.2.1"), header("x-forwarded-for", "192.0.2.1", "192.0.2.2"),
		header("forwarded", "for=192.0.2.1"), header("x-real-ip", "192.0.2.1"), header("cf-connecting-ip", "192.0.2.1"),
	}
	story(t, func(c *backend.Config) { c.MaxConcurrent = len(calls) }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		for i, call := range calls {
			c.join(w.Context(), w, call)
			w.asked(i + 1)
		}
		// The same page, another of its requests.
		c.join(w.Context(), w, header("x-request-id", "7"))
		w.asked(len(calls))
		w.endpoint.Answer("", backendtest.JSON(200, good))
		c.got(w, map[string]int{"200": len(calls) + 1})
	})
}

// TestOneWhoLeavesTakesNothingFromTheOthers: it was the first, whose call it was.
func TestOneWhoLeavesTakesNothingFromTheOthers(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		ctx, cancel := context.WithCancel(w.Context())
		var first, others crowd
		first.join(ctx, w, apiKey("ak_1"))
		others.join(w.Context(), w, apiKey("ak_1"))
		cancel()
		first.got(w, map[string]int{"0 nobody waits for the answer any more": 1})
		others.join(w.Context(), w, apiKey("ak_1"))
		w.endpoint.Answer("", backendtest.JSON(200, good))
		others.got(w, map[string]int{"200": 2})
		w.asked(1)
	})
}

// TestACallThatWasSentGoesOn although nobody waits, and its answer is kept.
func TestACallThatWasSentGoesOn(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		ctx, cancel := context.WithCancel(w.Context())
		var c crowd
		c.join(ctx, w, apiKey("ak_1"))
		cancel()
		c.got(w, map[string]int{"0 nobody waits for the answer any more": 1})
		w.endpoint.Answer("", backendtest.JSON(200, good))
		synctest.Wait()
		w.remembers(apiKey("ak_1"), "200")
		w.asked(1)
	})
}

// TestDoAnswersBeforeTheDeadline measures in the bubble's time, which is exact.
func TestDoAnswersBeforeTheDeadline(t *testing.T) {
	for _, tt := range []struct{ left, answers time.Duration }{
		{time.Hour, 2 * time.Second},
		{2100 * time.Millisecond, 2 * time.Second},
		{2 * time.Second, 1900 * time.Millisecond},
		{200 * time.Millisecond, 150 * time.Millisecond},
		{80 * time.Millisecond, 60 * time.Millisecond},
		{40 * time.Millisecond, 30 * time.Millisecond},
		{4 * time.Millisecond, 3 * time.Millisecond},
		{0, 0},
		{-time.Second, 0},
	} {
		for name, answer := range map[string]backendtest.Answer{"hang": backendtest.Hang(), "drip": backendtest.Drip(good)} {
			t.Run(name+" "+tt.left.String(), func(t *testing.T) {
				story(t, nil, func(w *world) {
					w.endpoint.Answer("", answer)
					start := time.Now()
					ctx, cancel := context.WithDeadline(w.Context(), start.Add(tt.left))
					defer cancel()
					if got := brief(w.client.Do(ctx, apiKey("ak_1"))); got != "0 no complete answer in time" {
						w.Errorf("got %q", got)
					}
					if got := time.Since(start); got != tt.answers {
						w.Errorf("answered after %v, want %v", got, tt.answers)
					}
					w.asked(min(1, int(max(0, tt.left))))
				})
			})
		}
	}
}

// TestWhoIsGoneAlreadyAsksNothing, but gets what is known.
func TestWhoIsGoneAlreadyAsksNothing(t *testing.T) {
	story(t, nil, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		if got := brief(w.client.Do(ctx, apiKey("ak_1"))); got != "0 nobody waits for the answer any more" {
			w.Errorf("got %q", got)
		}
		w.asked(0)
		w.says(apiKey("ak_1"), "404")
		if got := brief(w.client.Do(ctx, apiKey("ak_1"))); got != "404" {
			w.Errorf("got %q", got)
		}
		w.asked(1)
	})
}

func numbered(i int) *clerk.Call { return apiKey(fmt.Sprintf("ak_%d", i)) }

// TestCallsWaitForTheirTurn: two at a time, eight more in line, and no more.
func TestCallsWaitForTheirTurn(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 2 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		for i := range 10 {
			c.join(w.Context(), w, numbered(i))
		}
		w.asked(2)
		if got := w.client.Stats().Pending; got != 10 {
			w.Errorf("%d pending", got)
		}
		w.says(numbered(10), "0 too many calls are under way retry after 1s")
		c.join(w.Context(), w, numbered(9)) // joins one that waits already
		w.endpoint.Answer("", backendtest.JSON(200, good))
		c.got(w, map[string]int{"200": 11})
		w.asked(10)
		w.counted("verify_api_key ok: 10", "verify_api_key shared: 1", "verify_api_key rejected: 1")
	})
}

// TestNoncesKeepNobodyOut: anybody can send one, so that they get a quarter of the
// calls, and the others the rest.
func TestNoncesKeepNobodyOut(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 8 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		for i := range 2 {
			c.join(w.Context(), w, nonce(fmt.Sprint("n", i)))
		}
		w.says(nonce("n2"), "0 too many calls are under way retry after 1s")
		c.join(w.Context(), w, refresh("r"))
		c.join(w.Context(), w, numbered(1))
		w.asked(4)
		w.endpoint.Answer("", backendtest.JSON(200, good))
		c.got(w, map[string]int{"200": 4})
		w.says(nonce("n3"), "200") // they come and go
	})
}

// TestAFloodOfStrangersIsNotAskedAbout for long: nonces and tokens that Clerk
// refuses have budgets of their own, and whoever was found good is asked about all
// the same.
func TestAFloodOfStrangersIsNotAskedAbout(t *testing.T) {
	const busy = "0 too many calls are under way retry after 1s"
	for name, stranger := range map[string]func(i int) *clerk.Call{
		"tokens": func(i int) *clerk.Call { return numbered(i) },
		"nonces": func(i int) *clerk.Call { return nonce(fmt.Sprint("n", i)) },
	} {
		story(t, nil, func(w *world) {
			w.endpoint.Answer("", backendtest.JSON(200, good))
			w.says(apiKey("ak_friend"), "200")
			w.later(time.Minute) // its answer is too old now
			w.endpoint.Answer("", backendtest.Error(404, "resource_not_found"))
			for i := range 100 {
				w.says(stranger(i), "404")
			}
			w.says(stranger(100), busy)
			w.asked(101)
			w.endpoint.Answer("", backendtest.JSON(200, good))
			w.says(apiKey("ak_friend"), "200")
			w.says(refresh("r"), "200")
			if name == "nonces" {
				w.says(apiKey("ak_new"), "200") // the budgets are apart
			}
			w.later(time.Second)
			w.says(stranger(101), "200")
		})
	}
}

// TestACallNobodyWaitsForIsNotMade when its turn comes; one who came back is not
// told to wait for it.
func TestACallNobodyWaitsForIsNotMade(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		ctx, cancel := context.WithTimeout(w.Context(), 120*time.Millisecond)
		defer cancel()
		var under, left, back crowd
		under.join(w.Context(), w, numbered(0))
		left.join(ctx, w, numbered(1))
		left.join(ctx, w, numbered(2))
		left.got(w, map[string]int{"0 no complete answer in time": 2})
		if got := w.client.Stats().Pending; got != 1 {
			w.Errorf("%d pending", got)
		}
		back.join(w.Context(), w, numbered(2))
		w.endpoint.Answer("", backendtest.JSON(200, good))
		under.got(w, map[string]int{"200": 1})
		back.got(w, map[string]int{"200": 1})
		w.asked(2)
		w.counted("verify_api_key ok: 2", "verify_api_key rejected: 2")
	})
}

// TestOneWhoLeavesTheLineTakesNothingFromTheOthers who wait for the same turn.
func TestOneWhoLeavesTheLineTakesNothingFromTheOthers(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		ctx, cancel := context.WithCancel(w.Context())
		var under, left, others crowd
		under.join(w.Context(), w, numbered(0))
		left.join(ctx, w, numbered(1))
		others.join(w.Context(), w, numbered(1))
		cancel()
		left.got(w, map[string]int{"0 nobody waits for the answer any more": 1})
		w.endpoint.Answer("", backendtest.JSON(200, good))
		others.got(w, map[string]int{"200": 1})
		under.got(w, map[string]int{"200": 1})
		w.asked(2)
	})
}

// TestNobodyWaitsInLineForLongerThanTheTimeout, though there is no hurry.
func TestNobodyWaitsInLineForLongerThanTheTimeout(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
		defer cancel()
		var c crowd
		c.join(ctx, w, numbered(0))
		w.later(time.Second)
		start := time.Now()
		c.join(ctx, w, numbered(1)) // its turn comes in a second
		c.got(w, map[string]int{"0 no complete answer in time": 2})
		if got := time.Since(start); got != 2*time.Second {
			w.Errorf("answered after %v", got)
		}
	})
}

// TestACallHasItsWholeTimeoutOnceSent, however long it waited for its turn.
func TestACallHasItsWholeTimeoutOnceSent(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 1 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		c.join(w.Context(), w, numbered(0))
		w.later(1500 * time.Millisecond)
		c.join(w.Context(), w, numbered(1))
		w.later(time.Second)
		c.join(w.Context(), w, numbered(1)) // the call was sent half a second ago
		w.later(1400 * time.Millisecond)
		w.endpoint.Answer("", backendtest.JSON(200, good))
		c.got(w, map[string]int{"0 no complete answer in time": 2, "200": 1})
		w.asked(2)
	})
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer(keysPath, backendtest.JSON(200, good))
		var wg sync.WaitGroup
		for caller := range 40 {
			wg.Go(func() {
				for i := range 25 {
					call := numbered((caller + i) % 30)
					reply, ok := w.client.Cached(call)
					if !ok {
						reply = w.client.Do(w.Context(), call)
					}
					if reply.Status != 200 {
						w.Errorf("got %s", brief(reply))
					}
					w.client.Stats()
				}
			})
		}
		wg.Wait()
		w.asked(30)
	})
}
