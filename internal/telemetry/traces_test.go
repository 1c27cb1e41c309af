package telemetry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// A span that Envoy records, and one that it does not.
const (
	traceID   = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentID  = "00f067aa0ba902b7"
	recorded  = "00-" + traceID + "-" + parentID + "-01"
	discarded = "00-" + traceID + "-" + parentID + "-00"
)

// noVariables forgets the OTEL_* variables of whoever runs the tests.
func noVariables(t testing.TB) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

// said is a log of lines of text.
type said struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// traced returns traces by these variables, name and value in turns.
func traced(t testing.TB, variables ...string) (*telemetry.Traces, *said) {
	t.Helper()
	noVariables(t)
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
	log := &said{}
	traces, err := telemetry.NewTraces(t.Context(), slog.New(slog.NewTextHandler(log, nil)), "v1")
	if err != nil {
		t.Fatal(err)
	}
	return traces, log
}

// flush ends traces, which sends all spans.
func flush(t testing.TB, traces *telemetry.Traces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	traces.Shutdown(ctx)
}

// under is a decision about a request that belongs to a trace.
func under(parent string, d *authz.Decided) *authz.Decided {
	d.Request.Trace.Parent = parent
	d.Start = time.Unix(1_800_000_000, 500)
	return d
}

// TestSpans: what a collector gets, by each protocol.
func TestSpans(t *testing.T) {
	for _, protocol := range []string{"", "http/protobuf", "http/json", "grpc", "GRPC"} {
		t.Run(protocol, func(t *testing.T) {
			c := newHTTPCollector
			if strings.EqualFold(protocol, "grpc") {
				c = newGRPCCollector
			}
			to := c(t)
			traces, log := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", to.Endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b")
			pass := under(recorded, passed("me", "session_token"))
			pass.Verdict.Policy, pass.KeyWaits, pass.BackendWaits = "sha256:abc", 1, 2
			shadowed := under(recorded, passed("new", ""))
			shadowed.Verdict.Shadow = "org-required"
			for _, d := range []*authz.Decided{pass, shadowed, under(recorded, denied(authz.Unauthenticated, "me", "token-expired")), under(recorded, denied(authz.Fault, "", "internal-error"))} {
				traces.Observe(d)
			}
			flush(t, traces)
			const of = "clerkgate.check " + traceID + "<" + parentID + " SERVER "
			same(t, "spans", to.spans(),
				of+"outcome=pass policy=sha256:abc route=me token_type=session_token waited_for_backend_api=2 waited_for_keys=1",
				of+"outcome=pass route=new shadow=org-required",
				of+"outcome=deny reason=token-expired route=me",
				of+"outcome=deny reason=internal-error ERROR internal-error",
			)
			same(t, "resource", []string{to.resources(t)}, "service.name=clerkgate service.version=v1")
			same(t, "headers", to.headers, "a b")
			span := to.batches[0].GetScopeSpans()[0].GetSpans()[0]
			if from, took := span.GetStartTimeUnixNano(), span.GetEndTimeUnixNano()-span.GetStartTimeUnixNano(); from != 1_800_000_000_000_000_500 || took != 30_000 {
				t.Errorf("from %d, %d ns long", from, took)
			}
			if log.String() != "" {
				t.Errorf("logged %s", log)
			}
		})
	}
}

// TestWhatHasNoSpan: whatever does not come from a proxy that records a span.
func TestWhatHasNoSpan(t *testing.T) {
	to := newHTTPCollector(t)
	traces, _ := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", to.Endpoint)
	for _, parent := range []string{
		"", discarded, "x", strings.Repeat("1", 55), strings.Repeat("1", 5000),
		"00-" + strings.Repeat("0", 32) + "-" + parentID + "-01",
		"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01",
		"ff-" + traceID + "-" + parentID + "-01",
		strings.ToUpper(recorded), recorded + "-x", recorded + " ",
	} {
		traces.Observe(under(parent, passed("me", "")))
	}
	forged := under("", passed("me", ""))
	forged.Request.Headers = []authz.Header{{Name: "traceparent", Value: recorded}, {Name: "tracestate", Value: "a=b"}}
	traces.Observe(forged)
	traces.Observe(&authz.Decided{Verdict: &authz.Verdict{}})
	flush(t, traces)
	if got := to.spans(); got != nil {
		t.Errorf("spans %v", got)
	}
}

