package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/internal/watch"
	"github.com/clerkgate/clerkgate/policy"
)

// How long a reload takes its time; both are our judgement.
const (
	// keysPatience is how long a new instance may be without keys before the log
	// says that it keeps a policy waiting.
	keysPatience = 10 * time.Second
	// retirement is how long a key source goes on after its policy was replaced,
	// for the requests that began before. No proxy waits that long for an answer.
	retirement = 5 * time.Second
)

// keeper keeps a policy in force, and replaces it when its file or the secrets
// that it names have changed. A new policy is loaded whole. It comes into force,
// for all requests that begin from then on, once each Clerk instance that is new
// in it has keys; whatever is wrong with it, the policy before it stays.
//
// Create it with [newKeeper] and call run once. The fields are that goroutine's
// then.
type keeper struct {
	engine   *authz.Engine
	metrics  *telemetry.Metrics
	from     policySource
	logger   *slog.Logger
	watcher  *watch.Watcher   // nil: files are not watched
	hangups  <-chan os.Signal // SIGHUP: load anew, and say so even if nothing changed
	patience time.Duration
	retire   time.Duration

	current *regime
	next    *regime          // waits for keys; nil: none does
	late    <-chan time.Time // when to say that it waits
	refused string           // what was wrong with the file when it was last loaded
	running sync.WaitGroup
}

// newKeeper puts the first policy into force.
func newKeeper(engine *authz.Engine, metrics *telemetry.Metrics, from policySource, first *regime) *keeper {
	engine.Use(first.snapshot)
	metrics.UseTokenCache(engine.CacheStats)
	metrics.Use(first.inForce())
	return &keeper{engine: engine, metrics: metrics, from: from, logger: from.logger, current: first, patience: keysPatience, retire: retirement}
}

// run keeps the policy until ctx ends, and leaves nothing running. It calls ready
// once, when every instance has keys for the first time.
func (k *keeper) run(ctx context.Context, ready func()) {
	defer k.running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := k.watchFiles(ctx)
	k.startSources(ctx, k.current)
	for {
		k.startSources(ctx, k.next)
		waiting := k.next.lacking(k.current)
		if k.next != nil && len(waiting) == 0 {
			k.replace()
		}
		lacking := k.current.lacking()
		if len(lacking) == 0 && ready != nil {
			ready()
			ready = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			k.reload(false)
		case <-k.hangups:
			k.reload(true)
		case <-anyReady(lacking):
		case <-anyReady(waiting):
		case <-k.late:
			k.late = nil
			k.metrics.ReloadFailed()
			k.sayLate()
		}
	}
}

// watchFiles begins to watch the files of the policy, if that is wanted.
func (k *keeper) watchFiles(ctx context.Context) (changed <-chan struct{}) {
	if k.watcher == nil {
		return nil
	}
	k.watcher.Watch(k.current.watched(k.from.file)...)
	k.running.Go(func() { k.watcher.Run(ctx) })
	return k.watcher.Changed()
}

// startSources runs those of a policy's key sources that do not run yet.
func (k *keeper) startSources(ctx context.Context, r *regime) {
	for settings, s := range r.beyond() {
		if s.source == nil || s.stop != nil {
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		s.stop = stop
		k.running.Go(func() {
			defer stop()
			if err := s.source.Run(ctx); err != nil {
				k.logger.Error("keys are not refreshed", "url", settings.url, "reason", err.Error())
			}
			k.logger.Debug("key source stopped", "url", settings.url)
		})
	}
}

// reload loads the policy anew. asked says that somebody wants to be told also if
// nothing has changed.
func (k *keeper) reload(asked bool) {
	r, err := k.load()
	if err == nil && k.watcher != nil {
		k.watcher.Watch(r.watched(k.from.file)...)
	}
	switch {
	case err != nil:
		k.refuse(policy.Problems{problemOf(err)}, asked)
	case r.snapshot == nil:
		k.refuse(r.problems, asked)
	case r.snapshot.Instances() == 0:
		k.refuse(policy.Problems{problemOf(k.from.errNoInstance())}, asked)
	case r.same(k.current):
		k.unchanged(asked)
	case r.same(k.next):
		if asked {
			k.sayLate()
		}
	default:
		k.nominate(r)
	}
}

// load loads the policy, and uses what runs already. A pipe was read at the start
// and would have to be waited for; and a file that the loader stumbles over must
// not end the process and all its verdicts.
func (k *keeper) load() (r *regime, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: the loader panicked, which is a bug: %v", k.from.file, p)
		}
	}()
	if info, err := os.Stat(k.from.file); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file; it was read once and cannot be read again", k.from.file)
	}
	return k.from.load(k.current, k.next)
}

