package authz_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
)

// fakeKeys answers as told.
type fakeKeys func(string) (*jwks.Key, error)

func (f fakeKeys) Key(kid string) (*jwks.Key, error) { return f(kid) }

func TestKeysOutOfReach(t *testing.T) {
	down := func(k *authz.Keys) {
		k.Lookup = fakeKeys(func(string) (*jwks.Key, error) { return nil, jwks.ErrUnavailable })
		k.Usable = func() error { return jwks.ErrUnavailable }
	}
	w := newWorld(t, routes, down)
	token := w.bearer(clerktest.Claims{User: "user_bob"})
	w.deny(w.ask("GET", "/me", token), 503, "keys-unavailable")
	w.deny(w.ask("GET", "/hello", token), 503, "keys-unavailable")
	w.allow(w.ask("GET", "/hello"))
	w.allow(w.ask("GET", "/healthz", token))
	if !errors.Is(w.engine.Ready(), authz.ErrKeysUnavailable) {
		t.Errorf("Ready() = %v", w.engine.Ready())
	}
}

func TestOneWaitForAKey(t *testing.T) {
	var held *jwks.Key
	var awaited []string
	setup := func(bring bool, err error) func(*authz.Keys) {
		return func(k *authz.Keys) {
			pinned := k.Lookup
			held, awaited = nil, nil
			k.Lookup = fakeKeys(func(string) (*jwks.Key, error) {
				if held == nil {
					return nil, jwks.ErrFetchNeeded
				}
				return held, nil
			})
			k.Await = func(_ context.Context, kid string) error {
				awaited = append(awaited, kid)
				if bring {
					held, _ = pinned.Key(kid)
				}
				return err
			}
		}
	}
	for _, tt := range []struct {
		name   string
		bring  bool
		err    error
		status int // 0: a pass
		code   string
	}{
		{"the fetch brings it", true, nil, 0, ""},
		{"the fetch fails", false, jwks.ErrUnavailable, 503, "keys-unavailable"},
		{"the fetch shows that nobody has it, and the next is due", false, jwks.ErrUnknownKey, 401, "jwk-kid-mismatch"},
		{"the fetch does not help and says nothing", false, nil, 503, "keys-unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, routes, setup(tt.bring, tt.err))
			r := request("GET", "/me", w.bearer(clerktest.Claims{User: "user_bob"}))
			a, wait := w.engine.Try(r)
			if wait == nil || a.Allow {
				t.Fatalf("Try: wait=%v allow=%v, want a wait and a denial beside it", wait, a.Allow)
			}
			if len(w.observed) != 0 {
				t.Errorf("an unfinished decision was reported: %v", w.observed)
			}
			a = wait.Do(t.Context())
			if tt.status == 0 {
				w.allow(a, "x-user-id: user_bob")
			} else {
				w.deny(a, tt.status, tt.code)
			}
			if len(awaited) != 1 || len(w.observed) != 1 {
				t.Errorf("awaited %v, reported %d times; want once each", awaited, len(w.observed))
			}
		})
	}
}

func TestPanicsDeny(t *testing.T) {
	boom := func(k *authz.Keys) {
		k.Lookup = fakeKeys(func(string) (*jwks.Key, error) { panic("secret: sk_live") })
	}
	w := newWorld(t, routes, boom)
	a := w.ask("GET", "/me", w.bearer(clerktest.Claims{User: "user_bob"}))
	w.deny(a, 503, "internal-error")
	if strings.Contains(string(a.Body), "secret") {
		t.Errorf("the answer tells of the panic: %s", a.Body)
	}
	if got := w.observed[0].Verdict; got.Kind != authz.Fault || strings.Contains(got.Detail, "secret") || got.Route != "me" {
		t.Errorf("reported %+v", got)
	}
}

// panicking is an observer that fails.
type panicking struct{}

func (panicking) Observe(*authz.Decided) { panic("log full") }

func TestObserverCannotOpenTheGate(t *testing.T) {
	w := newWorld(t, routes)
	engine := authz.New(authz.Options{Observer: panicking{}})
	engine.Use(w.compile(routes))
	if a := engine.Check(t.Context(), request("GET", "/healthz")); a.Allow {
		t.Error("passed though the decision could not be recorded")
	}
}
