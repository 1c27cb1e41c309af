package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTestingPage makes the files of the page on testing, runs its commands, and
// compares what they print.
func TestTestingPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/testing-policies.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	block := regexp.MustCompile("(?s)<!-- (file|run): (\\S+) -->\n```\\w+\n(.*?)```\n(?:\n```text\n(.*?)```)?")
	files, commands := 0, 0
	for _, m := range block.FindAllStringSubmatch(string(page), -1) {
		what, arg, text, want := m[1], m[2], m[3], m[4]
		if what == "file" {
			files++
			write(t, arg, text)
			continue
		}
		commands++
		args := strings.Fields(text)
		status, err := strconv.Atoi(arg)
		if err != nil || args[0] != "clerkgate" || want == "" {
			t.Fatalf("not a command with its output: %q", m[0])
		}
		var out, errs bytes.Buffer
		if got := run(t.Context(), args[1:], &out, &errs); got != status {
			t.Errorf("%s: status %d, the page says %d", text, got, status)
		}
		if diff := cmp.Diff(want, out.String()+errs.String()); diff != "" {
			t.Errorf("%s (-page +output):\n%s", text, diff)
		}
	}
	if files != 5 || commands != 4 || strings.Count(string(page), "<!-- ") != files+commands {
		t.Errorf("%d files and %d commands of the page are read", files, commands)
	}
}

// TestQuickstartTests: the tests of the example pass, and leave nothing out.
func TestQuickstartTests(t *testing.T) {
	out := command(t, "test", "--coverage", "--min-coverage", "100", "../../examples/quickstart/policy_test.yaml")
	if !strings.Contains(out, " tests, 0 failed\ncoverage 100.0%") {
		t.Error(out)
	}
}

// TestHelpExample: the test file of the help is one.
func TestHelpExample(t *testing.T) {
	help := newTestCommand().Long
	_, example, ok := strings.Cut(help, "looks like this:\n\n")
	if !ok {
		t.Fatal("the help has no test file")
	}
	t.Chdir(t.TempDir())
	write(t, "policy.yaml", "version: 1\nroutes: [{name: admin, path: /admin/**, require: {role: admin}}]\n")
	write(t, "policy_test.yaml", example)
	if out := command(t, "test", "policy_test.yaml"); out != "3 tests, 0 failed\n" {
		t.Error(out)
	}
}
