// Package candidate compares what a candidate policy would answer with what is
// answered: a whole policy rehearsed on live traffic before it is put into force.
//
// Call [New] first, make the [Comparison] an observer of the live engine, take the
// candidate's engine from [Comparison.Beside], and [Comparison.Run] it in a
// goroutine of its own:
//
//	c := candidate.New(logger, metrics)
//	live := authz.New(authz.Options{Observer: c})
//	c.Beside(live).Use(snapshot)
//	go c.Run(ctx)
//
// # What is guaranteed
//
//   - The candidate changes no live decision and delays none: the observer copies
//     what was decided into a queue and returns. One goroutine rehearses, so that a
//     candidate takes one core at most, however slow its policy is. When the queue
//     is full, decisions are skipped and counted. A panic ends one comparison.
//   - The candidate asks nobody. What would have to be fetched, a key, a nonce, a
//     refresh, an opaque token that nobody has verified yet, is undecided; so is
//     everything for which an instance of the candidate has no keys.
//   - What the client chooses does not decide how much is logged: of the same
//     disagreement, the first ten have a record, and then each that doubles their
//     number. No record has a token, a cookie, a header's value, a query or the
//     target of a redirect.
//
// # What is compared
//
// What the client and the service would notice: the outcome, the status, the code,
// the target of a redirect, and the request headers that the service gets. Which
// route decided is told and not compared, for a candidate may have other names for
// them. Set-Cookie and the text of a denial are not compared. What shadow mode lets
// pass is a pass, of either policy.
package candidate

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clerkgate/clerkgate/authz"
)

// How much may wait to be rehearsed, and how long; all are our judgement. A decision
// takes some microseconds, so a queue this long is some milliseconds of a busy proxy.
const (
	maxQueue = 512
	// maxHeld bounds the bytes of what waits: webhooks have bodies.
	maxHeld = 16 << 20
	// lastMinutes is how long Run goes on at the end. Conditions may take
	// milliseconds each, and a process that was told to stop has to.
	lastMinutes = time.Second
)

// Counter counts disagreements by the live route; *telemetry.Metrics does.
type Counter interface{ ShadowDisagreement(route string) }

// Comparison is an authz.Observer that rehearses what it is told of. Create it with
// [New].
type Comparison struct {
	logger  *slog.Logger
	counter Counter
	engine  *authz.Engine
	queue   chan decision
	held    atomic.Int64 // bytes in the queue

	mu    sync.Mutex
	tally tally
}

// decision is what is kept of a live one.
type decision struct {
	request *authz.Request
	at      time.Time
	size    int64
	verdict
}

// New returns a comparison that writes to logger. It does nothing until
// [Comparison.Beside].
func New(logger *slog.Logger, counter Counter) *Comparison {
	return &Comparison{logger: logger, counter: counter, queue: make(chan decision, maxQueue)}
}

// Beside returns the engine to put the candidate's snapshots into. Call it once,
// before the live engine decides.
func (c *Comparison) Beside(live *authz.Engine) *authz.Engine {
	c.engine = live.Beside()
	return c.engine
}

// Observe takes a live decision to be rehearsed. It never blocks.
func (c *Comparison) Observe(d *authz.Decided) {
	if c.engine == nil || d.Answer == nil {
		return
	}
	size := sizeOf(d.Request)
	if c.held.Add(size) <= maxHeld {
		select {
		case c.queue <- decision{d.Request, d.At, size, verdictOf(d.Verdict, d.Answer)}:
			return
		default:
		}
	}
	c.held.Add(-size)
	c.countSkipped()
}

// sizeOf is about how many bytes a request keeps in memory.
func sizeOf(r *authz.Request) int64 {
	size := len(r.Path) + len(r.Host) + len(r.Body)
	for i := range r.Headers {
		size += len(r.Headers[i].Name) + len(r.Headers[i].Value)
	}
	return int64(size)
}

// Run rehearses until ctx ends, then for a second at most what is left in the queue,
// and sums up.
func (c *Comparison) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case d := <-c.queue:
			c.rehearse(&d)
		case <-ctx.Done():
		}
	}
	c.finish()
}

func (c *Comparison) finish() {
	end := time.Now().Add(lastMinutes)
	for {
		select {
		case d := <-c.queue:
			if time.Now().After(end) {
				c.held.Add(-d.size)
				c.countSkipped()
				continue
			}
			c.rehearse(&d)
		default:
			c.SumUp()
			return
		}
	}
}

// rehearse lets the candidate decide and takes the result down. The engine recovers
// its own panics; this must not end the process either, whatever it stumbles over.
func (c *Comparison) rehearse(d *decision) {
	defer func() {
		if recover() == nil {
			return
		}
		if n := c.countFault(); worthARecord(n) {
			c.logger.Error("candidate not compared", "reason", "a panic, which is a bug", "count", n)
		}
	}()
	defer c.held.Add(-d.size)
	v, a, decided := c.engine.Rehearse(d.request, d.at)
	if !decided || v.Code == authz.CodeKeysUnavailable {
		c.countUndecided()
		return
	}
	rival := verdictOf(&v, &a)
	what := differences(d, &rival)
	n := c.count(d, &rival, what)
	if !what.none() {
		c.counter.ShadowDisagreement(d.route)
		if worthARecord(n) {
			c.record(d, &rival, what, n)
		}
	}
}
