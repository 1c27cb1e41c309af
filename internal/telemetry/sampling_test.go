package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// logged is a decision log that is read again.
type logged struct {
	*telemetry.DecisionLog
	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func newLogged(s telemetry.Sampling) *logged {
	l := &logged{}
	l.DecisionLog = telemetry.NewDecisionLog(slog.New(slog.NewJSONHandler(l, nil)), s)
	return l
}

// second is a moment of a test.
func second(s float64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(s * float64(time.Second)))
}

func passAt(at time.Time) *authz.Decided {
	d := passed("me", "")
	d.At = at
	return d
}

// story writes what was logged, one letter a record with what it stands for.
func (l *logged) story(t *testing.T) (told []string) {
	t.Helper()
	for line := range strings.Lines(l.out.String()) {
		var r struct {
			Msg, Outcome, Shadow string
			Dropped              []string
			Unlogged             json.Number
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		what := r.Outcome
		switch {
		case r.Msg != "decision":
			what = r.Msg
		case r.Shadow != "":
			what = "shadow"
		case r.Dropped != nil:
			what = "dropped"
		}
		if r.Unlogged != "" {
			what += " after " + r.Unlogged.String()
		}
		told = append(told, what)
	}
	l.out.Reset()
	return told
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestPassesAreSampled: the first of each second, then each third, and each says
// how many it stands for.
func TestPassesAreSampled(t *testing.T) {
	l := newLogged(telemetry.Sampling{PerSecond: 2, OneIn: 3})
	observe := func(n int, at float64) {
		for range n {
			l.Observe(passAt(second(at)))
		}
	}
	observe(10, 0)
	same(t, "ten in a second", l.story(t), "pass", "pass", "pass after 2", "pass after 2")
	observe(1, 1)
	same(t, "the next second", l.story(t), "pass after 2")
	observe(2, 0.9)
	same(t, "two that are late", l.story(t), "pass")
	observe(2, 2)
	same(t, "a third second", l.story(t), "pass after 1", "pass")
	observe(3, -3600)
	same(t, "a clock that was set back", l.story(t), "pass", "pass")
	observe(1, 1e6)
	same(t, "much later", l.story(t), "pass after 1")
	l.Close()
	same(t, "nothing was left out", l.story(t))
	observe(3, 1e6)
	l.Close()
	l.Close()
	same(t, "the end", l.story(t), "pass", "decisions not logged after 2")
}

// TestWhatIsAlwaysLogged: whatever is not a pass like the others, and it changes
// nothing for those.
func TestWhatIsAlwaysLogged(t *testing.T) {
	l := newLogged(telemetry.Sampling{OneIn: 1000})
	shadowed, dropped := passAt(second(0)), passAt(second(0))
	shadowed.Verdict.Shadow = "org-required"
	dropped.Verdict.Dropped = []string{"x-plan"}
	for range 3 {
		for _, d := range []*authz.Decided{passAt(second(0)), denied(authz.Unauthenticated, "me", "token-expired"), denied(authz.Fault, "me", "internal-error"), shadowed, dropped} {
			l.Observe(d)
		}
	}
	same(t, "records", l.story(t), "deny", "deny", "shadow", "dropped", "deny", "deny", "shadow", "dropped", "deny", "deny", "shadow", "dropped")
	l.Close()
	same(t, "the end", l.story(t), "decisions not logged after 3")
}

// TestSamplingOff: all are logged, by the zero value as well.
func TestSamplingOff(t *testing.T) {
	for _, s := range []telemetry.Sampling{{}, {OneIn: 1}, {PerSecond: 5, OneIn: 1}} {
		l := newLogged(s)
		for range 500 {
			l.Observe(passAt(second(0)))
		}
		if n := strings.Count(l.out.String(), "\n"); n != 500 || strings.Contains(l.out.String(), "unlogged") {
			t.Errorf("%+v: %d records", s, n)
		}
	}
}

// TestSmallTrafficIsWhole by the default, and large is not.
func TestSmallTrafficIsWhole(t *testing.T) {
	l := newLogged(telemetry.DefaultSampling())
	for i := range 3000 { // in six seconds
		l.Observe(passAt(second(float64(i) / 500)))
	}
	if n := len(l.story(t)); n != 3000 {
		t.Errorf("%d of 3000 passes in six seconds logged", n)
	}
	for i := range 100_000 { // in two
		l.Observe(passAt(second(100 + float64(i)/50_000)))
	}
	if n := len(l.story(t)); n != 2*(500+495) {
		t.Errorf("%d of 100,000 passes in two seconds logged", n)
	}
}

// TestNoPassIsLost: what is logged and what is said to be left out is all that
// there was, also when many are decided at a time.
func TestNoPassIsLost(t *testing.T) {
	const each, workers = 5000, 8
	l := newLogged(telemetry.Sampling{PerSecond: 3, OneIn: 7})
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range each {
				l.Observe(passAt(second(float64(i) / 1000)))
			}
		})
	}
	all.Wait()
	l.Close()
	records, left := 0, 0
	for line := range bytes.Lines(l.out.Bytes()) {
		if n, ok := telemetry.ReadUnlogged(line); ok {
			left += n
			continue
		}
		r, err := telemetry.ReadRecord(line)
		if err != nil {
			t.Fatal(err)
		}
		records++
		left += r.Unlogged
	}
	if records+left != each*workers || records < each*workers/7 || records > each*workers/2 {
		t.Errorf("%d records, %d left out of %d", records, left, each*workers)
	}
}

// TestLeavingOutDoesNotAllocate: what is not logged costs next to nothing, whoever
// called.
func TestLeavingOutDoesNotAllocate(t *testing.T) {
	l := newLogged(telemetry.Sampling{OneIn: 1 << 40})
	d := passAt(second(0))
	d.Verdict.Identity = &policy.Identity{UserID: "user_1", OrgPermissions: []string{"org:a:b"}}
	if n := testing.AllocsPerRun(1000, func() { l.Observe(d) }); n != 0 || l.out.Len() > 0 {
		t.Errorf("%v allocations, logged %s", n, &l.out)
	}
}

func TestReadUnlogged(t *testing.T) {
	for line, want := range map[string]int{
		`{"msg":"decisions not logged","unlogged":7}`:  7,
		`{"msg":"decisions not logged","unlogged":-7}`: -1,
		`{"msg":"decisions not logged","unlogged":"x"`: -1,
		`{"msg":"x","y":"decisions not logged"}`:       -1,
		`{"msg":"decision"}`:                           -1,
		``:                                             -1,
	} {
		if n, ok := telemetry.ReadUnlogged([]byte(line)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%s: %d, %v", line, n, ok)
		}
	}
}
