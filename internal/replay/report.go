package replay

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// Report is what came of a comparison. Its JSON names are stable.
type Report struct {
	// Summary has the changes by route, those first that open something.
	Summary []Group `json:"summary"`
	// Changes are the changed requests, in the same order, and More is how many
	// requests are not among them.
	Changes []Change `json:"changes"`
	More    int      `json:"more"`
	// Undecided are requests about which the policies differ, and of which a record
	// says enough for one of them only.
	Undecided []Undecided `json:"undecided"`
	// Moved and Shadowed are differences that nobody notices, and no changes.
	Moved    []Moved          `json:"moved"`
	Shadowed []ShadowingCount `json:"shadowed"`
	// Replayed is the sum of Changed and Unchanged. Opened, of Changed, are the
	// requests that the old policy denies and the new one passes.
	Replayed  int `json:"replayed"`
	Changed   int `json:"changed"`
	Opened    int `json:"opened"`
	Unchanged int `json:"unchanged"`
	// RecordedOtherwise are replayed requests of which the record has another
	// outcome or reason than the old policy gives: it is of another policy.
	RecordedOtherwise int `json:"recordedOtherwise"`
	// NotReplayed counts the other requests, the undecided among them, by reason;
	// NotReplayedByRoute those of which the old policy's route is known.
	NotReplayed        map[Reason]int `json:"notReplayed"`
	NotReplayedByRoute []LeftOut      `json:"notReplayedByRoute"`
	// Skipped counts the lines of a log that are no records of decisions.
	Skipped int `json:"skipped"`
	// Unlogged are the passes that a log was kept small by leaving out: it is a
	// sample, and what is rare may not be in it.
	Unlogged int `json:"unlogged"`
}

// Differs reports whether there is a change, or may be one.
func (r *Report) Differs() bool { return r.Changed > 0 || len(r.Undecided) > 0 }

// Group is how the requests of a route change.
type Group struct {
	Route string `json:"route"` // of the old policy; empty: none matched
	// NewRoute is the new policy's.
	NewRoute string `json:"newRoute"`
	// Requests is how many requests of Route were replayed, and Changed how many of
	// them are in this group.
	Requests    int               `json:"requests"`
	Changed     int               `json:"changed"`
	Transitions []TransitionCount `json:"transitions"`
}

// TransitionCount is a transition with the number of requests.
type TransitionCount struct {
	Transition
	Opens bool `json:"opens"`
	Count int  `json:"count"`
}

// Change is a request that changes. Equal ones are counted as one.
type Change struct {
	Request Request `json:"request"`
	Transition
	Opens bool `json:"opens"`
	Count int  `json:"count"`
}

// Request is a request of a [Change].
type Request struct {
	Method    string            `json:"method"`
	Host      string            `json:"host"`
	Path      string            `json:"path"`
	Context   map[string]string `json:"context,omitempty"`
	Document  bool              `json:"document,omitempty"`
	Preflight string            `json:"preflight,omitempty"`
	// Caller names who called, in short.
	Caller   string              `json:"caller,omitempty"`
	Identity *telemetry.Identity `json:"identity,omitempty"`
	// Unverified says why nobody was verified.
	Unverified string `json:"unverified,omitempty"`
	// RequestID is that of the first such request.
	RequestID string `json:"requestId,omitempty"`
}

// Undecided counts requests that depend on what is not recorded.
type Undecided struct {
	Transition
	Opens bool `json:"opens"` // that may be opened
	Count int  `json:"count"`
}

// Moved counts requests about which another route decides the same.
type Moved struct {
	Route    string `json:"route"`
	NewRoute string `json:"newRoute"`
	Count    int    `json:"count"`
}

// ShadowingCount is a difference in shadow mode with the number of requests.
type ShadowingCount struct {
	Shadowing
	Count int `json:"count"`
}

// LeftOut counts requests of a route that were not replayed.
type LeftOut struct {
	Route  string `json:"route"`
	Reason Reason `json:"reason"`
	Count  int    `json:"count"`
}

