package backend

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// How much is kept: our judgement. Good answers are worth as much as verified
// tokens, of which as many are kept. Bad ones have a place of their own, so that
// no flood of bad tokens can push out a good one. An honest answer has a
// kilobyte; larger ones are not kept, lest ten thousand of them fill the memory.
const (
	maxPositive = 10_000
	maxNegative = 4096
	maxKept     = 16 << 10
)

// answers keeps what the Backend API said of tokens, for a while.
type answers struct {
	now                func() time.Time
	positive, negative shelf
	// familiar holds the tokens that were found good, also when their answers
	// are too old to be used.
	familiar *lru.Cache[digest, struct{}]
}

// shelf keeps answers of one sort.
type shelf struct {
	ttl     time.Duration
	entries *lru.Cache[digest, answer]
}

type answer struct {
	asked time.Time // when the question was sent
	reply clerk.Reply
}

func newAnswers(c *Config) *answers {
	familiar, _ := lru.New[digest, struct{}](maxPositive) // fails only for a size that is not positive
	return &answers{
		familiar: familiar,
		now:      c.Now,
		positive: newShelf(maxPositive, c.PositiveTTL),
		negative: newShelf(maxNegative, c.NegativeTTL),
	}
}

func newShelf(size int, ttl time.Duration) shelf {
	entries, _ := lru.New[digest, answer](size) // fails only for a size that is not positive
	return shelf{ttl: ttl, entries: entries}
}

// get finds the answer to a question that is young enough.
func (a *answers) get(q *question) (clerk.Reply, bool) {
	now := a.now()
	if reply, ok := a.positive.get(q.id, now); ok {
		return reply, true
	}
	return a.negative.get(q.id, now)
}

func (s *shelf) get(id digest, now time.Time) (clerk.Reply, bool) {
	entry, ok := s.entries.Get(id)
	if !ok {
		return clerk.Reply{}, false
	}
	// A clock that was set back does not make an answer younger.
	if age := now.Sub(entry.asked); age < 0 || age >= s.ttl {
		s.entries.Remove(id)
		return clerk.Reply{}, false
	}
	return entry.reply, true
}

// put keeps an answer if it is worth it. Its age counts from the question: Clerk
// may have looked the token up right after that.
func (a *answers) put(q *question, asked time.Time, reply clerk.Reply) {
	if !q.verifies() || len(reply.Body)+len(reply.ContentType) > maxKept {
		return
	}
	entry := answer{asked: asked, reply: reply}
	switch {
	case reply.Status == http.StatusOK && isJSONObject(reply):
		a.positive.entries.Add(q.id, entry)
		a.negative.entries.Remove(q.id)
		a.familiar.Add(q.id, struct{}{})
	case reply.Status == http.StatusNotFound, reply.Status == http.StatusBadRequest:
		a.negative.entries.Add(q.id, entry)
		a.positive.entries.Remove(q.id)
		a.familiar.Remove(q.id)
	}
}

// isJSONObject keeps what a proxy or a captive portal says with status 200 from
// being taken for Clerk's word for half a minute.
func isJSONObject(reply clerk.Reply) bool {
	kind, _, err := mime.ParseMediaType(reply.ContentType)
	return err == nil && kind == "application/json" && json.Valid(reply.Body) &&
		bytes.HasPrefix(bytes.TrimSpace(reply.Body), []byte("{"))
}

func (a *answers) len() int { return a.positive.entries.Len() + a.negative.entries.Len() }
