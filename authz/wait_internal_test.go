package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/singleflight"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks"
)

// asks is the state of a request that needs this answer first.
func (s *stage) asks(k clerk.CallKind) clerk.State {
	call := &clerk.Call{Kind: k, Secret: "secret"}
	if k == clerk.CallRefresh {
		call = &clerk.Call{Kind: k, Refresh: &clerk.Refresh{SessionID: "sess_1"}}
	}
	return clerk.State{Call: call, Instance: s.instance, Presented: true}
}

// needs is the state of a request that needs this key first.
func (s *stage) needs(keyID string) clerk.State {
	return clerk.State{Err: fmt.Errorf("key: %w", jwks.ErrFetchNeeded), KeyID: keyID, Instance: s.instance, Presented: true}
}

func (b *backend) kinds() (kinds []clerk.CallKind) {
	for _, c := range b.asked {
		kinds = append(kinds, c.Kind)
	}
	return kinds
}

// TestOneWaitAfterAnother is the longest way through: a nonce, the key of its
// answer, a refresh, another key, a verification.
func TestOneWaitAfterAnother(t *testing.T) {
	var s *stage
	have := map[string]bool{}
	s = newStage(t, "", "", func(r *clerk.Request) clerk.State {
		switch {
		case r.Replies.Handshake == nil:
			return s.asks(clerk.CallHandshake)
		case !have["ins_1"]:
			return s.needs("ins_1")
		case r.Replies.Refresh == nil:
			return s.asks(clerk.CallRefresh)
		case !have["ins_2"]:
			return s.needs("ins_2")
		case r.Replies.Verify == nil:
			return s.asks(clerk.CallVerifyOAuth)
		}
		return signedInAs(string(r.Replies.Verify.Body))
	})
	s.await = func(keyID string) error { have[keyID] = true; return nil }
	s.backend.reply = func(*clerk.Call) clerk.Reply { return clerk.Reply{Status: 200, Body: []byte("user_1")} }

	a, wait := s.engine.Try(pageRequest("cookie: a=1", "Cookie: b=2", ":path: /page?a=b", "X-Custom: v", "accept: */*"))
	if wait == nil || a.Allow || len(s.backend.asked) > 0 || len(s.observed) > 0 {
		t.Fatalf("Try: wait %v, answer %+v, asked %v, reported %v", wait, a, s.backend.asked, s.observed)
	}
	if got := brief(wait.Do(t.Context())); got != "pass x-user-id=user_1" {
		t.Error(got)
	}
	if diff := cmp.Diff([]clerk.CallKind{clerk.CallHandshake, clerk.CallRefresh, clerk.CallVerifyOAuth}, s.backend.kinds()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ins_1", "ins_2"}, s.awaited); diff != "" || len(s.observed) != 1 {
		t.Errorf("reported %d times; awaited (-want +got):\n%s", len(s.observed), diff)
	}
	want := map[string][]string{"cookie": {"a=1", "b=2"}, "x-custom": {"v"}, "accept": {"*/*"}}
	if diff := cmp.Diff(want, s.backend.asked[1].Refresh.RequestHeaders); diff != "" {
		t.Errorf("headers of the refresh (-want +got):\n%s", diff)
	}
}

