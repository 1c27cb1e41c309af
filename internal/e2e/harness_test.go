package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// patience bounds each wait for an event. Nothing takes nearly that long.
const patience = 30 * time.Second

// program is the clerkgate binary under test, built as the Makefile builds it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clerkgate-e2e-")
	if err != nil {
		return "", err
	}
	if err := touchSources(); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "clerkgate")
	out, err := exec.Command("go", "build", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", path, "github.com/clerkgate/clerkgate/cmd/clerkgate").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// touchSources looks at every source file of the module: go test keeps a result
// until a file changes that the test has looked at, and would otherwise not know
// that this one depends on the program that it builds.
func touchSources() error {
	return filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != ".." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".yaml"):
			_, err = os.Stat(path)
		}
		return err
	})
}

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// clerk is a Clerk instance whose keys are served over HTTP.
type clerk struct {
	*clerktest.Instance
	JWKSURL string
}

// newClerk starts an instance. Its Frontend API is a name like Clerk's own; its
// keys come from loopback.
func newClerk(t testing.TB, o clerktest.Options) *clerk {
	t.Helper()
	if o.FrontendAPI == "" {
		o.FrontendAPI = "clerk.example.com"
	}
	in := clerktest.New(o)
	server := httptest.NewServer(in.Handler())
	t.Cleanup(server.Close)
	return &clerk{in, server.URL + clerktest.JWKSPath}
}

// section is the policy's clerk section for this instance.
func (c *clerk) section(more string) string {
	return fmt.Sprintf("version: 1\nclerk:\n  - publishableKey: %s\n    jwksUrl: %s\n    %s\n", c.PublishableKey(), c.JWKSURL, more)
}

func bearer(token string) string { return "Authorization: Bearer " + token }

// sidecar is a running `clerkgate serve`.
type sidecar struct {
	t      testing.TB
	UDS    string // path of its unix socket
	TCP    string // host:port of its TCP listener
	Admin  string // host:port of its admin listener
	Policy string // path of its policy file
	cmd    *exec.Cmd
	exited chan struct{}

	mu    sync.Mutex
	cond  *sync.Cond
	lines []map[string]any
	text  strings.Builder
	ended bool
}

// startSidecar runs `clerkgate serve` with this policy and waits until it
// listens; further arguments are added to the command line.
func startSidecar(t testing.TB, policy string, args ...string) *sidecar {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "cg") // short: a socket's path has a limit of 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &sidecar{t: t, UDS: filepath.Join(dir, "authz.sock"), Policy: file, exited: make(chan struct{})}
	s.cond = sync.NewCond(&s.mu)
	s.cmd = exec.Command(binary, append([]string{"serve", "--policy", file, "--drain", "0s",
		"--listen", "unix://" + s.UDS, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
	s.cmd.Env = append([]string{"CLERKGATE_LOG_PASSES_ONE_IN=1"}, os.Environ()...) // each decision is looked for
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read(stderr)
	t.Cleanup(s.stop)
	s.TCP = s.address("listening")
	s.Admin = s.address("admin listening")
	return s
}

// read collects the log until the process ends.
func (s *sidecar) read(from io.Reader) {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := map[string]any{}
		parsed := json.Unmarshal(scanner.Bytes(), &line) == nil
		s.mu.Lock()
		s.text.WriteString(scanner.Text() + "\n")
		if parsed {
			s.lines = append(s.lines, line)
		}
		s.cond.Broadcast()
		s.mu.Unlock()
	}
	_ = s.cmd.Wait()
	s.mu.Lock()
	s.ended = true
	s.cond.Broadcast()
	s.mu.Unlock()
	close(s.exited)
}

func (s *sidecar) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	if s.t.Failed() {
		s.t.Logf("the sidecar's log:\n%s", s.log())
	}
}

