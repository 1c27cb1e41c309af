package e2e_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// collector is an OTLP collector to which Envoy and the sidecar send their spans.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer
	address string

	mu    sync.Mutex
	cond  *sync.Cond
	spans []span
}

// span is one that was collected, with the service that it is from.
type span struct {
	service string
	*tracev1.Span
}

func newCollector(t testing.TB) *collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{address: listener.Addr().String()}
	c.cond = sync.NewCond(&c.mu)
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return c
}

// Export implements the service.
func (c *collector) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, batch := range r.GetResourceSpans() {
		service := ""
		for _, a := range batch.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range batch.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{service, s})
			}
		}
	}
	c.cond.Broadcast()
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// await waits for a span.
func (c *collector) await(t testing.TB, what string, want func(span) bool) span {
	t.Helper()
	timer := time.AfterFunc(patience, func() { c.mu.Lock(); defer c.mu.Unlock(); c.cond.Broadcast() })
	defer timer.Stop()
	deadline := time.Now().Add(patience)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, s := range c.spans {
			if want(s) {
				return s
			}
		}
		if !time.Now().Before(deadline) {
			t.Fatalf("no span: %s; there are %v", what, c.spans)
		}
		c.cond.Wait()
	}
}

// of counts the spans of a service.
func (c *collector) of(service string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.service == service {
			n++
		}
	}
	return n
}

// traced is get by a proxy that records a span.
func (a *asker) traced(t testing.TB, path string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r, err := a.try(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// documented returns the configuration of Envoy that the documentation shows.
func documented(t testing.TB) (tracing, cluster map[string]any) {
	t.Helper()
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- snippet: envoy -->\n```yaml\n")
	text, _, ok := strings.Cut(rest, "```")
	var sections struct{ Tracing, Cluster map[string]any }
	if err := yaml.Unmarshal([]byte(text), &sections); err != nil || !ok || sections.Tracing == nil || sections.Cluster == nil {
		t.Fatalf("the snippet does not hold both sections: %v", err)
	}
	return sections.Tracing, sections.Cluster
}

// traceTo makes Envoy send what the documentation says to the collector: all spans,
// and at once.
func traceTo(t testing.TB, c *collector) func(*envoytest.Config) {
	tracing, cluster := documented(t)
	tracing["random_sampling"] = map[string]any{"value": 100}
	host, port, err := net.SplitHostPort(c.address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := envoyconfig.Path{"static_resources", "clusters", 0, "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address", "socket_address"}
	return func(config *envoytest.Config) {
		config.Patch = func(d *envoyconfig.Document) error {
			clusters, _ := d.Get(envoyconfig.Path{"static_resources", "clusters"})
			list, _ := clusters.([]any)
			return errors.Join(
				d.Add(envoyconfig.Manager("tracing"), tracing),
				d.Set(envoyconfig.Path{"static_resources", "clusters"}, append([]any{cluster}, list...)),
				d.Set(endpoint.At("address"), host), d.Set(endpoint.At("port_value"), number),
				d.Add(envoyconfig.Path{"layered_runtime"}, map[string]any{"layers": []any{map[string]any{
					"name": "at once", "static_layer": map[string]any{"tracing.opentelemetry.min_flush_spans": 1},
				}}}),
			)
		}
	}
}

// TestTraces: a check is a span in Envoy's trace, below the span of Envoy's call,
// whatever trace the client says that it belongs to.
func TestTraces(t *testing.T) {
	to := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+to.address)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	c := newClerk(t, clerktest.Options{Live: true})
	for _, fast := range []string{"true", "false"} {
		t.Run("fast path "+fast, func(t *testing.T) {
			s := startSidecar(t, c.section("")+countedRoutes, "--fast-path="+fast).ready()
			e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr, traceTo(t, to))
			denied(t, envoytest.Get(t, e.Addr, "/me?q=SECRET", "Cookie: SECRET"), http.StatusUnauthorized, "session-token-and-uat-missing")
			joined(t, to, s, "")

			before := to.of("clerkgate")
			const client = "4bf92f3577b34da6a3ce929d0e0e4736"
			allowed(t, envoytest.Get(t, e.Addr, "/healthz", "traceparent: 00-"+client+"-00f067aa0ba902b7-00"))
			allowed(t, envoytest.Get(t, e.Addr, "/me", bearer(c.token()), "traceparent: 00-"+client+"-00f067aa0ba902b7-01"))
			joined(t, to, s, client)
			if n := to.of("clerkgate"); n != before+1 {
				t.Errorf("%d spans of two checks, one of which is recorded", n-before)
			}
			to.mu.Lock()
			to.spans = nil
			to.mu.Unlock()
		})
	}
}

// TestTracesOfStrangers: with the headers removed early, as the documentation advises
// at the edge, clients choose neither a trace nor what is recorded.
func TestTracesOfStrangers(t *testing.T) {
	to := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+to.address)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	s := startSidecar(t, newClerk(t, clerktest.Options{Live: true}).section("")+countedRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr, traceTo(t, to), func(config *envoytest.Config) {
		trace := config.Patch
		config.Patch = func(d *envoyconfig.Document) error {
			path := envoyconfig.Manager("early_header_mutation_extensions", 0, "typed_config", "mutations")
			mutations, _ := d.Get(path)
			list, _ := mutations.([]any)
			list = append(list, map[string]any{"remove": "traceparent"}, map[string]any{"remove": "tracestate"})
			return errors.Join(trace(d), d.Set(path, list))
		}
	})
	const client = "4bf92f3577b34da6a3ce929d0e0e4736"
	allowed(t, envoytest.Get(t, e.Addr, "/healthz", "traceparent: 00-"+client+"-00f067aa0ba902b7-00", "tracestate: a=b"))
	ours := to.await(t, "the sidecar's", func(s span) bool { return s.service == "clerkgate" })
	if hex.EncodeToString(ours.GetTraceId()) == client || ours.GetTraceState() != "" {
		t.Errorf("the client chose %s", ours)
	}
	joined(t, to, s, "")
}

// joined waits for the sidecar's span, and holds it against Envoy's. The trace is
// this one if the client named it.
func joined(t *testing.T, to *collector, s *sidecar, trace string) {
	t.Helper()
	ours := to.await(t, "the sidecar's", func(s span) bool {
		return s.service == "clerkgate" && (trace == "" || hex.EncodeToString(s.GetTraceId()) == trace)
	})
	call := to.await(t, "of Envoy's call", func(s span) bool {
		return s.service == "envoy" && string(s.GetSpanId()) == string(ours.GetParentSpanId())
	})
	if string(call.GetTraceId()) != string(ours.GetTraceId()) || !strings.Contains(call.GetName(), "Check") {
		t.Errorf("%s is below %s", ours, call)
	}
	to.await(t, "of Envoy's request", func(s span) bool {
		return s.service == "envoy" && string(s.GetSpanId()) == string(call.GetParentSpanId())
	})
	if text := ours.String(); ours.GetName() != "clerkgate.check" || strings.Contains(text, "SECRET") || strings.Contains(text, "user_ada") {
		t.Errorf("span %s", text)
	}
	s.await("the trace's id", func(r map[string]any) bool {
		return r["msg"] == "decision" && r["trace_id"] == hex.EncodeToString(ours.GetTraceId())
	})
}