// problemOf is an error without a place in the policy.
func problemOf(err error) policy.Problem {
	p := policy.Problem{Severity: policy.Error, Message: err.Error()}
	if h := (hinted{}); errors.As(err, &h) {
		p.Hint = h.hint
	}
	return p
}

// nominate makes a policy the next one. It comes into force when its new instances
// have keys.
func (k *keeper) nominate(r *regime) {
	k.refused = ""
	k.drop(r)
	k.next, k.late = r, time.After(k.patience)
	if lacking := len(r.lacking(k.current)); lacking > 0 {
		k.logger.Info("policy waits for keys", "file", k.from.file, "policy", r.hash(), "instances", lacking)
	}
}

// drop forgets the policy that waits for keys, and stops what only it has.
func (k *keeper) drop(successor *regime) {
	for _, s := range k.next.beyond(k.current, successor) {
		if s.stop != nil {
			s.stop()
		}
	}
	k.next, k.late = nil, nil
}

// replace puts the next policy into force.
func (k *keeper) replace() {
	old := k.current
	k.engine.Use(k.next.snapshot)
	k.current, k.next, k.late = k.next, nil, nil
	k.metrics.Use(k.current.inForce())
	k.metrics.ReloadSucceeded()
	k.current.describe(k.logger, "policy reloaded", "replaced", old.hash())
	for _, s := range old.beyond(k.current) {
		if s.stop != nil {
			time.AfterFunc(k.retire, s.stop)
		}
	}
}

// unchanged is for a file that holds the policy that is in force.
func (k *keeper) unchanged(asked bool) {
	if asked || k.next != nil || k.refused != "" {
		k.logger.Info("policy unchanged", "file", k.from.file, "policy", k.current.hash())
	}
	k.refused = ""
	k.drop(nil)
}

// refuse keeps the policy that is in force, and says why. The same reason is told
// again only if somebody asked.
func (k *keeper) refuse(problems policy.Problems, asked bool) {
	k.drop(nil)
	k.metrics.ReloadFailed()
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	if reason := strings.Join(all, "\n"); reason != k.refused || asked {
		k.refused = reason
		k.sayRefused(problems)
	}
}

// sayRefused writes a line for each problem, and one that sums up.
func (k *keeper) sayRefused(problems policy.Problems) {
	for _, p := range problems {
		var attributes []any
		if p.Line > 0 {
			attributes = append(attributes, "at", fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col))
		}
		attributes = append(attributes, "message", p.Message)
		if p.Hint != "" {
			attributes = append(attributes, "hint", p.Hint)
		}
		k.logger.Log(context.Background(), level(p.Severity), "policy", attributes...)
	}
	k.sayKept("see above")
}

// sayLate says which keys a policy waits for. It comes into force when they are
// there.
func (k *keeper) sayLate() {
	for settings, source := range k.next.lacking(k.current) {
		reason := "they came this moment"
		if err := source.Status().Usable(); err != nil {
			reason = err.Error()
		}
		k.logger.Error("a new Clerk instance has no keys yet", "url", settings.url, "reason", reason)
	}
	k.sayKept("it waits for keys, and comes into force when they are there")
}

// sayKept sums up why the policy in force stays.
func (k *keeper) sayKept(reason string) {
	k.logger.Error("policy not reloaded", "file", k.from.file, "policy", k.current.hash(), "reason", reason)
}
