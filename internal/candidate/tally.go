package candidate

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/internal/telemetry"
)

const (
	// maxKinds bounds how many disagreements are told apart. Policies and closed
	// sets bound them as well; what is beyond has one count together.
	maxKinds = 4096
	// alwaysTold is how many disagreements of a kind have a record each.
	alwaysTold = 10
	// maxTold bounds how many routes a summary names, those that disagree the most.
	maxTold = 20
)

// kind is what makes two disagreements equal.
type kind struct {
	route, rivalRoute string
	live, rival       result
	what              difference
}

// tally counts comparisons of two policies.
type tally struct {
	agreed, disagreed, undecided, skipped uint64

	faults uint64 // among the undecided
	kinds  map[kind]uint64
	routes map[string]uint64 // disagreements by live route
}

func (c *Comparison) countUndecided() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.undecided++
}

func (c *Comparison) countSkipped() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.skipped++
}

// countFault counts a comparison that failed by a bug, and returns how many have.
func (c *Comparison) countFault() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.undecided++
	c.tally.faults++
	return c.tally.faults
}

// count takes one comparison down, and returns how many equal ones there are.
func (c *Comparison) count(live *decision, rival *verdict, what difference) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.tally
	if what.none() {
		t.agreed++
		return 0
	}
	t.disagreed++
	if t.kinds == nil {
		t.kinds, t.routes = map[kind]uint64{}, map[string]uint64{}
	}
	t.routes[live.route]++
	k := kind{live.route, rival.route, live.result, rival.result, what}
	if _, known := t.kinds[k]; !known && len(t.kinds) >= maxKinds {
		k = kind{}
	}
	t.kinds[k]++
	return t.kinds[k]
}

// worthARecord reports whether the nth of equal disagreements is told.
func worthARecord(n uint64) bool { return n <= alwaysTold || n&(n-1) == 0 }

// record writes one disagreement.
func (c *Comparison) record(live *decision, rival *verdict, what difference, n uint64) {
	r := live.request
	path, _, _ := strings.Cut(r.Path, "?")
	attrs := make([]slog.Attr, 0, 16)
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("request_id", live.requestID)
	add("method", cut(r.Method))
	add("host", cut(r.Host))
	add("path", cut(path))
	add("route", live.route)
	add("candidate_route", rival.route)
	attrs = append(attrs, live.attr("live"), rival.attr("candidate"))
	if what.redirect {
		attrs = append(attrs, slog.Bool("redirect", true))
	}
	if what.headers != "" {
		attrs = append(attrs, slog.Any("headers", strings.Split(what.headers, ",")))
	}
	add("policy", live.policy)
	add("candidate_policy", rival.policy)
	attrs = append(attrs, slog.Uint64("count", n))
	c.logger.LogAttrs(context.Background(), slog.LevelInfo, "candidate disagrees", attrs...)
}

func (v *verdict) attr(key string) slog.Attr {
	attrs := []any{slog.String("outcome", v.outcome), slog.Int("status", v.status)}
	for _, a := range []struct{ key, value string }{{"reason", v.code}, {"shadow", v.shadow}, {"detail", v.detail}} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	return slog.Group(key, attrs...)
}

func cut(s string) string { return s[:min(len(s), telemetry.MaxPath)] }

// SumUp writes how often the two policies have agreed since [Comparison.Restart].
func (c *Comparison) SumUp() {
	c.mu.Lock()
	t := c.tally
	routes := t.worst()
	c.mu.Unlock()
	t.tell(c.logger, routes)
}

// Restart sums up and counts from zero: either policy is another one now.
func (c *Comparison) Restart() {
	c.mu.Lock()
	t := c.tally
	c.tally = tally{}
	c.mu.Unlock()
	if t.agreed+t.disagreed+t.undecided+t.skipped > 0 {
		t.tell(c.logger, t.worst())
	}
}

// worst returns the routes that disagree the most, with how often they do.
func (t *tally) worst() map[string]uint64 {
	names := slices.SortedFunc(maps.Keys(t.routes), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.routes[b], t.routes[a]), cmp.Compare(a, b))
	})
	out := map[string]uint64{}
	for _, name := range names[:min(len(names), maxTold)] {
		out[name] = t.routes[name]
	}
	return out
}

func (t *tally) tell(logger *slog.Logger, routes map[string]uint64) {
	attrs := []any{"agreed", t.agreed, "disagreed", t.disagreed, "undecided", t.undecided, "skipped", t.skipped}
	if len(routes) > 0 {
		attrs = append(attrs, "routes", routes)
	}
	logger.Info("candidate compared", attrs...)
}
