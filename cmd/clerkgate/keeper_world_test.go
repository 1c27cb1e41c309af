package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// records is a log that can be waited for.
type records struct {
	*testing.T
	mu    sync.Mutex
	lines []string
	grown chan struct{}
}

func newRecords(t *testing.T) *records { return &records{T: t, grown: make(chan struct{})} }

// Write takes one line of a text handler.
func (r *records) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimSpace(string(line)))
	close(r.grown)
	r.grown = make(chan struct{})
	return len(line), nil
}

// await waits for a line after the first ones that holds each of the parts, and
// returns how many lines there are up to it.
func (r *records) await(after int, parts ...string) int {
	r.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		lines, grown := r.lines, r.grown
		r.mu.Unlock()
		for i, line := range lines[min(after, len(lines)):] {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return after + i + 1
			}
		}
		select {
		case <-grown:
		case <-timeout:
			r.Fatalf("no line with %q after %d lines:\n%s", parts, after, strings.Join(lines, "\n"))
		}
	}
}

// count returns how many lines hold this part.
func (r *records) count(part string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// kept is a keeper at work, with two Clerk instances to write policies about.
type kept struct {
	*testing.T
	*keeper
	log         *records
	dir         string
	one, two    *clerktest.Instance
	oneURL, url string // of their keys
	hangups     chan os.Signal
	seen        int // lines of the log
}

const keptRoutes = "routes:\n  - {name: me, path: /me}\n"

// keep starts a keeper with the policy that write makes.
func keep(t *testing.T, policy func(*kept) string, configure func(*kept)) *kept {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	k := &kept{T: t, log: newRecords(t), dir: t.TempDir(), hangups: make(chan os.Signal)}
	k.one, k.oneURL = serveKeys(t, "clerk.one.example")
	k.two, k.url = serveKeys(t, "clerk.two.example")
	logger := slog.New(slog.NewTextHandler(k.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	from := policySource{file: filepath.Join(k.dir, "policy.yaml"), env: noneButPanic, logger: logger}
	k.write("policy.yaml", policy(k))
	first, err := from.load()
	if err != nil || first.snapshot == nil {
		t.Fatal(err, first.problems)
	}
	metrics, err := telemetry.NewMetrics(logger)
	if err != nil {
		t.Fatal(err)
	}
	k.keeper = newKeeper(authz.New(authz.Options{Observer: metrics}), metrics, from, first)
	k.keeper.hangups = k.hangups
	if configure != nil {
		configure(k)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		k.run(ctx, func() { close(ready) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatal("the first policy gets no keys")
	}
	return k
}

// noneButPanic is an environment without variables, but for one that its reader
// stumbles over.
func noneButPanic(name string) (string, bool) {
	if name == "PANIC" {
		panic("a bug")
	}
	return "", false
}

// serveKeys makes a Clerk instance and serves its keys.
func serveKeys(t *testing.T, host string) (*clerktest.Instance, string) {
	in := clerktest.New(clerktest.Options{FrontendAPI: host, Live: true})
	server := httptest.NewServer(in.Handler())
	t.Cleanup(func() { in.Endpoint().Heal(); server.Close() })
	return in, server.URL + clerktest.JWKSPath
}

func (k *kept) write(name, text string) {
	k.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600); err != nil {
		k.Fatal(err)
	}
}

func entry(in *clerktest.Instance, url, more string) string {
	return fmt.Sprintf("  - publishableKey: %s\n    jwksUrl: %s\n    authorizedParties: [https://app.example.com]\n    hosts: [%s]\n    %s\n", in.PublishableKey(), url, in.Issuer()[len("https://"):], more)
}

func (k *kept) alone() string {
	return "version: 1\nclerk:\n" + entry(k.one, k.oneURL, "") + keptRoutes
}
func (k *kept) both() string {
	return "version: 1\nclerk:\n" + k.first("") + entry(k.two, k.url, "") + keptRoutes
}
func (k *kept) second() string { return "version: 1\nclerk:\n" + entry(k.two, k.url, "") + keptRoutes }

func (k *kept) first(more string) string { return entry(k.one, k.oneURL, more) }

// hangUp asks for a reload, and waits for what the log says of it.
func (k *kept) hangUp(parts ...string) {
	k.Helper()
	k.ask()
	k.says(parts...)
}

// ask asks for a reload. The next one is taken only when this one is done.
func (k *kept) ask() {
	k.Helper()
	select {
	case k.hangups <- syscall.SIGHUP:
	case <-time.After(patience):
		k.Fatal("the keeper hangs")
	}
}

func (k *kept) says(parts ...string) {
	k.Helper()
	k.seen = k.log.await(k.seen, parts...)
}

// decides checks the answer to a caller of an instance: "" is a pass.
func (k *kept) decides(in *clerktest.Instance, code string) {
	k.Helper()
	token := in.Token(clerktest.Claims{User: "user_ada", AuthorizedParty: "https://app.example.com"})
	a := k.engine.Check(k.Context(), &authz.Request{Method: "GET", Path: "/me", Host: "api.example.com", Scheme: "https",
		Headers: []authz.Header{{Name: "authorization", Value: "Bearer " + token}}})
	if a.Allow != (code == "") || code != "" && !strings.Contains(string(a.Body), `"`+code+`"`) {
		k.Errorf("%s: %+v, want %q", in.Issuer(), a, code)
	}
}
