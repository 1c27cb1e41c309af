package policy

import (
	"fmt"
	"strconv"
)

// spot is where in a route's requirements a condition stands.
type spot struct {
	above   string // before its name, such as "anyOf[1]."
	reached bool   // nothing before it has settled the matter
}

// record writes every line of a group, and what is in it, into a trace. It asks
// check for each result, so that a trace cannot tell another story.
func (g group) record(tr *Trace, m Match, id *Identity, at spot) {
	for i := range g {
		g[i].record(tr, m, id, at)
		at.reached = at.reached && g[i].check(m, id) == CodeNone
	}
}

func (q *requirement) record(tr *Trace, m Match, id *Identity, at spot) {
	code := q.check(m, id)
	c := Condition{Line: at.above + q.name, Holds: code == CodeNone, Code: code.public(), Reached: at.reached}
	switch {
	case q.nest != nil:
		c.Want, c.Got = q.nest.describe(m, id)
	case q.line != nil:
		c.Want, c.Got = q.line.describe(m, id)
	}
	tr.Conditions = append(tr.Conditions, c)
	if q.nest != nil {
		q.nest.record(tr, m, id, at)
	}
}

// Line is a line of a route's require, with those in nests.
type Line struct {
	Name string // as [Condition] has it
	Pos  Pos    // of what is required
}

// Lines returns every line of require in the order in which a trace has them.
func (r *Route) Lines() []Line { return r.require.lines("", nil) }

func (g group) lines(above string, out []Line) []Line {
	for i := range g {
		q := &g[i]
		out = append(out, Line{above + q.name, q.pos})
		if q.nest == nil {
			continue
		}
		for j, inner := range q.nest.groups {
			out = inner.lines(q.nest.below(above, j), out)
		}
	}
	return out
}

// record writes what is in a nest.
func (n *nest) record(tr *Trace, m Match, id *Identity, at spot) {
	for i, g := range n.groups {
		g.record(tr, m, id, spot{n.below(at.above, i), at.reached})
		at.reached = at.reached && !n.settledBy(g.check(m, id))
	}
}

// below is what stands before the lines of a group.
func (n *nest) below(above string, i int) string {
	if n.kind == nestNot {
		return above + "not."
	}
	return above + n.kind.String() + "[" + strconv.Itoa(i) + "]."
}

// describe counts every group, also those that the decision did not need.
func (n *nest) describe(m Match, id *Identity) (want, got string) {
	held := 0
	for _, g := range n.groups {
		if g.check(m, id) == CodeNone {
			held++
		}
	}
	got = fmt.Sprintf("%d of %d", held, len(n.groups))
	switch {
	case n.kind == nestNot && held > 0:
		want, got = "that it does not hold", "it holds"
	case n.kind == nestNot:
		want, got = "that it does not hold", "it does not hold"
	case n.kind == nestAll:
		want = fmt.Sprintf("all of %d", len(n.groups))
	default:
		want = fmt.Sprintf("one of %d", len(n.groups))
	}
	if code := n.check(m, id); code.broken() {
		got = code.because()
	}
	return want, got
}
