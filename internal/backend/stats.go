package backend

import (
	"net/http"
	"sync/atomic"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// Result says how a question ended, for metrics.
type Result uint8

// The results. The first five are of calls that were made, the others of questions
// that needed none of their own.
const (
	_ Result = iota
	// ResultOK is an answer with a status of 200 to 299.
	ResultOK
	// ResultRefused is any other answer that tells good from bad, such as 404.
	ResultRefused
	// ResultUnauthorized is 401 or 403: the Backend API refuses our own key.
	ResultUnauthorized
	// ResultLimited is 429.
	ResultLimited
	// ResultFailed is 408, a status of 500 and above, or no answer.
	ResultFailed
	// ResultCached was answered from memory.
	ResultCached
	// ResultShared joined a call that was already under way.
	ResultShared
	// ResultRejected was not sent: calls are limited or suspended, too many are
	// under way, or nobody waited any more when its turn came.
	ResultRejected
	// ResultUnsent was answered without the Backend API, because it can be no
	// token of Clerk's, or is one of our own keys.
	ResultUnsent

	results // how many there are
)

// String is the value of a metric's label.
func (r Result) String() string {
	switch r {
	case ResultOK:
		return "ok"
	case ResultRefused:
		return "refused"
	case ResultUnauthorized:
		return "unauthorized"
	case ResultLimited:
		return "limited"
	case ResultFailed:
		return "failed"
	case ResultCached:
		return "cached"
	case ResultShared:
		return "shared"
	case ResultRejected:
		return "rejected"
	case ResultUnsent:
		return "unsent"
	}
	return "none"
}

// resultOf sorts the answer to a call that was made.
func resultOf(reply clerk.Reply) Result {
	switch s := reply.Status; {
	case s == http.StatusTooManyRequests:
		return ResultLimited
	case s == 0, s >= 500, s == http.StatusRequestTimeout:
		return ResultFailed
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return ResultUnauthorized
	case s >= 200 && s < 300:
		return ResultOK
	}
	return ResultRefused
}

// kinds is how many kinds of calls there are, the zero one included.
const kinds = int(clerk.CallVerifyOAuth) + 1

// counts are the numbers behind [Stats].
type counts [kinds][results]atomic.Uint64

func (n *counts) add(call *clerk.Call, r Result) {
	if call != nil {
		n.count(call.Kind, r)
	}
}

// count takes kinds that are none for the zero kind.
func (n *counts) count(kind clerk.CallKind, r Result) {
	if int(kind) >= kinds {
		kind = 0
	}
	n[kind][r].Add(1)
}

// Stats tells how a client is doing.
type Stats struct {
	// Counts are how many questions ended how, since the client was made; those
	// that are zero are left out.
	Counts []Count
	// Pending is the number of calls that are under way or wait for their turn.
	Pending int
	// Entries is the number of answers in memory, old ones included.
	Entries int
	// Suspended says that calls are suspended after several failures.
	Suspended bool
}

// Count is the number of questions of one kind with one result.
type Count struct {
	Kind   clerk.CallKind
	Result Result
	N      uint64
}

// Stats takes a picture. Its parts are taken one after the other.
func (c *Client) Stats() Stats {
	if c == nil || c.answers == nil {
		return Stats{}
	}
	c.mu.Lock()
	pending := len(c.flights)
	c.mu.Unlock()
	s := Stats{Pending: pending, Entries: c.answers.len(), Suspended: c.gate.suspended()}
	for kind := range c.counts {
		for result := range c.counts[kind] {
			if n := c.counts[kind][result].Load(); n > 0 {
				s.Counts = append(s.Counts, Count{clerk.CallKind(kind), Result(result), n})
			}
		}
	}
	return s
}
