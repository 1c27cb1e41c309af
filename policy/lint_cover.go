package policy

import "strings"

// What follows reasons about all the paths that a pattern matches. It is exact,
// because no pattern can name every text that stands for a segment: a segment
// that no pattern has speaks for all of them.

// freshText is a text that no pattern has and no pattern can have, and that is
// its own upper and lower case.
const freshText = "+"

// covers reports whether p matches every path that q matches.
func (p *pattern) covers(q *pattern, fold func(string) string) bool {
	k, m := len(p.segments), len(q.segments)
	for i := range min(k, m) {
		if !p.segments[i].covers(q.segments[i], fold) {
			return false
		}
	}
	switch p.tail {
	case tailExact:
		return q.tail == tailExact && k == m
	case tailBelow:
		return k <= m || k == m+1 && q.tail == tailPrefix && q.prefix != "" && p.segments[m].literal == ""
	}
	prefix := fold(p.prefix)
	switch {
	case m > k:
		return strings.HasPrefix(fold(q.segments[k].literal), prefix)
	case m < k:
		return false
	case q.tail == tailPrefix:
		return strings.HasPrefix(fold(q.prefix), prefix)
	}
	return k == 0 && prefix == "" // the root always ends with a slash
}

func (s patternSegment) covers(t patternSegment, fold func(string) string) bool {
	return s.literal == "" || t.literal != "" && fold(s.literal) == fold(t.literal)
}

// broader reports whether p matches every path that q matches, and more.
func (p *pattern) broader(q *pattern, fold func(string) string) bool {
	return p.covers(q, fold) && !q.covers(p, fold)
}

// sample is a path that stands for all those of a pattern that have as many
// segments: the segments, and whether it ends with a slash.
type sample struct {
	segments []string
	trailing bool
}

// longer returns the sample with one more segment.
func (s sample) longer() sample { return sample{segments: append(s.segments, freshText)} }

// meet returns a path that both patterns match; ok is false if there is none.
func (p *pattern) meet(q *pattern, fold func(string) string) (s sample, ok bool) {
	for i := range max(p.least(), q.least()) {
		text, fits := p.at(i, fold).meet(q.at(i, fold))
		if !fits {
			return sample{}, false
		}
		s.segments = append(s.segments, text)
	}
	s.trailing = p.tail == tailPrefix && p.prefix == "" || q.tail == tailPrefix && q.prefix == "" || len(s.segments) == 0
	return s, true
}

// least is how many segments the shortest paths of a pattern have.
func (p *pattern) least() int {
	if p.tail == tailPrefix && p.prefix != "" {
		return len(p.segments) + 1
	}
	return len(p.segments)
}

// part is what a pattern wants of one segment.
type part struct {
	text string
	open bool // the text may go on
	none bool // there is no such segment
}

func (p *pattern) at(i int, fold func(string) string) part {
	switch {
	case i < len(p.segments):
		text := p.segments[i].literal
		return part{text: fold(text), open: text == ""}
	case p.tail == tailPrefix && i == len(p.segments):
		return part{text: fold(p.prefix), open: true}
	}
	return part{open: true, none: p.tail == tailExact}
}

// meet returns a text that both parts allow.
func (a part) meet(b part) (text string, ok bool) {
	if len(a.text) < len(b.text) {
		a, b = b, a
	}
	switch {
	case a.none || b.none || !strings.HasPrefix(a.text, b.text) || !b.open && a.text != b.text:
		return "", false
	case a.open && b.open:
		return a.text + freshText, true
	}
	return a.text, true
}

// shortest returns the sample of the shortest paths of a pattern.
func (p *pattern) shortest(fold func(string) string) sample {
	s, _ := p.meet(p, fold)
	return s
}

// endless reports whether a pattern that matches a sample of paths matches all
// longer ones that begin like it, too.
func (p *pattern) endless() bool { return p.tail != tailExact }
