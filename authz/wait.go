package authz

import (
	"context"
	"errors"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks"
)

// maxWaits bounds what one request may wait for, one after the other: a nonce,
// the key of what it stands for, a refresh, the key of the fresh session, and
// two to spare.
const maxWaits = 6

// Wait is a decision that lacks something of the network's: a key, or an answer
// of the Backend API.
type Wait struct {
	check *check
	lack  *lack
}

// Do fetches what is lacking, and what turns out to be lacking next, as long as
// ctx allows, and decides. It is the only place between a request and its answer
// that waits for the network. Call it once.
func (w *Wait) Do(ctx context.Context) (a Answer) {
	c := w.check
	defer c.recoverTo(&a)
	for next := w.lack; next != nil; {
		c.fetch(ctx, next)
		c.verdict, c.now = Verdict{}, c.engine.now() // nothing that was found without it counts
		a, next = c.run()
	}
	return a
}

// lack is what a decision lacks: the answer to call, or else the key.
type lack struct {
	connection *Connection
	call       *clerk.Call
	keyID      string
}

// progress is what a request has got so far, and what it has waited for.
type progress struct {
	replies    clerk.Replies
	asked      callSet
	awaited    []awaitedKey
	unknownKey string // a key id that is settled not to exist
	waits      int
}

// awaitedKey is a key that was waited for, and what came of it.
type awaitedKey struct {
	connection *Connection
	keyID      string
	err        error
}

// callSet is a set of kinds of calls.
type callSet uint8

// admits reports whether a call of this kind is still to be made. No kind is
// asked twice for one request, and what is no kind not at all.
func (s callSet) admits(k clerk.CallKind) bool {
	return k >= clerk.CallHandshake && k <= clerk.CallVerifyOAuth && s&(1<<k) == 0
}

// keep files the answer to a call away.
func (p *progress) keep(k clerk.CallKind, reply clerk.Reply) {
	p.replies.Add(k, reply)
	p.asked |= 1 << k
}

// waitedFor returns what came of the wait for this key, if there was one.
func (p *progress) waitedFor(connection *Connection, keyID string) (awaitedKey, bool) {
	for _, k := range p.awaited {
		if k.connection == connection && k.keyID == keyID {
			return k, true
		}
	}
	return awaitedKey{}, false
}

// fetch waits for what is lacking and notes what came of it.
func (c *check) fetch(ctx context.Context, l *lack) {
	c.progress.waits++
	if l.call != nil {
		if l.call.Refresh != nil {
			l.call.Refresh.RequestHeaders = allHeaders(c.request)
		}
		c.progress.keep(l.call.Kind, l.connection.Backend.Do(ctx, l.call))
		return
	}
	err := l.connection.Keys.Await(ctx, l.keyID)
	if errors.Is(err, jwks.ErrUnknownKey) {
		c.progress.unknownKey = l.keyID
	}
	c.progress.awaited = append(c.progress.awaited, awaitedKey{l.connection, l.keyID, err})
}

// answerKnown looks whether an answer of the Backend API is at hand. If it is
// not, it returns what has to be waited for, or nothing if that must not be.
func (c *check) answerKnown(call *clerk.Call, connection *Connection) (known bool, _ *lack) {
	if connection == nil || connection.Backend == nil || !c.progress.asked.admits(call.Kind) {
		return false, nil
	}
	if reply, ok := connection.Backend.Cached(call); ok {
		c.progress.keep(call.Kind, reply)
		return true, nil
	}
	if c.progress.waits >= maxWaits {
		return false, nil
	}
	return false, &lack{connection: connection, call: call}
}

// allHeaders lists the request's headers as a refresh repeats them: by
// lower-case name, without pseudo-headers.
func allHeaders(r *Request) map[string][]string {
	headers := make(map[string][]string, len(r.Headers))
	for _, h := range r.Headers {
		if name := lower(h.Name); name != "" && name[0] != ':' {
			headers[name] = append(headers[name], h.Value)
		}
	}
	return headers
}
