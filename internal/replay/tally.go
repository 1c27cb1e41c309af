package replay

import "strings"

// tally counts what came of the requests. Nothing in it grows with their number:
// the groups are as many as there are pairs of routes and of codes, the listed
// changes at most twice the limit.
type tally struct {
	limit     int
	replayed  int
	changed   int
	skipped   int // lines of the log
	unlogged  int // passes of which the log says that it lacks them
	otherwise int // replayed, and recorded with another outcome than the old policy gives

	requests map[string]int // replayed, by the old policy's route
	groups   map[Transition]int
	moved    map[routes]int
	shadowed map[Shadowing]int
	unsure   map[Transition]int // undecided ones
	left     map[leftOut]int
	listed   [2]map[changeKey]*Change // those that are opened, and all others
}

// routes are those of the two policies for one request.
type routes struct{ old, after string }

type leftOut struct {
	reason Reason
	route  string
}

func newTally(limit int) tally {
	return tally{
		limit:    limit,
		requests: map[string]int{}, groups: map[Transition]int{}, moved: map[routes]int{}, shadowed: map[Shadowing]int{},
		unsure: map[Transition]int{}, left: map[leftOut]int{},
		listed: [2]map[changeKey]*Change{{}, {}},
	}
}

// Transition is how requests change that are counted together.
type Transition struct {
	Old Effect `json:"old"`
	New Effect `json:"new"`
	// Headers are the identity headers that differ on a pass, separated by spaces:
	// +name, -name, ~name for another value.
	Headers string `json:"headers,omitempty"`
	// Redirect says that forbidden documents are sent to another page.
	Redirect bool `json:"redirect,omitempty"`
}

// Opens reports whether the old policy denies and the new one passes, or might:
// that is the direction that has to be looked at.
func (tr *Transition) Opens() bool {
	return tr.Old.Outcome == deny && tr.New.Outcome != deny || tr.Old.Outcome == Depends && tr.New.Outcome == pass
}

// Outcomes as a verdict has them.
const (
	pass = "pass"
	deny = "deny"
)

// Shadowing is how requests differ that pass by both policies, and would not
// without shadow mode.
type Shadowing struct {
	Route    string `json:"route"` // of the old policy
	NewRoute string `json:"newRoute"`
	// Old and New are the reasons for which they would be denied; empty: none.
	Old string `json:"old"`
	New string `json:"new"`
}

// add counts a request, and reports whether it was replayed.
func (t *tally) add(in *input, old, after *result) (replayed bool) {
	switch {
	case old.lacks != "" && after.lacks != "":
		t.leaveOut(old.lacks, old.verdict.Route)
	case old.lacks != "" || after.lacks != "":
		t.undecided(old, after)
	default:
		t.compare(in, old, after)
		return true
	}
	return false
}

// leaveOut counts a request that cannot be replayed.
func (t *tally) leaveOut(reason Reason, route string) { t.left[leftOut{reason, route}]++ }

// undecided counts a request about which the record says enough for one policy
// only.
func (t *tally) undecided(old, after *result) {
	reason := old.lacks
	if reason == "" {
		reason = after.lacks
	}
	t.leaveOut(reason, old.verdict.Route)
	t.unsure[Transition{Old: old.effect(), New: after.effect()}]++
}

// compare counts a request that was replayed.
func (t *tally) compare(in *input, old, after *result) {
	tr := Transition{Old: old.effect(), New: after.effect()}
	t.replayed++
	t.requests[tr.Old.Route]++
	tr.Headers = strings.Join(headers(&old.answer, &after.answer), " ")
	tr.Redirect = old.page() != after.page() && tr.Old.same(tr.New)
	if tr.Old.Outcome != tr.New.Outcome {
		tr.Headers = "" // a request that is denied has none
	}
	if !tr.Old.same(tr.New) || tr.Headers != "" || tr.Redirect {
		t.changed++
		t.groups[tr]++
		t.list(in, tr)
		return
	}
	if tr.Old.Route != tr.New.Route {
		t.moved[routes{tr.Old.Route, tr.New.Route}]++
	}
	if a, b := old.verdict.Shadow, after.verdict.Shadow; a != b {
		t.shadowed[Shadowing{tr.Old.Route, tr.New.Route, a, b}]++
	}
}

// list keeps a changed request, unless there are too many already.
func (t *tally) list(in *input, tr Transition) {
	kept := t.listed[1]
	if tr.Opens() {
		kept = t.listed[0]
	}
	change := in.change(tr)
	key := change.key()
	if have := kept[key]; have != nil {
		have.Count++
		return
	}
	if len(kept) < t.limit {
		change.Count = 1
		kept[key] = &change
	}
}
