package jwks

import (
	"context"
	"errors"
	"time"
)

// Without keys the endpoint is asked again after a second, then up to two, four
// and five: soon for those who wait, and apart for a fleet that started at once.
const (
	retryFirst = time.Second
	retryMost  = 5 * time.Second
)

// errStopped is what those get who still wait when Run ends.
var errStopped = errors.New("stopped")

// Run loads the keys, again and again until it has some, and then keeps them
// fresh, until ctx ends; then it returns nil and leaves nothing running. Call it
// once. After it [Source.Key] goes on with the keys it has until they are stale,
// and nothing is fetched any more.
func (s *Source) Run(ctx context.Context) error {
	if s.base == nil || s.ran.Swap(true) {
		return errors.New("a key source runs once, after NewSource")
	}
	defer s.release()
	defer s.land()
	for tries := 0; ; {
		f := s.refresh()
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil
		}
		if s.Status().usable {
			tries = 0
		} else {
			tries++
		}
		select {
		case <-s.config.After(s.pause(tries)):
		case <-ctx.Done():
			return nil
		}
	}
}

// land ends the fetch that is under way, and waits for its end.
func (s *Source) land() {
	s.stop()
	s.mu.Lock()
	f := s.flight
	s.mu.Unlock()
	if f != nil {
		<-f.done
	}
}

// pause is how long to wait after the given number of fetches in a row that left
// us without usable keys.
func (s *Source) pause(tries int) time.Duration {
	jitter := s.config.Jitter()
	if tries > 0 {
		most := min(retryFirst<<min(tries-1, 3), retryMost)
		return retryFirst + time.Duration(jitter*float64(most-retryFirst))
	}
	refresh := float64(s.config.Refresh)
	next := time.Duration(refresh * (0.9 + 0.2*jitter))
	// Keys that go stale before the next refresh must not wait for it.
	left := s.config.Stale - s.config.Now().Sub(s.state.Load().fetched)
	return min(next, max(left, retryFirst))
}

// refresh joins the fetch that is under way, or starts one that owes the
// cool-down nothing.
func (s *Source) refresh() *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	return s.launch(false)
}

// launch starts a fetch. The caller holds mu and has seen that there is none.
func (s *Source) launch(refetch bool) *flight {
	s.flight = &flight{refetch: refetch, done: make(chan struct{})}
	go s.fly(s.flight)
	return s.flight
}

// fly carries a fetch out under its own timeout.
func (s *Source) fly(f *flight) {
	ctx, cancel := context.WithCancelCause(s.base)
	defer cancel(nil)
	go func() {
		select {
		case <-s.config.After(s.config.Timeout):
			cancel(errTimeout)
		case <-ctx.Done():
		}
	}()
	set, err := s.fetch(ctx)
	s.arrive(f, set, err)
}

// arrive publishes what a fetch brought, and wakes those who wait for it. It logs
// before, so that nothing is said any more when Run has returned.
func (s *Source) arrive(f *flight, set *Set, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.state.Load()
	next := *old
	stopped := err != nil && s.base.Err() != nil
	if stopped {
		err = errStopped // our doing, not the endpoint's: it counts for nothing
	} else {
		next.record(f, set, err, s.config.Now())
	}
	// Whoever acts on what the log says must find it so.
	s.state.Store(&next)
	if !stopped {
		s.log(old, &next)
	}
	if old.set == nil && next.set != nil {
		close(s.ready)
	}
	s.flight, f.set, f.err = nil, set, err
	close(f.done)
}

// record enters the result of a fetch into a state that is not yet published.
func (st *state) record(f *flight, set *Set, err error, now time.Time) {
	st.fetches++
	st.err = err
	if err != nil {
		st.failures++
	} else {
		set.adopt(st.set)
		st.set, st.fetched, st.unsettled = set, now, false
	}
	if f.refetch {
		st.refetched, st.unsettled = now, err != nil
	}
}

// log tells what changed: failures each time, since they are rare by
// construction; the rest only if it is news.
func (s *Source) log(before, after *state) {
	logger := s.config.Logger.With("url", s.config.URL)
	switch {
	case after.err != nil:
		logger.Warn("keys not fetched", "reason", after.err.Error(), "keys", after.set.Len())
	case before.set == nil:
		logger.Info("keys loaded", "keys", after.set.Len())
	case before.set.differs(after.set):
		logger.Info("keys changed", "keys", after.set.Len())
	case before.err != nil:
		logger.Info("keys fetched again", "keys", after.set.Len())
	}
}

// differs compares sets of which the second has adopted the first.
func (s *Set) differs(other *Set) bool {
	for kid, key := range s.keys {
		if other.keys[kid] != key {
			return true
		}
	}
	return len(s.keys) != len(other.keys)
}
