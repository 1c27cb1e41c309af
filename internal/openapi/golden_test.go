package openapi

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clerkgate/clerkgate/policy"
)

var update = flag.Bool("update", false, "write the expected output of golden files")

// Golden files have a story, the policy if there is one, descriptions, and in
// "want" all that is said about them.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
			if at < 0 {
				t.Fatal("the file has no want")
			}
			got := say(t, archive.Files[:at])
			if *update {
				archive.Files[at].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[at].Data), got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// say returns what is said about a policy and descriptions: what is wrong with a
// description, or what the comparison finds.
func say(t *testing.T, files []txtar.File) string {
	t.Helper()
	var p *policy.Policy
	var all []*Description
	var out strings.Builder
	for _, f := range files {
		if f.Name == "policy.yaml" {
			p = load(t, string(f.Data))
			continue
		}
		d, problems := Read(f.Name, f.Data)
		if (d == nil) != (len(problems) > 0) {
			t.Fatalf("%s: description %v, problems %v", f.Name, d, problems)
		}
		write(&out, problems)
		if d != nil {
			all = append(all, d)
		}
	}
	if p != nil {
		found := Compare(p, all...)
		write(&out, found.Routes)
		write(&out, found.Operations)
	}
	return out.String()
}

func write(out *strings.Builder, problems policy.Problems) {
	for _, p := range problems {
		out.WriteString(p.String() + "\n")
	}
}

// load loads a policy that must be sound.
func load(t testing.TB, src string) *policy.Policy {
	t.Helper()
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{AllowUnset: true})
	if p == nil {
		t.Fatalf("the policy does not load:\n%v", problems.Err())
	}
	return p
}
