package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/examples/quickstart"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// signalContext ends at the first SIGINT or SIGTERM.
func signalContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}

// startClerk serves the local Clerk instance.
func (s *demoStage) startClerk(ctx context.Context, address string) error {
	users, err := quickstartUsers()
	if err != nil {
		return err
	}
	l, err := listen(ctx, address)
	if err != nil {
		return withHint(err, "choose another address with --dev")
	}
	s.clerk = clerktest.New(clerktest.Options{FrontendAPI: l.Addr().String(), Directory: users})
	s.devURL = s.clerk.URL()
	s.serve(l, s.clerk.Handler())
	return nil
}

// serveHTTP serves a handler on loopback and returns its host:port.
func (s *demoStage) serveHTTP(ctx context.Context, address string, h http.Handler) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	s.serve(l, h)
	return l.Addr().String(), nil
}

func (s *demoStage) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: demoPatience}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	s.onClose(func() { _ = server.Close() })
}

// startSidecar runs the sidecar as serve does, with the quickstart's policy, and
// returns the path of its socket. Its log goes to a file.
func (s *demoStage) startSidecar(ctx context.Context) (string, error) {
	file, err := s.writeFile("policy.yaml", quickstart.Policy())
	if err != nil {
		return "", err
	}
	logFile, err := os.Create(s.logFile)
	if err != nil {
		return "", err
	}
	s.onClose(func() { _ = logFile.Close() })
	logger := slog.New(slog.NewJSONHandler(logFile, nil))
	from := policySource{file: file, env: demoEnv(s.clerk), logger: logger}
	r, err := from.load()
	if err != nil {
		return "", err
	}
	if r.snapshot == nil {
		return "", r.problems.Err()
	}
	socket := filepath.Join(s.dir, "authz.sock")
	metrics, err := telemetry.NewMetrics(logger)
	if err != nil {
		return "", err
	}
	k := newKeeper(newEngine(metrics, authz.DefaultTokenCache, telemetry.NewDecisionLog(logger, telemetry.Sampling{})), metrics, from, r)
	side, err := newSidecar(ctx, sidecarOptions{keeper: k, listen: []string{"unix://" + socket}, logger: logger})
	if err != nil {
		return "", err
	}
	s.run(ctx, side)
	return socket, awaitKeys(ctx, r)
}

// run serves the sidecar until the stage is closed.
func (s *demoStage) run(ctx context.Context, side *sidecar) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := side.run(ctx, nil); err != nil {
			s.failed <- err
		}
	}()
	s.onClose(func() { cancel(); <-done })
}

// awaitKeys waits until each instance of the policy has its keys.
func awaitKeys(ctx context.Context, r *regime) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for {
		lacking := r.lacking()
		if len(lacking) == 0 {
			return nil
		}
		select {
		case <-anyReady(lacking):
		case <-ctx.Done():
			return errors.New("the sidecar got no keys from the local Clerk instance")
		}
	}
}

// startPython runs the Python service on a free port, which it prints.
func (s *demoStage) startPython(ctx context.Context, python string) (string, error) {
	script, err := s.writeFile("reports.py", quickstart.Reports())
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath(python); err != nil {
		return "", withHint(fmt.Errorf("%s is not a program that can be run", python), "install Python 3, or name it with --python")
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), python, "-u", script, "--port", "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	s.onClose(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	return firstAddress(ctx, out)
}

// firstAddress reads a program's first line, which must end in the host:port
// that it listens on.
func firstAddress(ctx context.Context, out io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	lines := make(chan string, 1)
	go func() {
		scanner := bufio.NewScanner(out)
		for first := true; scanner.Scan(); first = false {
			if first {
				lines <- scanner.Text()
			}
		}
		close(lines)
	}()
	select {
	case line := <-lines:
		fields := strings.Fields(line)
		if len(fields) > 0 {
			if address := strings.TrimPrefix(fields[len(fields)-1], "http://"); strings.Contains(address, ":") {
				return address, nil
			}
		}
		return "", fmt.Errorf("the Python service said %q instead of where it listens", line)
	case <-ctx.Done():
		return "", errors.New("the Python service did not start")
	}
}

// demoClient follows no redirects and keeps paths as they are.
func demoClient() *http.Client {
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}