// await waits for a log record that satisfies want.
func (s *sidecar) await(what string, want func(map[string]any) bool) map[string]any {
	s.t.Helper()
	timer := time.AfterFunc(patience, func() { s.mu.Lock(); defer s.mu.Unlock(); s.cond.Broadcast() })
	defer timer.Stop()
	deadline := time.Now().Add(patience)
	s.mu.Lock()
	defer s.mu.Unlock()
	for next := 0; ; s.cond.Wait() {
		for ; next < len(s.lines); next++ {
			if want(s.lines[next]) {
				return s.lines[next]
			}
		}
		if s.ended || !time.Now().Before(deadline) {
			s.t.Fatalf("no log record: %s\n%s", what, s.text.String())
		}
	}
}

// address waits for the TCP address that the log announces.
func (s *sidecar) address(message string) string {
	s.t.Helper()
	record := s.await(message, func(r map[string]any) bool {
		address, _ := r["address"].(string)
		return r["msg"] == message && !strings.HasPrefix(address, "unix://")
	})
	return record["address"].(string)
}

// ready waits until the sidecar says that it is.
func (s *sidecar) ready() *sidecar {
	s.t.Helper()
	s.await("ready", func(r map[string]any) bool { return r["msg"] == "ready" })
	return s
}

// log returns everything that the sidecar has printed.
func (s *sidecar) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// readyz asks the admin listener.
func (s *sidecar) readyz() (int, string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Admin+"/readyz", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

// variant is a way in which Envoy may ask.
type variant struct {
	name string
	raw  bool // encode_raw_headers
	uds  bool // over a unix socket, else TCP
	lean bool // with the headers that the policy needs, and no others
}

var variants = []variant{
	{"raw headers over a unix socket", true, true, false},
	{"raw headers over TCP", true, false, false},
	{"joined headers over a unix socket", false, true, false},
	{"joined headers over TCP", false, false, false},
}

// lean is a variant that cannot be had for every policy.
var lean = variant{"needed headers over a unix socket", true, true, true}

// envoy starts an Envoy of this variant between the sidecar and an upstream.
func (v variant) envoy(t testing.TB, s *sidecar, upstream string, change ...func(*envoytest.Config)) *envoytest.Envoy {
	t.Helper()
	c := envoytest.Config{AuthzAddress: s.TCP, UpstreamAddress: upstream, RawHeaders: v.raw}
	if v.uds {
		c.AuthzAddress = s.UDS
	}
	if v.lean {
		c.AllowedHeaders = s.neededHeaders(t)
	}
	for _, f := range change {
		f(&c)
	}
	return envoytest.Start(t, c)
}

// problem is the body of a denial.
type problem struct {
	Type, Title, Code, Detail, RequestID string
	Status                               int
}

// allowed returns what arrived at an echo upstream for an answer that must be a
// pass.
func allowed(t testing.TB, a *envoytest.Answer) envoytest.Received {
	t.Helper()
	var got envoytest.Received
	a.Decode(t, http.StatusOK, &got)
	if got.Server != "echo" {
		t.Fatalf("not the service's answer: %s", a.Body)
	}
	return got
}

// identity checks the two identity headers that arrived, "" meaning absent, and
// that no other spelling of them did.
func identity(t testing.TB, got envoytest.Received, user, org string) {
	t.Helper()
	want := map[string]string{"x-user-id": user, "x-org-id": org}
	for name, values := range got.Headers {
		twin := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		expected, isIdentity := want[twin]
		if !isIdentity {
			continue
		}
		if name != twin || expected == "" || len(values) != 1 || values[0] != expected {
			t.Errorf("%s: %q arrived, want %q as the only value of %s", name, values, expected, twin)
		}
	}
	for name, value := range want {
		if value != "" && len(got.Headers[name]) == 0 {
			t.Errorf("%s did not arrive, want %q", name, value)
		}
	}
}

// denied checks a denial by its status and code, and returns its body.
func denied(t testing.TB, a *envoytest.Answer, status int, code string) problem {
	t.Helper()
	var p problem
	a.Decode(t, status, &p)
	if p.Code != code || p.Status != status {
		t.Errorf("denied with %s, want %d %s", a.Body, status, code)
	}
	return p
}
