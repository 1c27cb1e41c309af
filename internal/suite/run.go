package suite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// Result is what came of a test. The zero Result did not pass.
type Result struct {
	File string
	Case *Case
	Pass bool
	Got  Got
	// Differences say why it did not pass.
	Differences []Difference
	// Duration is how long the decision took.
	Duration time.Duration
	// Verdict and Answer are the decision itself.
	Verdict authz.Verdict
	Answer  authz.Answer
}

// Why is why a test did not pass, on one line.
func (r *Result) Why() string {
	var why []string
	for _, d := range r.Differences {
		why = append(why, d.String())
	}
	return strings.Join(why, "; ")
}

// Check reports what the tests expect and this policy cannot give: routes that it
// does not have.
func (f *File) Check(p *policy.Policy) policy.Problems {
	var all []string
	known := make(map[string]bool, len(p.Routes))
	for _, r := range p.Routes {
		all, known[r.Name] = append(all, r.Name), true
	}
	reported := map[policy.Pos]bool{} // a test may be several cases
	var problems policy.Problems
	for i := range f.Cases {
		c := &f.Cases[i]
		if c.Want.Route == "" || known[c.Want.Route] || reported[c.routePos] {
			continue
		}
		reported[c.routePos] = true
		problems = append(problems, f.document.problem(c.routePos,
			fmt.Sprintf("the policy has no route %s", brief(c.Want.Route)), didYouMean(c.Want.Route, all, "its routes are ")))
	}
	return problems
}

// Run runs the tests of which selected approves; nil: all. The engine must have
// the policy, and the file's clock. Each result is handed on before the next test
// is run.
func (f *File) Run(ctx context.Context, e *authz.Engine, selected func(*Case) bool, result func(*Result)) {
	for i := range f.Cases {
		c := &f.Cases[i]
		if selected != nil && !selected(c) {
			continue
		}
		r := Result{File: f.Name, Case: c}
		start := time.Now()
		r.Verdict, r.Answer = c.Identity.Decide(ctx, e, c.Request)
		r.Duration = time.Since(start)
		r.judge()
		result(&r)
	}
}

// judge compares what came out with what was expected.
func (r *Result) judge() {
	r.Got = NewGot(&r.Verdict, &r.Answer)
	r.Differences = r.Case.Want.Compare(&r.Got)
	r.Pass = len(r.Differences) == 0 && !r.Case.Want.empty()
}

// empty reports whether nothing is expected; no file has such a test.
func (e *Expectation) empty() bool {
	return e.Outcome == "" && e.Status == 0 && e.Code == "" && e.Route == "" && e.Redirect == "" &&
		len(e.Headers) == 0 && len(e.Removed) == 0
}

// Clock is the clock of the file's tests.
func (f *File) Clock() func() time.Time {
	if f.Now.IsZero() {
		return time.Now
	}
	return func() time.Time { return f.Now }
}
