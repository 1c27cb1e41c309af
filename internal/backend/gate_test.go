package backend_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerk"
)

const suspended = "0 calls are suspended after several failures retry after "

// fail lets five calls fail.
func (w *world) fail() {
	w.Helper()
	w.endpoint.Answer("", backendtest.Status(500))
	for range 5 {
		w.says(nonce("n"), "500")
	}
}

func TestFailuresSuspendCalls(t *testing.T) {
	for name, failure := range map[string]backendtest.Answer{
		"500": backendtest.Status(500), "503": backendtest.Status(503), "408": backendtest.Status(408), "redirect": backendtest.Redirect("/"),
		"hang up": backendtest.HangUp(), "hang": backendtest.Hang(), "drip": backendtest.Drip(good), "truncate": backendtest.Truncate(200, good),
	} {
		t.Run(name, func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.endpoint.Answer("", failure)
				for range 5 {
					w.do(nonce("n"))
				}
				start := time.Now()
				for _, call := range []*clerk.Call{nonce("n"), refresh("r"), apiKey("ak_1")} {
					w.says(call, suspended+"5s")
				}
				if took := time.Since(start); took != 0 {
					w.Errorf("took %v", took)
				}
				w.asked(5)
				if !w.client.Stats().Suspended {
					w.Error("not suspended")
				}
				w.logged(1, "calls to the Backend API are suspended")
			})
		})
	}
}

// TestNoFailure is about answers that are no sign of an outage.
func TestNoFailure(t *testing.T) {
	for name, answer := range map[string]backendtest.Answer{
		"401": backendtest.Error(401, "x"), "404": backendtest.Error(404, "x"), "400": backendtest.Error(400, "x"), "422": backendtest.Error(422, "x"),
		"HTML": backendtest.Status(200), "huge": backendtest.JSON(200, strings.Repeat(" ", 2<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.endpoint.Answer("", answer)
				for n := range 12 {
					w.do(nonce("n"))
					w.asked(n + 1)
				}
				w.logged(0, "suspended")
			})
		})
	}
}

// TestASuccessBetweenFailures starts the count anew; what is neutral does not.
func TestASuccessBetweenFailures(t *testing.T) {
	bad := backendtest.Status(502)
	for _, tt := range []struct {
		name    string
		between backendtest.Answer
		asked   int
	}{
		{"a success", backendtest.JSON(200, good), 10},
		{"a refusal", backendtest.Error(404, "x"), 10},
		{"a limit", backendtest.Status(429), 6},
		{"too large", backendtest.JSON(200, strings.Repeat(" ", 2<<20)), 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.endpoint.Answer("", bad, bad, bad, bad, tt.between, bad)
				for range 10 {
					w.do(nonce("n"))
					w.later(time.Second) // a limit is over by then
				}
				w.asked(tt.asked)
			})
		})
	}
}

// TestOneCallFindsOut whether a suspension is over.
func TestOneCallFindsOut(t *testing.T) {
	story(t, nil, func(w *world) {
		w.fail()
		w.later(2 * time.Second)
		w.says(nonce("n"), suspended+"3s")
		w.later(2500 * time.Millisecond)
		w.says(nonce("n"), suspended+"1s") // half a second, in truth
		w.later(501 * time.Millisecond)
		w.says(nonce("n"), "500") // one failure is enough now
		w.says(nonce("n"), suspended+"5s")
		w.asked(6)

		w.later(5001 * time.Millisecond)
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		c.join(w.Context(), w, nonce("n"))
		w.says(apiKey("ak_1"), suspended+"1s")
		w.asked(7)
		w.endpoint.Answer("", backendtest.JSON(200, good))
		c.got(w, map[string]int{"200": 1})
		w.says(apiKey("ak_1"), "200")
		w.logged(2, "calls to the Backend API are suspended")
		w.logged(1, "calls to the Backend API are resumed")
		w.fail() // it takes five again
		w.says(nonce("n"), suspended+"5s")
	})
}

// TestWhoFindsOutMayBeLimited: the next one finds out then.
func TestWhoFindsOutMayBeLimited(t *testing.T) {
	story(t, nil, func(w *world) {
		w.fail()
		w.later(5001 * time.Millisecond)
		w.endpoint.Answer("", backendtest.Status(429, "Retry-After", "3"), backendtest.JSON(200, good))
		w.says(nonce("n"), "429 retry after 3s")
		w.later(3 * time.Second)
		w.says(nonce("n"), "200")
		w.logged(1, "calls to the Backend API are resumed")
	})
}

