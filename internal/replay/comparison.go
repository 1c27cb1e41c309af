package replay

import (
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// Options configure a [Comparison].
type Options struct {
	// Limit is how many changed requests a report lists at most, equal ones counted
	// as one. Those that are not listed are counted.
	Limit int
}

// Comparison compares two policies, request by request. Create it with [New]. It
// is not safe for concurrent use.
type Comparison struct {
	old, new side
	now      time.Time       // of the request
	codes    map[string]bool // why nobody was verified, so far
	tally    tally
}

// maxCodes bounds how many reasons why nobody was verified are told apart: Clerk
// has some fifty.
const maxCodes = 1000

// New returns a comparison of the policies of two snapshots.
func New(before, after *authz.Snapshot, o Options) *Comparison {
	c := &Comparison{now: time.Now(), codes: map[string]bool{}, tally: newTally(o.Limit)}
	c.old, c.new = c.side(before), c.side(after)
	return c
}

// side is one of the two policies.
type side struct {
	engine *authz.Engine
	policy *policy.Policy
}

// side decides by a policy, at the time of the request.
func (c *Comparison) side(s *authz.Snapshot) side {
	e := authz.New(authz.Options{TokenCache: -1, Now: func() time.Time { return c.now }})
	e.Use(s)
	return side{e, s.Policy()}
}

// Record compares what the policies make of a recorded request.
func (c *Comparison) Record(r *telemetry.Record) {
	t := &c.tally
	t.unlogged += max(r.Unlogged, 0)
	in, reason := read(r)
	if reason == "" && !c.admit(in.caller.Code) {
		reason = Incomplete
	}
	if reason != "" {
		t.leaveOut(reason, "")
		return
	}
	if !r.Time.IsZero() {
		c.now = r.Time
	}
	old, after := c.old.decide(&in), c.new.decide(&in)
	replayed := t.add(&in, &old, &after)
	if replayed && (r.Outcome != old.verdict.Outcome() || r.Reason != old.verdict.Code) {
		t.otherwise++
	}
}

// admit reports whether a reason is one of those that are counted each.
func (c *Comparison) admit(code string) bool {
	if !c.codes[code] && len(c.codes) < maxCodes {
		c.codes[code] = true
	}
	return c.codes[code]
}

// result is what one policy makes of a request.
type result struct {
	verdict authz.Verdict
	answer  authz.Answer
	lacks   Reason // what would have to be known, and is not; empty: nothing
}

func (s *side) decide(in *input) result {
	var r result
	r.verdict, r.answer = s.engine.ExplainCaller(&in.request, in.caller)
	r.lacks = in.lacks(&r.verdict, s.policy)
	if v := &r.verdict; v.Unverified != "" && !in.sought(v) {
		// What is wrong, and that it is a 401, is known; by which name is not.
		for _, code := range []*string{&v.Code, &v.Shadow} {
			if *code == v.Unverified {
				*code = string(policy.CodeUnauthenticated)
			}
		}
	}
	return r
}
