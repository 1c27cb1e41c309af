package openapi

import (
	"errors"
	"net/url"
	"strings"
)

// template is the path of an operation (OpenAPI 3.2, section 4.8.2).
type template struct {
	segments []segment
	trailing bool // ends with a slash, or is the root
}

// segment is what is between two slashes: texts with a parameter between each and
// the next. A parameter is never empty.
type segment struct {
	texts []string // as a request has them
	plain []string // decoded, as routes compare them
}

func (s *segment) add(text string) {
	s.texts, s.plain = append(s.texts, text), append(s.plain, decoded(text))
}

// parseTemplate reads a path. What follows a ? or # is not part of the path; some
// descriptions tell operations apart by it.
func parseTemplate(path string) (template, error) {
	var t template
	path = strings.TrimPrefix(path, "/")
	current, text := segment{}, ""
	for path != "" {
		c := path[0]
		path = path[1:]
		switch c {
		case '?', '#':
			path = ""
		case '}':
			return t, errors.New("a } of the path has no { before it")
		case '{':
			name, rest, closed := strings.Cut(path, "}")
			if !closed || strings.Contains(name, "{") {
				return t, errors.New("a { of the path is never closed")
			}
			if name == "" {
				return t, errors.New("a parameter of the path has no name")
			}
			current.add(text)
			text, path = "", rest
		case '/':
			current.add(text)
			t.segments = append(t.segments, current)
			current, text = segment{}, ""
		default:
			text += escape(c)
		}
	}
	if len(current.texts) == 0 && text == "" {
		t.trailing = true
		return t, nil
	}
	current.add(text)
	t.segments = append(t.segments, current)
	return t, nil
}

// escape percent-encodes a byte that no request target has.
func escape(c byte) string {
	const digits = "0123456789ABCDEF"
	if c < 0x21 || c > 0x7e {
		return string([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return string(rune(c))
}

// raw returns a request's path that has these segments.
func (t template) raw(segments []string) string {
	path := "/" + strings.Join(segments, "/")
	if t.trailing && len(segments) > 0 {
		path += "/"
	}
	return path
}

// anyValues returns the path with a value for every parameter.
func (t template) anyValues(value string) string {
	segments := make([]string, len(t.segments))
	for i, s := range t.segments {
		segments[i] = s.with(value)
	}
	return t.raw(segments)
}

// with returns the segment with the same value for each of its parameters.
func (s segment) with(value string) string { return strings.Join(s.texts, value) }

// fixed reports whether the segment has no parameter.
func (s segment) fixed() bool { return len(s.texts) == 1 }

// decoded is the text of a request, decoded as routes compare it. What cannot be
// decoded no route matches.
func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// becomes returns the segment with parameters such that it is the text of a
// pattern. Letters of a fixed one may differ in case: how that counts is for the
// policy to say.
func (s segment) becomes(text string) (string, bool) {
	if s.fixed() {
		return s.texts[0], strings.EqualFold(s.plain[0], text)
	}
	last := len(s.plain) - 1
	rest, ok := strings.CutPrefix(text, s.plain[0])
	if !ok {
		return "", false
	}
	for _, part := range s.plain[1:last] {
		if rest == "" {
			return "", false
		}
		_, after, found := strings.Cut(rest[1:], part) // a parameter is not empty
		if !found {
			return "", false
		}
		rest = after
	}
	end := s.plain[last]
	return url.PathEscape(text), len(rest) > len(end) && strings.HasSuffix(rest, end)
}

// begins returns the segment with parameters such that it begins with a text,
// and goes on in as many ways as it can.
func (s segment) begins(prefix, value string) (string, bool) {
	first := s.plain[0]
	switch {
	case len(prefix) <= len(first):
		return s.with(value), strings.EqualFold(first[:len(prefix)], prefix)
	case s.fixed() || !strings.HasPrefix(prefix, first):
		return "", false
	}
	return s.texts[0] + url.PathEscape(prefix[len(first):]) + value + strings.Join(s.texts[1:], value), true
}
