package main

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/candidate"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/internal/watch"
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
// that it names have changed; and, if there is one, a candidate beside it.
//
// Create it with [newKeeper] and call run once. The fields are that goroutine's
// then.
type keeper struct {
	*seat   // of the policy in force
	metrics *telemetry.Metrics
	watcher *watch.Watcher   // nil: files are not watched
	hangups <-chan os.Signal // SIGHUP: load anew, and say so even if nothing changed
	retire  time.Duration

	rival      *seat // of the candidate; nobody's if there is none
	comparison *candidate.Comparison
	running    sync.WaitGroup
}

// newKeeper puts the first policy into force.
func newKeeper(engine *authz.Engine, metrics *telemetry.Metrics, from policySource, first *regime) *keeper {
	k := &keeper{metrics: metrics, retire: retirement, rival: &seat{}}
	k.seat = newSeat("policy", engine, metrics, k.release, from)
	metrics.UseTokenCache(engine.CacheStats)
	k.take(first)
	return k
}

// rehearse puts the first candidate beside the policy in force. The engine is the
// comparison's, and so is the observer of the live one.
func (k *keeper) rehearse(c *candidate.Comparison, engine *authz.Engine, from policySource, first *regime) {
	k.comparison = c
	k.rival = newSeat("candidate policy", engine, uncounted{}, k.release, from)
	k.rival.take(first)
	k.compared, k.replacing, k.rival.replacing = true, c.Restart, c.Restart
	k.metrics.Use(k.current.inForce(k.compared))
}

// describe writes to the log what was loaded at the start.
func (k *keeper) describe() {
	for _, s := range []*seat{k.seat, k.rival} {
		if s.current != nil {
			s.current.describe(s.logger, s.name, "loaded")
		}
	}
}

// run keeps the policies until ctx ends, and leaves nothing running. It calls ready
// once, when every instance of the policy in force has keys for the first time.
func (k *keeper) run(ctx context.Context, ready func()) {
	defer k.running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := k.watchFiles(ctx)
	if k.comparison != nil {
		k.running.Go(func() { k.comparison.Run(ctx) })
	}
	for {
		k.startSources(ctx)
		k.advance()
		k.rival.advance()
		lacking := k.current.lacking()
		if len(lacking) == 0 && ready != nil {
			ready()
			ready = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			k.reloadAll(false)
		case <-k.hangups:
			k.reloadAll(true)
		case <-anyReady(lacking):
		case <-anyReady(k.waiting()):
		case <-anyReady(k.rival.waiting()):
		case <-k.late:
			k.overdue()
		case <-k.rival.late:
			k.rival.overdue()
		}
	}
}

// reloadAll loads both policies anew.
func (k *keeper) reloadAll(asked bool) {
	k.reload(asked, k.regimes())
	if k.comparison != nil {
		k.rival.reload(asked, k.regimes())
		if asked {
			k.comparison.SumUp()
		}
	}
	k.watch()
}

// watchFiles begins to watch the files of the policies, if that is wanted.
func (k *keeper) watchFiles(ctx context.Context) (changed <-chan struct{}) {
	if k.watcher == nil {
		return nil
	}
	k.watch()
	k.running.Go(func() { k.watcher.Run(ctx) })
	return k.watcher.Changed()
}

func (k *keeper) watch() {
	if k.watcher != nil {
		k.watcher.Watch(append(slices.Clone(k.files), k.rival.files...)...)
	}
}

// regimes are those that are in force, beside it, or wait for keys.
func (k *keeper) regimes() []*regime {
	all := []*regime{k.current, k.next, k.rival.current, k.rival.next}
	return slices.DeleteFunc(all, func(r *regime) bool { return r == nil })
}

// startSources runs the key sources that do not run yet.
func (k *keeper) startSources(ctx context.Context) {
	for _, r := range k.regimes() {
		for settings, s := range r.beyond() {
			if s.source != nil && s.stop == nil {
				k.start(ctx, settings, s)
			}
		}
	}
}

func (k *keeper) start(ctx context.Context, settings keySettings, s *keySource) {
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

// release stops what only this regime has. One that was in force may still have
// requests that began under it.
func (k *keeper) release(r *regime, served bool) {
	for _, s := range r.beyond(k.regimes()...) {
		switch {
		case s.stop == nil:
		case served:
			time.AfterFunc(k.retire, s.stop)
		default:
			s.stop()
		}
	}
}
