package envoytest

import (
	"bufio"
	_ "embed"
	"os/exec"
	"strings"
	"testing"
)

//go:embed wsgi.py
var wsgiProgram string

// NewWSGI starts a service on Python's own wsgiref. It needs python3; without it the test is skipped, or failed where
// an Envoy is required too.
func NewWSGI(t testing.TB) Upstream {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		missing(t, "no python3 for the WSGI upstream")
	}
	command := exec.Command(python, "-c", wsgiProgram)
	command.Stderr = &testLog{t}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close() // it ends with its standard input, also if this program dies
		_ = command.Wait()
	})
	port, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the WSGI upstream did not start: %v", err)
	}
	return Upstream{Name: "wsgi", Addr: "127.0.0.1:" + strings.TrimSpace(port)}
}

// testLog writes lines to a test's log.
type testLog struct{ t testing.TB }

// Write implements io.Writer.
func (l *testLog) Write(b []byte) (int, error) {
	l.t.Helper()
	l.t.Logf("%s", b)
	return len(b), nil
}
