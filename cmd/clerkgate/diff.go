package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/replay"
	"github.com/clerkgate/clerkgate/internal/suite"
)

type diffCommand struct {
	old, new string
	requests string
	limit    int
	routes   bool
	output   string

	keys [2]explainKeys // of the tokens of policy tests, for each policy
}

func newDiffCommand() *cobra.Command {
	var c diffCommand
	cmd := &cobra.Command{
		Use:   "diff --old FILE --new FILE --requests FILE",
		Short: "Say which recorded requests another policy decides otherwise",
		Long: `Decides recorded requests by two policies and prints those whose outcome changes,
by route and one by one. Requests that --old denies and --new passes come first and
are marked with an exclamation mark.

--requests is a decision log, the JSON lines that serve writes, or a file of policy
tests, of which the requests and identities count; "-" is standard input.

A request changes if its outcome, status or code, the page that a forbidden document
is sent to, or an identity header is another. Exits with 1 if one changes, or may
change, depending on what is not recorded; with 0 if none does.

Nothing is asked over a network, and variables that are not set do not matter: who
called is taken from the records, and the clerk sections are not compared.`,
		Example: `  kubectl logs deploy/invoices -c clerkgate | clerkgate diff --old policy.yaml --new next.yaml --requests -
  clerkgate diff --old policy.yaml --new next.yaml --requests decisions.jsonl -o json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.validate(); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return c.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.old, "old", "", "policy `file` to compare with")
	f.StringVar(&c.new, "new", "", "policy `file` that is to replace it")
	f.StringVar(&c.requests, "requests", "", "`file` with recorded decisions, or policy tests; - is standard input")
	f.IntVar(&c.limit, "limit", 100, "list at most this `number` of changed requests")
	f.BoolVar(&c.routes, "routes", false, "also list by which routes requests are decided that do not change")
	f.StringVarP(&c.output, "output", "o", "text", "text or json")
	return cmd
}

// validate checks what flags can say wrongly.
func (c *diffCommand) validate() error {
	for _, required := range []struct{ flag, value string }{{"--old", c.old}, {"--new", c.new}, {"--requests", c.requests}} {
		if required.value == "" {
			return fmt.Errorf("%s is required", required.flag)
		}
	}
	switch {
	case c.output != "text" && c.output != "json":
		return fmt.Errorf("-o is %q; use text or json", c.output)
	case c.limit < 0:
		return fmt.Errorf("--limit is %d; use 0 or more", c.limit)
	}
	return nil
}

func (c *diffCommand) run(cmd *cobra.Command) error {
	before, after, err := c.policies(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	comparison := replay.New(before, after, replay.Options{Limit: c.limit})
	if err := c.replay(cmd, comparison); err != nil {
		return err
	}
	report := comparison.Report()
	if err := c.write(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	switch {
	case report.Differs():
		return errFindings
	case report.Replayed == 0:
		return c.nothingReplayed(report)
	}
	return nil
}

// policies loads both policies, and reports what is wrong with either.
func (c *diffCommand) policies(stderr io.Writer) (before, after *authz.Snapshot, err error) {
	var broken error
	load := func(file string, keys *explainKeys) *authz.Snapshot {
		snapshot, problems, err := loadOffline(file, keys.connect)
		switch {
		case err != nil && broken != nil:
			say(stderr, "%v", err)
		case err != nil:
			broken = err
		case snapshot == nil:
			printProblems(stderr, problems)
			broken = withHint(fmt.Errorf("%s: cannot be compared because of the errors above", file), "clerkgate check "+file)
		}
		return snapshot
	}
	before, after = load(c.old, &c.keys[0]), load(c.new, &c.keys[1])
	return before, after, broken
}

// replay feeds the comparison from the file with requests.
func (c *diffCommand) replay(cmd *cobra.Command, comparison *replay.Comparison) error {
	from, name := cmd.InOrStdin(), "standard input"
	if c.requests != "-" {
		file, err := os.Open(c.requests)
		if err != nil {
			return unreadable(c.requests, err)
		}
		defer func() { _ = file.Close() }()
		from, name = file, c.requests
	}
	requests := bufio.NewReaderSize(from, peeked)
	beginning, _ := requests.Peek(peeked) // an error comes again where it is read
	if tests := looksLikeTests(name, beginning); tests {
		return c.replayTests(cmd, comparison, name, requests)
	}
	if err := comparison.Log(requests); err != nil {
		return unreadable(name, err)
	}
	return nil
}

// peeked is how much of the requests is looked at to find out what they are, in
// bytes, and maxTests how large a file of tests may be.
const (
	peeked   = 64 << 10
	maxTests = 16 << 20
)

// looksLikeTests reports whether requests are policy tests, which are YAML: by the
// name of their file, else by a key that they have and no line of a log begins
// with.
func looksLikeTests(name string, beginning []byte) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return true
	}
	for line := range bytes.Lines(beginning) {
		switch key, _, _ := bytes.Cut(line, []byte(":")); {
		case bytes.HasPrefix(line, []byte("{")):
			return false
		case string(key) == "policy" || string(key) == "tests" || string(key) == "identities":
			return true
		}
	}
	return false
}

func (c *diffCommand) replayTests(cmd *cobra.Command, comparison *replay.Comparison, name string, r io.Reader) error {
	src, err := io.ReadAll(io.LimitReader(r, maxTests+1))
	switch {
	case err != nil:
		return unreadable(name, err)
	case len(src) > maxTests:
		return fmt.Errorf("%s: larger than %d MiB", name, maxTests>>20)
	}
	file, problems := suite.Read(name, src)
	printProblems(cmd.ErrOrStderr(), problems)
	if file == nil {
		return withHint(fmt.Errorf("%s: cannot be replayed because of the errors above", name), "clerkgate test "+name)
	}
	if comparison.Tests(cmd.Context(), file) && (c.keys[0].unverified || c.keys[1].unverified) {
		say(cmd.ErrOrStderr(), "note: the signatures of tokens were not checked (no jwtKey in the policy)")
	}
	return nil
}

func (c *diffCommand) write(w io.Writer, r *replay.Report) error {
	if c.output == "text" {
		return writeDiff(w, r, c.routes)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// nothingReplayed is the error of requests that prove nothing.
func (c *diffCommand) nothingReplayed(r *replay.Report) error {
	err := fmt.Errorf("%s: nothing could be replayed, which proves nothing", c.requests)
	if len(r.NotReplayed) == 0 {
		return withHint(err, "give it the JSON lines that serve writes to stderr, with --log-format json and --log-level info")
	}
	return withHint(err, "record requests whose callers the policy asks for")
}
