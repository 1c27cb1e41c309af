package tree_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/openapi"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/policy"
)

// TestEveryExampleLoads reads every YAML file of the examples as what its name says
// that it is.
func TestEveryExampleLoads(t *testing.T) {
	found := 0
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
			return err
		}
		found++
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := readExample(path, src); err != nil {
			t.Error(err)
		}
		return nil
	})
	if err != nil || found < 3 {
		t.Errorf("%d files: %v", found, err)
	}
}

func readExample(path string, src []byte) error {
	switch name := filepath.Base(path); {
	case strings.HasSuffix(name, "_test.yaml"):
		_, problems := suite.Read(path, src)
		return problems.Err()
	case strings.Contains(name, "openapi"):
		_, problems := openapi.Read(path, src)
		return problems.Err()
	case strings.Contains(name, "users"):
		_, err := clerktest.ParseDirectory(path, src)
		return err
	}
	_, problems := policy.Load(path, src, policy.Options{AllowUnset: true})
	return problems.Err()
}
