package replay

import (
	"context"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// Tests compares what the policies make of each request of a file of policy tests,
// as each of its identities. All is known of those, unless a token has to be verified
// for which there are no keys, or which only the Backend API knows. What the tests
// expect does not matter. It reports whether a token was judged.
func (c *Comparison) Tests(ctx context.Context, f *suite.File) (judged bool) {
	for i := range f.Cases {
		test := &f.Cases[i]
		c.now = f.Now
		if c.now.IsZero() {
			c.now = time.Now()
		}
		in := input{record: recordOf(test), request: *test.Request, test: test}
		old, after := c.old.test(ctx, &in), c.new.test(ctx, &in)
		c.tally.add(&in, &old, &after)
		judged = judged || !test.Identity.Given() && (old.judgesToken() || after.judgesToken())
	}
	return judged
}

func (s *side) test(ctx context.Context, in *input) result {
	var r result
	r.verdict, r.answer = in.test.Identity.Decide(ctx, s.engine, in.test.Request)
	switch r.verdict.Code {
	case authz.CodeKeysUnavailable, authz.CodeBackendUnavailable:
		r.lacks = CallerUnknown // where the policy serves, it would be asked for
	}
	return r
}

// judgesToken reports whether the decision depended on a token.
func (r *result) judgesToken() bool {
	return r.lacks == "" && r.verdict.Asked && r.verdict.Presented
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
