package extauthz

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// cursor walks over the fields of one encoded message (the encoding section of
// the Protocol Buffers guide). It reads out of a string, so that what is found
// needs no copy of its own.
type cursor struct {
	text string
	at   int
}

func (c *cursor) more() bool { return c.at < len(c.text) }

// field reads a tag. It is not ok where no field can begin.
func (c *cursor) field() (number protowire.Number, kind protowire.Type, ok bool) {
	tag, ok := c.varint()
	if !ok || tag>>3 < uint64(protowire.MinValidNumber) || tag>>3 > uint64(protowire.MaxValidNumber) {
		return 0, 0, false
	}
	number, kind = protowire.DecodeTag(tag)
	return number, kind, true
}

// varint reads a base 128 number of at most 64 bits, in its shortest form or not.
func (c *cursor) varint() (v uint64, ok bool) {
	const last = 63 // the shift of the tenth byte, of which one bit is left
	for shift := 0; shift <= last && c.at < len(c.text); shift += 7 {
		b := c.text[c.at]
		c.at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, shift < last || b <= 1
		}
	}
	return 0, false
}

// take returns the next n bytes.
func (c *cursor) take(n int) (s string, ok bool) {
	if n > len(c.text)-c.at {
		return "", false
	}
	s = c.text[c.at : c.at+n]
	c.at += n
	return s, true
}

// bytes reads what has its length before it: bytes, a string or a message.
func (c *cursor) bytes() (s string, ok bool) {
	n, ok := c.varint()
	if !ok || n > math.MaxInt32 { // gRPC has no longer messages
		return "", false
	}
	return c.take(int(n))
}

// string reads a string, which is UTF-8 or no string.
func (c *cursor) string(into *string) (ok bool) {
	s, ok := c.bytes()
	if !ok || !utf8.ValidString(s) {
		return false
	}
	*into = s
	return true
}

// skip passes over the value of a field.
func (c *cursor) skip(number protowire.Number, kind protowire.Type) (ok bool) {
	switch kind {
	case protowire.VarintType:
		_, ok = c.varint()
	case protowire.BytesType:
		_, ok = c.bytes()
	case protowire.Fixed32Type:
		_, ok = c.take(4)
	case protowire.Fixed64Type:
		_, ok = c.take(8)
	default: // a group, or an error
		n := protowire.ConsumeFieldValue(number, kind, []byte(c.text[c.at:]))
		if n >= 0 {
			_, ok = c.take(n)
		}
	}
	return ok
}
