package policy

import (
	"strings"
	"unicode/utf8"
)

// AmbiguousError says that a request can be read in more than one way. Such a
// request must be refused, because the service is one of the readers.
type AmbiguousError struct {
	// Why is a fixed sentence; it holds nothing of the request.
	Why string
}

// Error returns Why.
func (e *AmbiguousError) Error() string { return e.Why }

// insecure is paths.insecureAllow.
type insecure struct {
	encodedSlash, matrixParameters, duplicateSlashes, doubleEncoding bool
}

// Path is a request path that has one reading only. Create it with
// [Policy.ReadPath]; the zero Path matches no route.
type Path struct {
	read     bool
	trailing bool     // ends with a slash; true for the root
	ascii    bool     // no byte above 0x7f after decoding
	segments []string // decoded
	folded   []string // the same in ASCII lower case; shares segments if nothing changes
}

// ReadPath reads raw, the request target up to its first "?". Each segment is
// percent-decoded once. The error is always an *[AmbiguousError].
//
// Refused are: a path that does not begin with "/"; "//"; a dot segment in any
// spelling; "\", "%5c", "%2f"; ";"; "#"; bytes that a target cannot have (RFC
// 3986 knows 0x21 to 0x7e); "%" without two hex digits; encoded control
// characters and "%3b"; text that is still percent-encoded after decoding once;
// text that is not UTF-8 or has a Unicode line separator. paths.insecureAllow
// opens single classes of these.
func (p *Policy) ReadPath(raw string) (Path, error) {
	if why := scan(raw, p.open); why != "" {
		return Path{}, &AmbiguousError{why}
	}
	if p.open.duplicateSlashes {
		raw = mergeSlashes(raw)
	}
	path := Path{read: true, ascii: true, trailing: raw[len(raw)-1] == '/'}
	rest := strings.TrimSuffix(raw[1:], "/")
	if rest == "" {
		return path, nil
	}
	path.segments = make([]string, 0, strings.Count(rest, "/")+1)
	for more := true; more; {
		var part string
		if part, rest, more = strings.Cut(rest, "/"); isSimple(part) {
			path.segments = append(path.segments, part)
			continue
		}
		text, why := decodeSegment(part, p.open)
		if why != "" {
			return Path{}, &AmbiguousError{why}
		}
		path.ascii = path.ascii && isASCII(text)
		path.segments = append(path.segments, text)
	}
	path.folded = foldAll(path.segments, lowerASCII)
	return path, nil
}

// scan looks at the bytes as they came and returns why they cannot be read.
func scan(raw string, open insecure) string {
	if raw == "" || raw[0] != '/' {
		return "the path does not begin with /"
	}
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c < 0x21 || c > 0x7e:
			return "the path has a byte that no request target may have"
		case c == '\\':
			return `the path has a \`
		case c == '#', c == '?':
			return "the path has a " + string(rune(c))
		case c == ';' && !open.matrixParameters:
			return "the path has a ;"
		case c == '/' && i > 0 && raw[i-1] == '/' && !open.duplicateSlashes:
			return "the path has //"
		case c == '%':
			if why := scanEscape(raw[i:], open); why != "" {
				return why
			}
		}
	}
	return ""
}

// scanEscape judges the escape that s begins with.
func scanEscape(s string, open insecure) string {
	c, ok := unhex(s)
	switch {
	case !ok:
		return "the path has a % without two hex digits"
	case c < 0x20 || c == 0x7f:
		return "the path has an encoded control character"
	case c == '/' && !open.encodedSlash:
		return "the path has an encoded /"
	case c == '\\':
		return `the path has an encoded \`
	case c == ';':
		return "the path has an encoded ;"
	}
	return ""
}

// isSimple reports whether a segment, of a path that was scanned, has nothing that
// decodeSegment would look for. Most have nothing.
func isSimple(segment string) bool {
	for i := 0; i < len(segment); i++ {
		switch segment[i] {
		case '%', '.', ';':
			return false
		}
	}
	return segment != ""
}

// decodeSegment decodes the text between two slashes, once.
func decodeSegment(raw string, open insecure) (text, why string) {
	text = unescape(raw)
	switch {
	case !open.doubleEncoding && encoded(text):
		return "", "the path is percent-encoded twice"
	case !utf8.ValidString(text):
		return "", "the decoded path is not UTF-8"
	case strings.Contains(text, "\u2028"), strings.Contains(text, "\u2029"):
		return "", "the path has a Unicode line separator"
	}
	twice := unescape(text)
	if encoded(twice) {
		return "", "the path is percent-encoded three times"
	}
	if hasDots(text) || hasDots(twice) {
		return "", "the path has a . or .. segment"
	}
	// An encoded ; was refused: what is here was written as one.
	text, _, _ = strings.Cut(text, ";")
	if text == "" {
		return "", "the path has a segment of parameters only"
	}
	return text, ""
}

// hasDots reports whether a reader that splits at encoded slashes, or drops
// parameters, could see a dot segment.
func hasDots(text string) bool {
	if strings.IndexByte(text, '.') < 0 {
		return false
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(text, `\`, "/"), "/") {
		part, _, _ = strings.Cut(part, ";")
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// mergeSlashes makes every run of slashes one.
func mergeSlashes(raw string) string {
	if !strings.Contains(raw, "//") {
		return raw
	}
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '/' || i == 0 || raw[i-1] != '/' {
			b = append(b, raw[i])
		}
	}
	return string(b)
}

// encoded reports whether s has a % with two hex digits.
func encoded(s string) bool {
	for i := strings.IndexByte(s, '%'); i >= 0 && i < len(s); i++ {
		if _, ok := unhex(s[i:]); ok {
			return true
		}
	}
	return false
}

// unescape decodes each % that has two hex digits, and leaves others alone.
func unescape(s string) string {
	if !encoded(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := unhex(s[i:]); ok {
			b = append(b, c)
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unhex returns the byte of the escape that s begins with.
func unhex(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, ok1 := hexDigit(s[1])
	low, ok2 := hexDigit(s[2])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// foldAll folds every segment; it returns the very slice if nothing changes.
func foldAll(segments []string, fold func(string) string) []string {
	out := segments
	for i, s := range segments {
		f := fold(s)
		if f == s {
			continue
		}
		if &out[0] == &segments[0] {
			out = append([]string(nil), segments...)
		}
		out[i] = f
	}
	return out
}
