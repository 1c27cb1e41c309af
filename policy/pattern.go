package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// tail says how a pattern ends.
type tail int

const (
	tailExact  tail = iota // with its last segment
	tailBelow              // "/**": what is before it, and everything below
	tailPrefix             // "(.*)": any continuation of the text
)

// pattern is a compiled path pattern.
type pattern struct {
	text     string
	segments []patternSegment
	tail     tail
	prefix   string // tailPrefix: what the segment after segments begins with
	params   []param
}

// patternSegment is a literal, or any one segment if literal is empty.
type patternSegment struct{ literal string }

// param says which segment of the path a parameter is.
type param struct {
	name  string
	index int
}

// index returns which segment a parameter is.
func (p *pattern) index(name string) (int, bool) {
	for _, q := range p.params {
		if q.name == name {
			return q.index, true
		}
	}
	return 0, false
}

// offset returns at which byte of the text a segment begins.
func (p *pattern) offset(segment int) int {
	at := 1
	for range segment {
		at += strings.IndexByte(p.text[at:], '/') + 1
	}
	return at
}

// literals yields every literal text of the pattern.
func (p *pattern) literals() []string {
	var out []string
	for _, s := range p.segments {
		if s.literal != "" {
			out = append(out, s.literal)
		}
	}
	return append(out, p.prefix)
}

// patternError is what is wrong with a pattern, and at which byte.
type patternError struct {
	at            int
	message, hint string
}

// parsePattern reads the grammar that the package documentation gives.
func parsePattern(text string) (*pattern, *patternError) {
	if err := checkPatternText(text); err != nil {
		return nil, err
	}
	p := &pattern{text: text}
	if text == "/" {
		return p, nil
	}
	at := 1
	parts := strings.Split(text[1:], "/")
	for i, part := range parts {
		if err := p.add(part, at, i == len(parts)-1); err != nil {
			return nil, err
		}
		at += len(part) + 1
	}
	return p, nil
}

// checkPatternText finds what no segment may have.
func checkPatternText(text string) *patternError {
	if !strings.HasPrefix(text, "/") {
		hint := "write " + brief("/"+text)
		if strings.Contains(text, "://") {
			hint = "only the path is compared here; name the host under hosts"
		}
		return &patternError{0, "a path pattern begins with /", hint}
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size <= 1 {
				return &patternError{i, "the pattern is not UTF-8 text", ""}
			}
		}
		if invisible(r) || r == '\t' {
			return &patternError{i, fmt.Sprintf("the pattern has the invisible character U+%04X, so no path can match it", r), ""}
		}
		if message, hint := forbidden(r); message != "" {
			return &patternError{i, message, hint}
		}
	}
	if i := strings.Index(text, "//"); i >= 0 {
		return &patternError{i, "the pattern has //, so no path can match it", "write one /"}
	}
	if len(text) > 1 && strings.HasSuffix(text, "/") {
		return &patternError{len(text) - 1, "a pattern does not end with /", "drop it: a trailing / of the request is ignored; /** at the end matches everything below, too"}
	}
	return nil
}

// forbidden says why a character cannot be in a pattern.
func forbidden(r rune) (message, hint string) {
	switch r {
	case '%':
		return "the pattern has a %", "write the character itself: paths are decoded before they are compared"
	case '\\':
		return `the pattern has a \`, "nothing is escaped in a pattern"
	case ';':
		return "the pattern has a ;, so no path can match it", ""
	case '#':
		return "the pattern has a #, so no path can match it", "fragments never reach a server"
	case '?':
		return "the pattern has a ?", "queries are not compared, and nothing is optional; list both paths instead"
	case '+':
		return "the pattern has a +, a modifier that is not supported", "match one segment with * or {name}, everything below with /**"
	}
	return "", ""
}

// add compiles one segment.
func (p *pattern) add(part string, at int, last bool) *patternError {
	switch part {
	case ".", "..":
		return &patternError{at, "the pattern has a dot segment, so no path can match it", ""}
	case "**":
		if !last {
			return &patternError{at, "** stands at the end of a pattern only", "match one segment with * or {name}"}
		}
		p.tail = tailBelow
		return nil
	case "*":
		p.segments = append(p.segments, patternSegment{})
		return nil
	}
	if literal, ok := strings.CutSuffix(part, "(.*)"); ok && last {
		if err := checkLiteral(literal, at, true); err != nil {
			return err
		}
		p.tail, p.prefix = tailPrefix, literal
		return nil
	}
	if name, ok := paramName(part); ok {
		return p.addParam(name, at)
	}
	if err := checkLiteral(part, at, false); err != nil {
		return err
	}
	p.segments = append(p.segments, patternSegment{literal: part})
	return nil
}

func (p *pattern) addParam(name string, at int) *patternError {
	if _, twice := p.index(name); twice {
		return &patternError{at, "the pattern has this parameter twice", "give one of them another name"}
	}
	p.params = append(p.params, param{name, len(p.segments)})
	p.segments = append(p.segments, patternSegment{})
	return nil
}

// paramName returns the name if the whole segment is {name} or :name.
func paramName(part string) (string, bool) {
	if name, ok := strings.CutPrefix(part, ":"); ok {
		return name, isName(name)
	}
	name, ok := strings.CutPrefix(part, "{")
	name, closed := strings.CutSuffix(name, "}")
	return name, ok && closed && isName(name)
}

// isName reports whether s is the name of a parameter or of a variable.
func isName(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !isWord(s[i]) {
			return false
		}
	}
	return true
}

// checkLiteral finds what makes a segment more than text. If continued, a (.*)
// follows it.
func checkLiteral(part string, at int, continued bool) *patternError {
	i := strings.IndexAny(part, "(){}:*")
	if i < 0 {
		return nil
	}
	at += i
	switch part[i] {
	case '(', ')':
		if strings.HasPrefix(part[i:], "(.*)") {
			return &patternError{at, "(.*) stands at the end of a pattern only", "match one segment with * or {name}"}
		}
		return &patternError{at, "the only group is (.*) at the end of a pattern", "regular expressions are not supported; match one segment with * or {name}"}
	case '*':
		return &patternError{at, "a * is a segment of its own, not a modifier", starHint(part[:i])}
	}
	return paramError(part, i, at, continued)
}

func starHint(before string) string {
	if before == "" {
		return "write * for one segment, /** at the end for everything below"
	}
	return "for any continuation of the text write (.*) at the end, for everything below /**"
}

// paramError explains a parameter that is not one whole segment.
func paramError(part string, i, at int, continued bool) *patternError {
	end := i + 1
	for end < len(part) && isWord(part[end]) {
		end++
	}
	name := part[i+1 : end]
	rest := part[end:]
	if part[i] == '{' {
		rest = strings.TrimPrefix(rest, "}")
	}
	switch {
	case part[i] != '}' && isName(name) && rest == "*":
		return &patternError{at + len(part) - i - 1, "modifiers of parameters are not supported", "for everything below write /** instead of this segment"}
	case continued:
		return &patternError{at, "(.*) follows literal text only", "for everything below a parameter write /** after it"}
	case i == 0 && !isName(name):
		return &patternError{at, "this is not a parameter", "a parameter is {name} or :name, of letters, digits and _, not beginning with a digit"}
	}
	return &patternError{at, "a parameter is one whole segment", "give the text and the parameter a segment each, or match the segment with *"}
}

// sameParams reports whether both patterns bind the named parameters to the
// same segments.
func sameParams(p, q *pattern, names []string) bool {
	return p == q || !slices.ContainsFunc(names, func(name string) bool {
		i, _ := p.index(name)
		j, _ := q.index(name)
		return i != j
	})
}
