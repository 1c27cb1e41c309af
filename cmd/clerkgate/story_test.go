package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/policy"
)

// TestDemoTellsItsStory plays the demo against a real Envoy, on free ports.
func TestDemoTellsItsStory(t *testing.T) {
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"demo", "--once", "--envoy", envoytest.Binary(t),
		"--dev", "127.0.0.1:0", "--invoices", "127.0.0.1:0", "--reports", "127.0.0.1:0"}, &out, &errs)
	if status != exitOK {
		t.Fatalf("status %d\n%s%s", status, &out, &errs)
	}
	if n := strings.Count(out.String(), "\n"); n > 24 {
		t.Errorf("the story takes %d lines, more than a screen", n)
	}
	for _, want := range []string{"200 invoices saw user user_ada, org org_acme", "200 reports saw user user_dan, org none",
		"401 token-invalid-signature", "403 role-required", "403 org-mismatch", "400 path-ambiguous"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, &out)
		}
	}
}

func TestDemoWithoutEnvoy(t *testing.T) {
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"demo", "--envoy", filepath.Join(t.TempDir(), "envoy")}, &out, &errs)
	if status != exitFail || !strings.Contains(errs.String(), "no Envoy") || !strings.Contains(errs.String(), "hint: run make demo") {
		t.Errorf("status %d: %s", status, &errs)
	}
}

// command runs a command line that must succeed, and returns its output.
func command(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	if status := run(ctx, args, &out, &errs); status != exitOK {
		t.Fatalf("clerkgate %s: status %d\n%s%s", strings.Join(args, " "), status, &out, &errs)
	}
	return out.String()
}

// TestReadme loads the README's policy and runs its commands.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("CLERK_PUBLISHABLE_KEY", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k")
	t.Setenv("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n")
	if err := os.WriteFile("policy.yaml", []byte(snippet(t, string(readme), "policy")), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(snippet(t, string(readme), "commands")) {
		args := strings.Fields(line)
		if len(args) < 2 || args[0] != "clerkgate" {
			t.Fatalf("not a command of ours: %q", line)
		}
		out := command(t, args[1:]...)
		if strings.Contains(out, "warning") || strings.Contains(out, "error") {
			t.Errorf("%s: %s", line, out)
		}
		ran++
	}
	if ran < 2 {
		t.Errorf("ran %d commands", ran)
	}
}

// snippet returns the fenced block after <!-- snippet: NAME -->.
func snippet(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "<!-- snippet: "+name+" -->\n```")
	if !ok {
		t.Fatalf("no snippet %s", name)
	}
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("snippet %s does not end", name)
	}
	return block
}

// TestHelpOfCheck: the policy that the help shows is one, without a remark.
func TestHelpOfCheck(t *testing.T) {
	_, example, _ := strings.Cut(newCheckCommand().Example, "\n\n")
	var src strings.Builder
	for line := range strings.Lines(example) {
		src.WriteString(strings.TrimPrefix(line, "  "))
	}
	if p, problems := policy.Load("policy.yaml", []byte(src.String()), policy.Options{AllowUnset: true}); p == nil || len(p.Routes) != 3 || len(problems) > 0 {
		t.Errorf("the example:\n%s\n%v", src.String(), problems)
	}
}
