package main

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envPrefix begins the environment variable of each flag: --log-level is
// CLERKGATE_LOG_LEVEL.
const envPrefix = "CLERKGATE_"

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "clerkgate",
		Short: "Clerk sign-in for every service behind Envoy, in any language",
		Long: `Clerkgate runs beside a service. Envoy asks it about every request; it verifies
the Clerk token, evaluates the route's policy, and sets x-user-id and x-org-id.

Start here:
  clerkgate demo                       see it work, no Clerk account needed
  clerkgate check policy.yaml          validate a policy
  clerkgate explain --policy policy.yaml GET https://app.example.com/orders
  clerkgate test policy_test.yaml      run a policy's unit tests
  clerkgate serve --policy policy.yaml run the sidecar`,
		Args:              usageArgs(cobra.NoArgs),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: flagsFromEnv,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err, cmd.CommandPath()}
	})
	root.AddCommand(
		newServeCommand(), newCheckCommand(), newExplainCommand(), newTestCommand(), newDiffCommand(),
		newDevCommand(), newTokenCommand(), newDemoCommand(),
		newHealthCommand(), newSchemaCommand(), newVersionCommand(),
	)
	addCompletion(root)
	return root
}

// flagsFromEnv gives each flag that the command line left alone the value of
// its environment variable. A list is separated by commas.
func flagsFromEnv(cmd *cobra.Command, _ []string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" {
			return
		}
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok {
			return
		}
		if err := setFromEnv(cmd.Flags(), f, value); err != nil {
			failed = usageError{&envError{name, err}, cmd.CommandPath()}
		}
	})
	return failed
}

func setFromEnv(flags *pflag.FlagSet, f *pflag.Flag, value string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return flags.Set(f.Name, value)
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	if err := list.Replace(items); err != nil {
		return err
	}
	f.Changed = true
	return nil
}

// envError says which variable held a bad value; it never repeats the value.
type envError struct {
	name string
	err  error
}

func (e *envError) Error() string { return e.name + ": " + e.err.Error() }
func (e *envError) Unwrap() error { return e.err }

// usageArgs turns a complaint about arguments into one about usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err, cmd.CommandPath()}
		}
		return nil
	}
}
