package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/policy"
)

// textReport tells a person.
type textReport struct {
	command  *testCommand
	out      strings.Builder // so that failures and progress do not mix
	stdout   io.Writer
	stderr   io.Writer
	progress *progress
	err      error // of writing
}

func newTextReport(c *testCommand, stdout, stderr io.Writer) *textReport {
	return &textReport{command: c, stdout: stdout, stderr: stderr, progress: newProgress(stderr)}
}

func (r *textReport) begin(tests int) { r.progress.begin(tests) }

func (r *textReport) problems(_ string, problems policy.Problems) {
	printProblems(&r.out, problems)
	r.flush()
}

func (r *textReport) result(t *suite.Result) {
	at := fmt.Sprintf("%s:%d:%d: %s", t.File, t.Case.Pos.Line, t.Case.Pos.Col, t.Case.Title())
	switch {
	case !t.Pass:
		fmt.Fprintf(&r.out, "FAIL  %s\n", at)
		for _, d := range t.Differences {
			fmt.Fprintf(&r.out, "      %s\n", d)
		}
		r.explain(t)
	case r.command.verbose:
		fmt.Fprintf(&r.out, "ok    %s\n", at)
	}
	r.progress.step(!t.Pass)
	r.flush()
}

// explain says below a failure how the decision came about.
func (r *textReport) explain(t *suite.Result) {
	e := newExplanation(t.Case.Request, &t.Verdict, &t.Answer)
	if !r.command.verbose {
		e = e.brief()
	}
	for line := range strings.Lines(e.text()) {
		r.out.WriteString("      | " + line)
	}
	if t.Got.Shadow != "" {
		fmt.Fprintf(&r.out, "      | shadow mode let it pass; it would be denied: %s\n", t.Got.Shadow)
	}
}

// flush writes what there is, in place of the progress.
func (r *textReport) flush() {
	if r.out.Len() == 0 {
		return
	}
	r.progress.clear()
	if _, err := io.WriteString(r.stdout, r.out.String()); err != nil && r.err == nil {
		r.err = err
	}
	r.out.Reset()
}

func (r *textReport) end(t *testTally) error {
	r.progress.clear()
	if t.unverified {
		say(r.stderr, "note: the signatures of tokens were not checked (no jwtKey in the policy)")
	}
	asked := r.command.coverage || r.command.minCoverage > 0
	if r.command.coverage || t.tooLow {
		for _, m := range t.coverage.Missing() {
			fmt.Fprintln(&r.out, m)
		}
	}
	fmt.Fprintf(&r.out, "%s, %d failed\n", count(t.tests, "test"), t.failed)
	if t.unusable > 0 {
		fmt.Fprintf(&r.out, "%s not run\n", count(t.unusable, "file"))
	}
	if asked {
		c := t.coverage
		fmt.Fprintf(&r.out, "coverage %.1f%%: %d of %s, %d of %s\n", c.Percent, c.Routes.Reached, count(c.Routes.Total, "route"),
			c.Conditions.Reached, count(c.Conditions.Total, "condition"))
	}
	if t.tooLow {
		fmt.Fprintf(&r.out, "coverage is below %v%%\n", r.command.minCoverage)
	}
	r.flush()
	return r.err
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// testRecords collects results for a report that a program reads.
type testRecords struct {
	stdout, stderr io.Writer
	all            []suite.Record
}

func (r *testRecords) begin(int) {}

func (r *testRecords) result(t *suite.Result) {
	text := ""
	if !t.Pass {
		text = newExplanation(t.Case.Request, &t.Verdict, &t.Answer).text()
	}
	r.all = append(r.all, suite.NewRecord(t, text))
}

// problems go where they do not disturb the report.
func (r *testRecords) problems(_ string, problems policy.Problems) { printProblems(r.stderr, problems) }

// finish says what the report has no place for.
func (r *testRecords) finish(t *testTally) {
	if t.unverified {
		say(r.stderr, "note: the signatures of tokens were not checked (no jwtKey in the policy)")
	}
	if t.tooLow {
		say(r.stderr, "coverage is %.1f%%, below what --min-coverage asks for", t.coverage.Percent)
	}
}

// jsonReport writes JSON.
type jsonReport struct{ testRecords }

func (r *jsonReport) end(t *testTally) error {
	r.finish(t)
	return suite.WriteJSON(r.stdout, r.all, t.coverage)
}

// junitReport writes JUnit XML, which has a place for problems.
type junitReport struct {
	testRecords
	broken map[string]policy.Problems
}

func (r *junitReport) problems(file string, problems policy.Problems) {
	if r.broken == nil {
		r.broken = map[string]policy.Problems{}
	}
	r.broken[file] = append(r.broken[file], problems...)
	r.testRecords.problems(file, problems)
}

func (r *junitReport) end(t *testTally) error {
	r.finish(t)
	return suite.WriteJUnit(r.stdout, t.files, r.all, r.broken)
}
