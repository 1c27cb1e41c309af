package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/policy"
)

// testReport is told what comes of tests while they run.
type testReport interface {
	// begin is called once, with how many tests there are.
	begin(tests int)
	// problems are those of a test file, or of its policy.
	problems(testFile string, problems policy.Problems)
	result(*suite.Result)
	// end is called once.
	end(*testTally) error
}

// testTally is what all tests together came to.
type testTally struct {
	files         []string
	tests, failed int
	unusable      int // files that were not run
	coverage      suite.Summary
	tooLow        bool // the coverage is below the least that was asked for
	unverified    bool // a token of an identity could not be verified
}

// policyUnderTest is a policy that test files name.
type policyUnderTest struct {
	snapshot *authz.Snapshot // nil: it has errors
	problems policy.Problems
	err      error // it could not be read
	coverage *suite.Coverage
	keys     explainKeys
}

// testInputs are the files that a run reads, with what was in them.
type testInputs struct {
	files    []string
	sums     map[string][sha256.Size]byte // the zero sum: it could not be read
	policies map[string]*policyUnderTest
}

func newTestInputs(files []string) *testInputs {
	return &testInputs{files: files, sums: map[string][sha256.Size]byte{}, policies: map[string]*policyUnderTest{}}
}

func (in *testInputs) read(file string) ([]byte, error) {
	src, err := os.ReadFile(file)
	in.sums[file] = sum(src, err)
	if err != nil {
		return nil, unreadable(file, err)
	}
	return src, nil
}

func sum(src []byte, err error) (s [sha256.Size]byte) {
	if err == nil {
		s = sha256.Sum256(src)
	}
	return s
}

// policy loads a policy, once.
func (in *testInputs) policy(file string) *policyUnderTest {
	if p := in.policies[file]; p != nil {
		return p
	}
	p := &policyUnderTest{}
	in.policies[file] = p
	src, err := in.read(file)
	if err != nil {
		p.err = err
		return p
	}
	if p.snapshot, p.problems = compileOffline(file, src, p.keys.connect); p.snapshot != nil {
		p.coverage = suite.NewCoverage(p.snapshot.Policy())
	}
	return p
}

// load reads a test file and its policy; nil: one of them cannot be used. Problems
// of a policy that several files name are told once. An error is for a test file
// that cannot be read.
func (in *testInputs) load(name string, to testReport) (*suite.File, error) {
	src, err := in.read(name)
	if err != nil {
		return nil, err
	}
	file, problems := suite.Read(name, src)
	if file == nil {
		to.problems(name, problems)
		return nil, nil
	}
	_, known := in.policies[file.Policy]
	p := in.policy(file.Policy)
	switch {
	case p.err != nil:
		problems = policy.Problems{file.Problem("the policy cannot be read: "+p.err.Error(), "its path is relative to this file")}
	case p.snapshot == nil && known:
		return nil, nil
	case p.snapshot == nil:
		problems = errorsOf(p.problems)
	default:
		problems = file.Check(p.snapshot.Policy())
	}
	if problems.Count(policy.Error) > 0 {
		to.problems(name, problems)
		return nil, nil
	}
	return file, nil
}

// errorsOf leaves warnings to check.
func errorsOf(problems policy.Problems) (out policy.Problems) {
	for _, p := range problems {
		if p.Severity == policy.Error {
			out = append(out, p)
		}
	}
	return out
}

// runAll runs the tests of every file that can be used.
func (c *testCommand) runAll(ctx context.Context, in *testInputs, to testReport, stderr io.Writer) error {
	tally := &testTally{files: in.files}
	var usable []*suite.File
	var unread error
	for _, name := range in.files {
		file, err := in.load(name, to)
		switch {
		case err != nil:
			if unread != nil {
				say(stderr, "%v", unread)
			}
			unread = err
		case file != nil:
			usable = append(usable, file)
		}
	}
	to.begin(c.count(usable))
	for _, file := range usable {
		in.run(ctx, file, c.selected, tally, to)
	}
	tally.unusable = len(in.files) - len(usable)
	tally.coverage = in.coverage(usable)
	tally.tooLow = tally.coverage.Percent < c.minCoverage
	if err := to.end(tally); err != nil || unread != nil {
		return cmp.Or(unread, err)
	}
	return c.verdict(tally)
}

// coverage sums up over the policies of the files.
func (in *testInputs) coverage(files []*suite.File) suite.Summary {
	var all []*suite.Coverage
	for _, file := range files {
		if c := in.policies[file.Policy].coverage; !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return suite.Summarise(all)
}

// count is how many tests of the files are selected.
func (c *testCommand) count(files []*suite.File) (n int) {
	for _, file := range files {
		for i := range file.Cases {
			if c.selected == nil || c.selected(&file.Cases[i]) {
				n++
			}
		}
	}
	return n
}

// run runs the tests of one file.
func (in *testInputs) run(ctx context.Context, file *suite.File, selected func(*suite.Case) bool, tally *testTally, to testReport) {
	p := in.policies[file.Policy]
	engine := authz.New(authz.Options{TokenCache: -1, Now: file.Clock()})
	engine.Use(p.snapshot)
	file.Run(ctx, engine, selected, func(r *suite.Result) {
		tally.tests++
		if !r.Pass {
			tally.failed++
		}
		tally.unverified = tally.unverified || p.keys.unverified && !r.Case.Identity.Given() && looksAtToken(&r.Verdict)
		p.coverage.Add(&r.Verdict)
		redactResult(r)
		to.result(r)
	})
}

// verdict is how the command ends.
func (c *testCommand) verdict(tally *testTally) error {
	switch {
	case tally.failed > 0 || tally.unusable > 0 || tally.tooLow:
		return errFindings
	case tally.tests == 0:
		return withHint(fmt.Errorf("no test matches --run %q", c.run), "it is matched with the name and the identity, like: nobody else does [member]")
	}
	return nil
}
