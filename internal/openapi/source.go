package openapi

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clerkgate/clerkgate/policy"
)

// source is the text of a description, for showing places in it.
type source struct {
	file  string
	lines []string
	shown map[int]line // those that problems showed, by index: one line may be a whole document
}

// line is a line as problems show it.
type line struct {
	text string
	end  int // the column after it
}

// newSource splits a text at the line breaks that its parser counts.
func newSource(file, text string, breaks *strings.Replacer) *source {
	return &source{file, strings.Split(breaks.Replace(text), "\n"), map[int]line{}}
}

// yamlBreaks makes every line break of YAML 1.1, which the parser counts, a
// newline.
func yamlBreaks() *strings.Replacer {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
}

// jsonBreaks knows the line breaks that editors count.
func jsonBreaks() *strings.Replacer { return strings.NewReplacer("\r\n", "\n") }

// garbled returns the first place that is not UTF-8.
func (s *source) garbled() policy.Pos {
	for i, line := range s.lines {
		for at, r := range line {
			if r != utf8.RuneError {
				continue
			}
			if _, size := utf8.DecodeRuneInString(line[at:]); size <= 1 {
				return policy.Pos{Line: i + 1, Col: utf8.RuneCountInString(line[:at]) + 1}
			}
		}
	}
	return policy.Pos{}
}

// problem describes something at a place, which is moved into the file if a
// parser put it beyond the end.
func (s *source) problem(sev policy.Severity, pos policy.Pos, message, hint string) policy.Problem {
	last := len(s.lines)
	if last > 1 && s.lines[last-1] == "" {
		last-- // after the final newline there is no line to show
	}
	number := min(max(pos.Line, 1), last)
	at := s.line(number - 1)
	col := min(max(pos.Col, 1), at.end)
	if pos.Line > last {
		col = at.end
	}
	return policy.Problem{
		File: s.file, Pos: policy.Pos{Line: number, Col: col}, Severity: sev,
		Message: printable(message), Hint: printable(hint), Source: at.text,
	}
}

func (s *source) line(index int) line {
	shown, there := s.shown[index]
	if !there {
		text := s.lines[index]
		shown = line{printable(text), utf8.RuneCountInString(text) + 1}
		s.shown[index] = shown
	}
	return shown
}

// printable makes a text harmless to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case unicode.IsControl(r), r > unicode.MaxLatin1 && unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029', r == '\ufeff':
			return utf8.RuneError
		}
		return r
	}, text)
}

// brief shortens a text of the document for a message.
func brief(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
