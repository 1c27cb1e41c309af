package bench

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// step is something that is done in process.
type step struct {
	name   string
	times  int // in a round
	do     func()
	costs  []float64 // nanoseconds of CPU, one a round
	allocs float64
}

// slicesOfARound is how often a round comes back to each step. The least of its costs
// counts: what is added to it by others is not the step's.
const slicesOfARound = 5

// measure does each step in turn, several times.
func measure(b *testing.B, steps []*step) {
	b.Helper()
	least := make([]float64, len(steps))
	for n := range slicesOfARound {
		for i, s := range steps {
			cost := s.measure(b)
			if n == 0 || cost < least[i] {
				least[i] = cost
			}
		}
	}
	for i, s := range steps {
		s.costs = append(s.costs, least[i])
	}
}

// measure is the CPU time of this process, the collector's included, for doing it
// once, in nanoseconds.
func (s *step) measure(b *testing.B) float64 {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, err := cpuOf(os.Getpid())
	for range s.times {
		s.do()
	}
	ended, endErr := cpuOf(os.Getpid())
	if err != nil || endErr != nil {
		b.Fatal(err, endErr)
	}
	runtime.ReadMemStats(&after)
	s.allocs = math.Floor(float64(after.Mallocs-before.Mallocs) / float64(s.times))
	return float64(ended-began) / float64(s.times)
}

// servePercent is GOGC for a heap of next to nothing that is collected at 24 MiB, as
// serve has it.
const servePercent = 600

// BenchmarkInProcess measures the parts of a decision without gRPC.
func BenchmarkInProcess(b *testing.B) {
	r := newReport("in-process")
	runtime.GC() // of what the benchmarks before have left
	defer debug.SetGCPercent(debug.SetGCPercent(servePercent))
	clerk := newClerk()
	unit := newVerification(b)
	rsa := &step{name: "one RSA-2048 verification", times: 200, do: func() { unit.verify(b) }}
	decide, permission := decideStep(b, "`Decide`, org, role, permission and path parameter", `org: "{org}", role: org:admin, permission: org:invoices:manage`),
		decideStep(b, "`Decide`, one permission: Clerk's `has({permission})`", "permission: org:invoices:manage")
	everything := decideStep(b, "… with feature, plan and reverification",
		`org: "{org}", role: org:admin, permission: org:invoices:manage, feature: [reports, org:exports], plan: gold, reverification: strict`)
	hit, first := checkStep(b, clerk, "Check, verified token", 0, 20_000), checkStep(b, clerk, "Check, first-seen token", -1, 200)
	steps := []*step{rsa, decide, permission, everything, hit, first}
	for b.Loop() {
		measure(b, steps)
	}
	t := r.table("what", "CPU", "allocations", "RSA-2048 verifications")
	for _, s := range steps {
		verifications := ""
		if s == hit || s == first {
			verifications = figure(ratios(s.costs, rsa.costs))
		}
		t.row(s.name, nanos(median(s.costs)), significant(s.allocs), verifications)
	}
	r.goal(decide.name, " ns", 500, median(decide.costs))
	r.goal(decide.name, " allocations", 0, decide.allocs)
	r.goal("Check, verified token", " µs", 2.5, median(hit.costs)/1e3)
	r.goal("Check, verified token", " allocations", 6, hit.allocs)
	r.publish(b)
}

// BenchmarkMatching measures how the number of routes counts.
func BenchmarkMatching(b *testing.B) {
	r := newReport("matching")
	small, large := matchStep(b, 10, false), matchStep(b, 10_000, false)
	steps := []*step{small, matchStep(b, 100, false), matchStep(b, 1_000, false), large, matchStep(b, 10, true), matchStep(b, 10_000, true)}
	for b.Loop() {
		measure(b, steps)
	}
	t := r.table("routes", "CPU", "allocations", "against 10")
	for _, s := range steps {
		t.row(s.name, nanos(median(s.costs)), significant(s.allocs), figure(ratios(s.costs, small.costs)))
	}
	r.goal("10,000 routes against 10", "×", 1.1, median(ratios(large.costs, small.costs)))
	r.publish(b)
}