func TestWaitsAreBounded(t *testing.T) {
	all := []clerk.CallKind{clerk.CallHandshake, clerk.CallRefresh, clerk.CallVerifyAPIKey, clerk.CallVerifyM2M, clerk.CallVerifyOAuth}
	for _, tt := range []struct {
		name  string
		rules func(s *stage, step int) clerk.State
		want  string
		asked int
		keys  int
	}{
		{"the same question again", func(s *stage, _ int) clerk.State { return s.asks(clerk.CallHandshake) }, "503 backend-unavailable", 1, 0},
		{"every question, and once more", func(s *stage, step int) clerk.State { return s.asks(all[step%len(all)]) }, "503 backend-unavailable", 5, 0},
		{"a question that there is not", func(s *stage, _ int) clerk.State { return s.asks(7) }, "503 backend-unavailable", 0, 0},
		{"a question of no kind", func(s *stage, _ int) clerk.State { return s.asks(0) }, "503 backend-unavailable", 0, 0},
		{"a question of kind 200", func(s *stage, _ int) clerk.State { return s.asks(200) }, "503 backend-unavailable", 0, 0},
		{"the same key again", func(s *stage, _ int) clerk.State { return s.needs("ins_1") }, "503 keys-unavailable", 0, 1},
		{"always another key", func(s *stage, step int) clerk.State { return s.needs(fmt.Sprint("ins_", step)) }, "503 keys-unavailable", 0, maxWaits},
		{"keys, then a question", func(s *stage, step int) clerk.State {
			if step < maxWaits {
				return s.needs(fmt.Sprint("ins_", step))
			}
			return s.asks(clerk.CallHandshake)
		}, "503 backend-unavailable", 0, maxWaits},
		{"a question about nobody's token", func(s *stage, _ int) clerk.State {
			state := s.asks(clerk.CallHandshake)
			state.Instance = nil
			return state
		}, "503 backend-unavailable", 0, 0},
		{"a key of no instance", func(s *stage, _ int) clerk.State {
			state := s.needs("ins_1")
			state.Instance = nil
			return state
		}, "503 keys-unavailable", 0, 0},
		{"nothing else in a state with a question counts", func(s *stage, _ int) clerk.State {
			state := signedInAs("user_1")
			state.Call, state.Instance = &clerk.Call{Kind: clerk.CallHandshake}, s.instance
			return state
		}, "503 backend-unavailable", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s *stage
			step := -1
			s = newStage(t, "", "", func(*clerk.Request) clerk.State { step++; return tt.rules(s, step) })
			s.await = func(string) error { return nil }
			if got := brief(s.get()); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if len(s.backend.asked) != tt.asked || len(s.awaited) != tt.keys || len(s.observed) != 1 {
				t.Errorf("asked %d, awaited %d, reported %d; want %d, %d, 1", len(s.backend.asked), len(s.awaited), len(s.observed), tt.asked, tt.keys)
			}
		})
	}
}

func TestAnswersAtHandNeedNoWait(t *testing.T) {
	var s *stage
	s = newStage(t, "", "", func(r *clerk.Request) clerk.State {
		if r.Replies.Verify == nil {
			return s.asks(clerk.CallVerifyAPIKey)
		}
		return signedInAs("user_1")
	})
	s.backend.cached = map[clerk.CallKind]clerk.Reply{clerk.CallVerifyAPIKey: {Status: 200}}
	a, wait := s.engine.Try(pageRequest())
	if wait != nil || !a.Allow || len(s.backend.asked) > 0 {
		t.Errorf("wait %v, %s, asked %v", wait, brief(a), s.backend.asked)
	}
}

func TestWithoutABackend(t *testing.T) {
	var s *stage
	s = newStage(t, "", "", func(*clerk.Request) clerk.State { return s.asks(clerk.CallVerifyAPIKey) })
	s.engine.snapshot.Load().connections[0].Backend = nil
	a, wait := s.engine.Try(pageRequest())
	if got := brief(a); wait != nil || got != "503 backend-unavailable" {
		t.Errorf("wait %v, %s", wait, got)
	}
	if detail := s.observed[0].Detail; detail != "the Backend API would have to be asked (verify_api_key)" {
		t.Errorf("detail %q", detail)
	}
}

// TestUnknownKeyIsHandedOn: Clerk's rules learn that a key does not exist, and go
// on without it.
func TestUnknownKeyIsHandedOn(t *testing.T) {
	var s *stage
	s = newStage(t, "", "", func(r *clerk.Request) clerk.State {
		if r.UnknownKey != "ins_1" {
			return s.needs("ins_1")
		}
		return signedOut("session-token-missing")
	})
	s.await = func(string) error { return fmt.Errorf("x: %w", jwks.ErrUnknownKey) }
	if got := brief(s.get()); !strings.HasPrefix(got, "401 session-token-missing") {
		t.Error(got)
	}
	s.await = func(string) error { return jwks.ErrUnavailable }
	if got := brief(s.get()); got != "503 keys-unavailable" {
		t.Errorf("a fetch that failed settles nothing: %s", got)
	}
}

