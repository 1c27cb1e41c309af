package extauthz

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape says which fields of a kind of message may be wrong beyond their
// encoding. Whoever decodes all of a message refuses it for a bad string in a
// field that nobody looks at; with its shape that can be seen without decoding.
type shape struct {
	fields [maxShapeField + 1]shapeField // by field number
	unsure bool                          // only decoding can tell
}

// maxShapeField bounds the field numbers of a shape; Envoy's are below it, and a
// message with a higher one is decoded.
const maxShapeField = 31

// shapeField is a field: a string, a message, or, if it is zero, neither.
type shapeField struct {
	text    bool
	message *shape
}

// shapes are the shapes of messages that contain each other.
type shapes map[protoreflect.FullName]*shape

// of returns the shape of a kind of message.
func (s shapes) of(d protoreflect.MessageDescriptor) *shape {
	if known := s[d.FullName()]; known != nil {
		return known
	}
	out := new(shape)
	s[d.FullName()] = out // before its fields, among which it may be itself
	if d.Syntax() != protoreflect.Proto3 || d.ExtensionRanges().Len() > 0 {
		out.unsure = true
	}
	for i := range d.Fields().Len() {
		s.add(out, d.Fields().Get(i))
	}
	return out
}

func (s shapes) add(to *shape, f protoreflect.FieldDescriptor) {
	if f.Number() > maxShapeField {
		to.unsure = true
		return
	}
	field := &to.fields[f.Number()]
	switch f.Kind() {
	case protoreflect.StringKind:
		field.text = true
	case protoreflect.MessageKind:
		field.message = s.of(f.Message())
	case protoreflect.BytesKind:
	default: // a number, which needs no look unless several are packed into one
		to.unsure = to.unsure || f.IsList() || f.Kind() == protoreflect.GroupKind
	}
}

// maxShapeDepth is how deep messages may be nested in one another. The decoder
// goes much deeper; Envoy's metadata does not.
const maxShapeDepth = 64

// fits reports whether the decoder takes the text for a message of this shape. If
// it is not reported, the decoder has to be asked.
func (s *shape) fits(text string, depth int) bool {
	if s.unsure || depth > maxShapeDepth {
		return false
	}
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		if !ok || !s.skip(&c, number, kind, depth) {
			return false
		}
	}
	return true
}

// skip passes over the value of a field of this shape, if it is sound.
func (s *shape) skip(c *cursor, number protowire.Number, kind protowire.Type, depth int) bool {
	if kind != protowire.BytesType || number > maxShapeField {
		return c.skip(number, kind)
	}
	value, ok := c.bytes()
	switch field := &s.fields[number]; {
	case !ok:
		return false
	case field.text:
		return utf8.ValidString(value)
	case field.message != nil:
		return field.message.fits(value, depth+1)
	}
	return true
}
