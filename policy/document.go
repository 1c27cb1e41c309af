package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// maxDepth bounds nesting, of the text as such. The language needs five levels
// and two for each nest of require; one nest more is read, to be refused in words.
const maxDepth = 5 + 2*(maxNests+1)

// parse returns the root mapping, or nil after reporting why there is none.
func (l *loader) parse(src []byte) *yaml.Node {
	if len(src) > maxSource {
		l.fail(Pos{1, 1}, fmt.Sprintf("the policy is larger than %d KiB", maxSource>>10), "")
		return nil
	}
	src = l.trimBOM(src)
	if pos, what := l.source.unreadable(); what != "" {
		l.fail(pos, what, "")
		return nil
	}
	docs, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(
		loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())))
	if err != nil {
		l.fail(Pos{1, 1}, "cannot be read as YAML: "+err.Error(), "")
		return nil
	}
	var doc yaml.Node
	switch err := docs.Load(&doc); {
	case errors.Is(err, io.EOF):
		l.fail(Pos{1, 1}, "the policy is empty", "a policy begins with version: 1")
		return nil
	case err != nil:
		l.syntax(err)
		return nil
	}
	l.onlyDocument(docs)
	return l.root(&doc)
}

// trimBOM drops the byte-order mark that some editors put before UTF-8 text.
func (l *loader) trimBOM(src []byte) []byte {
	const bom = "\ufeff"
	l.source.lines[0] = strings.TrimPrefix(l.source.lines[0], bom)
	return bytes.TrimPrefix(src, []byte(bom))
}

// onlyDocument refuses whatever follows the first document.
func (l *loader) onlyDocument(docs *yaml.Loader) {
	var second yaml.Node
	switch err := docs.Load(&second); {
	case err == nil:
		l.fail(place(&second), "a policy is one YAML document, and here a second one begins", "")
	case !errors.Is(err, io.EOF):
		l.syntax(err)
	}
}

func (l *loader) root(doc *yaml.Node) *yaml.Node {
	if len(doc.Content) != 1 {
		l.fail(Pos{1, 1}, "the policy is empty", "a policy begins with version: 1")
		return nil
	}
	root := doc.Content[0]
	l.source.hideSecrets(root)
	l.structure(root)
	if root.Kind != yaml.MappingNode {
		if !l.broken[root] {
			l.fail(place(root), "a policy is a mapping, not "+kind(root), "a policy begins with version: 1")
		}
		return nil
	}
	return root
}

// syntax reports what the YAML parser could not read.
func (l *loader) syntax(err error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		l.fail(Pos{1, 1}, "not YAML: "+err.Error(), "")
		return
	}
	at := e.Mark
	if at.Line < 1 || strings.Contains(e.Message, "end of stream") && e.ContextMark.Line > 0 {
		at = e.ContextMark // where what never ends begins
	}
	pos := Pos{max(at.Line, 1), max(at.Column, 1)}
	message := "not YAML: " + e.Message
	if e.ContextMsg != "" {
		message += " " + e.ContextMsg
	}
	l.fail(pos, message, l.syntaxHint(pos, e.ContextMsg))
}

// syntaxHint guesses what an author meant.
func (l *loader) syntaxHint(pos Pos, context string) string {
	rest := l.source.after(pos)
	switch {
	case strings.Contains(context, "flow") && strings.Contains(l.source.after(Pos{pos.Line, 1}), "${"):
		return `inside [] and {} quote variables: "${NAME}"`
	case strings.Contains(context, "flow") && strings.Count(l.source.after(Pos{pos.Line, 1}), "{") > 1:
		return "inside [] and {} quote text that holds { or }"
	case strings.HasPrefix(rest, "\t"):
		return "indent with spaces, not tabs"
	case strings.HasPrefix(strings.TrimLeft(l.source.after(Pos{pos.Line, 1}), "- \t"), "when:"):
		return quoteExpression
	case rest != "" && strings.ContainsRune("@`%*&!", rune(rest[0])):
		return "quote the value"
	}
	return ""
}

// quoteExpression helps with expressions that YAML takes for something else.
const quoteExpression = "write the expression below when: |, or in quotes"

// structure refuses everywhere what the language has nowhere.
func (l *loader) structure(n *yaml.Node) {
	message, hint := notInLanguage(n)
	if message == "" {
		message, hint = unquotedParam(n)
	}
	if message != "" {
		l.fail(place(n), message, hint)
		l.broken[n] = true
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			l.structure(item)
		}
	}
	if n.Kind == yaml.MappingNode {
		l.keys(n)
	}
}

func notInLanguage(n *yaml.Node) (message, hint string) {
	switch {
	case n.Kind == yaml.AliasNode:
		return "aliases are not part of the language", "repeat the value"
	case n.Anchor != "":
		return "anchors are not part of the language", "drop the & and repeat the value where it is needed"
	case n.Style&yaml.TaggedStyle != 0 || n.Tag == "!":
		return "tags are not part of the language", "drop the tag; quote what shall be text"
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return "the value is missing", "leave the key out, or give it a value"
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "the list is empty", "leave the key out, or list something"
	case n.Kind == yaml.MappingNode && len(n.Content) == 0:
		return "the mapping is empty", "leave the key out, or fill it"
	}
	return "", ""
}

// unquotedParam finds {org} where "{org}" was meant.
func unquotedParam(n *yaml.Node) (message, hint string) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle == 0 || len(n.Content) != 2 {
		return "", ""
	}
	key, value := n.Content[0], n.Content[1]
	if key.Kind == yaml.ScalarNode && value.Kind == yaml.ScalarNode && value.ShortTag() == "!!null" && value.Value == "" {
		return "YAML reads a mapping without a value here", fmt.Sprintf(`a parameter is quoted: "{%s}"`, key.Value)
	}
	return "", ""
}

// keys checks the keys of a mapping and all its values.
func (l *loader) keys(n *yaml.Node) {
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch message, hint := badKey(key); {
		case message != "":
			l.fail(place(key), message, hint)
			l.broken[key] = true
			l.broken[n] = l.broken[n] || key.ShortTag() == "!!merge" // what it would bring is not missed
		case first[key.Value] != nil:
			l.fail(place(key), fmt.Sprintf("the key %s is here twice", brief(key.Value)),
				fmt.Sprintf("the first is on line %d", first[key.Value].Line))
			l.broken[key] = true
		default:
			first[key.Value] = key
		}
		if key.Value == "when" && value.Style&yaml.TaggedStyle != 0 {
			l.fail(place(value), "YAML takes what begins with ! for a tag", quoteExpression)
			l.broken[value] = true
			continue
		}
		l.structure(value)
	}
}

func badKey(key *yaml.Node) (message, hint string) {
	if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
		return "merge keys are not part of the language", "repeat what shall be merged"
	}
	if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!null" {
		return "the key is missing", ""
	}
	if message, hint = notInLanguage(key); message != "" {
		return message, hint
	}
	if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
		return "a key is a text, not " + kind(key), "quote it"
	}
	return "", ""
}

// place is where a node begins.
func place(n *yaml.Node) Pos { return Pos{n.Line, n.Column} }

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
