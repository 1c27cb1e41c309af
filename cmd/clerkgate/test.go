package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/internal/suite"
)

type testCommand struct {
	output      string
	run         string
	coverage    bool
	minCoverage float64
	verbose     bool
	watch       bool

	selected func(*suite.Case) bool // nil: every test
}

func newTestCommand() *cobra.Command {
	var c testCommand
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Run the unit tests of policies",
		Long: `Runs tests that say what becomes of which request of whom, by the same evaluation
that serves. Exits with 1 if a test fails, or if there is an error in a test file or
its policy.

Nothing is asked over a network, and variables of the policy need not be set: a Clerk
instance that is unknown is replaced by a stand-in. A test file looks like this:

  policy: policy.yaml
  identities:
    admin:  {user: user_1, org: {id: org_1, slug: acme, role: org:admin}}
    member: {user: user_2, org: {id: org_1, slug: acme, role: org:member}}
  tests:
    - name: admins come in
      request: {method: GET, url: https://app.example.com/admin/users}
      as: admin
      expect: {outcome: pass, headers: {x-user-id: user_1}}
    - name: nobody else does
      request: {method: GET, url: https://app.example.com/admin/users}
      as: [member, anonymous]
      expect: {outcome: deny}`,
		Example: `  clerkgate test policy_test.yaml
  clerkgate test --min-coverage 100 policy_test.yaml
  clerkgate test -o junit policy_test.yaml > report.xml
  clerkgate test --watch policy_test.yaml`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := c.validate(); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return c.start(cmd, files)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&c.output, "output", "o", "text", "text, json or junit")
	f.StringVar(&c.run, "run", "", "run only the tests whose 'name [identity]' matches this regular `expression`")
	f.BoolVar(&c.coverage, "coverage", false, "list the routes and conditions that no test reached")
	f.Float64Var(&c.minCoverage, "min-coverage", 0, "fail if less than this `percentage` of routes and conditions was reached")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "show tests that pass, too, and every condition of those that fail")
	f.BoolVar(&c.watch, "watch", false, "run again whenever a test file or policy changes, until interrupted")
	return cmd
}

// validate checks what flags can say wrongly.
func (c *testCommand) validate() error {
	if c.output != "text" && c.output != "json" && c.output != "junit" {
		return fmt.Errorf("-o is %q; use text, json or junit", c.output)
	}
	if !(c.minCoverage >= 0 && c.minCoverage <= 100) {
		return fmt.Errorf("--min-coverage %v is not a percentage from 0 to 100", c.minCoverage)
	}
	if c.watch && c.output != "text" {
		return fmt.Errorf("--watch is for people; use it with -o text")
	}
	if c.run == "" {
		return nil
	}
	if c.minCoverage > 0 {
		return fmt.Errorf("--min-coverage counts all tests, and --run leaves some out")
	}
	pattern, err := regexp.Compile(c.run)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	c.selected = func(t *suite.Case) bool { return pattern.MatchString(t.Title()) }
	return nil
}

func (c *testCommand) start(cmd *cobra.Command, files []string) error {
	if c.watch {
		return c.keepRunning(cmd, files)
	}
	return c.once(cmd, newTestInputs(files))
}

// once runs every test and reports.
func (c *testCommand) once(cmd *cobra.Command, in *testInputs) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	var to testReport
	switch records := (testRecords{stdout: stdout, stderr: stderr}); c.output {
	case "json":
		to = &jsonReport{records}
	case "junit":
		to = &junitReport{testRecords: records}
	default:
		to = newTextReport(c, stdout, stderr)
	}
	return c.runAll(cmd.Context(), in, to, stderr)
}
