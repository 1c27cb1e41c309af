package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Source keeps the keys of one issuer. Create it with [NewSource]. It is safe for
// concurrent use.
type Source struct {
	config  Config
	client  *http.Client
	release func() // lets go of the client's idle connections

	// base is what fetches run under instead of a caller's context. It ends with
	// Run, so that nothing is left behind.
	base context.Context
	stop context.CancelFunc

	ready      chan struct{}
	ran        atomic.Bool
	suppressed atomic.Uint64
	state      atomic.Pointer[state]

	mu     sync.Mutex // guards flight, and whoever replaces state
	flight *flight    // the fetch that is under way, if any
}

// state is everything that a look-up needs. It never changes; it is replaced.
type state struct {
	set     *Set      // nil: never loaded
	fetched time.Time // when set was last confirmed

	// A refetch is a fetch for an unknown key id. Its cool-down counts from its
	// end, so it stays due while it is under way. Counted from its start, a slow
	// one would be followed by the next at once, and those who waited for it
	// would be told to fetch again.
	refetched time.Time // when the last one ended; zero: never
	unsettled bool      // it failed, and nothing succeeded since

	fetches, failures uint64
	err               error // of the last fetch
}

// flight is one fetch that any number of callers wait for. set and err may be
// read once done is closed.
type flight struct {
	refetch bool
	done    chan struct{}
	set     *Set
	err     error
}

// awaitMargin is how long before its caller's deadline Await gives up, so that
// there is time to build and send an answer: our judgement; a denial takes far
// less than a millisecond, but a tenth of Envoy's second got lost on a busy
// machine. Of short deadlines it takes a quarter, so that they are worth waiting for at all.
const awaitMargin = 100 * time.Millisecond

// Key finds a key by its id. It never blocks, and does not allocate.
//
// The error is [ErrUnknownKey], [ErrUnavailable] or [ErrFetchNeeded], itself and
// not wrapped. An empty id is always unknown. While the keys are missing or
// stale, every other id gets [ErrUnavailable].
func (s *Source) Key(kid string) (*Key, error) {
	if kid == "" {
		return nil, ErrUnknownKey
	}
	st := s.state.Load()
	if st == nil || st.set == nil {
		return nil, ErrUnavailable
	}
	now := s.config.Now()
	if st.stale(now, &s.config) {
		return nil, ErrUnavailable
	}
	if key := st.set.keys[kid]; key != nil {
		return key, nil
	}
	if st.refetchDue(now, &s.config) {
		return nil, ErrFetchNeeded
	}
	s.suppressed.Add(1)
	if st.unsettled {
		return nil, ErrUnavailable
	}
	return nil, ErrUnknownKey
}

func (st *state) stale(now time.Time, c *Config) bool {
	return now.Sub(st.fetched) > c.Stale
}

func (st *state) refetchDue(now time.Time, c *Config) bool {
	return st.refetched.IsZero() || now.Sub(st.refetched) >= c.Cooldown
}

// Await finds a key by its id, and waits for the endpoint if need be: it joins
// the fetch that is under way, whatever it was started for, or starts the one
// that is due. It gives up a little before the deadline of ctx (20 ms, or a
// quarter of what is left if that is less), and when ctx is cancelled; the fetch
// goes on for the others.
//
// The error is [ErrUnknownKey], or wraps [ErrUnavailable] if the fetch failed or
// took too long. It is never [ErrFetchNeeded]. Await works without
// [Source.Run] too, for a program that needs a key once.
func (s *Source) Await(ctx context.Context, kid string) (*Key, error) {
	key, err := s.Key(kid)
	if err == nil || errors.Is(err, ErrUnknownKey) || s.state.Load() == nil {
		return key, err
	}
	wait, cancel := beforeDeadline(ctx)
	defer cancel()
	for {
		f := s.join()
		if f == nil {
			return s.settled(kid)
		}
		select {
		case <-f.done:
		case <-wait.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(wait))
		}
		key, err := f.key(kid)
		if err == nil || f.refetch || f.err != nil {
			return key, err
		}
		// A refresh that happened to be under way did not bring the key. It may
		// have begun before the key was published: the refetch is still due.
	}
}

// beforeDeadline ends a margin before ctx does.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	// The deadline was made with the real clock, so it is compared with that.
	margin := min(awaitMargin, max(0, time.Until(deadline)/4))
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// join returns the fetch that a caller with an unknown id may wait for, started
// if it is due, or nil in the cool-down.
func (s *Source) join() *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	if !s.state.Load().refetchDue(s.config.Now(), &s.config) {
		return nil
	}
	return s.launch(true)
}

// settled answers a caller in the cool-down, or who came too late to join: the
// state is then newer than the one that sent the caller here.
func (s *Source) settled(kid string) (*Key, error) {
	st := s.state.Load()
	if st.set == nil || st.stale(s.config.Now(), &s.config) {
		return nil, ErrUnavailable
	}
	key, err := st.set.Key(kid)
	if err != nil && st.unsettled {
		return nil, ErrUnavailable
	}
	return key, err
}

// key answers those who waited for this fetch.
func (f *flight) key(kid string) (*Key, error) {
	if f.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, f.err)
	}
	return f.set.Key(kid)
}

// Ready is closed when the first good key set has been loaded. It says nothing
// about later: see [Status.Usable].
func (s *Source) Ready() <-chan struct{} { return s.ready }

// Status tells how a source is doing. The zero Status is not usable.
type Status struct {
	// Keys is the number of keys, stale or not.
	Keys int
	// Fetched is when the keys were last confirmed by the endpoint; zero: never.
	Fetched time.Time
	// Fetches counts the fetches that ended, Failures those that brought no good
	// key set.
	Fetches, Failures uint64
	// Suppressed counts the look-ups of unknown ids that would have caused a
	// fetch but for the cool-down.
	Suppressed uint64
	// Err is why the last fetch failed, in words of this package's own; nil if it
	// did not.
	Err error

	usable bool
	why    string
}

// Status takes a consistent picture, but for Suppressed, which runs on its own.
func (s *Source) Status() Status {
	st := s.state.Load()
	if st == nil {
		return Status{}
	}
	out := Status{
		Keys: st.set.Len(), Fetched: st.fetched, Fetches: st.fetches, Failures: st.failures,
		Suppressed: s.suppressed.Load(), Err: st.err,
	}
	switch now := s.config.Now(); {
	case st.set == nil:
		out.why = "none loaded yet"
	case st.stale(now, &s.config):
		out.why = fmt.Sprintf("last loaded %v ago", now.Sub(st.fetched).Round(time.Second))
	default:
		out.usable = true
	}
	return out
}

// Usable returns nil if the keys may be used: there are some, and they are not
// stale. Otherwise it wraps [ErrUnavailable] and says why.
func (s Status) Usable() error {
	switch {
	case s.usable:
		return nil
	case s.why == "":
		return ErrUnavailable
	case s.Err != nil:
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, s.why, s.Err)
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, s.why)
}