// TestNothingSecretIsTraced fills a decision with secrets wherever there can be one.
func TestNothingSecretIsTraced(t *testing.T) {
	to := newHTTPCollector(t)
	traces, _ := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", to.Endpoint)
	d := under(recorded, passed("me", "session_token"))
	d.Request.Method, d.Request.Path, d.Request.Host, d.Request.Body = "SECRET", "/SECRET?SECRET", "SECRET", []byte("SECRET")
	d.Request.Headers = []authz.Header{{Name: "cookie", Value: "SECRET"}, {Name: "authorization", Value: "SECRET"}}
	d.Request.Context = map[string]string{"SECRET": "SECRET"}
	v := d.Verdict
	v.RequestID, v.Preflight, v.Detail, v.Unverified, v.Params = "SECRET", "SECRET", "SECRET", "SECRET", map[string]string{"SECRET": "SECRET"}
	v.Identity = &policy.Identity{UserID: "SECRET", OrgID: "SECRET", OrgSlug: "SECRET", SessionID: "SECRET", OrgRole: "SECRET", TokenType: "session_token"}
	d.Answer = &authz.Answer{}
	d.Request.Trace.State = "a=" + strings.Repeat("SECRET", 40) + ",b=" + strings.Repeat("SECRET", 40) + ",c=" + strings.Repeat("SECRET", 40) // more than anybody needs to join
	traces.Observe(d)
	flush(t, traces)
	if got := fmt.Sprint(to.batches, to.spans()); len(to.spans()) != 1 || strings.Contains(got, "SECRET") {
		t.Errorf("collected %s", got)
	}
}

// TestTraceState goes on with the trace.
func TestTraceState(t *testing.T) {
	to := newHTTPCollector(t)
	traces, _ := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", to.Endpoint)
	for _, state := range []string{"vendor=1,ot=th:8", "no state"} {
		d := under(recorded, passed("me", ""))
		d.Request.Trace.State = state
		traces.Observe(d)
	}
	flush(t, traces)
	var got []string
	for _, span := range to.batches[0].GetScopeSpans()[0].GetSpans() {
		got = append(got, span.GetTraceState())
	}
	same(t, "states", got, "vendor=1,ot=th:8", "")
}

// TestTraceIDInTheLog leads from a record to its trace.
func TestTraceIDInTheLog(t *testing.T) {
	for parent, want := range map[string]any{recorded: traceID, discarded: nil, "": nil, "x": nil} {
		if record, _ := observe(t, slog.LevelInfo, under(parent, passed("me", ""))); record["trace_id"] != want {
			t.Errorf("%s: trace_id %v", parent, record["trace_id"])
		}
	}
}

