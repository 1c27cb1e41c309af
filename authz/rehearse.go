package authz

import "time"

// Beside returns an engine without a policy and without an observer, to rehearse
// another policy with. It finds the tokens that e has verified, and remembers
// others by itself: nothing that is done with it changes what e decides, how fast,
// or what e counts.
func (e *Engine) Beside() *Engine {
	return &Engine{cache: e.cache.Beside(), now: e.now}
}

// Rehearse decides what the engine's policy would have made of a request at that
// moment. It never blocks and tells no observer. What would have to be fetched is
// not: decided is then false, and the answer denies.
func (e *Engine) Rehearse(r *Request, at time.Time) (v Verdict, a Answer, decided bool) {
	c := e.begin(r, at)
	c.engine = &Engine{cache: e.cache, now: func() time.Time { return at }}
	a, lack := c.run()
	return c.verdict, a, lack == nil
}
