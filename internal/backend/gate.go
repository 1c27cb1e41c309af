package backend

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// The circuit breaker: our judgement. Five failures in a row are no accident, and
// five seconds are short for those who wait and long for a server that comes back.
const (
	failuresToSuspend = 5
	suspension        = 5 * time.Second
)

// Why a call does not count as a success of the Backend API.
const (
	errUnhealthy refusal = "the Backend API failed"
	// errNeutral is for answers that say nothing about its health. Being limited
	// is no outage, and the size of an answer may be a client's doing: whoever
	// has a key with large claims must not be able to suspend the others.
	errNeutral refusal = "neither a success nor a failure"
)

// gate says whether a call may be made now. It shuts for a while after several
// failures in a row, and when the Backend API limits our calls.
type gate struct {
	now     func() time.Time
	diary   *diary
	breaker *gobreaker.CircuitBreaker[clerk.Reply]

	// mu may be taken by whoever holds the breaker's own lock, so nobody who
	// holds it may call the breaker.
	mu             sync.Mutex
	limitedUntil   time.Time
	suspendedUntil time.Time
}

func newGate(now func() time.Time, diary *diary) *gate {
	g := &gate{now: now, diary: diary}
	g.breaker = gobreaker.NewCircuitBreaker[clerk.Reply](gobreaker.Settings{
		Timeout:       suspension,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= failuresToSuspend },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNeutral) },
		OnStateChange: func(_ string, _, to gobreaker.State) { g.turn(to) },
	})
	return g
}

// health is what an answer means to the breaker: nil is a success. An answer that
// refuses is one, also that of our own key.
func health(reply clerk.Reply) error {
	switch {
	case errors.Is(reply.Err, errTooLarge), reply.Status == http.StatusTooManyRequests:
		return errNeutral
	case reply.Err != nil, reply.Status >= 500, reply.Status == http.StatusRequestTimeout:
		return errUnhealthy
	}
	return nil
}

// turn follows the breaker.
func (g *gate) turn(to gobreaker.State) {
	switch to {
	case gobreaker.StateOpen:
		g.mu.Lock()
		g.suspendedUntil = g.now().Add(suspension)
		g.mu.Unlock()
		g.diary.suspended(suspension)
	case gobreaker.StateClosed:
		g.diary.resumed()
	}
}

// shut reports whether no call may be made now, and what to say then.
func (g *gate) shut() (clerk.Reply, bool) {
	suspended := g.suspended()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if left := g.limitedUntil.Sub(now); left > 0 {
		return clerk.Reply{Status: http.StatusTooManyRequests, Err: errLimited, RetryAfter: max(left, leastRetryAfter)}, true
	}
	if suspended {
		left := g.suspendedUntil.Sub(now)
		return clerk.Reply{Err: errSuspended, RetryAfter: max(left, leastRetryAfter)}, true
	}
	return clerk.Reply{}, false
}

func (g *gate) suspended() bool { return g.breaker.State() == gobreaker.StateOpen }

// pass makes a call, unless the gate is shut or, after a suspension, another call
// is already finding out whether it may be opened.
func (g *gate) pass(call func() clerk.Reply) (reply clerk.Reply, sent bool) {
	if reply, shut := g.shut(); shut {
		return reply, false
	}
	reply, err := g.breaker.Execute(func() (clerk.Reply, error) {
		reply := call()
		return reply, health(reply)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return clerk.Reply{Err: errSuspended, RetryAfter: leastRetryAfter}, false
	}
	if reply.Status == http.StatusTooManyRequests {
		g.limit(reply.RetryAfter)
	}
	return reply, true
}

// limit shuts the gate. A call that was already under way and succeeds after this
// proves nothing, so time alone opens it again.
func (g *gate) limit(wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := g.now().Add(wait); until.After(g.limitedUntil) {
		g.limitedUntil = until
	}
}
