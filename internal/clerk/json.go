package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// kind tells JSON values apart, and null from absence, which encoding/json
// does not.
type kind uint8

const (
	kindAbsent kind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// value is one JSON value: its kind and its text, already found to be sound.
type value struct {
	kind kind
	raw  []byte
}

// textValue is a value whose text matters only if it is a string.
type textValue struct {
	kind kind
	// falsy says that JavaScript takes the value for false: absent, null,
	// false, 0 and "".
	falsy bool
	text  string
}

func (v value) asText() textValue {
	t := textValue{kind: v.kind}
	switch v.kind {
	case kindString:
		t.text = unquote(v.raw)
		t.falsy = t.text == ""
	case kindAbsent, kindNull:
		t.falsy = true
	case kindBool, kindNumber:
		t.falsy = string(v.raw) == "false" || string(v.raw) == "0"
	default:
	}
	return t
}

// is reports whether the value is this very string.
func (t textValue) is(s string) bool { return t.kind == kindString && t.text == s }

// elements returns what an array holds. A value that is no array holds nothing.
func (v value) elements() []value {
	if v.kind != kindArray {
		return nil
	}
	s := scanner{data: v.raw}
	var out []value
	// The text was scanned before, so that no error is left to be found.
	_ = s.array(func(e value) { out = append(out, e) })
	return out
}

// object is a JSON object in the order of its members. No name is in it twice.
type object []member

type member struct {
	name string
	value
}

func (o object) get(name string) value {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return value{}
}

// parseObject reads one JSON object (RFC 8259) and nothing else: no duplicate
// name at any depth, no text that is not UTF-8, no half of a surrogate pair, no
// byte-order mark, nothing after it but white space.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return nil, errors.New("not a JSON object")
	}
	o, err := s.object()
	if err != nil {
		return nil, err
	}
	s.space()
	if s.pos != len(data) {
		return nil, s.fail("something follows the object")
	}
	return o, nil
}

// members returns what an object holds. A value that is no object holds nothing.
func (v value) members() object {
	if v.kind != kindObject {
		return nil
	}
	s := scanner{data: v.raw}
	o, _ := s.object() // scanned before
	return o
}

// maxDepth bounds how deep values may nest. Clerk's own claims are three deep;
// the rest is room for custom ones. Each level costs stack, and everybody may send
// a token.
const maxDepth = 32

// scanner walks over JSON text. Its recursion is as deep as the text, up to
// maxDepth.
type scanner struct {
	data  []byte
	pos   int
	depth int
	open  object // the members so far, of the object that is read and of those that it is in
}

func (s *scanner) fail(what string) error {
	return fmt.Errorf("%s at byte %d", what, s.pos)
}

