package envoytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// DefaultVersion is the Envoy that tests run against unless told otherwise: the newest pinned one.
const DefaultVersion = "1.40.0"

// Program is an Envoy binary.
type Program struct {
	Version string // as 1.40.0
	Path    string
}

// Binary returns the path of the Envoy program to test with. Without one the test is skipped, or failed where an Envoy
// is required.
func Binary(t testing.TB) string {
	t.Helper()
	path, why := Find(t)
	if why != "" {
		missing(t, why)
	}
	return path
}

// Find returns the path that Binary does, or says why there is none and how to get one.
func Find(t testing.TB) (path, why string) {
	t.Helper()
	if path := os.Getenv("ENVOY_BIN"); path != "" {
		return path, ""
	}
	version := os.Getenv("ENVOY_VERSION")
	if version == "" {
		version = DefaultVersion
	}
	path = filepath.Join(moduleRoot(t), ".envoy", version, "envoy")
	if _, err := os.Stat(path); err != nil {
		return "", "no Envoy " + version + ": run .ci/fetch-envoy " + version + ", or set ENVOY_BIN"
	}
	return path, ""
}

// Programs returns every pinned Envoy that .ci/fetch-envoy has fetched, oldest first; with ENVOY_BIN or ENVOY_VERSION
// set, only that one. It is for tests of what differs between versions.
func Programs(t testing.TB) []Program {
	t.Helper()
	if os.Getenv("ENVOY_BIN") != "" || os.Getenv("ENVOY_VERSION") != "" {
		path := Binary(t)
		return []Program{{versionOf(t, path), path}}
	}
	paths, err := filepath.Glob(filepath.Join(moduleRoot(t), ".envoy", "*", "envoy"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	var programs []Program
	for _, path := range paths {
		programs = append(programs, Program{versionOf(t, path), path})
	}
	if len(programs) == 0 {
		missing(t, "no Envoy: run .ci/fetch-envoy "+DefaultVersion+", or set ENVOY_BIN")
	}
	return programs
}

// versionLine is what `envoy --version` prints: commit/version/tree/build/ssl.
var versionLine = regexp.MustCompile(`version: [0-9a-f]+/([0-9.]+[^/]*)/`)

func versionOf(t testing.TB, path string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), path, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", path, err)
	}
	match := versionLine.FindSubmatch(output)
	if match == nil {
		t.Fatalf("%s --version printed %q", path, output)
	}
	return string(match[1])
}

// missing skips a test that needs a program, or fails it where skipping would hide that nothing was tested.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("CLERKGATE_REQUIRE_ENVOY") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// moduleRoot is the nearest directory above the test's package that holds go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
