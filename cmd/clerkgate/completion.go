package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// addCompletion adds cobra's command completion, and makes of a shell that it
// does not know an error. By itself it would print its help, and whoever writes
// that into a file would not notice.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Args = usageArgs(func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no completion for %q; say bash, fish, powershell or zsh", args[0])
			}
			return nil
		})
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range cmd.Commands() {
			shell.Args = usageArgs(cobra.NoArgs)
		}
	}
}
