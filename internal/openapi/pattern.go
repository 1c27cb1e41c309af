package openapi

import "strings"

// pattern is a path pattern of a route, whose grammar package policy documents
// and has checked.
type pattern struct {
	segments []string // literals; empty: any one segment
	below    bool     // ends with /**
	open     bool     // ends with prefix(.*)
	prefix   string
}

func parsePattern(text string) pattern {
	var p pattern
	if text == "/" {
		return p
	}
	for s := range strings.SplitSeq(text[1:], "/") {
		prefix, open := strings.CutSuffix(s, "(.*)")
		switch {
		case open:
			p.open, p.prefix = true, prefix
		case s == "**":
			p.below = true
		case s == "*" || s[0] == '{' || s[0] == ':':
			p.segments = append(p.segments, "")
		default:
			p.segments = append(p.segments, s)
		}
	}
	return p
}

// meet returns the path of a request that is the operation's and matches the
// pattern: the most general one, with value for each parameter that the pattern
// leaves open. ok is false if there is none.
func (p pattern) meet(t template, value string) (raw string, ok bool) {
	if !p.fits(t) {
		return "", false
	}
	segments := make([]string, len(t.segments))
	for i, s := range t.segments {
		ok := true
		switch {
		case i < len(p.segments) && p.segments[i] != "":
			segments[i], ok = s.becomes(p.segments[i])
		case i == len(p.segments) && p.open:
			segments[i], ok = s.begins(p.prefix, value)
		default:
			segments[i] = s.with(value)
		}
		if !ok {
			return "", false
		}
	}
	return t.raw(segments), true
}

// fits compares what needs no parameter: it is asked of every operation for every
// route, and mostly says no.
func (p pattern) fits(t template) bool {
	count := len(p.segments)
	switch {
	case len(t.segments) < count, len(t.segments) > count && !p.below && !p.open:
		return false
	case p.open && len(t.segments) == count && (!t.trailing || p.prefix != ""):
		return false
	}
	for i, literal := range p.segments {
		if s := t.segments[i]; literal != "" && s.fixed() && !strings.EqualFold(s.plain[0], literal) {
			return false
		}
	}
	return true
}
