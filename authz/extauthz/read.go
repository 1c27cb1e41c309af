package extauthz

import (
	"google.golang.org/protobuf/encoding/protowire"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/clerkgate/clerkgate/authz"
)

// Numbers of the fields that are read, by message.
const (
	checkAttributes = 1

	attributesRequest           = 4
	attributesContextExtensions = 10

	requestHTTP = 2

	httpMethod    = 2
	httpHeaders   = 3
	httpPath      = 4
	httpHost      = 5
	httpScheme    = 6
	httpBody      = 11
	httpRawBody   = 12
	httpHeaderMap = 13

	headerMapHeaders = 1

	headerKey      = 1
	headerValue    = 2
	headerRawValue = 3

	entryKey   = 1 // of a map
	entryValue = 2
)

// reader reads a CheckRequest from its encoding, without decoding what is not
// needed. What it reads, [readRequest] reads out of the decoded message as well:
// a message that comes in several parts is all of them, a scalar that comes twice
// is the last, unknown fields are nothing. Create it with newReader.
type reader struct {
	attributes, request, http, headerMap, header, entry *shape
}

func newReader() *reader {
	s := shapes{}
	http := (*authv3.AttributeContext_HttpRequest)(nil).ProtoReflect().Descriptor()
	headers := http.Fields().ByNumber(httpHeaderMap).Message()
	return &reader{
		attributes: s.of((*authv3.AttributeContext)(nil).ProtoReflect().Descriptor()),
		request:    s.of((*authv3.AttributeContext_Request)(nil).ProtoReflect().Descriptor()),
		http:       s.of(http),
		headerMap:  s.of(headers),
		header:     s.of(headers.Fields().ByNumber(headerMapHeaders).Message()),
		entry:      s.of(http.Fields().ByNumber(httpHeaders).Message()),
	}
}

// read reads the text of a CheckRequest into a request, whose strings are parts
// of the text. If it is not ok the text has to be decoded, to be refused in most
// cases; what the request is then does not matter. Room is where the headers may
// be put.
func (r *reader) read(text string, into *authz.Request, room []authz.Header) (ok bool) {
	f := found{request: into, room: room[:0]}
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		if !ok || !r.readCheckField(&c, number, kind, &f) {
			return false
		}
	}
	f.finish()
	return true
}

func (r *reader) readCheckField(c *cursor, number protowire.Number, kind protowire.Type, f *found) bool {
	if number != checkAttributes || kind != protowire.BytesType {
		return c.skip(number, kind)
	}
	text, ok := c.bytes()
	return ok && r.readAttributes(text, f)
}

func (r *reader) readAttributes(text string, f *found) bool {
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		if !ok {
			return false
		}
		switch {
		case number == attributesRequest && kind == protowire.BytesType:
			part, ok := c.bytes()
			if !ok || !r.readRequest(part, f) {
				return false
			}
		case number == attributesContextExtensions && kind == protowire.BytesType:
			key, value, ok := r.readEntry(&c)
			if !ok {
				return false
			}
			f.extend(key, value)
		case !r.attributes.skip(&c, number, kind, 0):
			return false
		}
	}
	return true
}

func (r *reader) readRequest(text string, f *found) bool {
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		if !ok {
			return false
		}
		if number != requestHTTP || kind != protowire.BytesType {
			if !r.request.skip(&c, number, kind, 0) {
				return false
			}
			continue
		}
		f.http = true
		part, ok := c.bytes()
		if !ok || !r.readHTTP(part, f) {
			return false
		}
	}
	return true
}

func (r *reader) readHTTP(text string, f *found) bool {
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		if !ok {
			return false
		}
		if kind != protowire.BytesType {
			ok = c.skip(number, kind)
		} else {
			ok = r.readHTTPField(&c, number, f)
		}
		if !ok {
			return false
		}
	}
	return true
}

// readHTTPField reads a string, a message or bytes.
func (r *reader) readHTTPField(c *cursor, number protowire.Number, f *found) (ok bool) {
	switch number {
	case httpHeaders:
		var name, value string
		if name, value, ok = r.readEntry(c); ok {
			ok = f.joined.put(f, name, value)
		}
	case httpHeaderMap:
		var part string
		if part, ok = c.bytes(); ok {
			ok = r.readHeaderMap(part, f)
		}
	case httpMethod:
		ok = c.string(&f.request.Method)
	case httpPath:
		ok = c.string(&f.request.Path)
	case httpHost:
		ok = c.string(&f.request.Host)
	case httpScheme:
		ok = c.string(&f.request.Scheme)
	case httpBody:
		ok = c.string(&f.body)
	case httpRawBody:
		f.rawBody, ok = c.bytes()
	default:
		ok = r.http.skip(c, number, protowire.BytesType, 0)
	}
	return ok
}

// readEntry reads one entry of a map of strings. A part that is missing is empty.
func (r *reader) readEntry(c *cursor) (key, value string, ok bool) {
	text, ok := c.bytes()
	if !ok {
		return "", "", false
	}
	for e := (cursor{text: text}); e.more(); {
		number, kind, ok := e.field()
		switch {
		case !ok:
		case number == entryKey && kind == protowire.BytesType:
			ok = e.string(&key)
		case number == entryValue && kind == protowire.BytesType:
			ok = e.string(&value)
		default:
			ok = r.entry.skip(&e, number, kind, 0)
		}
		if !ok {
			return "", "", false
		}
	}
	return key, value, true
}

func (r *reader) readHeaderMap(text string, f *found) bool {
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		if !ok {
			return false
		}
		if number != headerMapHeaders || kind != protowire.BytesType {
			if !r.headerMap.skip(&c, number, kind, 0) {
				return false
			}
			continue
		}
		part, ok := c.bytes()
		if !ok || !r.readHeader(part, f) {
			return false
		}
	}
	return true
}

// readHeader reads one raw header, whose value is in one of two fields.
func (r *reader) readHeader(text string, f *found) bool {
	var h authz.Header
	var raw string
	for c := (cursor{text: text}); c.more(); {
		number, kind, ok := c.field()
		switch {
		case !ok:
		case number == headerKey && kind == protowire.BytesType:
			ok = c.string(&h.Name)
		case number == headerValue && kind == protowire.BytesType:
			ok = c.string(&h.Value)
		case number == headerRawValue && kind == protowire.BytesType:
			raw, ok = c.bytes()
		default:
			ok = r.header.skip(&c, number, kind, 0)
		}
		if !ok {
			return false
		}
	}
	if raw != "" {
		f.twoValues = f.twoValues || h.Value != "" && h.Value != raw
		h.Value = raw
	}
	if f.raw == nil {
		f.raw = f.lend()
	}
	f.raw = append(f.raw, h)
	return true
}
