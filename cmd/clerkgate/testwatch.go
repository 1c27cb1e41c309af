package main

import (
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/internal/watch"
)

// keepRunning runs the tests, and again after each change of a file that they
// depend on, until it is interrupted.
func (c *testCommand) keepRunning(cmd *cobra.Command, files []string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := watch.New(nil)
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	defer func() { stop(); <-done }()
	var in *testInputs
	for {
		if in == nil || in.changed() {
			in = newTestInputs(files)
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", time.Now().Format(time.TimeOnly))
			report(cmd.ErrOrStderr(), c.once(cmd, in))
			w.Watch(slices.Collect(maps.Keys(in.sums))...)
		}
		select {
		case <-w.Changed():
		case <-ctx.Done():
			return nil
		}
	}
}

// changed reports whether a file holds something else than what was read.
func (in *testInputs) changed() bool {
	for file, before := range in.sums {
		if src, err := os.ReadFile(file); sum(src, err) != before {
			return true
		}
	}
	return false
}
