package backend

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// TestAFloodOfBadTokensPushesOutNoGoodOne, and takes no memory for long.
func TestAFloodOfBadTokensPushesOutNoGoodOne(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := newAnswers(&Config{Now: func() time.Time { return now }, PositiveTTL: time.Minute, NegativeTTL: time.Minute})
	ask := func(i uint64) *question {
		q := &question{kind: clerk.CallVerifyAPIKey}
		binary.BigEndian.PutUint64(q.id[:], i)
		return q
	}
	a.put(ask(0), now, clerk.Reply{Status: 200, ContentType: "application/json", Body: []byte("{}")})
	for i := range uint64(maxNegative + 4) {
		a.put(ask(i+1), now, clerk.Reply{Status: 404})
	}
	for i, want := range map[uint64]int{0: 200, 1: 0, maxNegative + 4: 404} { // the oldest had to go
		if reply, _ := a.get(ask(i)); reply.Status != want {
			t.Errorf("token %d: %d, want %d", i, reply.Status, want)
		}
	}
	if got := a.negative.entries.Len(); got != maxNegative {
		t.Errorf("%d bad answers", got)
	}
}
