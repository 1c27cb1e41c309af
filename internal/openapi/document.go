package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/clerkgate/clerkgate/policy"
)

// parse returns the root of the document, or nil after reporting why there is
// none. JSON is read by a parser of its own, because it has escapes that YAML
// does not know (the two halves of a character beyond U+FFFF).
func (r *reader) parse(src []byte) *yaml.Node {
	r.source = newSource(r.out.File, "", jsonBreaks())
	if len(src) > maxSource {
		r.failAt(policy.Pos{}, fmt.Sprintf("the description is larger than %d MiB", maxSource>>20), "")
		return nil
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	r.source = newSource(r.out.File, string(src), jsonBreaks())
	if !utf8.Valid(src) {
		r.failAt(r.source.garbled(), "not UTF-8 text", "")
		return nil
	}
	if strings.EqualFold(filepath.Ext(r.out.File), ".json") || json.Valid(src) {
		return r.parseJSON(src)
	}
	r.source = newSource(r.out.File, string(src), yamlBreaks())
	return r.parseYAML(src)
}

func (r *reader) parseYAML(src []byte) *yaml.Node {
	docs, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(
		loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())))
	if err != nil {
		r.failAt(policy.Pos{}, "cannot be read as YAML: "+err.Error(), "")
		return nil
	}
	var doc, second yaml.Node
	if err := docs.Load(&doc); err != nil {
		r.syntax(err)
		return nil
	}
	switch err := docs.Load(&second); {
	case err == nil:
		r.fail(&second, "a description is one YAML document, and here a second one begins", "")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	if len(doc.Content) != 1 {
		r.failAt(policy.Pos{}, emptyDescription, "")
		return nil
	}
	return doc.Content[0]
}

const emptyDescription = "the description is empty"

// syntax reports what the YAML parser could not read.
func (r *reader) syntax(err error) {
	var e *yaml.LoadError
	switch {
	case errors.Is(err, io.EOF):
		r.failAt(policy.Pos{}, emptyDescription, "")
	case !errors.As(err, &e):
		r.failAt(policy.Pos{}, "not YAML: "+err.Error(), "")
	default:
		at := e.Mark
		if at.Line < 1 || strings.Contains(e.Message, "end of stream") && e.ContextMark.Line > 0 {
			at = e.ContextMark // where what never ends begins
		}
		message := "not YAML: " + e.Message
		if e.ContextMsg != "" {
			message += " " + e.ContextMsg
		}
		r.failAt(policy.Pos{Line: at.Line, Col: at.Column}, message, "")
	}
}

func (r *reader) failAt(pos policy.Pos, message, hint string) {
	r.problems = append(r.problems, r.source.problem(policy.Error, pos, message, hint))
}

func (r *reader) fail(n *yaml.Node, message, hint string) { r.failAt(place(n), message, hint) }

// place is where a node begins.
func place(n *yaml.Node) policy.Pos { return policy.Pos{Line: n.Line, Col: n.Column} }

// follow returns what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// isNull reports a value that was left out.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kind names what a node is.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	}
	return "a single value"
}

// object is a mapping whose keys have been checked.
type object struct {
	node   *yaml.Node
	keys   []*yaml.Node
	fields map[string]*yaml.Node // values, aliases followed
}

// object reads a mapping once, or returns nil after reporting that it is none.
func (r *reader) object(n *yaml.Node, what string) *object {
	n = follow(n)
	if o, read := r.objects[n]; read {
		return o
	}
	o := r.newObject(n, what)
	r.objects[n] = o
	return o
}

func (r *reader) newObject(n *yaml.Node, what string) *object {
	if n.Kind != yaml.MappingNode {
		r.fail(n, fmt.Sprintf("%s is a mapping; this is %s", what, kind(n)), "")
		return nil
	}
	o := &object{node: n, fields: make(map[string]*yaml.Node, len(n.Content)/2)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := follow(n.Content[i])
		_, twice := o.fields[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(n.Content[i], "a key is a text, not "+kind(key), "")
		case key.ShortTag() == "!!merge":
			r.fail(n.Content[i], "merge keys are not read, so that operations could be missed", "write out what is merged")
		case twice:
			r.fail(n.Content[i], fmt.Sprintf("the key %q is here twice", brief(key.Value)), "")
		default:
			o.keys = append(o.keys, n.Content[i])
			o.fields[key.Value] = follow(n.Content[i+1])
		}
	}
	return o
}

// text returns a field that is a single value; ok is false if it is missing, or
// after reporting that it is something else.
func (r *reader) text(o *object, key string) (n *yaml.Node, ok bool) {
	n, there := o.fields[key]
	if !there {
		return nil, false
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.fail(n, fmt.Sprintf("%s is a text; this is %s", key, kind(n)), "")
		return nil, false
	}
	return n, true
}
