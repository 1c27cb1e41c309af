package suite_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/policy"
)

var update = flag.Bool("update", false, "write the expected output of golden files")

// Golden files have a test file, a line of dashes, and all that is said about it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	const dashes = "----------\n"
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src, want, ok := strings.Cut(string(golden), dashes)
			if !ok {
				t.Fatal("the file has no line of dashes")
			}
			read, problems := suite.Read("policy_test.yaml", []byte(src))
			if (read == nil) != (problems.Count(policy.Error) > 0) {
				t.Errorf("file is nil: %v, errors: %d", read == nil, problems.Count(policy.Error))
			}
			got := render(problems)
			if *update {
				if err := os.WriteFile(file, []byte(src+dashes+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func render(problems policy.Problems) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/problems/*.golden")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		golden, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(golden)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		read, problems := suite.Read("policy_test.yaml", src)
		if (read == nil) != (problems.Err() != nil) {
			t.Fatalf("file is nil: %v, problems: %v", read == nil, problems)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Col < 1 || strings.ContainsAny(p.Source, "\x1b\n") {
				t.Errorf("%q", p.String())
			}
		}
		if read == nil {
			return
		}
		for i := range read.Cases {
			c := &read.Cases[i]
			if c.Request == nil || c.Identity == nil || c.Name == "" || c.As == "" {
				t.Errorf("a test that cannot be run: %+v", c)
			}
		}
	})
}
