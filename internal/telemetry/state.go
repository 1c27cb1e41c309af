package telemetry

import (
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/jwks"
)

// KeySource tells how the keys of a Clerk instance are doing; a *jwks.Source does.
type KeySource interface{ Status() jwks.Status }

// Backend tells how questions to the Backend API ended; a *backend.Client does.
type Backend interface{ Stats() backend.Stats }

// InForce is a policy that is in force, with what it needs from outside. Sources
// and clients are compared: one that the next policy has, too, goes on counting.
type InForce struct {
	Policy   string   // its hash
	Routes   int      // how many it has
	Shadow   []string // the names of those in shadow mode; "" is the rest of the paths
	Keys     []KeySource
	Backends []Backend
}

// state is what is read when somebody scrapes.
type state struct {
	inForce InForce
	cache   func() authz.CacheStats // nil: there is none
	// What those have counted that are not in force any more: sums of counters
	// must not fall, or a rate over them would rise.
	retired totals
}

// totals are sums over key sources and clients.
type totals struct {
	fetches, failures, suppressed uint64
	questions                     map[question]uint64
}

// question is what tells the series of clerkgate_backend_requests_total apart.
type question struct{ call, result string }

// Use tells which policy is in force from now on.
func (m *Metrics) Use(next InForce) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range without(m.state.inForce.Keys, next.Keys) {
		m.state.retired.addKeys(k.Status())
	}
	for _, b := range without(m.state.inForce.Backends, next.Backends) {
		m.state.retired.addBackend(b.Stats())
	}
	m.state.inForce = next
	for _, route := range next.Shadow {
		m.disagreements.of(route) // a rate needs the zero before the first
	}
}

// without returns those of all that are not among others.
func without[T comparable](all, others []T) []T {
	stay := map[T]bool{}
	for _, other := range others {
		stay[other] = true
	}
	var gone []T
	for _, each := range all {
		if !stay[each] {
			gone = append(gone, each)
		}
	}
	return gone
}

// UseTokenCache tells where the counts of the cache of verified tokens are.
func (m *Metrics) UseTokenCache(stats func() authz.CacheStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.cache = stats
}

func (t *totals) addKeys(s jwks.Status) {
	t.fetches += s.Fetches
	t.failures += s.Failures
	t.suppressed += s.Suppressed
}

func (t *totals) addBackend(s backend.Stats) {
	if t.questions == nil {
		t.questions = map[question]uint64{}
	}
	for _, c := range s.Counts {
		t.questions[question{c.Kind.String(), c.Result.String()}] += c.N
	}
}

// sum adds what counts now to what has counted.
func (s *state) sum() totals {
	t := s.retired
	t.questions = make(map[question]uint64, len(s.retired.questions))
	for q, n := range s.retired.questions {
		t.questions[q] = n
	}
	for _, k := range s.inForce.Keys {
		t.addKeys(k.Status())
	}
	for _, b := range s.inForce.Backends {
		t.addBackend(b.Stats())
	}
	return t
}

// keys are the number of all keys, and the age of the oldest set among those that
// were loaded.
func (s *state) keys(now time.Time) (n int, age time.Duration, loaded bool) {
	for _, k := range s.inForce.Keys {
		status := k.Status()
		n += status.Keys
		if !status.Fetched.IsZero() {
			age, loaded = max(age, now.Sub(status.Fetched)), true
		}
	}
	return n, age, loaded
}
