package telemetry

import (
	"context"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/clerkgate/clerkgate/authz"
)

// spanName is the name of every span. What the check was about is in attributes.
const spanName = "clerkgate.check"

// Names of attributes. Their values are names of the policy and closed sets.
const (
	routeKey       = attribute.Key("clerkgate.route")
	outcomeKey     = attribute.Key("clerkgate.outcome")
	reasonKey      = attribute.Key("clerkgate.reason")
	shadowKey      = attribute.Key("clerkgate.shadow")
	tokenKey       = attribute.Key("clerkgate.token_type")
	policyKey      = attribute.Key("clerkgate.policy")
	keyWaitsKey    = attribute.Key("clerkgate.waited_for_keys")
	backendWaitKey = attribute.Key("clerkgate.waited_for_backend_api")
)

// maxTraceState bounds, in bytes, a tracestate that goes into a span. W3C Trace
// Context, section 3.3.1.5, wants this much; Envoy may pass on what a client wrote.
const maxTraceState = 512

// Traces makes a span of each check whose caller, the proxy, records one itself. All
// others cost a look at an empty string. Create it with [NewTraces].
//
// Spans wait in a queue of fixed size and are sent in the background: whatever the
// collector does, no check waits for it.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	sender   *sender
}

// NewTraces returns traces by the OTEL_* variables of the environment, which
// docs/telemetry.md lists. It returns nil without an error if they do not ask for
// any. A variable that OpenTelemetry wants to be ignored if its value is unknown is
// ignored, and logger told; for others the error is a [*SettingError]. The version is
// the program's.
func NewTraces(ctx context.Context, logger *slog.Logger, version string) (*Traces, error) {
	v := variables{logger, os.ReadFile}
	if !v.wantTraces() {
		return nil, nil
	}
	sampler := v.sampler()
	if sampler == nil {
		return nil, nil
	}
	exporter, err := v.exporter(ctx)
	if err != nil {
		return nil, err
	}
	resource, err := v.resource(ctx, version)
	if err != nil {
		return nil, err
	}
	batches := v.batches()
	s := newSender(exporter, logger, batches.queue)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(resource),
		sdktrace.WithSampler(sampler),
		sdktrace.WithSpanProcessor(queue{sdktrace.NewBatchSpanProcessor(s, batches.options()...), s}),
	)
	return &Traces{provider, provider.Tracer("github.com/clerkgate/clerkgate"), s}, nil
}

// Observe makes the span of a decision, if there is to be one.
func (t *Traces) Observe(d *authz.Decided) {
	parent := parentOf(d)
	if !parent.IsSampled() {
		return
	}
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent)
	_, span := t.tracer.Start(ctx, spanName, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(d.Start))
	if span.IsRecording() {
		describeSpan(span, d)
	}
	span.End(trace.WithTimestamp(d.Start.Add(d.Duration)))
}

// Shutdown sends what waits, as long as ctx allows, and gives up the rest.
func (t *Traces) Shutdown(ctx context.Context) {
	_ = t.provider.Shutdown(ctx) // what was not sent is counted
	t.sender.finish()
}

// describeSpan says what was decided, and never by whom or about what exactly: the
// decision log has that.
func describeSpan(span trace.Span, d *authz.Decided) {
	v := d.Verdict
	attrs := make([]attribute.KeyValue, 0, 8)
	add := func(key attribute.Key, value string) {
		if value != "" {
			attrs = append(attrs, key.String(value))
		}
	}
	add(outcomeKey, v.Outcome())
	add(routeKey, v.Route)
	add(reasonKey, v.Code)
	add(shadowKey, v.Shadow)
	if v.Identity != nil {
		add(tokenKey, v.Identity.TokenType)
	}
	add(policyKey, v.Policy)
	if d.KeyWaits > 0 {
		attrs = append(attrs, keyWaitsKey.Int(d.KeyWaits))
	}
	if d.BackendWaits > 0 {
		attrs = append(attrs, backendWaitKey.Int(d.BackendWaits))
	}
	span.SetAttributes(attrs...)
	if v.Kind == authz.Fault { // a denial is what the sidecar is for, and no error
		span.SetStatus(codes.Error, v.Code)
	}
}

// parentOf returns the span of the proxy's that asked; one that is not valid if it
// records none.
func parentOf(d *authz.Decided) trace.SpanContext {
	if d.Request == nil || d.Request.Trace.Parent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), carrier(d.Request.Trace))
	return trace.SpanContextFromContext(ctx)
}

// carrier is how the propagator reads a trace context.
type carrier authz.TraceContext

// Get returns the value of a header.
func (c carrier) Get(header string) string {
	switch {
	case header == "traceparent":
		return c.Parent
	case header == "tracestate" && len(c.State) <= maxTraceState:
		return c.State
	}
	return ""
}

// Set is for those who write.
func (carrier) Set(string, string) {}

// Keys is for propagators that look for headers by a prefix.
func (carrier) Keys() []string { return nil }
