package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Severity says what a [Problem] means for the policy that has it.
type Severity int

// The severities. The zero value is the gravest.
const (
	Error   Severity = iota // the policy cannot be used
	Warning                 // the policy works, and is probably not what its author wants
	Note                    // worth knowing
)

// String returns "error", "warning" or "note".
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return "error"
}

// Pos is a place in a policy file. Both numbers begin with 1; Col counts
// characters, not bytes. The zero Pos is no place at all.
type Pos struct{ Line, Col int }

// Problem is one thing that is wrong with a policy. Load and [Policy.Problem]
// create it.
type Problem struct {
	File string
	Pos
	Severity Severity
	Message  string // what is wrong, in one sentence
	Hint     string // what would repair it; may be empty
	Source   string // the line at Pos; empty if Pos is zero
}

// window is how many characters of a long source line are shown: judged to fit
// a terminal, and a review comment, without wrapping.
const window = 120

// String renders the problem for people: place, message, the source line with a
// caret under the place, and the hint. It has no final newline.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	fmt.Fprintf(&b, ": %s: %s", p.Severity, p.Message)
	if p.Line > 0 {
		line, caret := clip([]rune(p.Source), p.Col-1)
		b.WriteString("\n" + line + "\n" + caret)
	}
	if p.Hint != "" {
		b.WriteString("\nhint: " + p.Hint)
	}
	return b.String()
}

// clip returns the part of a line around a character, and a line with a caret
// under that character.
func clip(line []rune, at int) (text, caret string) {
	from, to := 0, len(line)
	if at > window*2/3 && to > window {
		from = min(at-window/2, to-1)
	}
	to = min(to, from+window)
	var t, c strings.Builder
	if from > 0 {
		t.WriteString("…")
		c.WriteByte(' ')
	}
	for i := from; i < to; i++ {
		t.WriteRune(line[i])
		if i < at {
			c.WriteString(blank(line[i]))
		}
	}
	if to < len(line) {
		t.WriteString("…")
	}
	return t.String(), c.String() + "^"
}

// blank returns white space as wide as a terminal draws the character.
func blank(r rune) string {
	if r == '\t' {
		return "\t"
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return ""
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return "  "
	}
	return " "
}

// Problems is a list of problems in the order of their places.
type Problems []Problem

// Err returns nil if no problem is an error, else an error that renders all
// those that are.
func (ps Problems) Err() error {
	var texts []string
	for _, p := range ps {
		if p.Severity == Error {
			texts = append(texts, p.String())
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "\n"))
}

// Count returns how many problems have this severity.
func (ps Problems) Count(s Severity) int {
	n := 0
	for _, p := range ps {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// Merge returns the problems of both lists, sorted by place.
func Merge(a, b Problems) Problems {
	all := append(slices.Clone(a), b...)
	slices.SortStableFunc(all, func(x, y Problem) int {
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return x.Col - y.Col
	})
	return all
}

// brief quotes a text of the file for a message, shortened if it is long.
func brief(s string) string {
	short := shorten(s)
	if short != s {
		short += "…"
	}
	return fmt.Sprintf("%q", short)
}

func shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most])
	}
	return s
}
