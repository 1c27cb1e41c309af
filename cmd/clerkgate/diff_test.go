package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// TestDiffExitStatus: 0 if nothing changes, 1 for differences and for what cannot
// be read, 2 for usage.
func TestDiffExitStatus(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := file("open.yaml", "version: 1\nroutes: [{name: all, path: /**, access: public}]")
	closed := file("closed.yaml", "version: 1\nroutes: [{name: all, path: /**, access: deny}]")
	asking := file("asking.yaml", "version: 1\nroutes: [{name: all, path: /**}]")
	broken := file("broken.yaml", "version: 1\nrutes: []")
	log := file("log.jsonl", `{"msg":"decision","method":"GET","host":"h","path":"/","outcome":"pass"}`)
	for _, tt := range []struct {
		args string
		want int
	}{
		{"--old " + open + " --new " + open + " --requests " + log, exitOK},
		{"--old " + open + " --new " + closed + " --requests " + log, exitFail},
		{"--old " + closed + " --new " + open + " --requests " + log, exitFail},
		{"--old " + open + " --new " + asking + " --requests " + log, exitFail},
		{"--old " + asking + " --new " + asking + " --requests " + log, exitFail},
		{"--old " + open + " --new " + open + " --requests " + open, exitFail},
		{"--old " + open + " --new " + broken + " --requests " + log, exitFail},
		{"--old " + open + " --new " + open + " --requests " + dir, exitFail},
		{"--old " + open + " --new " + open, exitUsage},
		{"--new " + open + " --requests " + log, exitUsage},
		{"--old " + open + " --requests " + log, exitUsage},
		{"--old " + open + " --new " + open + " --requests " + log + " -o yaml", exitUsage},
		{"--old " + open + " --new " + open + " --requests " + log + " --limit -1", exitUsage},
		{"--old " + open + " --new " + open + " --requests " + log + " --limit x", exitUsage},
		{open + " " + open, exitUsage},
	} {
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append([]string{"diff"}, strings.Fields(tt.args)...), &stdout, &stderr); got != tt.want {
			t.Errorf("%s: status %d, want %d\n%s%s", strings.ReplaceAll(tt.args, dir, ""), got, tt.want, &stdout, &stderr)
		}
	}
}

// TestVisible: a log holds what clients sent, and a terminal obeys some of that.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"/orgs/acme": "/orgs/acme", "": "", "/a b": "/a b", "/\x1b[2J": `"/\x1b[2J"`, "/a\nb": `"/a\nb"`, "/ä": `"/\u00e4"`, "/\u202e": `"/\u202e"`, `/"`: `"/\""`, "/\xff": `"/\xff"`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestDiffReadsTokensAsTestDoes: a test that passes by its token is also replayed by
// it, and it is said that nobody checked who signed it.
func TestDiffReadsTokensAsTestDoes(t *testing.T) {
	clerk := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	token := clerk.Token(clerktest.Claims{User: "user_ada", ExpiresIn: time.Hour})
	t.Setenv("CLERK_PUBLISHABLE_KEY", "")
	t.Setenv("CLERK_JWT_KEY", "")
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"old.yaml": "version: 1\nroutes: [{name: me, path: /me}]",
		"new.yaml": "version: 1\nroutes: [{name: me, path: /me, require: {org: any}}]",
		"old_test.yaml": "policy: old.yaml\nidentities: {ada: {token: " + token + "}}\n" +
			"tests: [{name: a, request: {url: 'https://api.example.com/me'}, as: ada, expect: {outcome: pass}}]",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const note = "clerkgate: note: the signatures of tokens were not checked (no jwtKey in the policy)\n"
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"test", "old_test.yaml"}, &stdout, &stderr); status != exitOK || stderr.String() != note {
		t.Fatalf("test: status %d\n%s%s", status, &stdout, &stderr)
	}
	stdout.Reset()
	stderr.Reset()
	status := run(t.Context(), []string{"diff", "--old", "old.yaml", "--new", "new.yaml", "--requests", "old_test.yaml"}, &stdout, &stderr)
	if status != exitFail || stderr.String() != note || !strings.Contains(stdout.String(), "ada  pass → deny 403 org-required\n") || strings.Contains(stdout.String(), token) {
		t.Errorf("diff: status %d\n%s%s", status, &stdout, &stderr)
	}
}
