package policy

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// character is one that is no white space, with its place in the file.
type character struct {
	r   rune
	pos Pos
}

// insideScalar returns the place of a character of a text's value in the file. It
// lines up what is no white space: YAML changes that only by escapes and doubled
// quotes, whichever way it is written. Where the file does not show the same, the
// place is that of the whole text.
func (l *loader) insideScalar(n *yaml.Node, at int) Pos {
	value := []rune(n.Value)
	at = min(max(at, 0), len(value))
	nth := 0 // how many characters come before
	for _, r := range value[:at] {
		if !blankRune(r) {
			nth++
		}
	}
	atBlank := at == len(value) || blankRune(value[at])
	if atBlank {
		nth-- // the place is behind what comes before
	}
	shown := l.source.characters(n, nth+1)
	if nth < 0 || nth >= len(shown) || !sameCharacters(value, shown) {
		return place(n)
	}
	pos := shown[nth].pos
	if atBlank {
		pos.Col++
	}
	return pos
}

func sameCharacters(value []rune, shown []character) bool {
	i := 0
	for _, r := range value {
		if blankRune(r) {
			continue
		}
		if i == len(shown) {
			break
		}
		if shown[i].r != r {
			return false
		}
		i++
	}
	return i == len(shown)
}

func blankRune(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

// characters returns the first characters of a text as the file shows it.
func (s *source) characters(n *yaml.Node, most int) []character {
	at := place(n)
	style := byte(0)
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		at = Pos{at.Line + 1, 1} // the line of the indicator has nothing of the text
	case n.Style&yaml.DoubleQuotedStyle != 0:
		style = '"'
		at.Col++
	case n.Style&yaml.SingleQuotedStyle != 0:
		style = '\''
		at.Col++
	}
	var out []character
	for ; at.Line <= len(s.lines) && len(out) < most; at = (Pos{at.Line + 1, 1}) {
		var ended bool
		if out, ended = s.charactersOfLine(out, at, style); ended {
			break
		}
	}
	return out[:min(len(out), most)]
}

// charactersOfLine adds those from a place on, and reports whether the text ends
// there.
func (s *source) charactersOfLine(out []character, at Pos, style byte) ([]character, bool) {
	line := []rune(s.after(at))
	for i := 0; i < len(line); {
		r, size := line[i], 1
		switch {
		case style == '"' && r == '\\':
			r, size = unescapeYAML(line[i:])
		case style == '\'' && r == '\'' && i+1 < len(line) && line[i+1] == '\'':
			size = 2
		case style != 0 && r == rune(style):
			return out, true
		}
		if !blankRune(r) {
			out = append(out, character{r, Pos{at.Line, at.Col + i}})
		}
		i += size
	}
	return out, false
}

// unescapeYAML reads the escape that a double-quoted text begins with (YAML 1.2,
// section 5.7), and how long it is. One that joins two lines stands for nothing.
func unescapeYAML(s []rune) (r rune, size int) {
	if len(s) < 2 {
		return ' ', len(s)
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	if digits > 0 && len(s) >= 2+digits {
		code, err := strconv.ParseUint(string(s[2:2+digits]), 16, 32)
		if err == nil && code <= 0x10ffff {
			return rune(code), 2 + digits
		}
	}
	const letters = "0abtnvfre_NLP"
	if i := strings.IndexRune(letters, s[1]); i >= 0 {
		return []rune("\x00\a\b\t\n\v\f\r\x1b\u00a0\u0085\u2028\u2029")[i], 2
	}
	return s[1], 2
}
