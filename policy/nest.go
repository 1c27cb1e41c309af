package policy

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

// check is requirement.check for nests. It stops as soon as the result is
// certain.
func (n *nest) check(m Match, id *Identity) Code {
	held := 0
	for _, g := range n.groups {
		holds := g.holds(m, id)
		if holds {
			held++
		}
		if holds == (n.kind == nestAny) {
			break
		}
	}
	if n.holds(held) {
		return CodeNone
	}
	return CodeConditionFailed
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

func (g group) holds(m Match, id *Identity) bool {
	for i := range g {
		if g[i].check(m, id) != CodeNone {
			return false
		}
	}
	return len(g) > 0
}
