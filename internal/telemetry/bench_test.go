package telemetry_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// usualPass is a decision about somebody with an organisation.
func usualPass() *authz.Decided {
	return &authz.Decided{
		Request: &authz.Request{Method: "GET", Host: "api.example.com", Path: "/orgs/acme/invoices/7?page=2"},
		Verdict: &authz.Verdict{Kind: authz.Passed, Route: "read invoices", Policy: "sha256:157cb41bd6b3", RequestID: "6c1ad9ff-ae2c-4f60-bb0b-e9b1f9c1a2ed",
			Identity: &policy.Identity{UserID: "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", SessionID: "sess_2NNEqL2nrIRdJ194ndJqAHwEfxC", TokenType: "session_token",
				OrgID: "org_2NNEqL2nrIRdJ194ndJqAHwEfxC", OrgSlug: "acme", OrgRole: "org:admin", OrgPermissions: []string{"org:invoices:read", "org:invoices:manage"}}},
		Start: time.Unix(1_800_000_000, 0), At: time.Unix(1_800_000_000, 0), Duration: 6 * time.Microsecond,
	}
}

// rate is at how many passes a second the log is measured: as many as a core makes.
const rate = 50_000

// BenchmarkDecision is what each of the three costs for a decision. The log goes to
// /dev/null, so that the call is in it and no disk is.
func BenchmarkDecision(b *testing.B) {
	noVariables(b)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	logger := slog.New(slog.NewJSONHandler(null, nil))
	metrics, sampled, whole := newMetrics(b), telemetry.NewDecisionLog(logger, telemetry.DefaultSampling()), telemetry.NewDecisionLog(logger, telemetry.Sampling{})
	traces, taken := benchmarkedTraces(b)
	defer taken()
	for _, bench := range []struct {
		name     string
		observer authz.Observer
		denied   bool
		parent   string // the proxy's span
	}{
		{"metrics", metrics, false, ""},
		{"log, sampled by default", sampled, false, ""},
		{"log, whole", whole, false, ""},
		{"log, a denial", sampled, true, ""},
		{"traces, no recorded parent", traces, false, ""},
		{"traces, recorded parent", traces, false, recorded},
		{"metrics and log", telemetry.Observers{metrics, sampled}, false, ""},
		{"metrics, log and traces", telemetry.Observers{metrics, sampled, traces}, false, ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			d := usualPass()
			d.Request.Trace.Parent = bench.parent
			if bench.denied {
				d.Verdict.Kind, d.Verdict.Identity = authz.Unauthenticated, nil
				d.Verdict.Code, d.Verdict.ClerkReason, d.Verdict.Presented = "token-expired", "token-expired", true
			}
			b.ReportAllocs()
			for b.Loop() {
				d.At = d.At.Add(time.Second / rate)
				bench.observer.Observe(d)
			}
		})
	}
}

// benchmarkedTraces are sent to a collector that takes them.
func benchmarkedTraces(b *testing.B) (traces *telemetry.Traces, end func()) {
	b.Helper()
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	traces, err := telemetry.NewTraces(b.Context(), slog.New(slog.DiscardHandler), "v1")
	if err != nil {
		b.Fatal(err)
	}
	return traces, func() { flush(b, traces); collector.Close() }
}
