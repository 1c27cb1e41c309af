package telemetry

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// series is a counter with labels. It counts by itself and is read when somebody
// scrapes: OpenTelemetry's own counters check and hash the labels on each addition,
// which takes several times as long and would be a twentieth of a decision. It
// bounds how many series there are.
type series[K comparable] struct {
	attributes func(K) attribute.Set
	rest       func(K) K // what a key counts as once there are maxSeries

	mu    sync.RWMutex
	known map[K]*count
}

// count is one series: its value, and its labels in the form that they are read in.
type count struct {
	n      atomic.Uint64
	labels []metric.ObserveOption
}

func newSeries[K comparable](attributes func(K) attribute.Set, rest func(K) K) *series[K] {
	return &series[K]{attributes: attributes, rest: rest, known: map[K]*count{}}
}

// increment adds one to the series of a key. It does not allocate for a key that
// it knows.
func (s *series[K]) increment(key K) { s.of(key).n.Add(1) }

func (s *series[K]) of(key K) *count {
	s.mu.RLock()
	key, c := s.find(key)
	s.mu.RUnlock()
	if c == nil {
		return s.admit(key)
	}
	return c
}

// find returns the key that counts, and its series if there is one. The caller
// holds mu.
func (s *series[K]) find(key K) (K, *count) {
	c := s.known[key]
	if c == nil && len(s.known) >= maxSeries {
		key = s.rest(key)
		c = s.known[key]
	}
	return key, c
}

// admit makes the series of a new key.
func (s *series[K]) admit(key K) *count {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, c := s.find(key)
	if c == nil {
		c = &count{labels: []metric.ObserveOption{metric.WithAttributeSet(s.attributes(key))}}
		s.known[key] = c
	}
	return c
}

// observe tells the value of each series.
func (s *series[K]) observe(o metric.Observer, as metric.Int64Observable) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.known {
		o.ObserveInt64(as, number(c.n.Load()), c.labels...)
	}
}
