package clerktest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document reads one YAML document strictly and keeps every complaint with its
// position.
type document struct {
	file     string
	problems []problem
}

type problem struct {
	line, column int
	message      string
}

// root returns the document's only node, or nil after a complaint.
func (d *document) root(src []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		d.add(1, 1, err.Error())
		return nil
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		d.add(1, 1, "the file is empty")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0]
	case err != nil:
		d.syntax(err)
	default:
		d.add(second.Line, second.Column, "a second document: there must be one")
	}
	return nil
}

func (d *document) syntax(err error) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		d.add(1, 1, err.Error())
		return
	}
	d.add(max(at.Mark.Line, 1), max(at.Mark.Column, 1), at.Message)
}

func (d *document) add(line, column int, message string) {
	d.problems = append(d.problems, problem{line, column, message})
}

func (d *document) fail(n *yaml.Node, format string, args ...any) {
	d.add(n.Line, n.Column, fmt.Sprintf(format, args...))
}

// err is every complaint in the order of the file, one on a line.
func (d *document) err() error {
	slices.SortStableFunc(d.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var all []error
	for _, p := range d.problems {
		all = append(all, fmt.Errorf("%s:%d:%d: %s", d.file, p.line, p.column, p.message))
	}
	return errors.Join(all...)
}

// is tells whether a value is of the kind that is wanted, and complains if not.
// Aliases are of no kind: a list of users gains nothing from them.
func (d *document) is(n *yaml.Node, kind yaml.Kind, what, want string) bool {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		d.fail(n, "%s has no value", what)
	case n.Kind == yaml.AliasNode:
		d.fail(n, "%s is an alias: write it out", what)
	case n.Kind != kind:
		d.fail(n, "%s must be %s", what, want)
	default:
		return true
	}
	return false
}

// fields takes a mapping with these keys and no others apart. It returns nil
// after a complaint about the mapping itself.
func (d *document) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if !d.is(n, yaml.MappingNode, what, "a mapping with "+strings.Join(known, ", ")) {
		return nil
	}
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			d.fail(key, "unknown key %q in %s: it takes %s", key.Value, what, strings.Join(known, ", "))
		case fields[key.Value] != nil:
			d.fail(key, "duplicate key %q in %s", key.Value, what)
		default:
			fields[key.Value] = value
		}
	}
	return fields
}

// items are the elements of a list.
func (d *document) items(n *yaml.Node, what string) []*yaml.Node {
	if n == nil || !d.is(n, yaml.SequenceNode, what, "a list") {
		return nil
	}
	if len(n.Content) == 0 {
		d.fail(n, "%s is an empty list: leave it out", what)
	}
	return n.Content
}

// text is a scalar that YAML reads as text; check, if any, judges it.
func (d *document) text(n *yaml.Node, what string, check func(string) error) string {
	if n == nil || !d.is(n, yaml.ScalarNode, what, "text") {
		return ""
	}
	switch {
	case n.Tag != "!!str":
		d.fail(n, "%s must be text: write %q in quotes", what, n.Value)
		return ""
	case n.Value == "":
		d.fail(n, "%s is empty", what)
		return ""
	}
	if check == nil {
		return n.Value
	}
	if err := check(n.Value); err != nil {
		d.fail(n, "%s: %s", what, err)
		return ""
	}
	return n.Value
}

// truth is a scalar that YAML reads as true or false; left out, it is false.
func (d *document) truth(n *yaml.Node, what string) bool {
	const want = "true or false"
	if n == nil || !d.is(n, yaml.ScalarNode, what, want) {
		return false
	}
	if n.Tag != "!!bool" {
		d.fail(n, "%s must be %s", what, want)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// require complains about fields that are not there.
func (d *document) require(n *yaml.Node, fields map[string]*yaml.Node, what string, names ...string) {
	for _, name := range names {
		if fields != nil && fields[name] == nil {
			d.fail(n, "%s needs %s", what, name)
		}
	}
}

// once complains if a value has been seen before in this file, and remembers it.
func (d *document) once(seen map[string]bool, n *yaml.Node, what, value string) {
	if value == "" {
		return
	}
	if seen[value] {
		d.fail(n, "duplicate %s %q", what, value)
	}
	seen[value] = true
}
