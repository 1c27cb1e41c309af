package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/schema"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [policy | test]",
		Short: "Print the JSON Schema of policy files, for editors",
		Long: `Prints the JSON Schema (draft-07) of policy files, or of policy tests. Editors complete
and explain keys with it, and underline what is wrong. Most need only a first line in
the file, which takes the schema from the repository:

  # yaml-language-server: $schema=https://raw.githubusercontent.com/clerkgate/clerkgate/main/schema/policy.schema.json

The schema refuses nothing that clerkgate check accepts, but less than that: only check
says whether a policy is sound.`,
		Example: `  clerkgate schema > policy.schema.json           # offline, and of this very version:
                                                  # yaml-language-server: $schema=policy.schema.json
  clerkgate schema test > policy-test.schema.json`,
		ValidArgs: []cobra.Completion{
			cobra.CompletionWithDesc("policy", "the policy file"),
			cobra.CompletionWithDesc("test", "policy tests"),
		},
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := schema.Policy()
			switch {
			case len(args) == 0 || args[0] == "policy":
			case args[0] == "test":
				text = schema.PolicyTest()
			default:
				return usageError{fmt.Errorf("there is no schema of %q; say policy or test", args[0]), cmd.CommandPath()}
			}
			_, err := cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
