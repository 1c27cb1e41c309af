package parity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// routeMatcherFile holds patterns and paths, and what Clerk's own matcher makes
// of them; the tests of package policy compare it with ours, and need no Node.
var routeMatcherFile = filepath.Join("..", "..", "policy", "testdata", "routematcher.json")

// TestStoredRouteMatcher holds the stored answers of Clerk's matcher against that
// matcher.
func TestStoredRouteMatcher(t *testing.T) {
	stored, err := os.ReadFile(routeMatcherFile)
	if err != nil {
		t.Fatal(err)
	}
	missing := sdkMissing()
	if missing == "" {
		fresh, err := askRouteMatcher(stored)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err = os.WriteFile(routeMatcherFile, fresh, 0o644); err != nil {
				t.Fatal(err)
			}
			stored = fresh
		}
		if diff := cmp.Diff(strings.Split(string(stored), "\n"), strings.Split(string(fresh), "\n")); diff != "" {
			t.Errorf("the stored answers are stale; make parity-update asks the SDK again (-stored +fresh):\n%s", diff)
		}
	}
	checkRouteMatcherVersion(t, stored)
	if missing != "" {
		needSDK(t, missing)
	}
}

// checkRouteMatcherVersion needs no SDK: it looks at what the lock file pins.
func checkRouteMatcherVersion(t *testing.T, stored []byte) {
	t.Helper()
	var answers struct{ SDK string }
	if err := json.Unmarshal(stored, &answers); err != nil {
		t.Fatal(err)
	}
	want, err := pinned("@clerk/shared")
	if err != nil {
		t.Fatal(err)
	}
	if answers.SDK != want {
		t.Errorf("the stored answers are of @clerk/shared %s, the lock file pins %s; make parity-update asks it", answers.SDK, want)
	}
}

// askRouteMatcher returns the file with the answers of Clerk's matcher.
func askRouteMatcher(stored []byte) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.Command("node", "routematcher.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = sdkFolder, bytes.NewReader(stored), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the SDK: %w: %s", err, stderr.String())
	}
	return out, nil
}
