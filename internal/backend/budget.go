package backend

import (
	"net/http"
	"sync"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// How many questions that Clerk refuses are asked: our judgement, against the 1000
// calls in ten seconds that Clerk grants an instance, which the customer's own
// programs share. Nobody honest asks twenty bad ones a second for long.
const (
	refusedPerSecond = 20
	refusedAtOnce    = 100
)

// budget bounds what strangers can make us ask in vain: anybody can send a nonce
// or something that looks like a token, and each is worth a call. While it is
// spent only those are asked about who were found good before.
type budget struct {
	now func() time.Time

	mu    sync.Mutex
	spent float64
	at    time.Time // when that was so
}

// empty reports whether nothing is left.
func (b *budget) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	return b.spent > refusedAtOnce-1
}

// spend takes one question off.
func (b *budget) spend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	b.spent++
}

func (b *budget) refill() {
	now := b.now()
	// A clock that was set back refills nothing.
	if passed := now.Sub(b.at); passed > 0 {
		b.spent = max(0, b.spent-passed.Seconds()*refusedPerSecond)
	}
	b.at = now
}

// budgetOf is the budget that a question is asked from; nil: it takes none. A
// refresh takes a token that was good, and so does who is familiar.
func (c *Client) budgetOf(q *question) *budget {
	switch {
	case q.kind == clerk.CallHandshake:
		return c.nonces
	case q.verifies() && !c.answers.familiar.Contains(q.id):
		return c.tokens
	}
	return nil
}

// overdrawn reports whether a question must not be asked now.
func (c *Client) overdrawn(q *question) bool {
	b := c.budgetOf(q)
	return b != nil && b.empty()
}

// settle takes a refused question off its budget. Answers that say nothing about
// the question are the gate's affair.
func (c *Client) settle(q *question, reply clerk.Reply) {
	if reply.Err != nil || reply.Status < 400 || reply.Status >= 500 || reply.Status == http.StatusTooManyRequests {
		return
	}
	if b := c.budgetOf(q); b != nil {
		b.spend()
	}
}
