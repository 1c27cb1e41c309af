package suite

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// Coverage is what of a policy tests have reached. Create it with [NewCoverage].
type Coverage struct {
	policy *policy.Policy
	routes map[string]*routeCoverage
}

type routeCoverage struct {
	reached bool
	lines   []bool // one for each of Route.Lines
}

// NewCoverage begins with nothing reached.
func NewCoverage(p *policy.Policy) *Coverage {
	c := &Coverage{policy: p, routes: make(map[string]*routeCoverage, len(p.Routes))}
	for _, r := range p.Routes {
		c.routes[r.Name] = &routeCoverage{lines: make([]bool, len(r.Lines()))}
	}
	return c
}

// Add takes a decision into account.
func (c *Coverage) Add(v *authz.Verdict) {
	route := c.routes[v.Route]
	if route == nil {
		return
	}
	route.reached = true
	if v.Trace == nil || len(v.Trace.Conditions) != len(route.lines) {
		return
	}
	for i := range v.Trace.Conditions {
		route.lines[i] = route.lines[i] || v.Trace.Conditions[i].Reached
	}
}

// Summary is coverage in numbers. Its JSON names are stable.
type Summary struct {
	Routes     Count `json:"routes"`
	Conditions Count `json:"conditions"`
	// Percent is the share of routes and conditions that were reached, of 100.
	Percent float64 `json:"percent"`
}

// Count is how many there are and how many of them were reached.
type Count struct {
	Total   int       `json:"total"`
	Reached int       `json:"reached"`
	Missing []Missing `json:"missing"`
}

// Missing is a route or condition that no test has reached.
type Missing struct {
	Route string `json:"route"`
	// Condition is the line of require, as [policy.Condition] has it; empty for a
	// route.
	Condition string `json:"condition,omitempty"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Col       int    `json:"col"`
}

// String says what is missing and where.
func (m Missing) String() string {
	at := fmt.Sprintf("%s:%d:%d: ", m.File, m.Line, m.Col)
	if m.Condition == "" {
		return at + fmt.Sprintf("no test reaches the route %q", m.Route)
	}
	return at + fmt.Sprintf("no test reaches the condition %s of the route %q", m.Condition, m.Route)
}

// Summarise sums up over policies.
func Summarise(all []*Coverage) Summary {
	s := Summary{Routes: Count{Missing: []Missing{}}, Conditions: Count{Missing: []Missing{}}}
	for _, c := range all {
		for _, r := range c.policy.Routes {
			c.route(&s, r)
		}
	}
	if total := s.Routes.Total + s.Conditions.Total; total > 0 {
		s.Percent = 100 * float64(s.Routes.Reached+s.Conditions.Reached) / float64(total)
	}
	return s
}

func (c *Coverage) route(s *Summary, r *policy.Route) {
	seen := c.routes[r.Name]
	s.Routes.count(seen.reached, Missing{r.Name, "", c.policy.File, r.Pos.Line, r.Pos.Col})
	for i, line := range r.Lines() {
		s.Conditions.count(seen.lines[i], Missing{r.Name, line.Name, c.policy.File, line.Pos.Line, line.Pos.Col})
	}
}

func (n *Count) count(reached bool, m Missing) {
	n.Total++
	if reached {
		n.Reached++
		return
	}
	n.Missing = append(n.Missing, m)
}

// Missing lists all that no test has reached, by place.
func (s *Summary) Missing() []Missing {
	all := slices.Concat(s.Routes.Missing, s.Conditions.Missing)
	slices.SortStableFunc(all, func(a, b Missing) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col)
	})
	return all
}
