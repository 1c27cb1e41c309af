package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/policy"
)

// parseJSON reads a JSON text into the nodes that YAML is read into.
func (r *reader) parseJSON(src []byte) *yaml.Node {
	j := &jsonReader{src: src, decoder: json.NewDecoder(bytes.NewReader(src)), at: policy.Pos{Line: 1, Col: 1}}
	j.decoder.UseNumber()
	var all json.RawMessage
	if err := json.Unmarshal(src, &all); err != nil {
		pos := policy.Pos{}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			pos = j.seek(int(syntax.Offset) - 1)
		}
		r.failAt(pos, "not JSON: "+err.Error(), "")
		return nil
	}
	root, err := j.value(0)
	if err != nil {
		r.failAt(j.at, "not JSON: "+err.Error(), "")
		return nil
	}
	return root
}

// jsonReader makes nodes of tokens, and keeps count of lines and columns.
type jsonReader struct {
	src     []byte
	decoder *json.Decoder
	offset  int // of at
	at      policy.Pos
}

// seek moves on to an offset and returns its place.
func (j *jsonReader) seek(offset int) policy.Pos {
	for j.offset < min(offset, len(j.src)) {
		r, size := utf8.DecodeRune(j.src[j.offset:])
		j.offset += size
		j.at.Col++
		if r == '\n' {
			j.at = policy.Pos{Line: j.at.Line + 1, Col: 1}
		}
	}
	return j.at
}

// next returns the next token and where it begins.
func (j *jsonReader) next() (json.Token, policy.Pos, error) {
	start := int(j.decoder.InputOffset())
	for start < len(j.src) && bytes.IndexByte([]byte(" \t\r\n,:"), j.src[start]) >= 0 {
		start++
	}
	at := j.seek(start)
	token, err := j.decoder.Token()
	return token, at, err
}

func (j *jsonReader) value(depth int) (*yaml.Node, error) {
	token, at, err := j.next()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: at.Line, Column: at.Col}
	switch t := token.(type) {
	case json.Delim:
		return n, j.fill(n, t, depth+1)
	case string:
		n.Tag, n.Value = "!!str", t
	case json.Number:
		n.Tag, n.Value = "!!float", t.String()
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(t)
	default:
		n.Tag = "!!null"
	}
	return n, nil
}

// fill reads what is between two brackets; the decoder pairs them.
func (j *jsonReader) fill(n *yaml.Node, open json.Delim, depth int) error {
	n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	if open == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	if depth > maxDepth {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	for j.decoder.More() {
		child, err := j.value(depth)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
	_, _, err := j.next()
	return err
}
