package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watching is clerkgate test --watch in a folder of its own.
type watching struct {
	*testing.T
	lines  chan string
	status chan int
}

func watchTests(t *testing.T, files ...string) *watching {
	t.Helper()
	w := &watching{T: t, lines: make(chan string), status: make(chan int, 1)}
	out, in := io.Pipe()
	go func() {
		w.status <- run(t.Context(), append([]string{"test", "--watch"}, files...), in, in)
		_ = in.Close()
	}()
	go func() {
		defer close(w.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			w.lines <- scanner.Text()
		}
	}()
	return w
}

// says waits for a line.
func (w *watching) says(want string) {
	w.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-w.lines:
			if line == want {
				return
			}
			if !ok {
				w.Fatalf("it ended without %q", want)
			}
		case <-timeout:
			w.Fatalf("it does not say %q", want)
		}
	}
}

// interrupt sends what Ctrl-C sends, and waits for the end.
func (w *watching) interrupt() {
	w.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		w.Fatal(err)
	}
	for line := range w.lines {
		w.Errorf("after the interrupt it says %q", line)
	}
	if status := <-w.status; status != exitOK {
		w.Errorf("status %d", status)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWatch changes the test file and the policy under a run that watches.
func TestWatch(t *testing.T) {
	t.Chdir(t.TempDir())
	const policy = "version: 1\nroutes: [{name: all, path: /**, access: %s}]\n"
	const tests = "policy: policy.yaml\ntests: [{name: one, request: {url: https://a.example.com/}, expect: {outcome: %s}}]\n"
	write(t, "policy.yaml", fmt.Sprintf(policy, "public"))
	write(t, "policy_test.yaml", fmt.Sprintf(tests, "pass"))
	w := watchTests(t, "policy_test.yaml")
	w.says("1 test, 0 failed")
	write(t, "policy_test.yaml", fmt.Sprintf(tests, "deny"))
	w.says("1 test, 1 failed")
	write(t, "policy.yaml", fmt.Sprintf(policy, "deny"))
	w.says("1 test, 0 failed")
	write(t, "policy.yaml", fmt.Sprintf(policy, "nobody"))
	w.says("1 file not run")
	write(t, "new.yaml", fmt.Sprintf(policy, "public"))
	if err := os.Rename("new.yaml", "policy.yaml"); err != nil {
		t.Fatal(err)
	}
	w.says("1 test, 1 failed")
	if err := os.Remove("policy_test.yaml"); err != nil {
		t.Fatal(err)
	}
	w.says("clerkgate: policy_test.yaml: no such file")
	write(t, "other.yaml", fmt.Sprintf(policy, "deny"))
	write(t, "policy_test.yaml", strings.Replace(fmt.Sprintf(tests, "deny"), "policy.yaml", "other.yaml", 1))
	w.says("1 test, 0 failed")
	write(t, "other.yaml", fmt.Sprintf(policy, "public"))
	w.says("1 test, 1 failed")
	w.interrupt()
}

// TestChanged: a run is repeated if what it read is not there any more as it was.
func TestChanged(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "policy.yaml", "version: 1\n")
	in := newTestInputs(nil)
	if _, err := in.read("policy.yaml"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.read("missing.yaml"); err == nil {
		t.Fatal("there is a missing.yaml")
	}
	changed := func(want bool) {
		t.Helper()
		if got := in.changed(); got != want {
			t.Errorf("changed: %v, want %v", got, want)
		}
	}
	changed(false)
	write(t, "policy.yaml", "version: 2\n")
	changed(true)
	write(t, "policy.yaml", "version: 1\n")
	changed(false)
	write(t, "missing.yaml", "")
	changed(true)
}

// TestProgress: it is shown on terminals only, to those who wait, and gives way.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{w: &out, now: func() time.Time { return now }}
	says := func(want string) {
		t.Helper()
		if got := out.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		out.Reset()
	}
	p.begin(10)
	p.step(false)
	p.clear()
	says("")
	now = now.Add(progressAfter)
	p.step(true)
	says("\r\x1b[K2 of 10 tests, 1 failed")
	p.step(false)
	says("")
	now = now.Add(progressEvery)
	p.step(false)
	says("\r\x1b[K4 of 10 tests, 1 failed")
	p.clear()
	p.clear()
	says("\r\x1b[K")

	quiet := newProgress(&out)
	quiet.begin(1)
	quiet.now = func() time.Time { return now.Add(time.Hour) }
	quiet.step(false)
	says("")
}

// TestManyTests: ten thousand tests take no coffee break. The bound is generous,
// for machines that do other things as well.
func TestManyTests(t *testing.T) {
	t.Chdir(t.TempDir())
	var policy, tests strings.Builder
	policy.WriteString("version: 1\nroutes:\n")
	for i := range 1000 {
		fmt.Fprintf(&policy, "  - {name: r%d, path: \"/r%d/{org}/**\", require: {org: \"{org}\", role: admin}}\n", i, i)
	}
	tests.WriteString("policy: policy.yaml\nidentities: {admin: {user: user_1, org: {id: org_1, slug: acme, role: org:admin}}}\ntests:\n")
	for i := range 5000 {
		fmt.Fprintf(&tests, "  - name: t%d\n    request: {method: GET, url: https://a.example.com/r%d/acme/x}\n    as: [admin, anonymous]\n    expect: {route: r%d}\n", i, i%1000, i%1000)
	}
	write(t, "policy.yaml", policy.String())
	write(t, filepath.Join("policy_test.yaml"), tests.String())
	start := time.Now()
	out := command(t, "test", "--min-coverage", "100", "policy_test.yaml")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	} else {
		t.Logf("it took %s", took)
	}
	if want := "10000 tests, 0 failed\ncoverage 100.0%: 1000 of 1000 routes, 2000 of 2000 conditions\n"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
}
