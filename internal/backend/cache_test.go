package backend_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerk"
)

// TestWhatIsKept asks, looks, and lets time pass.
func TestWhatIsKept(t *testing.T) {
	const never = 0
	for _, tt := range []struct {
		name   string
		answer backendtest.Answer
		want   string
		kept   time.Duration
	}{
		{"good", backendtest.JSON(200, good), "200", 30 * time.Second},
		{"good, said with a parameter", backendtest.Reply(200, "application/json; charset=utf-8", good), "200", 30 * time.Second},
		{"16 KiB", backendtest.JSON(200, "{}"+strings.Repeat(" ", 16<<10-18)), "200", 30 * time.Second},
		{"more than 16 KiB", backendtest.JSON(200, "{}"+strings.Repeat(" ", 16<<10-17)), "200", never},
		{"unknown", backendtest.Error(404, upstream), "404", 10 * time.Second},
		{"unknown, in HTML", backendtest.Status(404), "404", 10 * time.Second},
		{"bad request", backendtest.Error(400, upstream), "400", 10 * time.Second},
		{"another success", backendtest.JSON(201, good), "201", never},
		{"HTML with 200", backendtest.Status(200), "200", never},
		{"JSON that says it is HTML", backendtest.Reply(200, "text/html", good), "200", never},
		{"HTML that says it is JSON", backendtest.JSON(200, "<html>"), "200", never},
		{"half an object", backendtest.JSON(200, "{"), "200", never},
		{"a list", backendtest.JSON(200, "[]"), "200", never},
		{"nothing", backendtest.JSON(200, ""), "200", never},
		{"our key is bad", backendtest.Error(401, upstream), "401", never},
		{"our key may not", backendtest.Error(403, upstream), "403", never},
		{"too slow for them", backendtest.Error(408, upstream), "408", never},
		{"limited", backendtest.Error(429, upstream), "429 retry after 1s", never},
		{"an error", backendtest.Error(500, upstream), "500", never},
		{"no answer", backendtest.HangUp(), "0 the answer was cut short", never},
	} {
		for _, kind := range []clerk.CallKind{clerk.CallVerifyAPIKey, clerk.CallVerifyM2M, clerk.CallVerifyOAuth} {
			t.Run(tt.name+" "+kind.String(), func(t *testing.T) {
				call := &clerk.Call{Kind: kind, Secret: "ak_1"}
				story(t, nil, func(w *world) {
					w.endpoint.Answer("", tt.answer)
					w.remembers(call, "")
					w.says(call, tt.want)
					if tt.kept == never {
						w.remembers(call, "")
						return
					}
					w.later(tt.kept - time.Nanosecond)
					w.remembers(call, tt.want)
					w.says(call, tt.want)
					w.asked(1)
					w.later(time.Nanosecond)
					w.remembers(call, "")
					w.says(call, tt.want)
					w.asked(2)
				})
			})
		}
	}
}

// TestHandshakesAndRefreshesAreNeverKept, whatever the answer is.
func TestHandshakesAndRefreshesAreNeverKept(t *testing.T) {
	for _, answer := range []backendtest.Answer{backendtest.JSON(200, good), backendtest.Error(404, "x"), backendtest.Error(400, "x")} {
		for _, call := range []*clerk.Call{nonce("n"), refresh("r")} {
			story(t, nil, func(w *world) {
				w.endpoint.Answer("", answer)
				for n := range 3 {
					w.do(call)
					w.remembers(call, "")
					w.asked(n + 1)
				}
			})
		}
	}
}

// TestAnAnswerIsOfOneTokenAndKind: nothing else gets it.
func TestAnAnswerIsOfOneTokenAndKind(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer(keysPath, backendtest.JSON(200, good))
		w.says(apiKey("ak_1"), "200")
		w.remembers(apiKey("ak_1"), "200")
		w.remembers(apiKey("ak_2"), "")
		w.remembers(apiKey("ak_"), "")
		for _, kind := range []clerk.CallKind{clerk.CallVerifyM2M, clerk.CallVerifyOAuth} {
			w.remembers(&clerk.Call{Kind: kind, Secret: "ak_1"}, "")
			w.says(&clerk.Call{Kind: kind, Secret: "ak_1"}, "404")
		}
		w.remembers(apiKey("ak_1"), "200")
	})
}

// TestAgeCountsFromTheQuestion: Clerk may have looked right after that.
func TestAgeCountsFromTheQuestion(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		time.AfterFunc(1500*time.Millisecond, func() { w.endpoint.Answer("", backendtest.JSON(200, good)) })
		w.says(apiKey("ak_1"), "200")
		w.later(28*time.Second + 499*time.Millisecond)
		w.remembers(apiKey("ak_1"), "200")
		w.later(time.Millisecond)
		w.remembers(apiKey("ak_1"), "")
	})
}

// TestAnOutageMakesNothingLive longer.
func TestAnOutageMakesNothingLive(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.JSON(200, good), backendtest.Status(500))
		w.says(apiKey("ak_1"), "200")
		w.later(30 * time.Second)
		w.says(apiKey("ak_1"), "500")
		w.remembers(apiKey("ak_1"), "")
	})
}

// TestShorterTimesAndAnotherClock uses a clock that only the test moves, also
// backwards.
func TestShorterTimesAndAnotherClock(t *testing.T) {
	var seconds atomic.Int64
	configure := func(c *backend.Config) {
		c.PositiveTTL, c.NegativeTTL = 5*time.Second, 2*time.Second
		c.Now = func() time.Time { return time.Unix(1_000_000+seconds.Load(), 0) }
	}
	for answer, kept := range map[string]int64{"200": 5, "404": 2} {
		for at, want := range map[int64]string{0: answer, kept - 1: answer, kept: "", -1: ""} {
			story(t, configure, func(w *world) {
				seconds.Store(0)
				if answer == "200" {
					w.endpoint.Answer("", backendtest.JSON(200, good))
				}
				w.says(apiKey("ak_1"), answer)
				w.later(time.Hour) // of the other clock
				seconds.Store(at)
				w.remembers(apiKey("ak_1"), want)
			})
		}
	}
}