func nanos(v float64) string {
	if v >= 1e3 {
		return micros(v / 1e3)
	}
	return significant(v) + " ns"
}

func loadPolicy(b *testing.B, src string) *policy.Policy {
	b.Helper()
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if err := problems.Err(); err != nil {
		b.Fatal(err)
	}
	return p
}

func match(b *testing.B, p *policy.Policy, method, raw string) policy.Match {
	b.Helper()
	path, err := p.ReadPath(raw)
	if err != nil {
		b.Fatal(err)
	}
	m, err := p.Match(&policy.Request{Method: method, Host: "api.example.com", Path: path})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// decideStep decides about a route with these requirements, for one who meets them.
func decideStep(b *testing.B, name, require string) *step {
	b.Helper()
	p := loadPolicy(b, fmt.Sprintf("version: 1\nroutes:\n  - {name: pay, path: '/orgs/{org}/invoices/**', require: {%s}}\n", require))
	m := match(b, p, "GET", "/orgs/acme/invoices/7")
	id := &policy.Identity{
		UserID: "user_1", SessionID: "sess_1", OrgID: "org_1", OrgSlug: "acme", OrgRole: "org:admin",
		OrgPermissions: []string{"org:invoices:read", "org:invoices:manage"},
		OrgFeatures:    []string{"exports", "reports"}, OrgPlans: []string{"gold"}, FactorAges: []float64{1, -1},
	}
	return &step{name: name, times: 20_000, do: func() {
		if d := policy.Decide(m, id, nil); d.Outcome != policy.Passed {
			b.Fatal(d)
		}
	}}
}

// checkStep decides about a request with a token, with a cache of this size; of a
// negative size, it sees each token for the first time.
func checkStep(b *testing.B, clerk *clerktest.Instance, name string, cache, times int) *step {
	b.Helper()
	pinned, err := jwks.ParsePEM(clerk.Signer().PEM())
	if err != nil {
		b.Fatal(err)
	}
	snapshot, problems := authz.Compile(loadPolicy(b, policyOf(clerk)), func(policy.Clerk) (authz.Connection, error) {
		return authz.Connection{Keys: authz.Keys{Lookup: pinned}}, nil
	})
	if snapshot == nil {
		b.Fatal(problems)
	}
	engine := authz.New(authz.Options{TokenCache: cache})
	engine.Use(snapshot)
	request := &authz.Request{Method: "POST", Path: "/orgs/acme/invoices/7?page=2", Host: "api.example.com", Scheme: "https",
		Headers: []authz.Header{{Name: "authorization", Value: "Bearer " + token(clerk)}}}
	for i := 0; i < len(browser); i += 2 {
		request.Headers = append(request.Headers, authz.Header{Name: browser[i], Value: browser[i+1]})
	}
	ctx := b.Context()
	return &step{name: name, times: times, do: func() {
		if a := engine.Check(ctx, request); !a.Allow {
			b.Fatalf("denied with %d %s", a.Status, a.Body)
		}
	}}
}

// matchStep reads a path and matches it against so many routes: always the same
// one, or each in turn, which is about the processor's caches as well.
func matchStep(b *testing.B, n int, each bool) *step {
	b.Helper()
	var src strings.Builder
	src.WriteString("version: 1\nroutes:\n")
	paths := make([]string, n)
	for i := range n {
		fmt.Fprintf(&src, "  - {name: r%d, path: '/service%d/orgs/{org}/items/*', methods: [GET], require: {org: '{org}'}}\n", i, i)
		paths[i] = fmt.Sprintf("/service%d/orgs/acme/items/1", i)
	}
	p := loadPolicy(b, src.String())
	name, of := fmt.Sprintf("%d, always the same", n), paths[7:8]
	if each {
		name, of = fmt.Sprintf("%d, each in turn", n), paths
	}
	next := 0
	return &step{name: name, times: 10_000, do: func() {
		if m := match(b, p, "GET", of[next]); m.Route == nil {
			b.Fatal("no route")
		}
		next = (next + 1) % len(of)
	}}
}
