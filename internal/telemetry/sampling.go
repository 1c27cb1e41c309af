package telemetry

import (
	"sync/atomic"
	"time"
)

// Sampling says which passes a [DecisionLog] writes: the first PerSecond of each
// second and, of the others, each OneIn-th. OneIn below 2 means all of them, and so
// does the zero Sampling.
//
// Everything else is always written: denials, faults, passes that shadow mode let
// through, and passes that lost an identity header.
type Sampling struct {
	PerSecond int
	OneIn     int
}

// DefaultSampling keeps all but large traffic whole. A record takes some six
// microseconds: five hundred of them in a second are less than a two-hundredth of a
// core, and of tens of thousands of passes those that are logged cost a few
// hundredths of what the decisions do.
func DefaultSampling() Sampling { return Sampling{PerSecond: 500, OneIn: 100} }

// all reports whether there is nothing to choose.
func (s Sampling) all() bool { return s.OneIn < 2 }

// sampler chooses passes. It takes no lock: what many check at once, many would
// wait for.
type sampler struct {
	Sampling
	// current is a second and, in its lower countBits, how many passes there have
	// been in it.
	current  atomic.Int64
	unlogged atomic.Int64 // passes since the last that was chosen
}

// A second and the number of its passes share 63 bits: 2^28 passes, which is more
// than any machine makes of them, and seconds up to the year 3058.
const (
	countBits  = 28
	secondMask = 1<<(63-countBits) - 1
)

// choose reports whether to log a pass of this moment and, if so, how many have not
// been logged since the last that was.
func (s *sampler) choose(at time.Time) (unlogged int64, chosen bool) {
	if s.all() {
		return 0, true
	}
	beyond := s.count(at) - int64(s.PerSecond)
	if beyond > 0 && beyond%int64(s.OneIn) != 0 {
		s.unlogged.Add(1)
		return 0, false
	}
	if s.unlogged.Load() == 0 {
		return 0, true
	}
	return s.unlogged.Swap(0), true
}

// count counts a pass, and returns how many of its second it is.
func (s *sampler) count(at time.Time) int64 {
	second := at.Unix() & secondMask
	for {
		old := s.current.Load()
		next := old + 1
		// Who is late by a second counts in the next. A clock that was set back
		// begins anew.
		if have := old >> countBits; second != have && second != have-1 {
			next = second<<countBits | 1
		}
		if s.current.CompareAndSwap(old, next) {
			return next & (1<<countBits - 1)
		}
	}
}
