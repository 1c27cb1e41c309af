package schema_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the module's root, seen from this package.
const root = ".."

// named is a policy with where it is from.
type named struct{ name, src string }

// policies are all that the repository has and that load: the files of examples
// and deployments, what the documents show, and what the tests of the loader
// have.
func policies(t testing.TB) []named {
	t.Helper()
	out := append(files(t), snippets(t)...)
	for _, g := range goldens(t) {
		if !strings.Contains(g.problems, ": error: ") {
			out = append(out, g.named)
		}
	}
	return out
}

// files are the policies that stand in YAML files of their own or in ConfigMaps.
func files(t testing.TB) []named {
	t.Helper()
	var out []named
	each(t, ".yaml", func(path, text string) {
		switch {
		case isPolicy(text):
			out = append(out, named{path, text})
		case strings.Contains(text, "\n  policy.yaml: |\n"):
			_, rest, _ := strings.Cut(text, "\n  policy.yaml: |\n")
			out = append(out, named{path + " (ConfigMap)", indented(rest, "    ")})
		}
	})
	if len(out) < 3 {
		t.Fatalf("only %d policies in files", len(out))
	}
	return out
}

func isPolicy(text string) bool {
	return regexp.MustCompile(`(?m)^version: 1\b`).MatchString(text) && regexp.MustCompile(`(?m)^routes:`).MatchString(text)
}

// each visits the project's files of one kind.
func each(t testing.TB, ext string, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := ""
		if err == nil {
			name = d.Name()
		}
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || name == "bin" || strings.HasPrefix(name, ".") && name != ".."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ext:
			return nil
		}
		text, err := os.ReadFile(path) //nolint:gosec // G304 and G122: a test walks its own repository
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		visit(filepath.ToSlash(rel), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// indented returns the lines before the first that is indented less, without
// that indent.
func indented(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" && !strings.HasPrefix(line, indent) {
			break
		}
		b.WriteString(strings.TrimPrefix(line, indent))
	}
	return b.String()
}

// snippets are the policies of documents and of package comments; parts are made
// whole as the tests of the loader do.
func snippets(t testing.TB) []named {
	t.Helper()
	var out []named
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	part := regexp.MustCompile(`(?m)\A(?:#.*\n)*(?:version|clerk|identity|paths|denials|mode|preflight|routes):`)
	each(t, ".md", func(path, text string) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if part.MatchString(m[1]) {
				out = append(out, named{path, whole(m[1])})
			}
		}
	})
	each(t, ".go", func(path, text string) {
		if _, rest, ok := strings.Cut(text, "\n//\tversion: 1\n"); ok {
			rest = strings.ReplaceAll("//\tversion: 1\n"+rest, "//\n", "\n")
			out = append(out, named{path, indented(rest, "//\t")})
		}
	})
	if len(out) < 15 {
		t.Fatalf("only %d policies in documents", len(out))
	}
	return out
}

func whole(src string) string {
	for key, value := range map[string]string{"version": "1", "routes": "[{name: all, path: /**}]"} {
		if !regexp.MustCompile(`(?m)^` + key + ":").MatchString(src) {
			src += key + ": " + value + "\n"
		}
	}
	return src
}

// goldenFile is a test of a loader: a file, and what is said about it.
type goldenFile struct {
	named
	problems string
}

func goldens(t testing.TB) []goldenFile {
	t.Helper()
	paths, err := filepath.Glob("../policy/testdata/problems/*.golden")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d golden files: %v", len(paths), err)
	}
	return readGoldens(t, paths)
}

func readGoldens(t testing.TB, paths []string) []goldenFile {
	t.Helper()
	var out []goldenFile
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // G304: a golden file of the project
		if err != nil {
			t.Fatal(err)
		}
		src, problems, ok := strings.Cut(string(text), "----------\n")
		if !ok {
			t.Fatalf("%s has no line of dashes", path)
		}
		out = append(out, goldenFile{named{filepath.Base(path), src}, problems})
	}
	return out
}

func TestEveryPolicyIsValid(t *testing.T) {
	s := compile(t, policyFile, "")
	all := policies(t)
	for _, p := range all {
		if err := judge(s, p.src); err != nil {
			t.Errorf("%s: %v\n%s", p.name, err, p.src)
		}
	}
	var names []string
	for _, p := range all {
		names = append(names, p.name)
	}
	for _, want := range []string{"README.md", "policy/README.md", "policy/doc.go", "policy/testdata/acme.yaml", "examples/quickstart/policy.yaml",
		"deploy/kubernetes/pod.yaml (ConfigMap)", "require_nests_one_element.golden"} {
		if !slices.Contains(names, want) {
			t.Errorf("no policy of %s among %d", want, len(all))
		}
	}
}

// Policies that users read and copy tell editors of the schema, in the first
// line, where yaml-language-server looks for it.
func TestPoliciesNameTheirSchema(t *testing.T) {
	line := "# yaml-language-server: $schema=" + parse(t, sources()[policyFile])["$id"].(string) + "\n"
	seen := 0
	for _, p := range files(t) {
		if !strings.HasPrefix(p.name, "examples/") && !strings.HasPrefix(p.name, "deploy/") || strings.HasSuffix(p.name, "(ConfigMap)") {
			continue
		}
		seen++
		if !strings.HasPrefix(p.src, line) {
			t.Errorf("%s does not begin with\n%s", p.name, line)
		}
	}
	if seen == 0 {
		t.Error("no policy found")
	}
}

// structural says which of the loader's errors are about the structure: a schema
// can see them, whatever the rest of the file says.
func structural(problems string) bool {
	return regexp.MustCompile(`: error: .*( has no key |is a mapping, not |is a list, not |is a text, not |is true or false, not |is a number, not | is none of ` +
		`|(version|publishableKey|routes|level|afterMinutes) is missing|has no (name|path|secret|claim)\n|the (list|mapping) is empty` +
		`|YAML reads (a number|true or false) here|is a duration and needs a unit|is empty\n|\$\{ is not closed|is not the name of a variable` +
		`|is not a path pattern|a path pattern begins with|is not in upper case|is not an? (origin|role|permission|scope|duration)\b|needs authorizedParties` +
		`|are both there|does not go with webhook|is never looked at|are never looked at|is in [a-zA-Z]+ twice)`).MatchString(problems)
}

// The schema refuses the goldens of the loader whose errors it can see.
func TestStructuralProblemsAreRefused(t *testing.T) {
	s := compile(t, policyFile, "")
	// Only what variables hold, and what the types of an expression are, shows these.
	beyond := []string{"cookies_variable.golden", "variable_is_text.golden", "require_when_types.golden"}
	refused := 0
	for _, g := range goldens(t) {
		err := judge(s, g.src)
		switch {
		case structural(g.problems) && err == nil && !slices.Contains(beyond, g.name):
			t.Errorf("%s is accepted, and the loader says:\n%s", g.name, g.problems)
		case err != nil:
			refused++
		}
	}
	if refused < 70 {
		t.Errorf("only %d goldens refused", refused)
	}
}