// peek returns the next byte, or 0 at the end. No JSON text holds a 0.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for {
		switch s.peek() {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value() (value, error) {
	if s.depth++; s.depth > maxDepth {
		return value{}, s.fail("nested too deep")
	}
	defer func() { s.depth-- }()
	start := s.pos
	var k kind
	var err error
	switch c := s.peek(); {
	case c == '{':
		k = kindObject
		_, err = s.object()
	case c == '[':
		k = kindArray
		err = s.array(nil)
	case c == '"':
		k = kindString
		err = s.quoted()
	case c == '-' || '0' <= c && c <= '9':
		k = kindNumber
		err = s.number()
	default:
		k, err = s.word()
	}
	return value{kind: k, raw: s.data[start:s.pos]}, err
}

func (s *scanner) word() (kind, error) {
	for _, w := range [...]struct {
		text string
		kind kind
	}{{"null", kindNull}, {"true", kindBool}, {"false", kindBool}} {
		if bytes.HasPrefix(s.data[s.pos:], []byte(w.text)) {
			s.pos += len(w.text)
			return w.kind, nil
		}
	}
	return kindAbsent, s.fail("not a JSON value")
}

// object reads an object. What is in it is read into the same memory and dropped, so
// that a token of many small objects costs no more than another one.
func (s *scanner) object() (object, error) {
	first := len(s.open)
	var names nameSet
	s.pos++
	for s.space(); s.peek() != '}'; s.space() {
		o := s.open[first:]
		if len(o) > 0 {
			if s.peek() != ',' {
				return nil, s.fail("comma expected")
			}
			s.pos++
			s.space()
		}
		start := s.pos
		if err := s.quoted(); err != nil {
			return nil, err
		}
		name := nameOf(s.data[start:s.pos])
		if !names.add(o, name) {
			return nil, s.fail("a key is there twice")
		}
		s.space()
		if s.peek() != ':' {
			return nil, s.fail("colon expected")
		}
		s.pos++
		s.space()
		v, err := s.value()
		if err != nil {
			return nil, err
		}
		if s.open == nil {
			s.open = make(object, 0, usualMembers)
		}
		s.open = append(s.open, member{name, v})
	}
	s.pos++
	o := s.open[first:]
	s.open = s.open[:first]
	return o, nil
}

// usualMembers is how many members there is room for at first: all of a session
// token, and of what is in it.
const usualMembers = 20

// nameOf is unquote for names, of which most are known.
func nameOf(raw []byte) string {
	switch string(raw) {
	case `"alg"`:
		return "alg"
	case `"typ"`:
		return "typ"
	case `"kid"`:
		return "kid"
	case `"cat"`:
		return "cat"
	case `"iss"`:
		return "iss"
	case `"sub"`:
		return "sub"
	case `"aud"`:
		return "aud"
	case `"exp"`:
		return "exp"
	case `"nbf"`:
		return "nbf"
	case `"iat"`:
		return "iat"
	case `"jti"`:
		return "jti"
	case `"azp"`:
		return "azp"
	case `"sid"`:
		return "sid"
	case `"sts"`:
		return "sts"
	case `"fva"`:
		return "fva"
	case `"fea"`:
		return "fea"
	case `"pla"`:
		return "pla"
	case `"org_id"`:
		return "org_id"
	case `"org_slug"`:
		return "org_slug"
	case `"org_role"`:
		return "org_role"
	case `"org_permissions"`:
		return "org_permissions"
	}
	return unquote(raw)
}

// nameSet finds duplicate names. A small object is searched; a large one, which
// could make that quadratic, is indexed.
type nameSet map[string]struct{}

// add reports whether name is not yet a member of o.
func (n *nameSet) add(o object, name string) bool {
	const small = 24 // a session token of version 2 has about 15 claims
	if len(o) < small {
		return o.get(name).kind == kindAbsent
	}
	if *n == nil {
		*n = make(nameSet, 2*small)
		for i := range o {
			(*n)[o[i].name] = struct{}{}
		}
	}
	_, twice := (*n)[name]
	(*n)[name] = struct{}{}
	return !twice
}

func (s *scanner) array(each func(value)) error {
	s.pos++
	for first := true; ; first = false {
		s.space()
		switch {
		case s.peek() == ']':
			s.pos++
			return nil
		case first:
		case s.peek() != ',':
			return s.fail("comma expected")
		default:
			s.pos++
			s.space()
		}
		v, err := s.value()
		if err != nil {
			return err
		}
		if each != nil {
			each(v)
		}
	}
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.fail("digit expected")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.fail("digit expected")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c = s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.fail("digit expected")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for '0' <= s.peek() && s.peek() <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) quoted() error {
	if s.peek() != '"' {
		return s.fail("string expected")
	}
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.fail("control character in a string")
		default:
			s.pos++
		}
	}
	return s.fail("string without end")
}

func (s *scanner) escape() error {
	s.pos++
	c := s.peek()
	if c != 'u' {
		if c == 0 || bytes.IndexByte([]byte(`"\/bfnrt`), c) < 0 {
			return s.fail("unknown escape")
		}
		s.pos++
		return nil
	}
	u, err := s.hex4()
	switch {
	case err != nil:
		return err
	case u < 0xd800 || u > 0xdfff:
		return nil
	case u <= 0xdbff && bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)):
		s.pos++
		if low, err := s.hex4(); err == nil && low >= 0xdc00 && low <= 0xdfff {
			return nil
		}
	}
	return s.fail("half a surrogate pair")
}

// hex4 reads the four digits after the "u" that it stands on.
func (s *scanner) hex4() (uint64, error) {
	s.pos++
	if len(s.data)-s.pos < 4 {
		return 0, s.fail("four hex digits expected")
	}
	text := s.data[s.pos : s.pos+4]
	for _, c := range text {
		if !isHex(c) {
			return 0, s.fail("four hex digits expected")
		}
	}
	s.pos += 4
	return strconv.ParseUint(string(text), 16, 32)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unquote returns the text of a JSON string that was found to be sound.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "" // unreachable: the scanner accepts no escape that json does not
	}
	return s
}
