package telemetry_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/admin"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

func newMetrics(t testing.TB) *telemetry.Metrics {
	t.Helper()
	m, err := telemetry.NewMetrics(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scrape asks the admin handler as Prometheus does, and reads the answer with
// Prometheus' parser.
func scrape(t *testing.T, m *telemetry.Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	ready := func() error { return nil }
	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	admin.NewHandler(ready, m.Handler()).ServeHTTP(answer, request)
	if kind := answer.Header().Get("content-type"); answer.Code != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Fatalf("status %d, content type %s", answer.Code, kind)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// series writes the series of these names, or of those that begin so, one a line.
// A histogram is written as its count.
func series(t *testing.T, m *telemetry.Metrics, names ...string) (lines []string) {
	t.Helper()
	families := scrape(t, m)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		wanted := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if !slices.ContainsFunc(names, wanted) {
			continue
		}
		var of []string
		for _, s := range families[name].GetMetric() {
			value := s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
			of = append(of, fmt.Sprintf("%s%s %v", name, labels(s), value))
		}
		slices.Sort(of)
		lines = append(lines, of...)
	}
	return lines
}

func labels(s *dto.Metric) string {
	var pairs []string
	for _, l := range s.GetLabel() {
		pairs = append(pairs, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func passed(route, tokenType string) *authz.Decided {
	v := &authz.Verdict{Kind: authz.Passed, Route: route}
	if tokenType != "" {
		v.Identity = &policy.Identity{TokenType: tokenType}
	}
	return &authz.Decided{Request: &authz.Request{}, Verdict: v, Duration: 30 * time.Microsecond}
}

func denied(kind authz.Kind, route, code string) *authz.Decided {
	return &authz.Decided{Request: &authz.Request{}, Verdict: &authz.Verdict{Kind: kind, Route: route, Code: code}}
}

// TestAtTheStart: what an alert compares with is there before anything happened.
func TestAtTheStart(t *testing.T) {
	compare(t, series(t, newMetrics(t), "clerkgate_"),
		`clerkgate_jwks_fetches_total{result="failure"} 0`,
		`clerkgate_jwks_fetches_total{result="success"} 0`,
		`clerkgate_jwks_keys 0`,
		`clerkgate_jwks_refetch_suppressed_total 0`,
		`clerkgate_policy_reload_total{result="failure"} 0`,
		`clerkgate_policy_reload_total{result="success"} 0`,
		`clerkgate_policy_routes 0`,
	)
}

// TestProcess: the customary metrics of a Go process are there as well.
func TestProcess(t *testing.T) {
	families := scrape(t, newMetrics(t))
	for _, name := range []string{"go_goroutines", "process_start_time_seconds", "process_resident_memory_bytes"} {
		if families[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	for name := range families {
		if !strings.HasPrefix(name, "clerkgate_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("unexpected %s", name)
		}
	}
}

// TestDecisions: each decision is one count, whatever it was.
func TestDecisions(t *testing.T) {
	m := newMetrics(t)
	forbidden := denied(authz.Forbidden, "pay \"now\"\n", "role-required")
	forbidden.Verdict.Identity = &policy.Identity{TokenType: "session_token"}
	for _, d := range []*authz.Decided{
		passed("me", "session_token"), passed("me", "session_token"), passed("me", "api_key"), passed("health", ""), forbidden,
		denied(authz.Unauthenticated, "me", "No token in header"), denied(authz.Malformed, "", "path-ambiguous"), {Verdict: &authz.Verdict{}},
	} {
		m.Observe(d)
	}
	shadowed := passed("new", "")
	shadowed.Verdict.Shadow = "org-required"
	m.Observe(shadowed)
	m.Observe(shadowed)
	undecided := passed("", "")
	undecided.Verdict.Shadow, undecided.Verdict.Dropped = "no-route", []string{"x-plan", "x-name"}
	m.Observe(undecided)
	m.ReloadSucceeded()
	m.ReloadFailed()
	m.ReloadFailed()
	compare(t, series(t, m, "clerkgate_check", "clerkgate_decisions", "clerkgate_identity", "clerkgate_shadow", "clerkgate_policy_reload"),
		`clerkgate_check_duration_seconds 11`,
		`clerkgate_decisions_total{outcome="deny",reason="",route="",token=""} 1`,
		`clerkgate_decisions_total{outcome="deny",reason="No token in header",route="me",token=""} 1`,
		`clerkgate_decisions_total{outcome="deny",reason="path-ambiguous",route="",token=""} 1`,
		`clerkgate_decisions_total{outcome="deny",reason="role-required",route="pay \"now\"\n",token="session_token"} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="",token=""} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="health",token=""} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="me",token="api_key"} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="me",token="session_token"} 2`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="new",token=""} 2`,
		`clerkgate_identity_headers_dropped_total{header="x-name"} 1`,
		`clerkgate_identity_headers_dropped_total{header="x-plan"} 1`,
		`clerkgate_policy_reload_total{result="failure"} 2`,
		`clerkgate_policy_reload_total{result="success"} 1`,
		`clerkgate_shadow_disagreements_total{route=""} 1`,
		`clerkgate_shadow_disagreements_total{route="new"} 2`,
	)
}

// TestDurations: buckets tell a decision from memory from one that had to ask.
func TestDurations(t *testing.T) {
	m := newMetrics(t)
	for _, d := range []time.Duration{0, 10 * time.Microsecond, 11 * time.Microsecond, 3 * time.Millisecond, 4 * time.Second, time.Minute} {
		m.Observe(&authz.Decided{Verdict: &authz.Verdict{}, Duration: d})
	}
	h := scrape(t, m)["clerkgate_check_duration_seconds"].GetMetric()[0].GetHistogram()
	var got []string
	last := uint64(0)
	for _, b := range h.GetBucket() {
		if n := b.GetCumulativeCount(); n != last {
			got = append(got, fmt.Sprint(b.GetUpperBound(), " ", n))
			last = n
		}
	}
	compare(t, got, "1e-05 2", "2.5e-05 3", "0.005 4", "5 5", "+Inf 6")
	if sum := h.GetSampleSum(); sum < 64.003 || sum > 64.0031 {
		t.Errorf("sum %v", sum)
	}
}

// TestSeriesAreBounded: beyond the bound decisions lose their route, and nothing
// else.
func TestSeriesAreBounded(t *testing.T) {
	const bound, more = 20_000, 5
	m := newMetrics(t)
	for i := range bound + more {
		m.Observe(passed(fmt.Sprint("route ", i), ""))
		m.ShadowDisagreement(fmt.Sprint("route ", i))
	}
	m.Observe(passed("route 0", ""))
	m.Observe(denied(authz.Forbidden, "another", "role-required"))
	got := series(t, m, "clerkgate_decisions", "clerkgate_shadow")
	for _, want := range []string{
		`clerkgate_decisions_total{outcome="pass",reason="",route="_OTHER",token=""} 5`,
		`clerkgate_decisions_total{outcome="deny",reason="role-required",route="_OTHER",token=""} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="route 0",token=""} 2`,
		`clerkgate_shadow_disagreements_total{route="_OTHER"} 5`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	if want := bound + 2 + bound + 1; len(got) != want {
		t.Errorf("%d series, want %d", len(got), want)
	}
}

// TestTheEnvironmentChangesNothing: OTEL_* variables are for other exporters.
func TestTheEnvironmentChangesNothing(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a")
	t.Setenv("OTEL_SERVICE_NAME", "b")
	t.Setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_on")
	t.Setenv("OTEL_GO_X_CARDINALITY_LIMIT", "1")
	m := newMetrics(t)
	m.Observe(passed("a", ""))
	m.Observe(passed("b", ""))
	compare(t, series(t, m, "clerkgate_decisions", "target_info", "otel"),
		`clerkgate_decisions_total{outcome="pass",reason="",route="a",token=""} 1`,
		`clerkgate_decisions_total{outcome="pass",reason="",route="b",token=""} 1`)
}

// TestWhoHangsUp: that a scraper did not get all is written to the log.
func TestWhoHangsUp(t *testing.T) {
	var out bytes.Buffer
	m, err := telemetry.NewMetrics(slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	m.Handler().ServeHTTP(hungUp{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if !strings.Contains(out.String(), `level=WARN msg="metrics not sent whole" reason="`) || !strings.Contains(out.String(), "hung up") {
		t.Errorf("logged %s", &out)
	}
}

type hungUp struct{ http.ResponseWriter }

func (hungUp) Write([]byte) (int, error) { return 0, errors.New("hung up") }

// TestObserversInTheirOrder: all are told.
func TestObserversInTheirOrder(t *testing.T) {
	var told []string
	observer := func(name string) authz.Observer {
		return observerFunc(func(d *authz.Decided) { told = append(told, name+" "+d.Verdict.Route) })
	}
	telemetry.Observers{observer("first"), observer("second")}.Observe(passed("me", ""))
	compare(t, told, "first me", "second me")
}

type observerFunc func(*authz.Decided)

func (f observerFunc) Observe(d *authz.Decided) { f(d) }

// TestCountingDoesNotAllocate holds for all but the first decision of a kind.
func TestCountingDoesNotAllocate(t *testing.T) {
	m, d := newMetrics(t), passed("me", "session_token")
	m.Observe(d)
	if n := testing.AllocsPerRun(1000, func() { m.Observe(d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, routes := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d routes", routes), func(b *testing.B) {
			m := newMetrics(b)
			var decisions []*authz.Decided
			for i := range routes {
				decisions = append(decisions, passed(fmt.Sprint("route ", i), "session_token"))
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					m.Observe(decisions[i%routes])
				}
			})
		})
	}
}
