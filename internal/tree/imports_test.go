package tree_test

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/clerkgate/clerkgate"

// root is the module's root, seen from this package.
const root = "../.."

// forbidden lists what a package must not import, directly or through others,
// each with the reason. A pattern ending in "/..." covers everything below.
var forbidden = []struct {
	from, imports, because string
}{
	{"policy", module + "/...", "the policy engine is embedded alone; it must decide the same for everyone who calls it"},
	{"policy", "net/http", "a decision does no I/O"},
	{"policy", "google.golang.org/grpc/...", "a decision knows no protocol"},
	{"policy", "github.com/envoyproxy/...", "a decision knows no proxy"},
	{"policy", "github.com/lestrrat-go/...", "a decision sees identities, never tokens"},
	{"jwks", module + "/...", "keys know nothing of claims, policies or proxies"},
	{"jwks", "google.golang.org/grpc/...", "keys know nothing of the door that asks"},
	{"jwks", "github.com/envoyproxy/...", "keys know nothing of the proxy"},
	{"internal/clerk", module + "/policy", "what a token means does not depend on what a policy wants"},
	{"internal/clerk", module + "/authz/...", "imports point one way: authz asks clerk"},
	{"internal/clerk", "google.golang.org/grpc/...", "a token means the same behind every door"},
	{"internal/clerk", "github.com/envoyproxy/...", "a token means the same behind every door"},
	{"authz", "google.golang.org/...", "a second door (a module inside Envoy) calls the same pipeline without gRPC"},
	{"authz", "github.com/envoyproxy/...", "the pipeline speaks plain types; doors translate"},
	{"authz", "net", "nothing between a request and its answer opens a socket; net/http is imported for the names of statuses"},
	{"internal/webhook", module + "/...", "a signature is a matter of bytes and secrets"},
	{"internal/backend", module + "/policy", "a question to Clerk does not depend on what a policy wants"},
	{"internal/backend", module + "/authz/...", "authz asks through an interface of its own"},
	{"internal/clerk", module + "/internal/backend", "what an answer means does not depend on who fetched it"},
	{"authz", module + "/internal/backend", "nothing between a request and its answer opens a socket; the client is passed in"},
	{"internal/admin", module + "/policy", "health is told by a function, so that the page cannot change a decision"},
	{"internal/admin", "github.com/prometheus/...", "metrics are a handler that is passed in"},
	{"authz", module + "/internal/telemetry", "what was decided is told to an observer that is passed in"},
	{"authz", "go.opentelemetry.io/...", "a decision names the trace that it belongs to in plain text; observers know what to do with it"},
	{"internal/openapi", "net/http", "a description is compared, never fetched, and neither is what it refers to"},
	{"internal/openapi", module + "/authz/...", "which route takes an operation is for the policy alone to say"},
	{"internal/suite", module + "/authz/extauthz", "a test of a policy holds behind every door"},
	{"schema", module + "/...", "a schema is a file; who edits a policy needs no code"},
	{"cmd/clerkgate", "github.com/santhosh-tekuri/...", "only tests judge by the schema; policies are judged by the loader"},
	{"internal/watch", module + "/...", "that a file has changed does not depend on what is in it"},
	{"internal/candidate", module + "/authz/extauthz", "what is compared are verdicts, whichever door asked"},
	{"authz", module + "/internal/candidate", "what was decided is told to an observer that is passed in"},
	{"authz", module + "/internal/headerlist", "what is read is said in plain names; how a proxy is told is the proxy's affair"},
	{"internal/telemetry", module + "/authz/extauthz", "what is recorded is the verdict, whichever door asked"},
}

// direct lists the forbidden imports that are meant for the package's own files
// only, because a permitted import brings the same package in by itself.
var direct = map[string]bool{"net": true, "google.golang.org/...": true}

func TestImportsPointOneWay(t *testing.T) {
	for _, rule := range forbidden {
		t.Run(rule.from+" without "+rule.imports, func(t *testing.T) {
			seen := map[string]bool{}
			for path, via := range imports(t, rule.from, !direct[rule.imports], seen) {
				if matches(rule.imports, path) && path != module+"/"+rule.from {
					t.Errorf("%s imports %s (through %s): %s", rule.from, path, via, rule.because)
				}
			}
			if len(seen) == 0 {
				t.Fatalf("no package %s: the rule guards nothing", rule.from)
			}
		})
	}
}

// TestOnlyOneDoorKnowsEnvoy holds go-control-plane in its room.
func TestOnlyOneDoorKnowsEnvoy(t *testing.T) {
	for _, dir := range packages(t) {
		if dir == "authz/extauthz" {
			continue
		}
		for path := range imports(t, dir, false, map[string]bool{}) {
			if strings.HasPrefix(path, "github.com/envoyproxy/") {
				t.Errorf("%s imports %s; only authz/extauthz knows Envoy's types", dir, path)
			}
		}
	}
}

// TestProductDoesNotImportTestCode: what runs beside a service must not carry a
// package that mints tokens, except in the commands that are made for it.
func TestProductDoesNotImportTestCode(t *testing.T) {
	for _, dir := range []string{"authz", "authz/extauthz", "policy", "jwks", "internal/clerk", "internal/backend", "internal/webhook", "internal/telemetry", "internal/admin", "internal/watch", "internal/candidate", "internal/headerlist"} {
		for path, via := range imports(t, dir, true, map[string]bool{}) {
			if strings.Contains(path, "clerktest") || strings.Contains(path, "jwkstest") || strings.Contains(path, "envoytest") || strings.Contains(path, "backendtest") || path == "testing" {
				t.Errorf("%s imports %s (through %s)", dir, path, via)
			}
		}
	}
}

// TestNothingFindsMethodsByName: the linker drops methods that nobody calls, unless
// something may look for any of them by its name, as templates do. One such call is
// a quarter of the binary, and it is linked into every pod.
func TestNothingFindsMethodsByName(t *testing.T) {
	for _, dir := range packages(t) {
		for path := range imports(t, dir, false, map[string]bool{}) {
			if path == "text/template" || path == "html/template" {
				t.Errorf("%s imports %s; internal/clerktest/markup.go shows how a page is made without", dir, path)
			}
		}
	}
}

func matches(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	}
	return path == pattern
}

// imports returns what a package's own files import, and with deep also what
// our other packages bring in; each with the package that imports it.
func imports(t *testing.T, dir string, deep bool, seen map[string]bool) map[string]string {
	t.Helper()
	pkg, err := build.Default.ImportDir(filepath.Join(root, dir), 0)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	seen[dir] = true
	out := map[string]string{}
	for _, path := range pkg.Imports {
		out[path] = dir
		ours, ok := strings.CutPrefix(path, module+"/")
		if !deep || !ok || seen[ours] {
			continue
		}
		for p, via := range imports(t, ours, true, seen) {
			if _, ok := out[p]; !ok {
				out[p] = via
			}
		}
	}
	return out
}

// packages lists every folder of the module that holds Go files.
func packages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if name := d.Name(); name != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil {
			return err
		}
		if len(files) > 0 {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			dirs = append(dirs, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) < 5 {
		t.Fatalf("found only %d packages under %s: %v", len(dirs), must(os.Getwd()), dirs)
	}
	return dirs
}

func must(s string, _ error) string { return s }