// TestUnknownKeyThatIsDueAgain: the wait settles the key for this request, even if
// its rules forget about it and the next fetch may be made already.
func TestUnknownKeyThatIsDueAgain(t *testing.T) {
	var s *stage
	s = newStage(t, "", "", func(*clerk.Request) clerk.State { return s.needs("ins_1") })
	s.await = func(string) error { return jwks.ErrUnknownKey }
	if got := brief(s.get()); got != "401 jwk-kid-mismatch x-clerk-auth-status=signed-out x-clerk-auth-reason=jwk-kid-mismatch" || len(s.awaited) != 1 {
		t.Errorf("%s, awaited %v", got, s.awaited)
	}
	if got := brief(s.get(document)); !strings.HasPrefix(got, "307 jwk-kid-mismatch location=https://accounts.example.com/sign-in?") {
		t.Errorf("a document: %s", got)
	}
}

// TestNothingFromBeforeAWaitCounts: what was found without the key is not in the
// answer that is given with it.
func TestNothingFromBeforeAWaitCounts(t *testing.T) {
	var s *stage
	s = newStage(t, "", "", func(*clerk.Request) clerk.State {
		if len(s.awaited) > 0 {
			return signedInAs("user_1")
		}
		state := s.needs("ins_1")
		state.SetCookies, state.Presented, state.Handshake = []string{"__session=other"}, true, true
		return state
	})
	s.await = func(string) error { return nil }
	a := s.get()
	if !a.Allow || len(a.AddResponse) > 0 || len(s.observed) != 1 || len(s.observed[0].setCookies) > 0 {
		t.Errorf("%s: %+v", brief(a), s.observed)
	}
}

func TestRetryAfterOfTheBackend(t *testing.T) {
	const fourSeconds = 4e9
	s := newStage(t, "", "", saying(clerk.State{Err: clerk.ErrBackendUnavailable, RetryAfter: fourSeconds}))
	if got := header(s.get().ResponseHeaders, "retry-after"); got != "4" {
		t.Errorf("retry-after %q", got)
	}
}

