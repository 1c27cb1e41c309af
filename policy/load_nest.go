package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxNests bounds how deep nests are in each other. Judged against what a
// person can follow, which is far less.
const maxNests = 16

// nests reads anyOf, allOf and not, which are in depth others.
func (l *lineReader) nests(o *object, depth int) (lines group) {
	add := func(kind nestKind, groups []group, detail string) {
		if groups != nil {
			lines = append(lines, requirement{name: kind.String(), nest: &nest{kind, groups}, detail: detail, pos: place(o.fields[kind.String()])})
		}
	}
	add(nestAny, l.groups(o, nestAny, inAnyOf, depth+1), "one of several conditions must hold")
	add(nestAll, l.groups(o, nestAll, inAllOf, depth+1), "several conditions must hold")
	if n, there := o.fields[nestNot.String()]; there && !l.broken[n] && l.shallow(n, depth+1) {
		if n.Kind == yaml.SequenceNode {
			l.fail(place(n), "not is a mapping, not a list", "write not: {anyOf: […]} for none of these")
			return lines
		}
		add(nestNot, l.group(n, inNot, depth+1), "a condition must not hold")
	}
	return lines
}

// groups reads the list of anyOf or allOf.
func (l *lineReader) groups(o *object, which nestKind, item section, depth int) (groups []group) {
	n, there := o.fields[which.String()]
	switch {
	case !there || l.broken[n] || !l.shallow(n, depth):
		return nil
	case n.Kind != yaml.SequenceNode:
		l.fail(place(n), fmt.Sprintf("%s is a list, not %s", which, kind(n)), fmt.Sprintf("write %s: [{role: admin}, {plan: pro}]", which))
		return nil
	}
	first := map[string]*yaml.Node{}
	for _, entry := range n.Content {
		text := spelling(entry)
		if f := first[text]; f != nil && !l.broken[entry] {
			l.fail(place(entry), fmt.Sprintf("the item is in %s twice", which), fmt.Sprintf("the first is on line %d", f.Line))
			continue
		}
		first[text] = entry
		groups = append(groups, l.group(entry, item, depth)...)
	}
	return groups
}

// group reads one group of lines; nothing if there is none.
func (l *lineReader) group(n *yaml.Node, s section, depth int) []group {
	o := l.object(n, s)
	if o == nil {
		return nil
	}
	return []group{l.lines(o, depth)}
}

// shallow reports whether nests this deep are part of the language.
func (l *lineReader) shallow(n *yaml.Node, depth int) bool {
	if depth <= maxNests {
		return true
	}
	l.fail(place(n), fmt.Sprintf("anyOf, allOf and not are nested more than %d deep", maxNests), "split the route")
	return false
}

// spelling writes a node so that what is the same is written the same, whatever
// the order of keys and the digits of a number.
func spelling(n *yaml.Node) string {
	var parts []string
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, spelling(n.Content[i])+": "+spelling(n.Content[i+1]))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, item := range n.Content {
			parts = append(parts, spelling(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if x, err := strconv.ParseFloat(n.Value, 64); err == nil && n.ShortTag() != "!!str" {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return n.ShortTag() + fmt.Sprintf("%q", n.Value)
}
