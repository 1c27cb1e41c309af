package main

import (
	"errors"
	"fmt"
	"io"
)

// Exit statuses of every command.
const (
	exitOK    = 0
	exitFail  = 1 // problems, failures, or input that cannot be read
	exitUsage = 2
)

// errFindings ends a command whose findings have been printed already.
var errFindings = errors.New("problems found")

// usageError is a command line that makes no sense.
type usageError struct {
	err     error
	command string
}

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// hinted is an error with its likely fix.
type hinted struct {
	err  error
	hint string
}

func (e hinted) Error() string { return e.err.Error() }
func (e hinted) Unwrap() error { return e.err }

// withHint adds the likely fix to an error. It returns nil for nil.
func withHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return hinted{err, hint}
}

// report prints an error in the program's voice and returns the exit status.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errFindings) {
		return exitFail
	}
	say(w, "%v", err)
	var h hinted
	if errors.As(err, &h) {
		_, _ = fmt.Fprintf(w, "hint: %s\n", h.hint)
	}
	var u usageError
	if errors.As(err, &u) {
		_, _ = fmt.Fprintf(w, "hint: %s --help shows what it takes\n", u.command)
		return exitUsage
	}
	return exitFail
}

// say prints one line to a person.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "clerkgate: "+format+"\n", args...)
}
