package suite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/clerkgate/clerkgate/policy"
)

// Bounds of a test file; what is beyond is a mistake. Tens of thousands of tests
// fit. The language needs six levels, claims may nest as deep as those of a token.
const (
	maxSource = 16 << 20
	maxDepth  = 40
)

// document is one YAML document with what is wrong with it.
type document struct {
	file     string
	lines    []string
	problems policy.Problems
	broken   map[*yaml.Node]bool // nodes whose problem is reported already
	secret   map[int]bool        // lines that hold a token, which no problem shows
}

func (d *document) fail(pos policy.Pos, message, hint string) {
	d.problems = append(d.problems, d.problem(pos, message, hint))
}

func (d *document) problem(pos policy.Pos, message, hint string) policy.Problem {
	p := policy.Problem{File: d.file, Message: message, Hint: hint}
	if pos.Line < 1 {
		return p
	}
	last := len(d.lines)
	if last > 1 && d.lines[last-1] == "" {
		last-- // after the final newline there is no line to show
	}
	pos.Line = min(pos.Line, last)
	line := d.lines[pos.Line-1]
	p.Pos = policy.Pos{Line: pos.Line, Col: min(max(pos.Col, 1), utf8.RuneCountInString(line)+1)}
	if p.Source = printable(line); d.secret[pos.Line] {
		p.Source = strings.Repeat(" ", p.Col-1) + "…"
	}
	return p
}

// printable makes a line harmless to a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return utf8.RuneError
		}
		return r
	}, line)
}

// parse returns the root of the only document, or nil after a report.
func (d *document) parse(src []byte) *yaml.Node {
	start := policy.Pos{Line: 1, Col: 1}
	if len(src) > maxSource {
		d.fail(start, fmt.Sprintf("the file is larger than %d MiB", maxSource>>20), "split it")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(
		loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())))
	if err != nil {
		d.fail(start, "cannot be read as YAML: "+err.Error(), "")
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) != 1:
		d.fail(start, "the file is empty", "a test file begins with policy: policy.yaml")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		d.fail(place(&second), "a test file is one YAML document, and here a second one begins", "")
	case !errors.Is(err, io.EOF):
		d.syntax(err)
	}
	d.structure(doc.Content[0], 0, false)
	return doc.Content[0]
}

// syntax reports what the YAML parser could not read.
func (d *document) syntax(err error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		d.fail(policy.Pos{Line: 1, Col: 1}, "not YAML: "+err.Error(), "")
		return
	}
	message := "not YAML: " + e.Message
	if e.ContextMsg != "" {
		message += " " + e.ContextMsg
	}
	d.fail(policy.Pos{Line: max(e.Mark.Line, 1), Col: max(e.Mark.Column, 1)}, message, "")
}

// claimsDepth is how many mappings the claims of an identity are in. Elsewhere
// claims is a name that the author chose, such as that of an identity.
const claimsDepth = 3

// structure refuses everywhere what the language has nowhere. Data of the author's
// own, which claims are, may be null and empty. depth counts the mappings around n.
func (d *document) structure(n *yaml.Node, depth int, data bool) {
	if message, hint := notInLanguage(n, data); message != "" {
		d.fail(place(n), message, hint)
		d.broken[n] = true
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			d.structure(item, depth, data)
		}
	case yaml.MappingNode:
		d.keys(n, depth+1, data)
	}
}

func notInLanguage(n *yaml.Node, data bool) (message, hint string) {
	switch {
	case n.Kind == yaml.AliasNode:
		return "aliases are not part of the language", "repeat the value"
	case n.Anchor != "":
		return "anchors are not part of the language", "drop the & and repeat the value where it is needed"
	case n.Style&yaml.TaggedStyle != 0 || n.Tag == "!":
		return "tags are not part of the language", "drop the tag; quote what shall be text"
	case data:
	case isNull(n):
		return "the value is missing", "leave the key out, or give it a value"
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "the list is empty", "leave the key out, or list something"
	case n.Kind == yaml.MappingNode && len(n.Content) == 0:
		return "the mapping is empty", "leave the key out, or fill it"
	}
	return "", ""
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// keys checks the keys of a mapping and all its values. depth counts the mappings,
// this one included.
func (d *document) keys(n *yaml.Node, depth int, data bool) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		before := first[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			d.fail(place(key), "a key is a text", "quote it")
			d.broken[key] = true
		case before != nil:
			d.fail(place(key), fmt.Sprintf("the key %s is here twice", brief(key.Value)), firstOn(before))
			d.broken[key] = true
		default:
			first[key.Value] = key
		}
		if isCredential(key.Value) && value.Kind == yaml.ScalarNode {
			d.hide(value)
		}
		d.structure(value, depth, data || key.Value == "claims" && depth == claimsDepth)
	}
}

// isCredential reports whether a key of an identity, or a header, holds a token.
func isCredential(key string) bool {
	switch strings.ToLower(key) {
	case "token", "authorization", "cookie":
		return true
	}
	return false
}

// hide keeps the lines of a token out of problems.
func (d *document) hide(token *yaml.Node) {
	for i := 0; i <= strings.Count(token.Value, "\n"); i++ {
		d.secret[token.Line+i] = true
	}
}

func firstOn(n *yaml.Node) string { return fmt.Sprintf("the first is on line %d", n.Line) }

// place is where a node begins.
func place(n *yaml.Node) policy.Pos { return policy.Pos{Line: n.Line, Col: n.Column} }

// kind names what a node is.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "a text"
}

// brief quotes a text for a message, shortened if it is long.
func brief(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		return fmt.Sprintf("%q…", string([]rune(s)[:most]))
	}
	return fmt.Sprintf("%q", s)
}

func newDocument(name string, src []byte) *document {
	d := &document{file: name, broken: map[*yaml.Node]bool{}, secret: map[int]bool{}}
	for _, line := range strings.Split(string(trimBOM(src)), "\n") {
		d.lines = append(d.lines, strings.TrimSuffix(line, "\r"))
	}
	return d
}

// trimBOM drops the byte-order mark that some editors put before UTF-8 text.
func trimBOM(src []byte) []byte { return bytes.TrimPrefix(src, []byte("\ufeff")) }
