package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/clerkgate/clerkgate/authz"
)

// OtherRoutes is the route of decisions that have no series of their own because
// there are too many already. It is OpenTelemetry's word for such a rest.
const OtherRoutes = "_OTHER"

// maxSeries bounds the series of one counter. How many there can be is up to the
// policy, not to clients: routes times the closed sets of reasons and types of
// tokens. Our judgement: a pass and a denial for each of 10,000 routes, some three
// megabytes a scrape.
const maxSeries = 20_000

// maxScrapes bounds how many scrapes are answered at a time: two servers, and a
// person.
const maxScrapes = 3

// durationBuckets are upper bounds in seconds. A decision takes microseconds from
// memory, a fraction of a millisecond with a signature to verify, and as long as
// Clerk takes if it has to be asked; Envoy gives up after its timeout, some seconds
// at most.
var durationBuckets = [...]float64{
	10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3,
	10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10,
}

// Metrics counts decisions and reloads, and tells how the policy in force, its
// keys and the caches are doing. Create it with [NewMetrics]; it is safe for
// concurrent use. Counts begin at zero with each process.
type Metrics struct {
	registry      *prometheus.Registry
	logger        *slog.Logger
	decisions     *series[decision]
	disagreements *series[string]
	dropped       *series[string]
	reloads       *series[string]
	duration      metric.Float64Histogram

	mu    sync.Mutex // guards state
	state state
}

// decision is what tells the series of clerkgate_decisions_total apart.
type decision struct{ route, outcome, reason, token string }

// NewMetrics returns metrics in a registry of their own. Scrapes that fail are
// written to logger. The error would be a bug: nothing outside the process has a
// part in it, and OTEL_* variables change neither names nor labels.
func NewMetrics(logger *slog.Logger) (*Metrics, error) {
	m := &Metrics{
		registry:      prometheus.NewRegistry(),
		logger:        logger,
		decisions:     newSeries(decision.attributes, decision.ofOtherRoutes),
		disagreements: newSeries(routeAttribute, func(string) string { return OtherRoutes }),
		dropped:       newSeries(headerAttribute, func(header string) string { return header }),
		reloads:       newSeries(resultAttribute, func(result string) string { return result }),
	}
	m.reloads.of(success) // an alert compares with the zero
	m.reloads.of(failure)
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(m.registry),
		otelprometheus.WithTranslationStrategy(otlptranslator.NoTranslation), // names are what they are called here
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, err
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		sdkmetric.WithCardinalityLimit(0), // series have a bound that keeps their labels
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
	)
	meter := provider.Meter("github.com/clerkgate/clerkgate")
	return m, errors.Join(
		m.registry.Register(collectors.NewGoCollector()),
		m.registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
		m.record(meter),
		m.watch(meter),
	)
}

// record makes what OpenTelemetry itself counts, when it happens.
func (m *Metrics) record(meter metric.Meter) (err error) {
	m.duration, err = meter.Float64Histogram("clerkgate_check_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from a check to its answer, with all that it waited for."),
		metric.WithExplicitBucketBoundaries(durationBuckets[:]...))
	return err
}

func (d decision) attributes() attribute.Set {
	return attribute.NewSet(attribute.String("route", d.route), attribute.String("outcome", d.outcome),
		attribute.String("reason", d.reason), attribute.String("token", d.token))
}

func (d decision) ofOtherRoutes() decision {
	d.route = OtherRoutes
	return d
}

func routeAttribute(route string) attribute.Set {
	return attribute.NewSet(attribute.String("route", route))
}

func headerAttribute(header string) attribute.Set {
	return attribute.NewSet(attribute.String("header", header))
}

// The values of the label result.
const (
	success = "success"
	failure = "failure"
)

func resultAttribute(result string) attribute.Set {
	return attribute.NewSet(attribute.String("result", result))
}

// Observe counts one decision.
func (m *Metrics) Observe(d *authz.Decided) {
	v := d.Verdict
	counted := decision{route: v.Route, outcome: v.Outcome(), reason: v.Code}
	if v.Identity != nil {
		counted.token = v.Identity.TokenType
	}
	m.decisions.increment(counted)
	if v.Shadow != "" {
		m.ShadowDisagreement(v.Route)
	}
	for _, header := range v.Dropped {
		m.dropped.increment(header)
	}
	m.duration.Record(context.Background(), d.Duration.Seconds())
}

// ShadowDisagreement counts a request that shadow mode let pass on this route and
// that would have been denied.
func (m *Metrics) ShadowDisagreement(route string) { m.disagreements.increment(route) }

// ReloadSucceeded counts a policy that came into force in place of another.
func (m *Metrics) ReloadSucceeded() { m.reloads.increment(success) }

// ReloadFailed counts a policy that did not come into force.
func (m *Metrics) ReloadFailed() { m.reloads.increment(failure) }

// Handler answers scrapes, in Prometheus' text format unless the scraper asks for
// another. If a part of the metrics cannot be read, it sends the others.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{m.logger},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// scrapeLog is where the handler says what went wrong.
type scrapeLog struct{ logger *slog.Logger }

// Println writes one record.
func (l scrapeLog) Println(v ...any) {
	l.logger.Warn("metrics not sent whole", "reason", strings.TrimSpace(fmt.Sprintln(v...)))
}

// Observers tells several observers of each decision, in their order.
type Observers []authz.Observer

// Observe tells them all.
func (o Observers) Observe(d *authz.Decided) {
	for _, each := range o {
		each.Observe(d)
	}
}
