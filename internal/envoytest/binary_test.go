package envoytest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// recorder is a testing.TB that notes how a test ended in place of ending the real one.
type recorder struct {
	testing.TB
	ended string
}

// Helper implements testing.TB.
func (r *recorder) Helper() {}

// Fatal implements testing.TB.
func (r *recorder) Fatal(args ...any) { r.end("fatal: " + fmt.Sprint(args...)) }

// Skip implements testing.TB.
func (r *recorder) Skip(args ...any) { r.end("skip: " + fmt.Sprint(args...)) }

func (r *recorder) end(how string) {
	r.ended = how
	runtime.Goexit()
}

// A missing Envoy skips a test on a laptop and fails it where tests must run.
func TestBinaryIsMissing(t *testing.T) {
	hint := "no Envoy 0.0.1: run .ci/fetch-envoy 0.0.1, or set ENVOY_BIN"
	for name, test := range map[string]struct{ ci, required, want string }{
		"laptop":   {"", "", "skip: " + hint},
		"CI":       {"true", "", "fatal: " + hint},
		"required": {"", "1", "fatal: " + hint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ENVOY_BIN", "")
			t.Setenv("ENVOY_VERSION", "0.0.1")
			t.Setenv("CI", test.ci)
			t.Setenv("CLERKGATE_REQUIRE_ENVOY", test.required)
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() { defer close(done); Binary(r) }()
			<-done
			if r.ended != test.want {
				t.Errorf("got %q, want %q", r.ended, test.want)
			}
		})
	}
}

func TestBinaryIsChosenByTheEnvironment(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"go.mod", ".envoy/1.2.3/envoy", ".envoy/" + DefaultVersion + "/envoy", "deep/down/x"} {
		path := filepath.Join(root, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(root, "deep", "down"))
	for _, test := range []struct{ bin, version, want string }{
		{"/opt/envoy", "1.2.3", "/opt/envoy"},
		{"", "1.2.3", filepath.Join(root, ".envoy/1.2.3/envoy")},
		{"", "", filepath.Join(root, ".envoy", DefaultVersion, "envoy")},
	} {
		t.Setenv("ENVOY_BIN", test.bin)
		t.Setenv("ENVOY_VERSION", test.version)
		if got := Binary(t); got != test.want {
			t.Errorf("ENVOY_BIN=%q ENVOY_VERSION=%q: got %q, want %q", test.bin, test.version, got, test.want)
		}
	}
}
