package backend

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// Client asks the Backend API of one Clerk instance. Create it with [New]. It is
// safe for concurrent use, and the zero Client knows nothing. It needs no end: what
// it has under way ends within the timeout.
type Client struct {
	config  Config
	slots   chan struct{} // one element for each call under way
	answers *answers
	gate    *gate
	diary   *diary
	counts  counts
	nonces  *budget // of strangers' nonces
	tokens  *budget // of tokens that were not found good before

	mu      sync.Mutex
	flights map[digest]*flight // one for each call that is under way or waits
	// handshakes counts those of them that are about nonces.
	handshakes int
}

// flight is one call that any number of callers wait for. reply may be read once
// done is closed.
type flight struct {
	done  chan struct{}
	reply clerk.Reply

	// A call that still waits for its turn is not worth making once nobody waits
	// for it. Then abandoned is closed. Both of these are guarded by Client.mu.
	abandoned chan struct{}
	waiting   int
	sent      bool
}

// answerMargin is how long before its caller's deadline Do gives up, so that there
// is time to build and send an answer: our judgement; a denial takes far less than
// a millisecond, but a tenth of Envoy's second got lost on a busy machine. Of short
// deadlines it takes a quarter.
const answerMargin = 100 * time.Millisecond

// New checks the configuration. It does no I/O. Errors name the setting and what
// to write.
func New(config Config) (*Client, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	diary := newDiary(config.Logger.With("url", config.URL), config.Now)
	return &Client{
		config:  config,
		slots:   make(chan struct{}, config.MaxConcurrent),
		answers: newAnswers(&config),
		gate:    newGate(config.Now, diary),
		diary:   diary,
		nonces:  &budget{now: config.Now},
		tokens:  &budget{now: config.Now},
		flights: map[digest]*flight{},
	}, nil
}

// Cached answers a call from memory, or because there is nothing to ask. It
// reports false if [Client.Do] has to be asked. It never blocks. The body belongs
// to all who asked and must not be changed.
func (c *Client) Cached(call *clerk.Call) (clerk.Reply, bool) {
	if c == nil || c.answers == nil {
		return clerk.Reply{}, false
	}
	q, known := c.prepare(call)
	if known != nil {
		c.counts.add(call, ResultUnsent)
		return *known, true
	}
	reply, ok := c.answers.get(q)
	if ok {
		c.counts.add(call, ResultCached)
	}
	return reply, ok
}

// Do asks the Backend API, or joins those who ask the same. It returns within the
// timeout, and a little before the deadline of ctx (100 ms, or a quarter of what is
// left if that is less). A call that was sent goes on for the others if ctx is
// cancelled. The body belongs to all who asked and must not be changed.
//
// Reply.Err says in words of this package's own why there is no answer. Where the
// reply has a RetryAfter, an earlier try is in vain.
func (c *Client) Do(ctx context.Context, call *clerk.Call) clerk.Reply {
	if c == nil || c.answers == nil {
		return clerk.Reply{Err: errNoClient}
	}
	q, known := c.prepare(call)
	if known != nil {
		c.counts.add(call, ResultUnsent)
		return *known
	}
	wait, cancel := c.patience(ctx)
	defer cancel()
	f, reply := c.join(wait, q)
	if f == nil {
		return reply
	}
	select {
	case <-f.done:
		return f.reply
	case <-wait.Done():
		c.leave(q, f)
		return clerk.Reply{Err: impatience(wait)}
	}
}

// patience is how long a caller may be kept.
func (c *Client) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	// Deadlines are made with the real clock, so they are compared with that.
	end := time.Now().Add(c.config.Timeout)
	if deadline, ok := ctx.Deadline(); ok {
		margin := min(answerMargin, max(0, time.Until(deadline)/4))
		if deadline = deadline.Add(-margin); deadline.Before(end) {
			end = deadline
		}
	}
	return context.WithDeadline(ctx, end)
}

func impatience(wait context.Context) refusal {
	if errors.Is(wait.Err(), context.Canceled) {
		return errCancelled
	}
	return errTimeout
}

