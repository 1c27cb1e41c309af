package jwks_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// upstream is text that an endpoint sends and that must not come back.
const upstream = "sk_live_UPSTREAM"

// keySet renders a key set of these entries.
func keySet(entries ...any) []byte {
	document, err := json.Marshal(map[string]any{"keys": entries})
	if err != nil {
		panic(err)
	}
	return document
}

type badAnswer struct {
	name string
	mode func(*jwkstest.Endpoint)
	want string // the reason
}

// badAnswers are what an endpoint can do wrong.
func badAnswers() []badAnswer {
	reply := func(body string) func(*jwkstest.Endpoint) {
		return func(e *jwkstest.Endpoint) { e.Reply("application/json", []byte(body)) }
	}
	fail := func(status int) func(*jwkstest.Endpoint) {
		return func(e *jwkstest.Endpoint) { e.Fail(status) }
	}
	redirect := func(to string) func(*jwkstest.Endpoint) {
		return func(e *jwkstest.Endpoint) { e.Redirect(to) }
	}
	good := string(keySet(signer("ins_two").JWK()))
	return []badAnswer{
		{"hangs", (*jwkstest.Endpoint).Hang, "no complete answer in time"},
		{"drips", (*jwkstest.Endpoint).Drip, "no complete answer in time"},
		{"cut short", (*jwkstest.Endpoint).Truncate, "the answer was cut short"},
		{"status 500", fail(500), "answered with HTTP status 500"},
		{"status 404", fail(404), "answered with HTTP status 404"},
		{"status 429", fail(429), "answered with HTTP status 429"},
		{"status 206", fail(206), "answered with HTTP status 206"},
		{"status 304", fail(304), "answered with HTTP status 304"},
		{"status 302 to nowhere", fail(302), "answered with HTTP status 302"},
		{"to another host", redirect("http://" + upstream + "/jwks.json"), "redirected to another origin"},
		{"to another port", redirect("http://127.0.0.1:81/jwks.json"), "redirected to another origin"},
		{"to another scheme", redirect("https://127.0.0.1/jwks.json"), "redirected to another origin"},
		{"to a file", redirect("file:///etc/passwd"), "redirected to another origin"},
		{"to a password", redirect("http://" + upstream + "@127.0.0.1/jwks.json"), "redirected to a URL with a password"},
		{"in circles, with the port", redirect("http://127.0.0.1:80/jwks.json"), "redirected too often"},
		{"in circles", redirect("/jwks.json"), "redirected too often"},
		{"a broken Location", redirect("http://[" + upstream), "the exchange failed; is it an HTTP server?"},
		{"empty", reply(""), "empty document instead of a key set"},
		{"blank", reply(" \n "), "empty document instead of a key set"},
		{"too long", reply(good + strings.Repeat(" ", jwks.DefaultMaxBytes)), "answered with more than 1048576 bytes"},
		{"a page", reply("<!doctype html><p>" + upstream), "HTML or XML instead of a key set"},
		{"text", reply(upstream), "not a key set: not a JSON object"},
		{"more after it", reply(good + upstream), "not a key set: not a JSON object"},
		{"another object", reply(`{"error": "` + upstream + `"}`), `not a key set: no array "keys"`},
		{"no keys", (func(e *jwkstest.Endpoint) { e.Publish() }), "key set without keys"},
		{"no usable key", reply(`{"keys": [{"kty": "` + upstream + `"}]}`), "key set without a usable RSA signature key (entry 1: not an RSA key)"},
		{"a contradiction", func(e *jwkstest.Endpoint) {
			e.Publish(signer("ins_two"), &jwkstest.Signer{ID: "ins_two", Private: signer("ins_three").Private})
		}, "key set refused: entry 2 has the kid of another entry, but is another key"},
	}
}

// TestABadAnswerReplacesNothing: the keys before it must survive, and the reason
// must be in our own words.
func TestABadAnswerReplacesNothing(t *testing.T) {
	for _, tt := range badAnswers() {
		t.Run(tt.name, func(t *testing.T) {
			story(t, nil, func(w *world) {
				w.run()
				before := w.finds("ins_one")
				w.endpoint.Publish(signer("ins_two"))
				tt.mode(w.endpoint)
				w.later(5 * time.Minute)   // the refresh begins
				w.later(5*time.Second - 1) // and must have ended
				w.later(1)                 // when its time is up
				if w.finds("ins_one") != before {
					w.Error("the good key was replaced")
				}
				s := w.source.Status()
				if s.Failures != 1 || s.Keys != 1 || s.Err == nil || s.Err.Error() != tt.want {
					w.Errorf("%d failures, %d keys, %v; want 1, 1, %s", s.Failures, s.Keys, s.Err, tt.want)
				}
				w.logged("keys not fetched")
				_, err := w.await("forged") // a refetch, which fails as well
				if !errors.Is(err, jwks.ErrUnavailable) {
					w.Errorf("await: %v", err)
				}
				for _, text := range []string{s.Err.Error(), err.Error(), w.log.String()} {
					if strings.Contains(text, upstream) {
						w.Errorf("quotes the endpoint: %s", text)
					}
				}
			})
		})
	}
}

func TestAFewRedirectsAreFollowed(t *testing.T) {
	story(t, nil, func(w *world) {
		w.endpoint.Redirect("/elsewhere") // where it is redirected again
		w.run().fetched(4)
		w.logged("redirected too often")
	})
}

// TestTheTimeoutCoversTheWholeBody: a drip that always makes progress ends when
// the time for the whole fetch is up, not later and not earlier.
func TestTheTimeoutCoversTheWholeBody(t *testing.T) {
	for name, mode := range map[string]func(*jwkstest.Endpoint){"hang": (*jwkstest.Endpoint).Hang, "drip": (*jwkstest.Endpoint).Drip} {
		t.Run(name, func(t *testing.T) {
			story(t, func(c *jwks.Config) { c.Timeout = 700 * time.Millisecond }, func(w *world) {
				mode(w.endpoint)
				w.run()
				w.later(700*time.Millisecond - 1)
				if got := w.source.Status().Failures; got != 0 {
					w.Fatalf("%d failures before the time is up", got)
				}
				w.later(1)
				if got := w.source.Status().Failures; got != 1 {
					w.Fatalf("%d failures when the time is up", got)
				}
			})
		})
	}
}

func TestASizeAtTheLimitIsFine(t *testing.T) {
	document := keySet(signer("ins_one").JWK())
	for _, tt := range []struct {
		name  string
		limit int64
		want  error
	}{
		{"as long as allowed", int64(len(document)), nil},
		{"one byte more", int64(len(document)) - 1, jwks.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(c *jwks.Config) { c.MaxBytes = tt.limit }, func(w *world) {
				w.run()
				w.looks("ins_one", tt.want)
			})
		})
	}
}

func TestAPanicOfATransportIsAFailedFetch(t *testing.T) {
	story(t, func(c *jwks.Config) { c.Transport = panicking{} }, func(w *world) {
		w.run()
		w.looks("ins_one", jwks.ErrUnavailable)
		w.logged("panicked")
		if strings.Contains(w.log.String(), upstream) {
			w.Error("quotes the panic")
		}
	})
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic(upstream) }
