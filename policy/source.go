package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSource bounds a policy file, in bytes. Ten thousand short routes fit; what
// is larger is a mistake or an attack on the loader.
const maxSource = 1 << 20

// source is the text of a policy file, for showing places in it.
type source struct {
	file  string
	lines []string

	searched bool           // for secrets; until then, more than them is hidden
	secrets  []string       // that stand in the text
	shown    map[int][]rune // the lines that have them, by number, with the secrets masked
}

func newSource(file string, src []byte) *source {
	lines := strings.Split(string(src), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return &source{file: file, lines: lines}
}

// hash names the source in logs and metadata.
func hash(src []byte) string {
	sum := sha256.Sum256(src)
	return "sha256:" + hex.EncodeToString(sum[:6])
}

// problem describes something at a place, which is moved into the file if a
// parser put it beyond the end.
func (s *source) problem(sev Severity, pos Pos, message, hint string) Problem {
	p := Problem{File: s.file, Severity: sev, Message: s.hide(message), Hint: s.hide(hint)}
	if pos.Line < 1 {
		return p
	}
	p.Pos = s.clamp(pos)
	p.Source = s.line(p.Line)
	return p
}

func (s *source) clamp(pos Pos) Pos {
	last := len(s.lines)
	if last > 1 && s.lines[last-1] == "" {
		last-- // after the final newline there is no line to show
	}
	if pos.Line > last {
		return Pos{last, utf8.RuneCountInString(s.lines[last-1]) + 1}
	}
	end := utf8.RuneCountInString(s.lines[pos.Line-1]) + 1
	return Pos{pos.Line, min(max(pos.Col, 1), end)}
}

// after returns the text that follows a place on its line.
func (s *source) after(pos Pos) string {
	if pos.Line < 1 || pos.Line > len(s.lines) {
		return ""
	}
	rest := s.lines[pos.Line-1]
	for i := 1; i < pos.Col && rest != ""; i++ {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	return rest
}

// unreadable returns the first place at which an editor and a parser could see
// different text, and what is there.
func (s *source) unreadable() (pos Pos, what string) {
	for i, line := range s.lines {
		col := 0
		for at, r := range line {
			col++
			if r == utf8.RuneError {
				if _, size := utf8.DecodeRuneInString(line[at:]); size <= 1 {
					return Pos{i + 1, col}, "not UTF-8 text"
				}
			}
			if invisible(r) {
				return Pos{i + 1, col}, fmt.Sprintf("the invisible character U+%04X is not allowed in a policy", r)
			}
		}
	}
	return Pos{}, ""
}

// invisible reports characters that break or reorder lines without showing, and
// those that YAML forbids.
func invisible(r rune) bool {
	switch {
	case r == '\t':
		return false
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff', r&0xfffe == 0xfffe:
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// printable makes a line harmless to a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return utf8.RuneError
		}
		return r
	}, line)
}