// Report returns what came of the requests so far.
func (c *Comparison) Report() *Report {
	t := &c.tally
	r := &Report{
		Replayed: t.replayed, Changed: t.changed, Unchanged: t.replayed - t.changed, RecordedOtherwise: t.otherwise, Skipped: t.skipped, Unlogged: t.unlogged,
		Summary: t.summary(), Changes: t.changes(), Undecided: []Undecided{}, Moved: []Moved{}, Shadowed: []ShadowingCount{},
		NotReplayed: map[Reason]int{}, NotReplayedByRoute: []LeftOut{}, More: t.changed,
	}
	for i := range r.Changes {
		r.More -= r.Changes[i].Count
	}
	for tr, n := range t.groups {
		if tr.Opens() {
			r.Opened += n
		}
	}
	for tr, n := range t.unsure {
		r.Undecided = append(r.Undecided, Undecided{tr, tr.Opens(), n})
	}
	for m, n := range t.moved {
		r.Moved = append(r.Moved, Moved{m.old, m.after, n})
	}
	for s, n := range t.shadowed {
		r.Shadowed = append(r.Shadowed, ShadowingCount{s, n})
	}
	for l, n := range t.left {
		r.NotReplayed[l.reason] += n
		if l.route != "" {
			r.NotReplayedByRoute = append(r.NotReplayedByRoute, LeftOut{l.route, l.reason, n})
		}
	}
	r.sort()
	return r
}

// sort puts what opens something first, then what concerns many requests.
func (r *Report) sort() {
	slices.SortFunc(r.Undecided, func(a, b Undecided) int {
		return cmp.Or(first(a.Opens, b.Opens), b.Count-a.Count, a.compare(&b.Transition))
	})
	slices.SortFunc(r.Moved, func(a, b Moved) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Route, b.Route), strings.Compare(a.NewRoute, b.NewRoute))
	})
	slices.SortFunc(r.Shadowed, func(a, b ShadowingCount) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Route, b.Route), strings.Compare(a.NewRoute, b.NewRoute),
			strings.Compare(a.Old, b.Old), strings.Compare(a.New, b.New))
	})
	slices.SortFunc(r.NotReplayedByRoute, func(a, b LeftOut) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Route, b.Route), strings.Compare(string(a.Reason), string(b.Reason)))
	})
}

// summary groups the transitions by the routes of both policies.
func (t *tally) summary() []Group {
	groups := map[routes]*Group{}
	for tr, n := range t.groups {
		key := routes{tr.Old.Route, tr.New.Route}
		if groups[key] == nil {
			groups[key] = &Group{Route: key.old, NewRoute: key.after, Requests: t.requests[key.old]}
		}
		g := groups[key]
		g.Changed += n
		g.Transitions = append(g.Transitions, TransitionCount{tr, tr.Opens(), n})
	}
	all := make([]Group, 0, len(groups))
	for g := range maps.Values(groups) {
		slices.SortFunc(g.Transitions, func(a, b TransitionCount) int {
			return cmp.Or(first(a.Opens, b.Opens), b.Count-a.Count, a.compare(&b.Transition))
		})
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(first(a.Transitions[0].Opens, b.Transitions[0].Opens), b.Changed-a.Changed,
			strings.Compare(a.Route, b.Route), strings.Compare(a.NewRoute, b.NewRoute))
	})
	return all
}

// changes lists the changed requests that were kept, up to the limit.
func (t *tally) changes() []Change {
	all := []Change{}
	for _, kept := range t.listed {
		from := len(all)
		for _, c := range kept {
			all = append(all, *c)
		}
		slices.SortFunc(all[from:], func(a, b Change) int {
			x, y := a.key(), b.key()
			return cmp.Or(b.Count-a.Count, x.compare(&y))
		})
	}
	return all[:min(len(all), t.limit)]
}

// compare is an order of transitions, for want of a better one.
func (tr *Transition) compare(other *Transition) int {
	return cmp.Or(tr.Old.compare(other.Old), tr.New.compare(other.New), strings.Compare(tr.Headers, other.Headers), first(tr.Redirect, other.Redirect))
}

func (e Effect) compare(f Effect) int {
	return cmp.Or(strings.Compare(e.Route, f.Route), strings.Compare(e.Outcome, f.Outcome), e.Status-f.Status, strings.Compare(e.Code, f.Code))
}

// first orders what is true before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
