package policy

import (
	"fmt"
	"strconv"
)

// nestKind says what a nest makes of its groups. The zero kind never holds.
type nestKind int

const (
	nestAny nestKind = iota + 1 // anyOf
	nestAll                     // allOf
	nestNot                     // not
)

// String returns the word that the policy language has for it.
func (k nestKind) String() string {
	switch k {
	case nestAny:
		return "anyOf"
	case nestAll:
		return "allOf"
	case nestNot:
		return "not"
	}
	return ""
}

// nest is anyOf, allOf or not: groups of lines, of which not has exactly one.
type nest struct {
	kind   nestKind
	groups []group
}

// group is lines that must all hold. An empty one is not part of the language.
type group []requirement

// check is requirement.check for nests. Without a trace it stops as soon as the
// result is certain; with one it looks at everything.
func (n *nest) check(m Match, id *Identity, tr *Trace, above string) Code {
	at := tr.next()
	held := 0
	for i, g := range n.groups {
		below := ""
		if tr != nil {
			below = n.below(above, i)
		}
		holds := g.holds(m, id, tr, below)
		if holds {
			held++
		}
		if tr == nil && holds == (n.kind == nestAny) {
			break
		}
	}
	code := CodeConditionFailed
	if n.holds(held) {
		code = CodeNone
	}
	if tr != nil {
		want, got := n.describe(held)
		tr.Conditions[at] = Condition{above + n.kind.String(), want, got, code == CodeNone, code}
	}
	return code
}

// holds says what it means that so many groups hold. A nest of nothing, which
// the loader refuses, must not grant anything.
func (n *nest) holds(held int) bool {
	switch n.kind {
	case nestAny:
		return held > 0
	case nestAll:
		return held == len(n.groups) && held > 0
	case nestNot:
		return len(n.groups) == 1 && len(n.groups[0]) > 0 && held == 0
	}
	return false
}

func (g group) holds(m Match, id *Identity, tr *Trace, above string) bool {
	all := len(g) > 0
	for i := range g {
		if g[i].check(m, id, tr, above) != CodeNone {
			all = false
		}
		if !all && tr == nil {
			break
		}
	}
	return all
}

// below is what stands before the lines of a group in a trace.
func (n *nest) below(above string, i int) string {
	if n.kind == nestNot {
		return above + "not."
	}
	return above + n.kind.String() + "[" + strconv.Itoa(i) + "]."
}

func (n *nest) describe(held int) (want, got string) {
	switch n.kind {
	case nestNot:
		if held > 0 {
			return "that it does not hold", "it holds"
		}
		return "that it does not hold", "it does not hold"
	case nestAll:
		want = fmt.Sprintf("all of %d", len(n.groups))
	default:
		want = fmt.Sprintf("one of %d", len(n.groups))
	}
	return want, fmt.Sprintf("%d of %d", held, len(n.groups))
}

// next makes room for a condition and returns its place, so that a nest stands
// before its lines. There is none without a trace.
func (tr *Trace) next() int {
	if tr == nil {
		return 0
	}
	tr.Conditions = append(tr.Conditions, Condition{})
	return len(tr.Conditions) - 1
}
