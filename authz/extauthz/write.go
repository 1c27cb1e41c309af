package extauthz

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clerkgate/clerkgate/authz"
)

// Tags of the fields that are written, by message: number and wire type in one.
const (
	lengthDelimited = 2 // the wire type of strings and messages

	responseStatus   = 1<<3 | lengthDelimited
	responseDenied   = 2<<3 | lengthDelimited
	responseOK       = 3<<3 | lengthDelimited
	responseMetadata = 4<<3 | lengthDelimited

	statusCode    = 1 << 3
	statusMessage = 2<<3 | lengthDelimited

	okHeaders              = 2<<3 | lengthDelimited
	okHeadersToRemove      = 5<<3 | lengthDelimited
	okResponseHeadersToAdd = 6<<3 | lengthDelimited

	deniedStatus  = 1<<3 | lengthDelimited
	deniedHeaders = 2<<3 | lengthDelimited
	deniedBody    = 3<<3 | lengthDelimited

	httpStatusCode = 1 << 3

	optionHeader = 1<<3 | lengthDelimited

	headerKeyTag   = headerKey<<3 | lengthDelimited
	headerValueTag = headerValue<<3 | lengthDelimited

	structFields = 1<<3 | lengthDelimited
	entryKeyTag  = entryKey<<3 | lengthDelimited
	entryTag     = entryValue<<3 | lengthDelimited
	valueString  = 3<<3 | lengthDelimited
)

// The rest of a HeaderValueOption, after the header: what [overwrites] and
// [additions] say.
const (
	overwriteRest = "\x12\x00\x18\x02" // append {false}, append_action OVERWRITE_IF_EXISTS_OR_ADD
	additionRest  = "\x12\x02\x08\x01" // append {true}; APPEND_IF_EXISTS_OR_ADD is 0
)

// appendResponse appends the encoding of the CheckResponse that [respond] makes
// of the same answer.
func appendResponse(b []byte, a *authz.Answer) []byte {
	if !encodable(a) {
		a = &authz.Answer{}
	}
	if a.Allow {
		b = append(b, responseStatus, 0) // code OK is 0, which is not written
		b = appendOK(b, a)
	} else {
		b = appendDenial(b, a)
	}
	return appendMetadata(b, a.Metadata)
}

func appendOK(b []byte, a *authz.Answer) []byte {
	b, start := begin(b, responseOK)
	b = appendOptions(b, okHeaders, a.Set, overwriteRest)
	for _, name := range a.Remove {
		b = appendString(b, okHeadersToRemove, name)
	}
	b = appendOptions(b, okResponseHeadersToAdd, a.AddResponse, additionRest)
	return end(b, start)
}

func appendDenial(b []byte, a *authz.Answer) []byte {
	httpStatus, code, message := denial(a)
	b, start := begin(b, responseStatus)
	b = appendNumber(append(b, statusCode), int(code))
	b = end(appendString(b, statusMessage, message), start)

	b, start = begin(b, responseDenied)
	b, inner := begin(b, deniedStatus)
	b = end(appendNumber(append(b, httpStatusCode), int(httpStatus)), inner)
	b = appendOptions(b, deniedHeaders, a.ResponseHeaders, overwriteRest)
	b = protowire.AppendBytes(append(b, deniedBody), a.Body)
	return end(b, start)
}

// appendOptions appends each header as a HeaderValueOption that ends with rest.
func appendOptions(b []byte, tag byte, headers []authz.Header, rest string) []byte {
	for i := range headers {
		h := &headers[i]
		size := stringSize(h.Name) + stringSize(h.Value)
		b = appendNumber(append(b, tag), 1+protowire.SizeBytes(size)+len(rest))
		b = appendNumber(append(b, optionHeader), size)
		b = appendString(b, headerKeyTag, h.Name)
		b = appendString(b, headerValueTag, h.Value)
		b = append(b, rest...)
	}
	return b
}

// appendMetadata appends the struct of the dynamic metadata.
func appendMetadata(b []byte, fields []authz.Header) []byte {
	if len(fields) == 0 {
		return b
	}
	b, start := begin(b, responseMetadata)
	for i := range fields {
		f := &fields[i]
		value := stringSize(f.Value)
		b = appendNumber(append(b, structFields), stringSize(f.Name)+1+protowire.SizeBytes(value))
		b = appendString(b, entryKeyTag, f.Name)
		b = appendNumber(append(b, entryTag), value)
		b = appendString(b, valueString, f.Value)
	}
	return end(b, start)
}

func appendString(b []byte, tag byte, s string) []byte {
	return protowire.AppendString(append(b, tag), s)
}

// stringSize is how many bytes appendString appends.
func stringSize(s string) int { return 1 + protowire.SizeBytes(len(s)) }

// appendNumber appends a number that is not negative.
func appendNumber(b []byte, n int) []byte {
	for ; n > 0x7f; n >>= 7 {
		b = append(b, byte(n&0x7f)|0x80)
	}
	return append(b, byte(n&0x7f))
}

// begin appends the tag of a message and keeps a byte for its length.
func begin(b []byte, tag byte) (after []byte, start int) {
	return append(b, tag, 0), len(b) + 2
}

// end writes the length of the message that began at start, and moves the message
// if that takes more than the byte.
func end(b []byte, start int) []byte {
	var room [10]byte
	length := appendNumber(room[:0], len(b)-start)
	b = append(b, length[1:]...)
	copy(b[start-1+len(length):], b[start:])
	copy(b[start-1:], length)
	return b
}

// encodable reports whether every text of the answer can be in a response. A
// string of Protocol Buffers is UTF-8; one that is not would make a failed call
// of the answer, which is no denial.
func encodable(a *authz.Answer) bool {
	for _, name := range a.Remove {
		if !utf8.ValidString(name) {
			return false
		}
	}
	for _, headers := range [...][]authz.Header{a.Set, a.AddResponse, a.ResponseHeaders, a.Metadata} {
		for i := range headers {
			if !utf8.ValidString(headers[i].Name) || !utf8.ValidString(headers[i].Value) {
				return false
			}
		}
	}
	return utf8.Valid(a.Body)
}
