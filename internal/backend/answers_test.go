package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerk"
)

// TestWhatIsMadeOfAnswers asks each kind of call once.
func TestWhatIsMadeOfAnswers(t *testing.T) {
	const mebibyte = 1 << 20
	for _, tt := range []struct {
		name   string
		answer backendtest.Answer
		want   string // as brief has it
		result string
	}{
		{"good", backendtest.JSON(200, good), "200", "ok"},
		{"another success", backendtest.JSON(201, good), "201", "ok"},
		{"nothing", backendtest.Reply(200, "", ""), "200", "ok"},
		{"HTML with 200", backendtest.Status(200), "200", "ok"},
		{"a mebibyte", backendtest.JSON(200, strings.Repeat(" ", mebibyte)), "200", "ok"},
		{"a mebibyte and a byte", backendtest.JSON(200, strings.Repeat(" ", mebibyte+1)), "0 the answer was too large", "failed"},
		{"a huge error", backendtest.JSON(404, strings.Repeat(" ", 3*mebibyte)), "0 the answer was too large", "failed"},
		{"bad request", backendtest.Error(400, upstream), "400", "refused"},
		{"our key is bad", backendtest.Error(401, upstream), "401", "unauthorized"},
		{"our key may not", backendtest.Error(403, upstream), "403", "unauthorized"},
		{"unknown", backendtest.Error(404, upstream), "404", "refused"},
		{"too slow for them", backendtest.Status(408), "408", "failed"},
		{"gone", backendtest.Error(410, upstream), "410", "refused"},
		{"unprocessable", backendtest.Error(422, upstream), "422", "refused"},
		{"limited", backendtest.Error(429, upstream, "Retry-After", "7"), "429 retry after 7s", "limited"},
		{"limited for no given time", backendtest.Error(429, upstream), "429 retry after 1s", "limited"},
		{"limited, and the rest is missing", backendtest.Truncate(429, good, "Retry-After", "7"), "429 retry after 7s", "limited"},
		{"limited at length", backendtest.JSON(429, strings.Repeat(" ", 2*mebibyte)), "429 retry after 1s", "limited"},
		{"an error", backendtest.Status(500), "500", "failed"},
		{"a bad gateway", backendtest.Status(502), "502", "failed"},
		{"an outage that says when it ends", backendtest.Status(503, "Retry-After", "20"), "503 retry after 20s", "failed"},
		{"an odd error", backendtest.Status(599), "599", "failed"},
		{"a redirect", backendtest.Redirect("https://elsewhere.example/" + upstream), "0 the answer was a redirect; is apiUrl right?", "failed"},
		{"a redirect to itself", backendtest.Redirect("/"), "0 the answer was a redirect; is apiUrl right?", "failed"},
		{"not modified", backendtest.Reply(304, "", ""), "0 the answer was a redirect; is apiUrl right?", "failed"},
		{"cut short", backendtest.Truncate(200, good), "0 the answer was cut short", "failed"},
		{"an error, cut short", backendtest.Truncate(404, good), "0 the answer was cut short", "failed"},
		{"hung up", backendtest.HangUp(), "0 the answer was cut short", "failed"},
		{"hanging", backendtest.Hang(), "0 no complete answer in time", "failed"},
		{"dripping", backendtest.Drip(good), "0 no complete answer in time", "failed"},
	} {
		for _, call := range []*clerk.Call{apiKey("ak_SECRET1"), nonce("SECRETNONCE"), refresh("SECRETREFRESH")} {
			t.Run(tt.name+" "+call.Kind.String(), func(t *testing.T) {
				story(t, nil, func(w *world) {
					w.endpoint.Answer("", tt.answer)
					start := time.Now()
					w.says(call, tt.want)
					if took := time.Since(start); took > 2*time.Second {
						w.Errorf("took %v", took)
					}
					w.counted(fmt.Sprintf("%v %s: 1", call.Kind, tt.result))
					w.asked(1)
				})
			})
		}
	}
}

func TestAnAnswerComesWhole(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Answer("", backendtest.Reply(200, "text/plain; odd", "\x00anything"))
		for _, call := range []*clerk.Call{apiKey("ak_1"), nonce("n"), refresh("r")} {
			if r := w.do(call); r.ContentType != "text/plain; odd" || string(r.Body) != "\x00anything" {
				w.Errorf("got %q, %q", r.ContentType, r.Body)
			}
		}
	})
}