// join returns the flight that a caller may wait for, started if there is none,
// or, without a flight, the reply.
func (c *Client) join(wait context.Context, q *question) (*flight, clerk.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[q.id]; f != nil {
		f.waiting++
		c.counts.count(q.kind, ResultShared)
		return f, clerk.Reply{}
	}
	// A flight enters its answer before it is gone from the list, so that an
	// answer that came a moment ago is not asked for again.
	if reply, ok := c.answers.get(q); ok {
		c.counts.count(q.kind, ResultCached)
		return nil, reply
	}
	if reply, open := c.admit(wait, q); !open {
		c.counts.count(q.kind, ResultRejected)
		return nil, reply
	}
	f := &flight{done: make(chan struct{}), abandoned: make(chan struct{}), waiting: 1}
	c.enlist(q, f)
	// The call is not this caller's alone, but it may be part of its trace.
	go c.fly(context.WithoutCancel(wait), q, f)
	return f, clerk.Reply{}
}

// admit reports whether one more call may get in line, or else what to say. The
// caller holds mu.
func (c *Client) admit(wait context.Context, q *question) (reply clerk.Reply, open bool) {
	if wait.Err() != nil {
		return clerk.Reply{Err: impatience(wait)}, false
	}
	line := (1 + waitingPerCall) * cap(c.slots)
	crowded := q.kind == clerk.CallHandshake && c.handshakes >= max(1, cap(c.slots)/handshakeShare)
	if crowded || len(c.flights) >= line {
		return clerk.Reply{Err: errBusy, RetryAfter: leastRetryAfter}, false
	}
	return clerk.Reply{}, true
}

// handshakeShare is which part of the calls may be about nonces at a time: a
// quarter. Anybody can send a nonce, and each costs a call, while a refresh takes
// a token that was good; they must not keep each other out.
const handshakeShare = 4

// enlist and strike keep the list of flights. The caller holds mu.
func (c *Client) enlist(q *question, f *flight) {
	c.flights[q.id] = f
	if q.kind == clerk.CallHandshake {
		c.handshakes++
	}
}

func (c *Client) strike(q *question) {
	delete(c.flights, q.id)
	if q.kind == clerk.CallHandshake {
		c.handshakes--
	}
}

// leave takes one caller away from a flight.
func (c *Client) leave(q *question, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.waiting == 0 && !f.sent {
		c.strike(q)
		close(f.abandoned)
		c.counts.count(q.kind, ResultRejected)
	}
}

// fly makes a call when its turn has come.
func (c *Client) fly(ctx context.Context, q *question, f *flight) {
	select {
	case c.slots <- struct{}{}:
	case <-f.abandoned:
		return
	}
	defer func() { <-c.slots }()
	if c.depart(f) {
		c.arrive(q, f, c.ask(ctx, q))
	}
}

// depart reports whether a flight is still worth making.
func (c *Client) depart(f *flight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.sent = f.waiting > 0
	return f.sent
}

// ask makes the call under its own timeout.
func (c *Client) ask(ctx context.Context, q *question) (reply clerk.Reply) {
	defer func() {
		if recover() != nil {
			// A flight has a goroutine of its own, where a panic of a transport
			// would end the process and all its verdicts.
			reply = clerk.Reply{Err: errPanic}
			c.note(q, ResultFailed, reply)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if c.overdrawn(q) {
		c.counts.count(q.kind, ResultRejected)
		return clerk.Reply{Err: errBusy, RetryAfter: leastRetryAfter}
	}
	asked := c.config.Now()
	reply, sent := c.gate.pass(func() clerk.Reply { return c.exchange(ctx, q) })
	if !sent {
		c.counts.count(q.kind, ResultRejected)
		return reply
	}
	result := resultOf(reply)
	c.note(q, result, reply)
	c.settle(q, reply)
	c.answers.put(q, asked, reply)
	return reply
}

// arrive publishes what a flight brought, and wakes those who wait for it.
func (c *Client) arrive(q *question, f *flight, reply clerk.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strike(q)
	f.reply = reply
	close(f.done)
}
