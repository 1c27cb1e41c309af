package telemetry

import (
	"context"
	"errors"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// instruments are what is read when somebody scrapes.
type instruments struct {
	decisions, disagreements             metric.Int64ObservableCounter
	dropped, reloads                     metric.Int64ObservableCounter
	policy, routes                       metric.Int64ObservableGauge
	cacheHits, cacheMisses               metric.Int64ObservableCounter
	cacheEntries                         metric.Int64ObservableGauge
	keyFetches, suppressed, backendCalls metric.Int64ObservableCounter
	keys                                 metric.Int64ObservableGauge
	keysAge                              metric.Float64ObservableGauge
}

// maker makes instruments and keeps what is to be done with all of them.
type maker struct {
	meter metric.Meter
	all   []metric.Observable
	errs  []error
}

func (k *maker) counter(name, help string) metric.Int64ObservableCounter {
	i, err := k.meter.Int64ObservableCounter(name, metric.WithDescription(help))
	k.all, k.errs = append(k.all, i), append(k.errs, err)
	return i
}

func (k *maker) gauge(name, help string) metric.Int64ObservableGauge {
	i, err := k.meter.Int64ObservableGauge(name, metric.WithDescription(help))
	k.all, k.errs = append(k.all, i), append(k.errs, err)
	return i
}

func (k *maker) seconds(name, help string) metric.Float64ObservableGauge {
	i, err := k.meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(help))
	k.all, k.errs = append(k.all, i), append(k.errs, err)
	return i
}

// watch makes what is read when somebody scrapes.
func (m *Metrics) watch(meter metric.Meter) error {
	k := maker{meter: meter}
	i := instruments{
		decisions:     k.counter("clerkgate_decisions_total", "Decisions by route, outcome (pass or deny), reason and type of the verified token; what there is none of is empty."),
		disagreements: k.counter("clerkgate_shadow_disagreements_total", "Requests that shadow mode let pass and that would have been denied, by route."),
		dropped:       k.counter("clerkgate_identity_headers_dropped_total", "Identity headers that a service did not get because no header can carry the claim's value, by header."),
		reloads:       k.counter("clerkgate_policy_reload_total", "Policies that were to replace the one in force, by result (success or failure). Unchanged ones do not count."),
		policy:        k.gauge("clerkgate_policy_info", "1 for the policy in force, by its hash."),
		routes:        k.gauge("clerkgate_policy_routes", "Routes of the policy in force."),
		cacheHits:     k.counter("clerkgate_token_cache_hits_total", "Signatures that were known already, good or bad."),
		cacheMisses:   k.counter("clerkgate_token_cache_misses_total", "Signatures that had to be verified."),
		cacheEntries:  k.gauge("clerkgate_token_cache_entries", "Verified tokens in memory."),
		keyFetches:    k.counter("clerkgate_jwks_fetches_total", "Fetches of key sets by result (success or failure), of all Clerk instances together."),
		suppressed:    k.counter("clerkgate_jwks_refetch_suppressed_total", "Look-ups of unknown key ids that caused no fetch because of the cool-down."),
		keys:          k.gauge("clerkgate_jwks_keys", "Keys in memory, of all Clerk instances together."),
		keysAge:       k.seconds("clerkgate_jwks_age_seconds", "Time since the endpoint confirmed the keys; with several Clerk instances, since the longest ago."),
		backendCalls:  k.counter("clerkgate_backend_requests_total", "Questions to Clerk's Backend API by call and result; cached, shared, rejected and unsent ones made no call of their own."),
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		m.observe(o, &i)
		return nil
	}, k.all...)
	return errors.Join(append(k.errs, err)...)
}

// observe tells everything as it is at this moment.
func (m *Metrics) observe(o metric.Observer, i *instruments) {
	m.decisions.observe(o, i.decisions)
	m.disagreements.observe(o, i.disagreements)
	m.dropped.observe(o, i.dropped)
	m.reloads.observe(o, i.reloads)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.observePolicy(o, i)
	m.state.observeKeys(o, i)
}

func (s *state) observePolicy(o metric.Observer, i *instruments) {
	if hash := s.inForce.Policy; hash != "" {
		o.ObserveInt64(i.policy, 1, metric.WithAttributes(attribute.String("hash", hash)))
	}
	o.ObserveInt64(i.routes, int64(s.inForce.Routes))
	if s.cache == nil {
		return
	}
	c := s.cache()
	o.ObserveInt64(i.cacheHits, number(c.Hits))
	o.ObserveInt64(i.cacheMisses, number(c.Misses))
	o.ObserveInt64(i.cacheEntries, int64(c.Entries))
}

func (s *state) observeKeys(o metric.Observer, i *instruments) {
	t := s.sum()
	o.ObserveInt64(i.keyFetches, number(t.fetches-t.failures), metric.WithAttributeSet(resultAttribute(success)))
	o.ObserveInt64(i.keyFetches, number(t.failures), metric.WithAttributeSet(resultAttribute(failure)))
	o.ObserveInt64(i.suppressed, number(t.suppressed))
	for q, n := range t.questions {
		o.ObserveInt64(i.backendCalls, number(n), metric.WithAttributes(attribute.String("call", q.call), attribute.String("result", q.result)))
	}
	keys, age, loaded := s.keys(time.Now())
	o.ObserveInt64(i.keys, int64(keys))
	if loaded {
		o.ObserveFloat64(i.keysAge, age.Seconds())
	}
}

// number is a count as OpenTelemetry takes it.
func number(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