// TestRetryAfter is about 429. Dates are those of the bubble, which begins with
// the year 2000.
func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0":                             time.Second,
		"1":                             time.Second,
		"59":                            59 * time.Second,
		"61":                            time.Minute,
		"70000":                         time.Minute,
		"99999999999999999999999":       time.Minute,
		"-5":                            time.Second,
		"1.5":                           time.Second,
		"soon":                          time.Second,
		"Sat, 01 Jan 2000 00:00:30 GMT": 30 * time.Second,
		"Sat, 01 Jan 2000 00:30:00 GMT": time.Minute,
		"Fri, 31 Dec 1999 23:00:00 GMT": time.Second,
	} {
		t.Run(value, func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.endpoint.Answer("", backendtest.Status(429, "Retry-After", value))
				if got := w.do(apiKey("ak_1")); got.Status != 429 || got.RetryAfter != want {
					w.Errorf("got %s, want %v", brief(got), want)
				}
			})
		})
	}
}

// TestRetryAfterOfAnOutage is passed on if it can be read.
func TestRetryAfterOfAnOutage(t *testing.T) {
	for value, want := range map[string]string{
		"": "503", "soon": "503", "0": "503 retry after 1s", "20": "503 retry after 20s", "3600": "503 retry after 1m0s",
		"Fri, 31 Dec 1999 23:00:00 GMT": "503 retry after 1s",
	} {
		story(t, nil, func(w *world) {
			w.endpoint.Answer("", backendtest.Status(503, "Retry-After", value))
			w.says(apiKey("ak_1"), want)
		})
	}
}

// offline is a network that fails, or worse.
type offline func(*http.Request) (*http.Response, error)

func (o offline) RoundTrip(r *http.Request) (*http.Response, error) { return o(r) }

// TestErrorsOfTheNetworkAreSaidInOurWords is about those that a test cannot
// bring about for real. All of them quote what was sent.
func TestErrorsOfTheNetworkAreSaidInOurWords(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{dial(&net.DNSError{Name: upstream, IsNotFound: true}), "the host name cannot be looked up"},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "connection refused"},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "no route to the host"},
		{dial(os.ErrDeadlineExceeded), "no complete answer in time"},
		{context.DeadlineExceeded, "no complete answer in time"},
		{os.NewSyscallError("read", syscall.ECONNRESET), "connection reset"},
		{io.EOF, "the answer was cut short"},
		{errors.New(upstream), "the exchange failed; is it an HTTP server?"},
	} {
		for _, call := range []*clerk.Call{apiKey("ak_SECRET1"), nonce("SECRETNONCE"), refresh("SECRETREFRESH")} {
			quoting := offline(func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: fmt.Sprint(r.Header), URL: r.URL.String(), Err: tt.err}
			})
			story(t, func(c *backend.Config) { c.Transport = quoting }, func(w *world) {
				w.says(call, "0 "+tt.want)
				w.logged(1, tt.want)
			})
		}
	}
}

// TestAPanicIsNoAnswer, and not the end of the process.
func TestAPanicIsNoAnswer(t *testing.T) {
	panics := offline(func(r *http.Request) (*http.Response, error) { panic(r.URL.String() + upstream) })
	story(t, func(c *backend.Config) { c.Transport = panics }, func(w *world) {
		for range 5 {
			w.says(nonce("SECRETNONCE"), "0 the call panicked, which is a bug")
		}
		w.says(nonce("SECRETNONCE"), "0 calls are suspended after several failures retry after 5s")
		w.counted("handshake_payload failed: 5", "handshake_payload rejected: 1")
	})
}

// TestNothingSecretIsTold does everything wrong at the lowest level of the log;
// each story checks the log for what is secret when it ends.
func TestNothingSecretIsTold(t *testing.T) {
	story(t, func(c *backend.Config) { c.MachineSecretKey = machineKey }, func(w *world) {
		w.endpoint.Answer("", backendtest.Status(500), backendtest.Redirect("/"+upstream), backendtest.Error(401, upstream),
			backendtest.Error(403, upstream), backendtest.Truncate(200, good), backendtest.HangUp(), backendtest.Hang())
		for i := range 20 {
			w.do(apiKey(fmt.Sprintf("ak_SECRET%d", i)))
			w.do(nonce("SECRETNONCE"))
			w.do(refresh("SECRETREFRESH"))
			w.do(&clerk.Call{Kind: clerk.CallVerifyM2M, Secret: "mt_SECRET"})
			w.later(time.Minute)
		}
		w.endpoint.Answer("", backendtest.Error(429, upstream, "Retry-After", "5"), backendtest.JSON(200, good))
		w.do(nonce("SECRETNONCE"))
		w.later(time.Minute)
		w.do(nonce("SECRETNONCE"))
		for _, text := range []string{
			"calls to the Backend API are suspended", "calls to the Backend API are resumed", "the Backend API failed",
			"the Backend API refuses our secret key", "the Backend API limits our calls",
		} {
			if !strings.Contains(w.log.String(), text) {
				w.Errorf("this was not told: %s\n%s", text, w.log)
			}
		}
	})
}
