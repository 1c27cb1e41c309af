package tree_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dangers lists the switches that lower safety, and the only files that may
// turn them on.
var dangers = map[string][]string{
	// A decision that is explained without keys says so; nothing else may skip
	// the check of signatures.
	"InsecureUnverified: true": {"cmd/clerkgate/explain.go"},
	// No connection of ours goes without the check of certificates.
	"InsecureSkipVerify": nil,
}

func TestDangerIsConfined(t *testing.T) {
	for _, dir := range packages(t) {
		for name := range parse(t, dir) {
			text, err := os.ReadFile(filepath.Join(root, dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for danger, allowed := range dangers {
				if !strings.Contains(string(text), danger) {
					continue
				}
				if path := dir + "/" + name; !contains(allowed, path) {
					t.Errorf("%s has %q; it belongs in %v", path, danger, allowed)
				}
			}
		}
	}
	for danger, allowed := range dangers {
		for _, path := range allowed {
			text, err := os.ReadFile(filepath.Join(root, path))
			if err != nil || !strings.Contains(string(text), danger) {
				t.Errorf("%s has no %q any more: the rule guards nothing (%v)", path, danger, err)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
