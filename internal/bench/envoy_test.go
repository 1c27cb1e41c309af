package bench

import (
	"fmt"
	"strings"
	"testing"
)

// heat compares variants in rounds.
type heat struct {
	stage    *stage
	variants []*variant
	phases   []phase
	passes   int // how often a round comes back to each variant
	seen     int
}

// phase is how many connections ask, and how often in all in each pass.
type phase struct{ connections, requests int }

// round asks through each variant in turn, several times, from another one on each
// time.
func (h *heat) round(b *testing.B) {
	b.Helper()
	samples := make([][]sample, len(h.variants))
	for range h.passes {
		for i := range h.variants {
			i = (i + h.seen) % len(h.variants)
			if samples[i] == nil {
				samples[i] = make([]sample, len(h.phases))
			}
			h.pass(b, h.variants[i], samples[i])
		}
		h.seen++
	}
	for i, v := range h.variants {
		for j, p := range h.phases {
			v.add(p.connections, samples[i][j])
		}
	}
}

// warmUp is how many requests fill the caches, the pools and the heap.
const warmUp = 1000

// pass starts an Envoy and asks. It is a new one each time: where in memory an
// Envoy happens to lie makes it up to a tenth cheaper or dearer than the next with
// the same configuration, for as long as it lives.
func (h *heat) pass(b *testing.B, v *variant, samples []sample) {
	b.Helper()
	stop := v.start(b, h.stage)
	defer stop()
	token := token(h.stage.clerk)
	v.inspect(b, token)
	request := browserRequest(benchPath, token)
	v.ask(b, request, busy, warmUp)
	for i, p := range h.phases {
		v.measure(b, &samples[i], request, p.connections, p.requests)
	}
	v.inspect(b, token)
}

// envoyField is who takes part in BenchmarkEnvoy.
type envoyField struct {
	none, jwt, cached, base, baseFew, clerkgate, tcp, few *variant
}

func newEnvoyField(b *testing.B, s *stage) envoyField {
	b.Helper()
	few := sending(neededHeaders(b, s.binary, policyOf(s.clerk)))
	base, clerkgate := startAllowAll(b, "default"), startClerkgate(b, s.binary, s.clerk)
	return envoyField{
		none:      &variant{name: "no check", patch: withFilters()},
		jwt:       &variant{name: "jwt_authn + RBAC", patch: native(s.clerk), tells: true},
		cached:    &variant{name: "jwt_authn + RBAC, with `jwt_cache_config`", patch: native(s.clerk, remembering), tells: true},
		base:      &variant{name: "allow-all", patch: asShipped, sidecar: base},
		baseFew:   &variant{name: "allow-all, `allowed_headers`", patch: few, sidecar: base},
		clerkgate: &variant{name: "Clerkgate", patch: asShipped, sidecar: clerkgate, tells: true},
		tcp:       &variant{name: "Clerkgate over TCP", patch: asShipped, sidecar: clerkgate, overTCP: true, tells: true},
		few:       &variant{name: "Clerkgate, `allowed_headers`", patch: few, sidecar: clerkgate, tells: true},
	}
}

func (f envoyField) all() []*variant {
	return []*variant{f.none, f.jwt, f.cached, f.base, f.baseFew, f.clerkgate, f.tcp, f.few}
}

// BenchmarkEnvoy compares what a request through Envoy costs, Envoy and what it
// asks together.
func BenchmarkEnvoy(b *testing.B) {
	r := newReport("envoy")
	s := newStage(b, r)
	if s == nil {
		return
	}
	f := newEnvoyField(b, s)
	h := &heat{stage: s, variants: f.all(), phases: []phase{{busy, 2000}, {1, 500}}, passes: 4}
	for b.Loop() {
		h.round(b)
	}
	for _, p := range h.phases {
		f.standings(r, p.connections)
	}
	r.goal("16 connections, against jwt_authn + RBAC without its cache", "×", 1.0, median(f.clerkgate.against(f.jwt, busy)))
	r.goal("16 connections, against allow-all", "×", 0.95, median(f.clerkgate.against(f.base, busy)))
	r.goal("the same with `allowed_headers`, against allow-all with all headers", "×", 0.85, median(f.few.against(f.base, busy)))
	b.ReportMetric(median(f.clerkgate.against(f.base, busy)), "x-allow-all")
	r.publish(b)
}

// standings is the table for so many connections.
func (f envoyField) standings(r *report, n int) {
	t := r.table(fmt.Sprintf("%d at a time", n), "CPU against allow-all", "against jwt_authn + RBAC", "Envoy", "sidecar", "p50", "p99", "requests/s")
	for _, v := range f.all() {
		number := func(of func(sample) float64) float64 { return median(v.of(n, of)) }
		t.row(v.name, figure(v.against(f.base, n)), figure(v.against(f.jwt, n)),
			micros(number(func(s sample) float64 { return s.envoy })), micros(number(func(s sample) float64 { return s.sidecar })),
			f.added(v, n, sample.p50), f.added(v, n, sample.p99), significant(1e6/number(func(s sample) float64 { return s.wall })))
	}
}

// added is how much longer answers take than without a check; for no check, how
// long they take.
func (f envoyField) added(v *variant, n int, latency func(sample) float64) string {
	values := v.of(n, latency)
	if v == f.none {
		return micros(median(values))
	}
	for i, without := range f.none.of(n, latency) {
		values[i] -= without
	}
	return strings.Replace("+"+micros(median(values)), "+-", "−", 1)
}