// TestThoseInLineAreToldToo when calls are suspended: the fifth failure tells all
// but the one that was sent together with it.
func TestThoseInLineAreToldToo(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 2 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		for i := range 10 {
			c.join(w.Context(), w, numbered(i))
		}
		w.endpoint.Answer("", backendtest.Status(500))
		c.wg.Wait()
		failed, told := c.replies["500"], c.replies[suspended+"5s"]
		if failed < 5 || failed > 6 || failed+told != 10 {
			w.Errorf("got %v", c.replies)
		}
		w.asked(failed)
	})
}

// TestThoseInLineAreLimitedToo, but not the one that was sent before.
func TestThoseInLineAreLimitedToo(t *testing.T) {
	story(t, func(c *backend.Config) { c.MaxConcurrent = 2 }, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		for i := range 10 {
			c.join(w.Context(), w, numbered(i))
		}
		w.endpoint.Answer("", backendtest.Status(429, "Retry-After", "7"), backendtest.Hang())
		w.later(time.Millisecond)
		w.endpoint.Answer("", backendtest.JSON(200, good))
		c.got(w, map[string]int{"200": 1, "429 retry after 7s": 1, "429 the Backend API limits our calls retry after 7s": 8})
		w.asked(2)
	})
}

func TestALimitIsHeeded(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.JSON(200, good))
		w.says(apiKey("ak_known"), "200")
		w.endpoint.Answer("", backendtest.Status(429, "Retry-After", "8"), backendtest.JSON(200, good))
		w.says(nonce("n"), "429 retry after 8s")
		const limited = "429 the Backend API limits our calls retry after "
		w.says(nonce("n"), limited+"8s")
		w.later(5 * time.Second)
		w.says(refresh("r"), limited+"3s")
		w.says(apiKey("ak_1"), limited+"3s")
		w.says(apiKey("ak_known"), "200") // from memory
		w.later(3*time.Second - time.Nanosecond)
		w.says(nonce("n"), limited+"1s")
		w.asked(2)
		w.later(time.Nanosecond)
		w.says(nonce("n"), "200")
		w.logged(1, "the Backend API limits our calls")
		w.counted("handshake_payload ok: 1", "handshake_payload limited: 1", "handshake_payload rejected: 2",
			"refresh_session rejected: 1", "verify_api_key ok: 1", "verify_api_key cached: 1", "verify_api_key rejected: 1")
	})
}

// TestTheLongestLimitCounts, not the last.
func TestTheLongestLimitCounts(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.Hang())
		var c crowd
		c.join(w.Context(), w, numbered(0))
		w.endpoint.Answer(keysPath, backendtest.Hang()) // takes the first over
		c.join(w.Context(), w, nonce("n"))
		w.endpoint.Answer("/v1/clients/handshake_payload", backendtest.Status(429, "Retry-After", "30"))
		w.later(time.Millisecond)
		w.endpoint.Answer(keysPath, backendtest.Status(429))
		c.got(w, map[string]int{"429 retry after 30s": 1, "429 retry after 1s": 1})
		if got := w.do(nonce("n")).RetryAfter; got != 30*time.Second-time.Millisecond {
			w.Errorf("retry after %v", got)
		}
	})
}

// TestTheRefusedKeyIsToldOnceAMinute, and which one it is.
func TestTheRefusedKeyIsToldOnceAMinute(t *testing.T) {
	story(t, func(c *backend.Config) { c.MachineSecretKey = machineKey }, func(w *world) {
		w.endpoint.Answer("", backendtest.Error(401, upstream))
		w.endpoint.Answer(m2mPath, backendtest.Error(403, upstream))
		for i := range 61 {
			w.do(apiKey(fmt.Sprintf("ak_SECRET%d", i)))
			w.do(&clerk.Call{Kind: clerk.CallVerifyM2M, Secret: fmt.Sprintf("mt_SECRET%d", i)})
			w.later(time.Second)
		}
		const told = `level=ERROR msg="the Backend API refuses our secret key" url=http://127.0.0.1 setting=`
		w.logged(2, told+"secretKey call=verify_api_key status=401")
		w.logged(2, told+"machineSecretKey call=verify_m2m_token status=403")
		w.counted("verify_api_key unauthorized: 61", "verify_m2m_token unauthorized: 61")
	})
}

// TestFailuresAreToldOnceAMinute, with what they were.
func TestFailuresAreToldOnceAMinute(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.Status(502), backendtest.JSON(200, good), backendtest.HangUp(), backendtest.JSON(200, good), backendtest.HangUp())
		for range 4 {
			w.do(nonce("n"))
		}
		w.later(time.Minute)
		w.do(nonce("n"))
		w.logged(1, `level=WARN msg="the Backend API failed" url=http://127.0.0.1 call=handshake_payload status=502`)
		w.logged(1, `level=WARN msg="the Backend API failed" url=http://127.0.0.1 call=handshake_payload reason="the answer was cut short"`)
		w.logged(2, "the Backend API failed")
	})
}
