package replay

import (
	"context"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// Tests compares what the policies make of each request of a file of policy tests,
// as each of its identities. All is known of those, so that every one is replayed.
// What the tests expect does not matter.
func (c *Comparison) Tests(ctx context.Context, f *suite.File) {
	for i := range f.Cases {
		test := &f.Cases[i]
		c.now = f.Now
		if c.now.IsZero() {
			c.now = time.Now()
		}
		in := input{record: recordOf(test), request: *test.Request, test: test}
		old, after := c.old.test(ctx, &in), c.new.test(ctx, &in)
		c.tally.compare(&in, &old, &after)
	}
}

func (s *side) test(ctx context.Context, in *input) result {
	var r result
	r.verdict, r.answer = in.test.Identity.Decide(ctx, s.engine, in.test.Request)
	return r
}

// recordOf is what a change shows of a test's request.
func recordOf(test *suite.Case) *telemetry.Record {
	q := test.Request
	path, _, _ := strings.Cut(q.Path, "?")
	r := &telemetry.Record{Method: q.Method, Host: q.Host, Path: path, Context: q.Context}
	for _, h := range q.Headers {
		switch h.Name {
		case "sec-fetch-dest":
			r.Document = h.Value == "document" || h.Value == "iframe"
		case "access-control-request-method":
			r.Preflight = h.Value
		}
	}
	return r
}
