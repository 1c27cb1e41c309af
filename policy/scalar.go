package policy

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scalar is a text with what is needed to talk about it.
type scalar struct {
	Text
	raw string // before ${NAME} was expanded; messages quote it, as the value may be a secret
}

// safe returns a hint that repeats the text, unless that is a variable's.
func (t scalar) safe(hint string) string {
	if t.raw != t.Value {
		return ""
	}
	return hint
}

// text reads a text below a key. It is absent, with ok false, if the key is, or
// if what is there was reported.
func (o *object) text(key string) (t scalar, ok bool) {
	n, there := o.fields[key]
	if !there {
		return scalar{}, false
	}
	return o.scalar(n, key)
}

// scalar reads a node that shall be a text.
func (l *loader) scalar(n *yaml.Node, what string) (t scalar, ok bool) {
	if t, ok = l.unexpanded(n, what); !ok {
		return scalar{}, false
	}
	if t.Value, t.Unset, ok = l.expand(t); !ok {
		return scalar{}, false
	}
	if t.Value == "" {
		message := what + " is empty"
		if t.raw != "" {
			message += ": so is the variable"
		}
		l.fail(t.Pos, message, "give it a value, or leave the key out")
		return scalar{}, false
	}
	return t, true
}

// unexpanded reads a text as it stands in the file.
func (l *loader) unexpanded(n *yaml.Node, what string) (t scalar, ok bool) {
	switch {
	case l.broken[n]:
		return scalar{}, false
	case n.Kind != yaml.ScalarNode:
		l.fail(place(n), fmt.Sprintf("%s is a text, not %s", what, kind(n)), "")
		return scalar{}, false
	case n.ShortTag() != "!!str":
		l.fail(place(n), fmt.Sprintf("%s is a text, and YAML reads %s here", what, kind(n)), fmt.Sprintf("quote it: %q", n.Value))
		return scalar{}, false
	}
	return scalar{Text: Text{Value: n.Value, Pos: place(n)}, raw: n.Value}, true
}

// texts reads a list of texts below a key.
func (o *object) texts(key string) []scalar {
	n, there := o.fields[key]
	if !there || o.broken[n] {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = fmt.Sprintf("write %s: [%s]", key, n.Value)
		}
		o.fail(place(n), fmt.Sprintf("%s is a list, not %s", key, kind(n)), hint)
		return nil
	}
	return o.items(n, key)
}

// oneOrMore reads a text, or a list of texts, below a key.
func (o *object) oneOrMore(key string) []scalar {
	n, there := o.fields[key]
	if there && !o.broken[n] && n.Kind == yaml.SequenceNode {
		return o.items(n, key)
	}
	if t, ok := o.text(key); ok {
		return []scalar{t}
	}
	return nil
}

// items reads the texts of a list, of which no two may be the same.
func (l *loader) items(list *yaml.Node, key string) []scalar {
	out := l.elements(list, key)
	l.once(key, out, func(t scalar) string { return t.Value })
	return out
}

func (l *loader) elements(list *yaml.Node, key string) []scalar {
	var out []scalar
	for _, n := range list.Content {
		if t, ok := l.scalar(n, "an item of "+key); ok {
			out = append(out, t)
		}
	}
	return out
}

// once reports items that are the same as an earlier one.
func (l *loader) once(key string, items []scalar, normal func(scalar) string) {
	first := map[string]scalar{}
	for _, t := range items {
		name := normal(t)
		if f, twice := first[name]; twice {
			message := fmt.Sprintf("%s is in %s twice", brief(t.raw), key)
			if f.raw != t.raw {
				message = fmt.Sprintf("%s is the same as %s in %s", brief(t.raw), brief(f.raw), key)
			}
			l.fail(t.Pos, message, fmt.Sprintf("the first is on line %d", f.Pos.Line))
			continue
		}
		first[name] = t
	}
}

// boolean reads true or false below a key.
func (o *object) boolean(key string, otherwise bool) bool {
	n, there := o.fields[key]
	if !there || o.broken[n] {
		return otherwise
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		return strings.EqualFold(n.Value, "true")
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
		t, ok := o.text(key)
		switch {
		case !ok:
			return otherwise
		case t.Unset:
			return assume(o.loader, t, otherwise)
		case t.Value == "true" || t.Value == "false":
			return t.Value == "true"
		}
	}
	o.fail(place(n), fmt.Sprintf("%s is true or false, not %s", key, kind(n)), "write true or false, without quotes")
	return otherwise
}

// choice is one word of several, with its meaning.
type choice[T any] struct {
	word    string
	meaning T
}

// choose reads one of several words below a key.
func choose[T any](o *object, key string, otherwise T, choices []choice[T]) T {
	t, ok := o.text(key)
	if !ok {
		return otherwise
	}
	return pick(o.loader, t, choices, otherwise)
}

func pick[T any](l *loader, t scalar, choices []choice[T], otherwise T) T {
	var words []string
	for _, c := range choices {
		if c.word == t.Value {
			return c.meaning
		}
		words = append(words, c.word)
	}
	if t.Unset {
		return assume(l, t, otherwise)
	}
	hint := ""
	if near := nearest(t.Value, words); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	l.fail(t.Pos, fmt.Sprintf("%s is none of %s", brief(t.raw), strings.Join(words, ", ")), hint)
	return otherwise
}

// assume notes that a choice is not known, and takes what stands in for it.
func assume[T any](l *loader, t scalar, otherwise T) T {
	l.assumed = append(l.assumed, t.Pos)
	return otherwise
}

// duration reads a duration below a key.
func (o *object) duration(key string, least, most, otherwise time.Duration) (d time.Duration, set bool) {
	n, there := o.fields[key]
	if !there || o.broken[n] {
		return otherwise, false
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
		o.fail(place(n), key+" is a duration and needs a unit", "write it like 5s, 5m or 24h")
		return otherwise, false
	}
	t, ok := o.text(key)
	if !ok || t.Unset {
		return otherwise, false
	}
	d, err := time.ParseDuration(t.Value)
	switch {
	case err != nil:
		o.fail(t.Pos, fmt.Sprintf("%s is not a duration", brief(t.raw)), "write it like 5s, 5m or 24h")
	case d < least && least > 0:
		o.fail(t.Pos, key+" is more than nothing", "write it like 5s, 5m or 24h")
	case d < least:
		o.fail(t.Pos, key+" is not negative", "")
	case d > most:
		o.fail(t.Pos, fmt.Sprintf("%s is at most %s", key, short(most)), "")
	default:
		return d, true
	}
	return otherwise, false
}

// short writes a duration as people do: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// inside returns the place of a byte of a text's value, as exactly as the file
// shows it: where escapes, line breaks or variables come before it, the place
// of the whole text.
func (l *loader) inside(t scalar, at int) Pos {
	if at > len(t.raw) || at > len(t.Value) || t.raw[:at] != t.Value[:at] {
		return t.Pos
	}
	rest := l.source.after(t.Pos)
	col := t.Pos.Col
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		rest = rest[1:]
		col++
	}
	if !strings.HasPrefix(rest, t.raw[:at]) {
		return t.Pos
	}
	return Pos{t.Pos.Line, col + utf8.RuneCountInString(t.raw[:at])}
}
