package e2e_test

import (
	"context"
	"fmt"
	"net/http"
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
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// signal sends a signal to the process.
func (s *sidecar) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// exit waits for the end of the process and returns its status, -1 if a signal
// ended it.
func (s *sidecar) exit() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatal("the process does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// load is a steady stream of requests of a signed-in user through Envoy.
type load struct {
	passes  *tally
	stop    context.CancelFunc
	workers sync.WaitGroup

	mu     sync.Mutex
	errors []loadError
}

type loadError struct {
	at     time.Time // when the answer was there
	answer string
}

// newLoad starts the stream. Each worker ends with the first answer that is no
// pass.
func newLoad(t *testing.T, c *clerk, e *envoytest.Envoy) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{passes: newTally(), stop: stop}
	client, url, token := httpClient(t), "http://"+e.Addr+"/me", c.token()
	for range 4 {
		l.workers.Go(func() {
			for {
				answer, err := ask(ctx, client, url, token)
				switch {
				case ctx.Err() != nil:
					return
				case err == nil && answer == "pass":
					l.passes.add()
					continue
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				l.errors = append(l.errors, loadError{time.Now(), fmt.Sprint(answer, err)})
				return
			}
		})
	}
	l.passes.reach(t, 20, "passes before the signal")
	return l
}

// check ends the load: no error may have come before the end, and those after it
// are Envoy's own.
func (l *load) check(t *testing.T, end time.Time) {
	t.Helper()
	l.stop()
	l.workers.Wait()
	for _, e := range l.errors {
		if e.at.Before(end) {
			t.Errorf("%v before the end: %s", end.Sub(e.at), e.answer)
		}
		if !strings.HasPrefix(e.answer, "503 without a code") {
			t.Errorf("after the end: %s, want Envoy's 503", e.answer)
		}
	}
}

// TestDrainEndsByItself: nothing fails as long as the drain lasts, and the process
// ends well.
func TestDrainEndsByItself(t *testing.T) {
	t.Parallel()
	const drain = 1500 * time.Millisecond
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+keysRoutes, "--drain", drain.String()).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	l := newLoad(t, c, e)
	end := time.Now().Add(drain) // the sidecar counts from the signal's arrival, which is later
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	if time.Now().Before(end) {
		t.Error("the process ended before its drain did")
	}
	l.check(t, end)
	if a := envoytest.Get(t, e.Addr, "/me", bearer(c.token())); a.Status != http.StatusServiceUnavailable {
		t.Errorf("without a sidecar: status %d, want 503", a.Status)
	}
	if _, err := os.Stat(s.UDS); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// TestDraining looks at a sidecar whose drain does not end by itself. The second
// signal ends it at once.
func TestDraining(t *testing.T) {
	for _, tt := range []struct{ first, second syscall.Signal }{
		{syscall.SIGTERM, syscall.SIGTERM},
		{syscall.SIGINT, syscall.SIGTERM},
	} {
		t.Run(fmt.Sprintf("%v, %v", tt.first, tt.second), func(t *testing.T) {
			c := newClerk(t, clerktest.Options{Live: true})
			s := startSidecar(t, c.section(patientKeys)+keysRoutes, "--drain", "1h").ready()
			t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // if the test ends before the second signal
			e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
			a := s.ask(t)
			if got := a.serving(t); got != servingStatus {
				t.Errorf("health before: %v", got)
			}
			l := newLoad(t, c, e)
			s.signal(tt.first)
			s.await("the drain", says("draining"))
			if got := a.serving(t); got != notServingStatus {
				t.Errorf("health while draining: %v", got)
			}
			if status, body := s.readyz(); status != http.StatusServiceUnavailable || body != "draining" {
				t.Errorf("/readyz while draining: %d %q", status, body)
			}
			if status := s.livez(); status != http.StatusOK {
				t.Errorf("/livez while draining: %d", status)
			}
			l.passes.reach(t, 20, "passes while draining")
			for _, target := range []string{"unix://" + s.UDS, s.TCP} {
				fresh := askAt(t, target)
				expect(t, fresh, "a new connection to "+target, c.token(), "pass")
				expect(t, fresh, "a bad token on it", "garbage", "401 token-invalid")
			}
			end := time.Now()
			s.signal(tt.second)
			if code := s.exit(); code != 0 {
				t.Errorf("exit status %d, want 0", code)
			}
			l.check(t, end)
		})
	}
}

// TestCheckUnderWayIsFinished: a check that waits for a key when the signal comes
// is answered, although no new ones are taken any more.
func TestCheckUnderWayIsFinished(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	next := c.with(jwkstest.NewSigner("ins_next"))
	s := startSidecar(t, c.section(patientKeys)+keysRoutes, "--drain", "0s").ready()
	a := s.ask(t)
	c.Endpoint().Hang()
	t.Cleanup(c.Endpoint().Heal)
	answer := make(chan string, 1)
	token := next.token()
	go func() {
		if r, err := a.try(t.Context(), "/me", bearer(token)); err != nil {
			answer <- err.Error()
		} else {
			answer <- r.String()
		}
	}()
	c.awaitFetches(t, 2)
	s.signal(syscall.SIGTERM)
	s.await("the drain", says("draining"))
	c.Endpoint().Publish(next.Signer())
	c.Endpoint().Heal()
	select {
	case got := <-answer:
		if got != "pass" {
			t.Errorf("the check under way: %s", got)
		}
	case <-time.After(patience):
		t.Error("the check under way was not answered")
	}
	if code := s.exit(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

// shortDir is a directory whose path leaves room for the name of a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestSocketOfACrashIsReplaced: what a killed process left behind does not keep
// the next one from starting.
func TestSocketOfACrashIsReplaced(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	policy := c.section(patientKeys) + keysRoutes
	socket := filepath.Join(shortDir(t), "authz.sock")
	first := startSidecar(t, policy, "--listen", "unix://"+socket).ready()
	expect(t, askAt(t, "unix://"+socket), "the first process", c.token(), "pass")
	first.signal(syscall.SIGKILL)
	if code := first.exit(); code != -1 {
		t.Errorf("exit status %d after SIGKILL", code)
	}
	if _, err := os.Stat(socket); err != nil {
		t.Fatalf("the crash left no socket, so this test shows nothing: %v", err)
	}
	startSidecar(t, policy, "--listen", "unix://"+socket).ready()
	expect(t, askAt(t, "unix://"+socket), "the second process", c.token(), "pass")
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o660 {
		t.Errorf("the socket's mode is %v, want it closed to others", mode)
	}
}

// TestForeignSocketIsLeftAlone: a socket that somebody answers on, and a file that
// is no socket, stop the start and stay as they are.
func TestForeignSocketIsLeftAlone(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	policy := c.section(patientKeys) + keysRoutes
	s := startSidecar(t, policy).ready()
	dir := shortDir(t)
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("do not touch"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, complaint := range map[string]string{s.UDS: "another process answers there", file: "not a socket"} {
		code, output := startInVain(t, policy, "--listen", "unix://"+path)
		if code != 1 || !strings.Contains(output, complaint) || !strings.Contains(output, path) {
			t.Errorf("exit status %d: %s", code, output)
		}
	}
	expect(t, s.ask(t), "the process that has the socket", c.token(), "pass")
	if text, err := os.ReadFile(file); err != nil || string(text) != "do not touch" {
		t.Errorf("the file is now %q (%v)", text, err)
	}
}

// startInVain runs serve with arguments that it cannot start with.
func startInVain(t testing.TB, policy string, args ...string) (code int, output string) {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(shortDir(t), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"serve", "--policy", file, "--admin", "127.0.0.1:0"}, args...)...)
	text, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("it runs: %v\n%s", err, text)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// TestBothListenersAnswer: unix socket and TCP are one server.
func TestBothListenersAnswer(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+keysRoutes).ready()
	for _, target := range []string{"unix://" + s.UDS, s.TCP} {
		a := askAt(t, target)
		if got := a.serving(t); got != servingStatus {
			t.Errorf("%s: health %v", target, got)
		}
		r := expect(t, a, target, c.token(), "pass")
		if r.Header["x-user-id"] != "user_ada" {
			t.Errorf("%s: headers %v", target, r.Header)
		}
		expect(t, a, target, "garbage", "401 token-invalid")
	}
}