// TestWaitsEndWithTheContext: a caller that is gone holds nothing.
func TestWaitsEndWithTheContext(t *testing.T) {
	var s *stage
	s = newStage(t, "", "", func(r *clerk.Request) clerk.State {
		if r.Replies.Verify == nil {
			return s.asks(clerk.CallVerifyM2M)
		}
		if errors.Is(r.Replies.Verify.Err, context.Canceled) {
			return clerk.State{Err: clerk.ErrBackendUnavailable}
		}
		return signedInAs("user_1")
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := brief(s.engine.Check(ctx, pageRequest())); got != "503 backend-unavailable" {
		t.Error(got)
	}
}

func TestPanicsWhileWaitingDeny(t *testing.T) {
	for name, state := range map[string]func(*stage) clerk.State{
		"the Backend API": func(s *stage) clerk.State { return s.asks(clerk.CallHandshake) },
		"a key":           func(s *stage) clerk.State { return s.needs("ins_1") },
	} {
		var s *stage
		s = newStage(t, "", "", func(*clerk.Request) clerk.State { return state(s) })
		s.await = func(string) error { panic("secret") }
		s.backend.reply = func(*clerk.Call) clerk.Reply { panic("secret") }
		if got := brief(s.get()); got != "503 internal-error" || len(s.observed) != 1 || s.observed[0].Route != "page" {
			t.Errorf("%s: %s, reported %+v", name, got, s.observed)
		}
	}
}

// FuzzWaits lets rules and a Backend API that say anything at all take the
// pipeline wherever they can. It must come to an end, ask nothing twice, and let
// nobody through who was not signed in by the last thing that was said.
func FuzzWaits(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, false)
	f.Add([]byte{0x10, 0x21, 0x10, 0x22, 0x03, 0x80}, true)
	f.Fuzz(func(t *testing.T, story []byte, optional bool) {
		var s *stage
		var last clerk.State
		next := func() byte {
			if len(story) == 0 {
				return 0x80
			}
			b := story[0]
			story = story[1:]
			return b
		}
		route := ""
		if optional {
			route = ", access: optional"
		}
		s = newStage(t, "", route, func(*clerk.Request) clerk.State { last = s.invent(next(), next()); return last })
		s.await = func(string) error {
			return [...]error{nil, jwks.ErrUnknownKey, jwks.ErrUnavailable, errors.New("x")}[next()&3]
		}
		s.backend.reply = func(*clerk.Call) clerk.Reply { return clerk.Reply{Status: int(next()) * 3, Body: []byte{next()}} }
		a := s.get(document)

		kinds := s.backend.kinds()
		slices.Sort(kinds)
		if len(slices.Compact(kinds)) != len(s.backend.asked) || len(s.backend.asked)+len(s.awaited) > maxWaits {
			t.Fatalf("asked %v, awaited %v", s.backend.asked, s.awaited)
		}
		if len(s.observed) != 1 {
			t.Fatalf("reported %d times", len(s.observed))
		}
		if !a.Allow {
			return
		}
		settled := last.Err == nil && last.Call == nil && last.Location == ""
		switch nobody := optional && (!last.Presented && !last.SignedIn || isPending(&last)); {
		case !settled || !nobody && !last.SignedIn:
			t.Fatalf("passed with %+v", last)
		case nobody && header(a.Set, "x-user-id")+header(a.Set, "x-org-id") != "":
			t.Fatalf("nobody is %v", a.Set)
		}
	})
}

// invent makes any state, sensible or not, of two bytes.
func (s *stage) invent(what, more byte) clerk.State {
	bit := func(i int) bool { return more&(1<<i) != 0 }
	state := clerk.State{SignedIn: bit(0), Presented: bit(1), NoRedirect: bit(2), Handshake: bit(3), Code: "code"}
	if bit(4) {
		state.Instance = s.instance
	}
	if bit(5) {
		state.Session, state.TokenType = &clerk.Session{UserID: "user_1", Pending: bit(6)}, clerk.TypeSession
	}
	if bit(7) {
		state.SetCookies = []string{"a=1"}
	}
	switch what & 7 {
	case 1:
		state.Call = &clerk.Call{Kind: clerk.CallKind(what >> 4)}
	case 2:
		state.Call = &clerk.Call{Kind: clerk.CallRefresh, Refresh: &clerk.Refresh{}}
	case 3:
		state.Err, state.KeyID = jwks.ErrFetchNeeded, fmt.Sprint("ins_", what>>4)
	case 4:
		state.Err = [...]error{clerk.ErrMalformed, clerk.ErrBackendUnavailable, jwks.ErrUnavailable, errors.New("x")}[what>>4&3]
	case 5:
		state.Location = "https://clerk.example.com/v1/client/handshake"
	case 6:
		state.Machine, state.TokenType = &clerk.Machine{UserID: "mch_1", MachineID: "mch_1"}, clerk.TypeOAuth
	}
	return state
}

// TestPanicsAreDescribedBriefly: an operator learns which error of the runtime it was,
// and nothing that a client may have written. A single flight hands the panic of one
// to all, with the stack.
func TestPanicsAreDescribedBriefly(t *testing.T) {
	flown := func(panics func()) func() {
		return func() { _, _, _ = new(singleflight.Group).Do("", func() (any, error) { panics(); return nil, nil }) }
	}
	var none []int
	index := func() { none[0]++ }
	for _, tt := range []struct {
		panics func()
		want   string
	}{
		{func() { panic("secret") }, "string"},
		{func() { panic(errors.New("secret")) }, "*errors.errorString"},
		{index, "runtime error: index out of range [0] with length 0"},
		{flown(index), "runtime error: index out of range [0] with length 0"},
		{flown(func() { panic("secret") }), "*singleflight.panicError"},
	} {
		func() {
			defer func() {
				if got := describePanic(recover()); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			}()
			tt.panics()
		}()
	}
}
