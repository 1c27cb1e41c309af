package backend

import (
	"log/slog"
	"sync"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// diaryInterval is how often the same trouble is told: what concerns every request
// of a busy service must not fill its disk. Our judgement.
const diaryInterval = time.Minute

// diary tells operators what they have to know of the Backend API, in words of our
// own: never a token, a nonce, a key, an id or a body.
type diary struct {
	logger *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	told map[string]time.Time // by trouble, of which there are a handful
}

func newDiary(logger *slog.Logger, now func() time.Time) *diary {
	return &diary{logger: logger, now: now, told: map[string]time.Time{}}
}

// due reports whether this trouble was not told for a while.
func (d *diary) due(trouble string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if last, ok := d.told[trouble]; ok && now.Sub(last) < diaryInterval {
		return false
	}
	d.told[trouble] = now
	return true
}

func (d *diary) keyRefused(setting string, kind clerk.CallKind, status int) {
	if d.due(setting) {
		d.logger.Error("the Backend API refuses our secret key", "setting", setting, "call", kind.String(), "status", status)
	}
}

func (d *diary) limited(kind clerk.CallKind, wait time.Duration) {
	if d.due("limited") {
		d.logger.Warn(string(errLimited), "call", kind.String(), "retryAfter", wait)
	}
}

// failed tells of a call without a good answer: why it has none, or its status.
func (d *diary) failed(kind clerk.CallKind, reply clerk.Reply) {
	if !d.due("failed") {
		return
	}
	if reply.Err != nil {
		d.logger.Warn(string(errUnhealthy), "call", kind.String(), "reason", reply.Err.Error())
		return
	}
	d.logger.Warn(string(errUnhealthy), "call", kind.String(), "status", reply.Status)
}

func (d *diary) suspended(wait time.Duration) {
	d.logger.Warn("calls to the Backend API are suspended", "failures", failuresToSuspend, "for", wait)
}

func (d *diary) resumed() { d.logger.Info("calls to the Backend API are resumed") }

// note counts a call that was made, and tells what an operator has to know.
func (c *Client) note(q *question, result Result, reply clerk.Reply) {
	c.counts.count(q.kind, result)
	switch result {
	case ResultUnauthorized:
		_, setting := c.config.keyFor(q.kind)
		c.diary.keyRefused(setting, q.kind, reply.Status)
	case ResultLimited:
		c.diary.limited(q.kind, reply.RetryAfter)
	case ResultFailed:
		c.diary.failed(q.kind, reply)
	}
}
