package openapi

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

// Read never panics; there is a description if and only if there is no problem;
// every problem and every operation has a place inside the text; and what was read
// can be compared.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name != "want" && part.Name != "policy.yaml" {
				f.Add(part.Data, strings.HasSuffix(part.Name, ".json"))
			}
		}
	}
	p := load(f, `version: 1
routes:
  - {name: a, hosts: [api.acme.com, "*.acme.com"], path: [/a/b, "/a/{b}/c", "/v(.*)"], methods: [GET]}
  - {name: b, path: ["/Orgs/{org}/**", "/x/(.*)"], context: {a: b}}
  - {name: c, path: /**, methods: [GET, PUT]}
`)
	f.Fuzz(func(t *testing.T, src []byte, isJSON bool) {
		name := map[bool]string{true: "a.json", false: "a.yaml"}[isJSON]
		d, problems := Read(name, src)
		if (d == nil) != (len(problems) > 0) {
			t.Fatalf("description %v, problems %v", d, problems)
		}
		for _, problem := range problems {
			checkPlace(t, problem.Line, problem.Col, problem.Source)
		}
		if d == nil {
			return
		}
		found := Compare(p, d)
		for _, problem := range found.Operations {
			checkPlace(t, problem.Line, problem.Col, problem.Source)
		}
		if len(found.Operations) > len(d.Operations) || len(found.Routes) > len(p.Routes) {
			t.Errorf("%d findings on %d operations", len(found.Operations), len(d.Operations))
		}
	})
}

func checkPlace(t *testing.T, line, col int, source string) {
	t.Helper()
	if line < 1 || col < 1 || col > utf8.RuneCountInString(source)+1 {
		t.Errorf("the place %d:%d is not in %q", line, col, source)
	}
}
