package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// loadPolicy reads and compiles a policy file with all that is wrong with it.
// The snapshot is nil if a problem is an error; err is for a file that cannot
// be read.
func loadPolicy(file string, opt policy.Options, connect func(policy.Clerk) (authz.Connection, error)) (*authz.Snapshot, policy.Problems, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, unreadable(file, err)
	}
	snapshot, problems := compilePolicy(file, src, opt, connect)
	return snapshot, problems, nil
}

func compilePolicy(file string, src []byte, opt policy.Options, connect func(policy.Clerk) (authz.Connection, error)) (*authz.Snapshot, policy.Problems) {
	p, problems := policy.Load(file, src, opt)
	if p == nil {
		return nil, problems
	}
	snapshot, more := authz.Compile(p, connect)
	return snapshot, policy.Merge(problems, more)
}

// unreadable explains why a file could not be read.
func unreadable(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("%s: no such file", file), "check the path; a relative one starts at the working directory")
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// printProblems writes every problem with its source line and caret.
func printProblems(w io.Writer, problems policy.Problems) {
	for _, p := range problems {
		_, _ = fmt.Fprintln(w, p.String())
	}
}

// lacksVariables reports whether a variable that a policy names is not set.
func lacksVariables(problems policy.Problems) bool {
	return slices.ContainsFunc(problems, func(p policy.Problem) bool {
		return p.Severity == policy.Error && strings.HasPrefix(p.Message, "the variable ") && strings.HasSuffix(p.Message, " is not set")
	})
}

// pinnedKeys is an instance's PEM key, checked but never fetched.
func pinnedKeys(c policy.Clerk) (authz.Keys, error) {
	pinned, err := jwks.ParsePEM(c.JWTKey.Value)
	if err != nil {
		return authz.Keys{}, fmt.Errorf("jwtKey: %w", err)
	}
	return authz.Keys{Lookup: pinned}, nil
}
