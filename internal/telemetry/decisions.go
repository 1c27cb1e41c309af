// Package telemetry records what was decided: in a log, in numbers, and in traces.
//
// [NewDecisionLog] returns an observer for an authz.Engine that writes a log/slog
// record of each decision: when, what was asked, which route, what came out and why,
// how long it took, and the identity facts that a policy reads. Of passes it may
// write a sample ([Sampling]). docs/decision-log.md has every field. [ReadRecord]
// reads such a line.
//
// The log never holds a token, a cookie, a body, a query value, the target of a
// redirect or any request header other than the request id: the path is cut at
// the '?', and the identity is what was verified. A path is the client's text,
// so it is cut at [MaxPath] bytes.
//
// [NewMetrics] returns an observer that counts decisions, by OpenTelemetry, and
// whose Handler answers scrapes by Prometheus:
//
//	clerkgate_decisions_total{route,outcome,reason,token}
//	clerkgate_check_duration_seconds
//	clerkgate_shadow_disagreements_total{route}
//	clerkgate_identity_headers_dropped_total{header}
//	clerkgate_policy_reload_total{result}
//	clerkgate_policy_info{hash}, clerkgate_policy_routes
//	clerkgate_token_cache_{hits_total,misses_total,entries}
//	clerkgate_jwks_{fetches_total{result},age_seconds,keys,refetch_suppressed_total}
//	clerkgate_backend_requests_total{call,result}
//
// Labels are what a policy names, and closed sets: outcome is pass or deny, reason
// the verdict's code, token the type of the token that was verified, each empty if
// there is none; nothing that a client sends becomes one. The routes of a policy
// that was replaced keep their series until the process ends. Beyond 20,000 series
// of a counter, decisions count under the route [OtherRoutes].
//
// [NewTraces] returns an observer that makes a span, by OpenTelemetry, of each check
// whose proxy records one, and sends it to a collector (docs/telemetry.md). Nothing
// that the collector does or omits reaches a decision.
//
// A reload is a success once the policy is in force. It is a failure if something
// is wrong with the policy, and, first, if its new Clerk instances take long to get
// keys. A policy that is the one in force already counts as neither.
package telemetry

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// MaxPath bounds, in bytes, the path and the host in a record. Longer ones are
// cut: a client must not choose how much is logged about it.
const MaxPath = 2048

// DecisionLog writes records of decisions. Create it with [NewDecisionLog]; it is
// safe for concurrent use.
type DecisionLog struct {
	handler slog.Handler
	passes  sampler
}

// NewDecisionLog returns a log that writes to logger: faults at level Error,
// everything else at Info. The sampling chooses among passes.
func NewDecisionLog(logger *slog.Logger, sampling Sampling) *DecisionLog {
	return &DecisionLog{handler: logger.Handler(), passes: sampler{Sampling: sampling}}
}

// Observe writes the record of one decision, unless it is one of the passes that
// are left out.
func (l *DecisionLog) Observe(d *authz.Decided) {
	ctx, level := context.Background(), slog.LevelInfo
	if d.Verdict.Kind == authz.Fault {
		level = slog.LevelError
	}
	if !l.handler.Enabled(ctx, level) {
		return
	}
	var unlogged int64
	if unremarkable(d.Verdict) {
		var chosen bool
		if unlogged, chosen = l.passes.choose(d.At); !chosen {
			return
		}
	}
	r := slog.NewRecord(time.Now(), level, decisionMessage, 0)
	addDecision(&r, d)
	if unlogged > 0 {
		r.AddAttrs(slog.Int64("unlogged", unlogged))
	}
	_ = l.handler.Handle(ctx, r) // who reads the log will miss it
}

// Close writes how many passes have been left out since the last record that says
// so. Call it once nothing is decided any more.
func (l *DecisionLog) Close() {
	ctx := context.Background()
	if n := l.passes.unlogged.Swap(0); n > 0 && l.handler.Enabled(ctx, slog.LevelInfo) {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, unloggedMessage, 0)
		r.AddAttrs(slog.Int64("unlogged", n))
		_ = l.handler.Handle(ctx, r)
	}
}

// unremarkable reports whether a decision is one of many: a pass that has nothing
// about it.
func unremarkable(v *authz.Verdict) bool {
	return v.Kind == authz.Passed && v.Shadow == "" && len(v.Dropped) == 0
}

// What the records say that they are.
const (
	decisionMessage = "decision"
	unloggedMessage = "decisions not logged"
)

// mostFields is how many fields a record has at most.
const mostFields = 28

// addDecision adds the fields of a decision.
func addDecision(record *slog.Record, d *authz.Decided) {
	r, v := d.Request, d.Verdict
	path, _, _ := strings.Cut(r.Path, "?")
	attrs := make([]slog.Attr, 0, mostFields)
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("request_id", v.RequestID)
	if parent := parentOf(d); parent.IsSampled() {
		add("trace_id", parent.TraceID().String())
	}
	add("method", cut(r.Method))
	add("host", cut(r.Host))
	add("path", cut(path))
	attrs = appendReading(attrs, r, v, max(len(r.Method), len(r.Host), len(path), len(v.Preflight)) > MaxPath)
	add("route", v.Route)
	add("outcome", v.Outcome())
	if status := v.Status(); status != 0 {
		attrs = append(attrs, slog.Int("status", status))
	}
	add("reason", v.Code)
	add("clerk_reason", v.ClerkReason)
	add("shadow", v.Shadow)
	add("detail", v.Detail)
	add("policy", v.Policy)
	if len(v.Dropped) > 0 {
		attrs = append(attrs, slog.Any("dropped", v.Dropped))
	}
	attrs = appendCaller(attrs, v)
	attrs = append(attrs, slog.Float64("duration_ms", float64(d.Duration.Microseconds())/1000))
	record.AddAttrs(attrs...)
}

// appendReading adds what else of the request a decision may depend on.
func appendReading(attrs []slog.Attr, r *authz.Request, v *authz.Verdict, truncated bool) []slog.Attr {
	if truncated {
		attrs = append(attrs, slog.Bool("truncated", true))
	}
	if len(r.Context) > 0 {
		attrs = append(attrs, slog.Any("context", r.Context))
	}
	if v.Document {
		attrs = append(attrs, slog.Bool("document", true))
	}
	if v.Preflight != "" {
		attrs = append(attrs, slog.String("preflight", cut(v.Preflight)))
	}
	return attrs
}

// appendCaller adds who was verified, or why nobody was.
func appendCaller(attrs []slog.Attr, v *authz.Verdict) []slog.Attr {
	if v.Identity != nil && !v.Identity.Webhook {
		return append(attrs, slog.Any("identity", describe(v.Identity)))
	}
	if v.Unverified != "" && v.Unverified != v.Code {
		attrs = append(attrs, slog.String("unverified", v.Unverified))
	}
	if v.Presented && v.Identity == nil {
		attrs = append(attrs, slog.Bool("presented", true))
	}
	if v.ThroughClerk {
		attrs = append(attrs, slog.Bool("handshake", true))
	}
	if v.Unverified != "" && v.Accepted != policy.TokenSession {
		attrs = append(attrs, slog.Any("tokens", authz.TokenTypeNames(v.Accepted)))
	}
	return attrs
}

func cut(s string) string {
	if len(s) > MaxPath {
		return s[:MaxPath]
	}
	return s
}
