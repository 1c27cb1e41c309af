package suite

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/policy"
)

// fields is a mapping with the keys that it may have.
type fields struct {
	*document
	pos    policy.Pos
	what   string // how problems call the mapping
	values map[string]*yaml.Node
}

// fields takes a mapping apart; nil if the node is none.
func (d *document) fields(n *yaml.Node, what string, keys ...string) *fields {
	if d.broken[n] {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.fail(place(n), fmt.Sprintf("%s is a mapping, not %s", what, kind(n)), "its keys are "+strings.Join(keys, ", "))
		return nil
	}
	f := &fields{document: d, pos: place(n), what: what, values: map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case d.broken[key]:
		case !slices.Contains(keys, key.Value):
			d.fail(place(key), fmt.Sprintf("%s has no key %s", what, brief(key.Value)), didYouMean(key.Value, keys, "its keys are "))
		default:
			f.values[key.Value] = n.Content[i+1]
		}
	}
	return f
}

// fields takes a mapping below a key apart; nil if there is none.
func (f *fields) fields(key string, keys ...string) *fields {
	n := f.values[key]
	if n == nil {
		return nil
	}
	return f.document.fields(n, key, keys...)
}

// has reports whether a key is there.
func (f *fields) has(key string) bool { return f.values[key] != nil }

// at is where the value of a key is; the mapping, if it has none.
func (f *fields) at(key string) policy.Pos {
	if n := f.values[key]; n != nil {
		return place(n)
	}
	return f.pos
}

// require reports a key that is missing.
func (f *fields) require(key, hint string) bool {
	if f.has(key) {
		return true
	}
	f.fail(f.pos, fmt.Sprintf("%s has no %s", f.what, key), hint)
	return false
}

// text reads a text below a key; empty if there is none, or if it was reported.
func (f *fields) text(key string) string {
	n := f.values[key]
	if n == nil {
		return ""
	}
	return f.scalar(n, key)
}

// scalar reads a node that shall be a text. The result is empty after a report.
func (d *document) scalar(n *yaml.Node, what string) string {
	switch {
	case d.broken[n]:
		return ""
	case n.Kind != yaml.ScalarNode:
		d.fail(place(n), fmt.Sprintf("%s is a text, not %s", what, kind(n)), "")
		return ""
	case n.ShortTag() != "!!str":
		d.fail(place(n), fmt.Sprintf("%s is a text, and YAML reads %s here", what, kind(n)), fmt.Sprintf("quote it: %q", n.Value))
		return ""
	case n.Value == "":
		d.fail(place(n), what+" is empty", "give it a value, or leave the key out")
	}
	return n.Value
}

// item is a text of a list.
type item struct {
	value string
	node  *yaml.Node
}

// texts reads a list of different texts below a key; with one, a text alone will
// do.
func (f *fields) texts(key string, one bool) (out []item) {
	n := f.values[key]
	switch {
	case n == nil || f.broken[n]:
		return nil
	case n.Kind == yaml.ScalarNode && one:
		return f.add(nil, n, key)
	case n.Kind != yaml.SequenceNode:
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = fmt.Sprintf("write %s: [%s]", key, n.Value)
		}
		f.fail(place(n), fmt.Sprintf("%s is a list, not %s", key, kind(n)), hint)
		return nil
	}
	for _, node := range n.Content {
		out = f.add(out, node, "an item of "+key)
	}
	return f.once(key, out)
}

func (d *document) add(list []item, n *yaml.Node, what string) []item {
	if value := d.scalar(n, what); value != "" {
		return append(list, item{value, n})
	}
	return list
}

// once reports and drops items that are the same as an earlier one.
func (d *document) once(key string, items []item) (out []item) {
	first := map[string]*yaml.Node{}
	for _, i := range items {
		if before := first[i.value]; before != nil {
			d.fail(place(i.node), fmt.Sprintf("%s is in %s twice", brief(i.value), key), firstOn(before))
			continue
		}
		first[i.value] = i.node
		out = append(out, i)
	}
	return out
}

// list returns the nodes of a list below a key.
func (f *fields) list(key string) []*yaml.Node {
	n := f.values[key]
	switch {
	case n == nil || f.broken[n]:
		return nil
	case n.Kind != yaml.SequenceNode:
		f.fail(place(n), fmt.Sprintf("%s is a list, not %s", key, kind(n)), "begin every item with a dash")
		return nil
	}
	return n.Content
}

// pair is an entry of a mapping whose keys are the author's.
type pair struct {
	name       string
	key, value *yaml.Node
}

// pairs returns the entries of a mapping below a key.
func (f *fields) pairs(key string) (out []pair) {
	n := f.values[key]
	switch {
	case n == nil || f.broken[n]:
		return nil
	case n.Kind != yaml.MappingNode:
		f.fail(place(n), fmt.Sprintf("%s is a mapping, not %s", key, kind(n)), fmt.Sprintf("write %s: {name: value}", key))
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !f.broken[k] {
			out = append(out, pair{k.Value, k, n.Content[i+1]})
		}
	}
	return out
}

// names returns the texts of items.
func names(items []item) (out []string) {
	for _, i := range items {
		out = append(out, i.value)
	}
	return out
}

// didYouMean is a hint: the word that was probably meant, or all there are.
func didYouMean(word string, words []string, all string) string {
	best, least := "", 3
	for _, w := range words {
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d < least && d*2 < len(w) {
			best, least = w, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return all + strings.Join(words, ", ")
}

// distance is Levenshtein's edit distance in bytes, of words that are about as
// long as each other; else it is large.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