// TestVariables: when there are traces, and when not.
func TestVariables(t *testing.T) {
	const endpoint, tracesEndpoint, exporter = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"
	const url = "http://127.0.0.1:1"
	for _, tt := range []struct {
		variables string
		on        bool
		says      string // what is said of variables; the names of those
	}{
		{"", false, ""},
		{exporter + "=otlp", true, ""},
		{exporter + "=none", false, ""},
		{exporter + "=console", false, exporter},
		{endpoint + "=" + url, true, ""},
		{endpoint + "=", false, ""},
		{tracesEndpoint + "=" + url, true, ""},
		{endpoint + "=" + url + " " + exporter + "=none", false, ""},
		{endpoint + "=" + url + " " + exporter + "=zipkin", true, exporter},
		{endpoint + "=" + url + " " + exporter + "=console,otlp", true, exporter},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=" + url, false, ""},
		{endpoint + "=" + url + " OTEL_SDK_DISABLED=TRUE", false, ""},
		{endpoint + "=" + url + " OTEL_SDK_DISABLED=1", true, "OTEL_SDK_DISABLED"},
		{"OTEL_SDK_DISABLED=1", false, ""},
		{endpoint + "=" + url + " OTEL_PROPAGATORS=tracecontext,baggage", true, ""},
		{endpoint + "=" + url + " OTEL_PROPAGATORS=none", false, "OTEL_PROPAGATORS"},
		{endpoint + "=" + url + " OTEL_PROPAGATORS=b3", false, "OTEL_PROPAGATORS OTEL_PROPAGATORS"},
		{endpoint + "=" + url + " OTEL_PROPAGATORS=b3,tracecontext", true, "OTEL_PROPAGATORS"},
		{endpoint + "=" + url + " OTEL_TRACES_SAMPLER=always_off", false, ""},
		{endpoint + "=" + url + " OTEL_TRACES_SAMPLER=jaeger_remote", true, "OTEL_TRACES_SAMPLER"},
		{endpoint + "=" + url + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2", true, "OTEL_TRACES_SAMPLER_ARG"},
		{endpoint + "=" + url + " OTEL_EXPORTER_OTLP_PROTOCOL=thrift", true, "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{endpoint + "=" + url + " OTEL_EXPORTER_OTLP_COMPRESSION=zstd", true, "OTEL_EXPORTER_OTLP_COMPRESSION"},
		{endpoint + "=" + url + " OTEL_EXPORTER_OTLP_TIMEOUT=10s", true, "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{endpoint + "=" + url + " OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=-1", true, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"},
		{endpoint + "=" + url + " OTEL_RESOURCE_ATTRIBUTES=a", true, "OTEL_RESOURCE_ATTRIBUTES"},
		{endpoint + "=" + url + " OTEL_RESOURCE_ATTRIBUTES=a=%zz", true, "OTEL_RESOURCE_ATTRIBUTES"},
		{endpoint + "=" + url + " OTEL_BSP_MAX_QUEUE_SIZE=-1", true, "OTEL_BSP_MAX_QUEUE_SIZE"},
		{endpoint + "=" + url + " OTEL_BSP_SCHEDULE_DELAY=0", true, "OTEL_BSP_SCHEDULE_DELAY"},
		{endpoint + "=" + url + " OTEL_BSP_MAX_QUEUE_SIZE=10 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=11", true, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"},
		{endpoint + "=unix:///run/otel.sock OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, ""},
	} {
		t.Run(tt.variables, func(t *testing.T) {
			var variables []string
			for _, pair := range strings.Fields(tt.variables) {
				name, value, _ := strings.Cut(pair, "=")
				variables = append(variables, name, value)
			}
			traces, log := traced(t, variables...)
			if (traces != nil) != tt.on {
				t.Errorf("on: %v", traces != nil)
			}
			if traces != nil {
				flush(t, traces)
			}
			var names []string
			for line := range strings.Lines(log.String()) {
				_, rest, _ := strings.Cut(line, " variable=")
				name, _, _ := strings.Cut(rest, " ")
				names = append(names, name)
			}
			if got := strings.Join(names, " "); got != tt.says {
				t.Errorf("said of %q, want %q:\n%s", got, tt.says, log)
			}
		})
	}
}

// TestWrongVariables: with what tracing cannot begin.
func TestWrongVariables(t *testing.T) {
	dir := t.TempDir()
	empty := dir + "/empty.pem"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, value, more, want string }{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "", "not a URL with http:// or https://"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "", "not a URL with http:// or https://"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", "", "not a URL with http:// or https://"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///run/otel.sock", "", "not a URL with http:// or https://"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization: SECRET", "", "not a list of headers"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=%0aSECRET", "", "not a list of headers"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", dir + "/none.pem", "", "no certificates can be read from it"},
		{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", empty, "", "no certificates can be read from it"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", empty, "", "there is no certificate to this key"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", empty, "", "there is no key to this certificate"},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%ff", "", "not in UTF-8"},
		{"OTEL_SERVICE_NAME", "a\xff", "", "not in UTF-8"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", empty, "OTEL_EXPORTER_OTLP_CLIENT_KEY", "it cannot be used with OTEL_EXPORTER_OTLP_CLIENT_KEY"},
	} {
		noVariables(t)
		t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
		t.Setenv(tt.name, tt.value)
		if tt.more != "" {
			t.Setenv(tt.more, tt.value)
		}
		_, err := telemetry.NewTraces(t.Context(), slog.New(slog.DiscardHandler), "v1")
		if err == nil || err.Error() != tt.name+": "+tt.want || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s=%s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
		t.Setenv(tt.name, "")
	}
}

// TestEndpoints: to which path spans are sent (OpenTelemetry Protocol Exporter,
// "Endpoint URLs for OTLP/HTTP").
func TestEndpoints(t *testing.T) {
	for _, tt := range []struct{ variable, path, want string }{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", "/v1/traces"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "/", "/v1/traces"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "/otlp/", "/otlp/v1/traces"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "/"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/traces", "/traces"},
	} {
		to := newHTTPCollector(t)
		traces, _ := traced(t, tt.variable, to.Endpoint+tt.path)
		traces.Observe(under(recorded, passed("me", "")))
		flush(t, traces)
		same(t, tt.variable+" with "+tt.path, to.paths, tt.want)
	}
}

// TestResource: what all spans have in common.
func TestResource(t *testing.T) {
	for _, tt := range []struct{ attributes, name, want string }{
		{"", "", "service.name=clerkgate service.version=v1"},
		{"", "gate", "service.name=gate service.version=v1"},
		{"service.name=gate,team=a%20b", "", "service.name=gate service.version=v1 team=a b"},
		{"service.name=gate,service.version=2", "other", "service.name=other service.version=2"},
		{"service.name=gate,nothing", "other", "service.name=other service.version=v1"},
	} {
		to := newHTTPCollector(t)
		traces, _ := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", to.Endpoint, "OTEL_RESOURCE_ATTRIBUTES", tt.attributes, "OTEL_SERVICE_NAME", tt.name)
		traces.Observe(under(recorded, passed("me", "")))
		flush(t, traces)
		same(t, tt.attributes, []string{to.resources(t)}, tt.want)
	}
}

// TestSampler: a part of what Envoy records.
func TestSampler(t *testing.T) {
	to := newHTTPCollector(t)
	traces, _ := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", to.Endpoint, "OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0.25")
	for i := range 256 {
		traces.Observe(under(fmt.Sprintf("00-%032x-%s-01", i<<56+1, parentID), passed("me", "")))
	}
	flush(t, traces)
	if n := len(to.spans()); n != 64 {
		t.Errorf("%d of 256 spans", n)
	}
}

// TestBadCollectors: whatever a collector does, a decision does not wait for it, and
// the end does not for long.
func TestBadCollectors(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hanging.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("connection", "close")
		http.Error(w, strings.Repeat("no ", 10_000), http.StatusInternalServerError)
	}))
	defer failing.Close()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("connection", "close")
		w.Header().Set("retry-after", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer busy.Close()
	for _, tt := range []struct{ name, endpoint, protocol, says string }{
		{"hanging", hanging.URL, "http/protobuf", ""},
		{"mute", "http://" + mute.Addr().String(), "http/protobuf", ""},
		{"mute", "http://" + mute.Addr().String(), "grpc", ""},
		{"failing", failing.URL, "http/protobuf", "500 Internal Server Error"},
		{"busy", busy.URL, "http/protobuf", "max retry time would elapse"},
		{"absent", "http://127.0.0.1:1", "http/protobuf", "connection refused"},
		{"absent", "http://127.0.0.1:1", "grpc", ""},
		{"of another protocol", failing.URL, "grpc", ""},
	} {
		t.Run(tt.name+" "+tt.protocol, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			const room, spans = 50, 5000
			traces, log := traced(t, "OTEL_EXPORTER_OTLP_ENDPOINT", tt.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL", tt.protocol,
				"OTEL_BSP_MAX_QUEUE_SIZE", fmt.Sprint(room), "OTEL_BSP_SCHEDULE_DELAY", "1")
			begin := time.Now()
			for range spans {
				traces.Observe(under(recorded, passed("me", "")))
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("%d decisions took %s", spans, took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			begin = time.Now()
			traces.Shutdown(ctx)
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("the end took %s", took)
			}
			text := log.String()
			if n := strings.Count(text, "msg=\"spans lost\""); n < 1 || n > 2 || len(text) > 2000 || !strings.Contains(text, tt.says) {
				t.Errorf("said %d times:\n%s", n, text)
			}
			if lost := lostSpans(text); lost != spans {
				t.Errorf("%d of %d spans are said to be lost:\n%s", lost, spans, text)
			}
			// A connection that nobody used any more when it was made is kept for the
			// next request.
			kept := []goleak.Option{leaks}
			for _, end := range []string{"(*persistConn).readLoop", "(*persistConn).writeLoop", "(*conn).serve"} {
				kept = append(kept, goleak.IgnoreAnyFunction("net/http."+end))
			}
			goleak.VerifyNone(t, kept...)
		})
	}
}

// lostSpans adds up what the log says.
func lostSpans(log string) (sum int) {
	for line := range strings.Lines(log) {
		_, rest, _ := strings.Cut(line, " spans=")
		n := 0
		_, _ = fmt.Sscan(rest, &n)
		sum += n
	}
	return sum
}

// TestTracesCostNothingForOthers: without a span that the proxy records there is
// nothing to allocate.
func TestTracesCostNothingForOthers(t *testing.T) {
	traces, _ := traced(t, "OTEL_TRACES_EXPORTER", "otlp")
	defer flush(t, traces)
	for _, parent := range []string{"", discarded} {
		d := under(parent, passed("me", "session_token"))
		if n := testing.AllocsPerRun(1000, func() { traces.Observe(d) }); n != 0 && parent == "" || n > 3 {
			t.Errorf("%q: %v allocations", parent, n)
		}
	}
}
