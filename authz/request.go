package authz

import (
	"strings"
)

// Header is one header field line as it was received or is to be written. A
// name that begins with ':' is an HTTP/2 pseudo-header (RFC 9113 section 8.3).
type Header struct {
	Name, Value string
}

// Request is one HTTP request in plain types, copied out by a door without
// interpretation. The zero Request is refused.
type Request struct {
	// Method is the request method, verbatim.
	Method string
	// Path is the request target (:path) with its query, not decoded.
	Path string
	// Host is the :authority as it was received.
	Host string
	// Scheme is "http" or "https", as the proxy saw it.
	Scheme string
	// Headers are the field lines in the order of arrival, duplicates kept
	// apart where the door can tell them apart. Pseudo-headers may be among
	// them; they must then agree with the fields above.
	Headers []Header
	// Context holds Envoy's context_extensions of the route.
	Context map[string]string
	// Body is what the proxy sent of the request's body; nil if it sent nothing.
	// Only webhook routes read it. It must reach no log.
	Body []byte
	// Malformed says why the door could not read one request out of what it
	// was given; it is empty if it could.
	Malformed string
	// Trace is where the proxy's own record of the request goes on, if it keeps one
	// and the door was told to look. It never comes from the request's headers, which
	// are the client's, and changes no decision.
	Trace TraceContext
}

// TraceContext names a span that is recorded, as W3C Trace Context writes it: the
// values of traceparent and tracestate. Both are empty if there is none.
type TraceContext struct {
	Parent, State string
}

// MaxRequestID bounds, in bytes, a request id that is repeated in an answer or
// a log record. Proxies write UUIDs of 36; longer ones are left out.
const MaxRequestID = 128

// reading is what the pipeline takes from the headers in one walk over them.
type reading struct {
	authorization  string
	authorizations int
	cookie         string
	accept         string
	secFetchDest   string
	referer        string
	origin         string
	preflightOf    string // the method that a CORS preflight asks for
	forwardedHost  string
	forwardedProto string
	requestID      string
	authorities    int
	// strip holds the names of received headers that must not reach the
	// service under any spelling, as they were received, in lower case.
	strip []string
}

// read walks the headers once. The sentence it returns says what makes the
// request unreadable; it is empty if nothing does.
func read(r *Request, strip *stripper) (in reading, malformed string) {
	switch {
	case r.Malformed != "":
		return in, r.Malformed
	case r.Method == "":
		return in, "the request has no method"
	case r.Path == "":
		return in, "the request has no path"
	case r.Host == "":
		return in, "the request has no host"
	}
	for i := range r.Headers {
		if malformed = in.take(r, &r.Headers[i], strip); malformed != "" {
			return in, malformed
		}
	}
	return in, ""
}

// take files one header away.
func (in *reading) take(r *Request, h *Header, strip *stripper) (malformed string) {
	name := lower(h.Name)
	switch name {
	case "":
		return "a header has no name"
	case "authorization":
		if h.Value != "" {
			in.authorization = h.Value
			in.authorizations++
		}
	case "cookie":
		in.cookie = join(in.cookie, h.Value, "; ")
	case "accept":
		in.accept = join(in.accept, h.Value, ", ")
	case "sec-fetch-dest":
		in.secFetchDest = join(in.secFetchDest, h.Value, ", ")
	case "referer":
		in.referer = join(in.referer, h.Value, ", ")
	case "origin":
		in.origin = join(in.origin, h.Value, ", ")
	case "access-control-request-method":
		in.preflightOf = join(in.preflightOf, h.Value, ", ")
	case "x-forwarded-host":
		in.forwardedHost = join(in.forwardedHost, h.Value, ", ")
	case "x-forwarded-proto":
		in.forwardedProto = join(in.forwardedProto, h.Value, ", ")
	case "x-request-id":
		if in.requestID == "" && printable(h.Value) && len(h.Value) <= MaxRequestID {
			in.requestID = h.Value
		}
	case ":authority", ":path", ":method":
		return in.takePseudo(r, name, h.Value)
	}
	if !strip.takes(name) {
		return ""
	}
	if !printable(name) {
		// No answer can name it, so that it cannot be taken away.
		return "a header that must not reach the service has a name that is none"
	}
	in.strip = append(in.strip, name)
	return ""
}

// takePseudo holds a pseudo-header against the field that it repeats. Two
// readings of one request are what path and host attacks are made of.
func (in *reading) takePseudo(r *Request, name, value string) (malformed string) {
	switch name {
	case ":authority":
		in.authorities++
		if in.authorities > 1 {
			return "the request has two :authority"
		}
		if value != r.Host {
			return "host and :authority differ"
		}
	case ":path":
		if value != r.Path {
			return "path and :path differ"
		}
	case ":method":
		if value != r.Method {
			return "method and :method differ"
		}
	}
	return ""
}

// headerFields returns the header fields by name, in lower case, several lines of
// one name as one. Pseudo-headers are not among them.
func (r *Request) headerFields() map[string]string {
	out := make(map[string]string, len(r.Headers))
	for i := range r.Headers {
		name, separator := lower(r.Headers[i].Name), ", "
		if strings.HasPrefix(name, ":") {
			continue
		}
		if name == "cookie" {
			separator = "; "
		}
		out[name] = join(out[name], r.Headers[i].Value, separator)
	}
	return out
}

// join makes one value of several lines as the SDK's Headers.get does (", ",
// RFC 9110 section 5.3), and cookies as RFC 9113 section 8.2.3 has it ("; "). A
// proxy that joins lines by itself is then read as one that does not.
func join(have, next, separator string) string {
	if have == "" {
		return next
	}
	if next == "" {
		return have
	}
	return have + separator + next
}

// lower folds ASCII letters only, and allocates only if there is one to fold:
// Envoy sends lower-case names. Unicode folding would make "K" (Kelvin) a "k".
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return lowerCopy(s)
		}
	}
	return s
}

func lowerCopy(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// printable reports whether s consists of visible ASCII only, which is what a
// header value that we write may hold.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// writableText is printable with spaces, for the values that may have them.
func writableText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// splitTarget cuts a request target at its first '?'. No URL parser does this
// here: one that knows authorities reads "//host/path" as something else.
func splitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	return path, query
}
