package authz

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// DefaultTokenCache is how many verified tokens are remembered unless told
// otherwise. A session token lives for 60 s, so this covers some 160 signed-in
// requests a second, each with a token of its own, at less than a KiB each.
const DefaultTokenCache = 10_000

// Observer is told of every decision, after it was made and before it is
// answered. It must not block.
type Observer interface {
	Observe(*Decided)
}

// Decided is one finished decision. Nothing of it may be changed.
type Decided struct {
	Request *Request
	Verdict *Verdict
	// Answer is what the proxy is told.
	Answer *Answer
	// At is the moment by which the credentials were judged.
	At time.Time
	// Start is when the request came, and Duration how long it took from then on,
	// with what it waited for: that many times for a key, and for the Backend API.
	Start                  time.Time
	Duration               time.Duration
	KeyWaits, BackendWaits int
}

// Options configure an [Engine]. The zero value is usable.
type Options struct {
	// TokenCache is how many verified tokens to remember; 0 means
	// [DefaultTokenCache], a negative number none.
	TokenCache int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observer may be nil.
	Observer Observer
}

// Engine decides requests by the snapshot that is in force. Create it with
// [New]; it is safe for concurrent use.
type Engine struct {
	snapshot atomic.Pointer[Snapshot]
	cache    *clerk.Cache
	now      func() time.Time
	observer Observer
}

// New returns an engine without a policy: until [Engine.Use] it answers 503
// policy-not-loaded to everything.
func New(o Options) *Engine {
	if o.TokenCache == 0 {
		o.TokenCache = DefaultTokenCache
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{cache: clerk.NewCache(max(o.TokenCache, 0)), now: o.Now, observer: o.Observer}
}

// Use puts a snapshot into force for all requests that begin from now on. The
// verified tokens stay: they depend on keys, not on policies.
func (e *Engine) Use(s *Snapshot) { e.snapshot.Store(s) }

// CacheStats counts what the cache of verified tokens did.
type CacheStats struct {
	// Hits and Misses count the signatures that were remembered, good or bad,
	// and those that had to be computed.
	Hits, Misses uint64
	// Entries is how many verified tokens are remembered.
	Entries int
}

// CacheStats returns the counts since the engine was made. They are zero without a
// cache.
func (e *Engine) CacheStats() CacheStats { return CacheStats(e.cache.Stats()) }

// Errors of [Engine.Ready].
var (
	ErrPolicyNotLoaded = errors.New("no policy is loaded")
	ErrKeysUnavailable = errors.New("the keys of a Clerk instance are not available")
)

// Ready returns nil once a policy is in force and every Clerk instance has
// keys that may be used. Public routes are served before that. Whether the
// Backend API answers does not matter: most requests do without it.
func (e *Engine) Ready() error {
	s := e.snapshot.Load()
	if s == nil {
		return ErrPolicyNotLoaded
	}
	for i := range s.connections {
		if usable := s.connections[i].Keys.Usable; usable != nil && usable() != nil {
			return ErrKeysUnavailable
		}
	}
	return nil
}

// Check decides one request. It may wait for a key of a token that it sees for
// the first time, or for the Backend API, never longer than ctx allows.
func (e *Engine) Check(ctx context.Context, r *Request) Answer {
	a, wait := e.Try(r)
	if wait != nil {
		return wait.Do(ctx)
	}
	return a
}

// Try decides without blocking. If that takes something that has to be fetched
// first it returns a [Wait], and the answer beside it denies.
func (e *Engine) Try(r *Request) (Answer, *Wait) {
	c := e.begin(r, e.now())
	a, lack := c.run()
	if lack != nil {
		return Answer{}, &Wait{check: c, lack: lack}
	}
	return a, nil
}

// check is one request on its way.
type check struct {
	engine   *Engine
	snapshot *Snapshot
	request  *Request
	start    time.Time     // when the request came
	now      time.Time     // by which its token is judged, after any wait
	trace    *policy.Trace // nil unless the decision is to be explained
	given    *Caller       // who calls; nil unless explaining for somebody
	progress progress
	verdict  Verdict
	answer   Answer // derived from the verdict
	scratch
}

// begin begins to decide a request that came at this moment.
func (e *Engine) begin(r *Request, at time.Time) *check {
	return &check{engine: e, snapshot: e.snapshot.Load(), request: r, start: at, now: at}
}

// scratch is room for what a check builds on its way. It is part of the check so
// that all of it is one allocation.
type scratch struct {
	matching policy.Request
	clerk    clerk.Request
	identity policy.Identity
	decided  Decided
	room     answerRoom
}

// answerRoom is room for the headers and the metadata of a usual pass, which has no
// reason.
type answerRoom struct {
	set      [4]Header
	remove   [4]string
	metadata [8]Header
}

// run decides by c.now, answers and reports, or returns what has to be fetched
// before. The verdict has to be the zero one.
func (c *check) run() (a Answer, l *lack) {
	defer c.recoverTo(&a)
	c.verdict.room = &c.room
	if l := c.decide(); l != nil {
		return Answer{}, l
	}
	c.answer = newAnswer(&c.verdict)
	c.report()
	return c.answer, nil
}

// report tells the observer.
func (c *check) report() {
	if o := c.engine.observer; o != nil {
		c.decided = Decided{
			Request: c.request, Verdict: &c.verdict, Answer: &c.answer,
			At: c.now, Start: c.start, Duration: c.engine.now().Sub(c.start),
			KeyWaits: len(c.progress.awaited), BackendWaits: c.progress.waits - len(c.progress.awaited),
		}
		o.Observe(&c.decided)
	}
}

// recoverTo turns a panic into a denial. A filter that fails must not be a
// filter that is open.
func (c *check) recoverTo(a *Answer) {
	if p := recover(); p != nil {
		route, hash, id := c.verdict.Route, c.verdict.Policy, c.verdict.RequestID
		c.verdict = Verdict{Route: route, Policy: hash, RequestID: id}
		c.verdict.refuse(Fault, CodeInternalError, "panic: "+describePanic(p))
		c.answer = newAnswer(&c.verdict)
		*a = c.answer
		c.reportQuietly()
	}
}

// reportQuietly reports a fault to an observer that may be its cause.
func (c *check) reportQuietly() {
	defer func() { _ = recover() }()
	c.report()
}
