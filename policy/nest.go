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
// certain, and at a condition that cannot be evaluated.
func (n *nest) check(m Match, id *Identity) Code {
	held := 0
	for _, g := range n.groups {
		code := g.check(m, id)
		if code.broken() {
			return code
		}
		if code == CodeNone {
			held++
		}
		if n.settledBy(code) {
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

// settledBy reports whether the groups after one with this result do not matter:
// one that holds settles anyOf, one that does not the others.
func (n *nest) settledBy(code Code) bool {
	return code.broken() || (code == CodeNone) == (n.kind == nestAny)
}

// check returns CodeNone if every line holds, else why the first does not.
func (g group) check(m Match, id *Identity) Code {
	for i := range g {
		if code := g[i].check(m, id); code != CodeNone {
			return code
		}
	}
	if len(g) == 0 {
		return CodeConditionFailed
	}
	return CodeNone
}
