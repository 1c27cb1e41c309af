package authz

import (
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// TestRehearsalAsksNobody: what would have to be fetched is not, and nobody is told
// what came out.
func TestRehearsalAsksNobody(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rules   func(*stage, *clerk.Request) clerk.State
		decided bool
		want    string
	}{
		{"nothing to fetch", func(*stage, *clerk.Request) clerk.State { return signedInAs("user_1") }, true, "pass x-user-id=user_1"},
		{"a key", func(s *stage, _ *clerk.Request) clerk.State { return s.needs("ins_1") }, false, ""},
		{"a nonce", func(s *stage, _ *clerk.Request) clerk.State { return s.asks(clerk.CallHandshake) }, false, ""},
		{"a refresh", func(s *stage, _ *clerk.Request) clerk.State { return s.asks(clerk.CallRefresh) }, false, ""},
		{"an answer that is at hand", func(s *stage, r *clerk.Request) clerk.State {
			if r.Replies.Verify == nil {
				return s.asks(clerk.CallVerifyAPIKey)
			}
			return signedInAs(string(r.Replies.Verify.Body))
		}, true, "pass x-user-id=user_2"},
		{"a panic", func(*stage, *clerk.Request) clerk.State { panic("a bug") }, true, "503 internal-error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s *stage
			s = newStage(t, "", "", func(r *clerk.Request) clerk.State { return tt.rules(s, r) })
			s.backend.cached = map[clerk.CallKind]clerk.Reply{clerk.CallVerifyAPIKey: {Status: 200, Body: []byte("user_2")}}
			for _, engine := range []*Engine{s.engine, s.engine.Beside()} {
				engine.Use(s.engine.snapshot.Load())
				_, a, decided := engine.Rehearse(pageRequest(), stageTime)
				if decided != tt.decided || decided && brief(a) != tt.want || !decided && a.Allow {
					t.Errorf("decided %t: %s, want %t: %s", decided, brief(a), tt.decided, tt.want)
				}
			}
			if len(s.backend.asked)+len(s.awaited)+len(s.observed) > 0 {
				t.Errorf("asked %v, awaited %v, told %v", s.backend.asked, s.awaited, s.observed)
			}
		})
	}
}

// moment is an authenticator that knows who calls at one time only.
type moment time.Time

func (m moment) Authenticate(_ *clerk.Request, _ *clerk.Cache, now time.Time) clerk.State {
	if now.Equal(time.Time(m)) {
		return signedInAs("user_1")
	}
	return signedOut("token-expired")
}

// TestRehearsalAtTheSameMoment: a token that was good when the request came has
// not expired when the decision is rehearsed.
func TestRehearsalAtTheSameMoment(t *testing.T) {
	s := newStage(t, "", "", nil)
	s.engine.snapshot.Load().authenticator = moment(stageTime)
	told := make(chan *Decided, 1)
	s.engine.observer = tell(told)
	if a := s.get(); !a.Allow {
		t.Fatal(brief(a))
	}
	d := <-told
	s.engine.now = func() time.Time { return stageTime.Add(time.Hour) }
	if v, a, decided := s.engine.Rehearse(d.Request, d.At); !decided || !a.Allow || v.Kind != Passed || brief(a) != brief(*d.Answer) {
		t.Errorf("decided %t: %s, told %s", decided, brief(a), brief(*d.Answer))
	}
	if _, a, _ := s.engine.Rehearse(d.Request, d.At.Add(1)); a.Allow {
		t.Error("passed at another moment")
	}
	if _, a, decided := New(Options{}).Rehearse(d.Request, d.At); a.Allow || !decided || a.Status != 503 {
		t.Errorf("without a policy: %s", brief(a))
	}
}

// tell is an observer that hands decisions on.
type tell chan *Decided

func (c tell) Observe(d *Decided) { c <- d }
