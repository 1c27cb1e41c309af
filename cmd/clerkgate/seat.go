package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// seat is a place that a policy has until another one replaces it. A new policy
// is loaded whole. It takes its seat, for all requests that begin from then on,
// once each Clerk instance that is new in it has keys; whatever is wrong with it,
// the policy before it stays.
//
// The zero seat is nobody's: it waits for nothing.
type seat struct {
	name      string // what the log calls its policy
	engine    *authz.Engine
	counter   reloadCounter
	release   func(r *regime, served bool) // is told of a regime that has left
	replacing func()                       // is called before another takes the seat; may be nil
	from      policySource
	logger    *slog.Logger
	patience  time.Duration
	compared  bool // with a candidate, so that every route may disagree

	current *regime
	next    *regime          // waits for keys; nil: none does
	late    <-chan time.Time // when to say that it waits
	refused string           // what was wrong with the file when it was last loaded
	files   []string         // whose change may be a change of the policy
}

// reloadCounter counts what becomes of policies; *telemetry.Metrics does.
type reloadCounter interface {
	Use(telemetry.InForce)
	ReloadSucceeded()
	ReloadFailed()
}

// uncounted are the reloads of a candidate: what metrics tell is about the policy
// in force, and so are the alerts on them.
type uncounted struct{}

func (uncounted) Use(telemetry.InForce) {}
func (uncounted) ReloadSucceeded()      {}
func (uncounted) ReloadFailed()         {}

func newSeat(name string, engine *authz.Engine, counter reloadCounter, release func(*regime, bool), from policySource) *seat {
	return &seat{name: name, engine: engine, counter: counter, release: release, from: from, logger: from.logger, patience: keysPatience}
}

// take gives the seat to a policy.
func (s *seat) take(r *regime) {
	s.engine.Use(r.snapshot)
	s.current, s.next, s.late = r, nil, nil
	s.files = r.watched(s.from.file)
	s.counter.Use(r.inForce(s.compared))
}

// waiting returns the sources that the next policy waits for.
func (s *seat) waiting() map[keySettings]*jwks.Source { return s.next.lacking(s.current) }

// advance gives the seat to the next policy if that has its keys.
func (s *seat) advance() {
	if s.next == nil || len(s.waiting()) > 0 {
		return
	}
	if s.replacing != nil {
		s.replacing()
	}
	old := s.current
	s.take(s.next)
	s.counter.ReloadSucceeded()
	s.current.describe(s.logger, s.name, "reloaded", "replaced", old.hash())
	s.release(old, true)
}

// overdue is for a policy that has waited for long.
func (s *seat) overdue() {
	s.late = nil
	s.counter.ReloadFailed()
	s.sayLate()
}

// reload loads the policy anew, and uses what the others have already. asked says
// that somebody wants to be told also if nothing has changed.
func (s *seat) reload(asked bool, have []*regime) {
	r, err := s.load(have)
	if err == nil {
		s.files = r.watched(s.from.file)
	}
	switch {
	case err != nil:
		s.refuse(policy.Problems{problemOf(err)}, asked)
	case r.snapshot == nil:
		s.refuse(r.problems, asked)
	case r.snapshot.Instances() == 0:
		s.refuse(policy.Problems{problemOf(s.from.errNoInstance())}, asked)
	case r.same(s.current):
		s.unchanged(asked)
	case r.same(s.next):
		if asked {
			s.sayLate()
		}
	default:
		s.nominate(r)
	}
}

// load loads the policy. A pipe was read at the start and would have to be waited
// for; and a file that the loader stumbles over must not end the process and all
// its verdicts.
func (s *seat) load(have []*regime) (r *regime, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: the loader panicked, which is a bug: %v", s.from.file, p)
		}
	}()
	if info, err := os.Stat(s.from.file); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file; it was read once and cannot be read again", s.from.file)
	}
	return s.from.load(have...)
}

// problemOf is an error without a place in the policy.
func problemOf(err error) policy.Problem {
	p := policy.Problem{Severity: policy.Error, Message: err.Error()}
	if h := (hinted{}); errors.As(err, &h) {
		p.Hint = h.hint
	}
	return p
}

// nominate makes a policy the next one. It takes the seat when its new instances
// have keys.
func (s *seat) nominate(r *regime) {
	s.refused = ""
	s.drop(r)
	s.late = time.After(s.patience)
	if lacking := len(s.waiting()); lacking > 0 {
		s.logger.Info(s.name+" waits for keys", "file", s.from.file, "policy", r.hash(), "instances", lacking)
	}
}

// drop forgets the policy that waits for keys, for a successor or for none.
func (s *seat) drop(successor *regime) {
	dropped := s.next
	s.next, s.late = successor, nil
	if dropped != nil {
		s.release(dropped, false)
	}
}

// unchanged is for a file that holds the policy that has the seat.
func (s *seat) unchanged(asked bool) {
	if asked || s.next != nil || s.refused != "" {
		s.logger.Info(s.name+" unchanged", "file", s.from.file, "policy", s.current.hash())
	}
	s.refused = ""
	s.drop(nil)
}

// refuse keeps the policy that has the seat, and says why. The same reason is told
// again only if somebody asked.
func (s *seat) refuse(problems policy.Problems, asked bool) {
	s.drop(nil)
	s.counter.ReloadFailed()
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	if reason := strings.Join(all, "\n"); reason != s.refused || asked {
		s.refused = reason
		s.sayRefused(problems)
	}
}

// sayRefused writes a line for each problem, and one that sums up.
func (s *seat) sayRefused(problems policy.Problems) {
	for _, p := range problems {
		var attributes []any
		if p.Line > 0 {
			attributes = append(attributes, "at", fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col))
		}
		attributes = append(attributes, "message", p.Message)
		if p.Hint != "" {
			attributes = append(attributes, "hint", p.Hint)
		}
		s.logger.Log(context.Background(), level(p.Severity), s.name, attributes...)
	}
	s.sayKept("see above")
}

// sayLate says which keys a policy waits for. It takes the seat when they are
// there.
func (s *seat) sayLate() {
	for settings, source := range s.waiting() {
		reason := "they came this moment"
		if err := source.Status().Usable(); err != nil {
			reason = err.Error()
		}
		s.logger.Error("a new Clerk instance has no keys yet", "url", settings.url, "reason", reason)
	}
	s.sayKept("it waits for keys, and comes into force when they are there")
}

// sayKept sums up why the policy that has the seat stays.
func (s *seat) sayKept(reason string) {
	s.logger.Error(s.name+" not reloaded", "file", s.from.file, "policy", s.current.hash(), "reason", reason)
}
