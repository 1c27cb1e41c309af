package envoytest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/envoytest/envoyproc"
)

// startTimeout bounds the start of Envoy. It takes a fifth of a second; a cold disk and a busy machine take longer.
const startTimeout = 60 * time.Second

// defaultTimeout is the time for a check in tests. Longer than the file's, so that a slow machine fails no test.
const defaultTimeout = 5 * time.Second

// Config says what Envoy stands between, and how it differs from deploy/envoy/envoy.yaml. The zero values of the
// variants are the safe ones, except RawHeaders, which the file turns on.
type Config struct {
	// AuthzAddress is where the ext_authz server listens: host:port, or the path of a unix socket.
	AuthzAddress string
	// UpstreamAddress is the host:port of the service.
	UpstreamAddress string
	// RawHeaders sends headers to the ext_authz server one by one. False is what Istio and Envoy Gateway do: one map
	// entry per name, values joined.
	RawHeaders bool
	// AllowUnderscores lets header names with underscores through, as Envoy does by default.
	AllowUnderscores bool
	// Unsafe is Envoy as it is without advice: no early strip, no path clean-up, underscores and escaped slashes
	// allowed, no check of mutations. What is safe behind it is safe by the ext_authz server alone.
	Unsafe bool
	// AllowedHeaders is the filter's field of that name, which leaves all other headers out of the check. Nil: all are sent.
	AllowedHeaders any
	// Timeout is the time for a check; zero means five seconds.
	Timeout time.Duration
	// Patch makes any further change. An error fails the test.
	Patch func(*envoyconfig.Document) error
	// Program is the Envoy binary; empty means the one that Binary finds.
	Program string
}

// Envoy is a running Envoy.
type Envoy struct {
	// Addr is the host:port of the listener, for HTTP/1.1 and for HTTP/2 with prior knowledge.
	Addr string
	// Admin is the host:port of the admin interface.
	Admin string

	log *buffer
}

// Start runs Envoy until the end of the test. If the test fails, Envoy's log is added to the test's.
func Start(t testing.TB, c Config) *Envoy {
	t.Helper()
	program := c.Program
	if program == "" {
		program = Binary(t)
	}
	log := &buffer{}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	process, err := envoyproc.Start(ctx, envoyproc.Options{Program: program, Config: Bootstrap(t, c), Log: log})
	if err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Errorf("stopping Envoy: %v", err)
		}
		if text := log.String(); t.Failed() && text != "" {
			t.Logf("Envoy's log:\n%s", text)
		}
	})
	return &Envoy{Addr: process.Listener(), Admin: process.Admin(), log: log}
}

// Log returns what Envoy has logged so far, warnings and worse.
func (e *Envoy) Log() string { return e.log.String() }

// Stats returns Envoy's counters and gauges whose names contain filter.
func (e *Envoy) Stats(t testing.TB, filter string) map[string]uint64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.Admin+"/stats?format=json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return readStats(t, response.Body, filter)
}

func readStats(t testing.TB, from io.Reader, filter string) map[string]uint64 {
	t.Helper()
	var answer struct {
		Stats []struct {
			Name  string `json:"name"`
			Value any    `json:"value"` // absent on the one entry that holds all histograms
		} `json:"stats"`
	}
	if err := json.NewDecoder(from).Decode(&answer); err != nil {
		t.Fatalf("reading Envoy's stats: %v", err)
	}
	stats := map[string]uint64{}
	for _, stat := range answer.Stats {
		if value, ok := stat.Value.(float64); ok && strings.Contains(stat.Name, filter) {
			stats[stat.Name] = uint64(value)
		}
	}
	return stats
}

// buffer is a log that can be read while it grows.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
