package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Problems are printed, logged and pasted into reviews. What follows keeps
// secrets that stand in a policy out of them: out of the lines that they show,
// and out of their sentences.

// stars hides a text without moving what follows it.
func stars(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return r
		}
		return '*'
	}, s)
}

// maskSecret hides the text of a secret, except for the variables in it and the
// beginning of every such key. literal reports whether there was such a text.
func maskSecret(raw string) (masked string, literal bool) {
	var b strings.Builder
	if prefix := secretPrefix(raw); prefix != "" {
		b.WriteString(prefix)
		raw = raw[len(prefix):]
	}
	for raw != "" {
		text, rest := raw, ""
		if start := strings.Index(raw, "${"); start >= 0 {
			text, rest = raw[:start], raw[start:]
		}
		b.WriteString(stars(text))
		literal = literal || text != ""
		if rest == "" {
			break
		}
		v, message := readVariable(rest)
		if message != "" {
			b.WriteString(stars(rest))
			return b.String(), true
		}
		raw = rest[len(v.text):]
		if v.otherwise == "" {
			b.WriteString(v.text)
			continue
		}
		literal = true
		b.WriteString("${" + v.name + ":-" + stars(v.otherwise) + "}")
	}
	return b.String(), literal
}

// secretPrefixes are how secrets begin that can be told from other text.
func secretPrefixes() []string {
	return []string{productionKeySk, developmentKeySk, webhookKey, machineKey}
}

// secretPrefix returns how a text begins if that is how secrets do.
func secretPrefix(s string) string {
	for _, prefix := range secretPrefixes() {
		if strings.HasPrefix(s, prefix) {
			return prefix
		}
	}
	return ""
}

// maskKnown hides secrets that can be recognised, wherever they stand. The
// beginning of a machine's key is also the end of ordinary words, like break_.
func maskKnown(s string) string {
	for _, prefix := range secretPrefixes() {
		for at := 0; ; {
			i := strings.Index(s[at:], prefix)
			if i < 0 {
				break
			}
			start := at + i
			at = start + len(prefix)
			if prefix == machineKey && start > 0 && isWord(s[start-1]) {
				continue
			}
			end := at
			for end < len(s) && isSecretByte(s[end]) {
				end++
			}
			s = s[:at] + strings.Repeat("*", end-at) + s[end:]
			at = end
		}
	}
	return s
}

// isSecretByte reports what keys, and base64, are made of.
func isSecretByte(c byte) bool { return isWord(c) || strings.IndexByte("+/=-.*", c) >= 0 }

// isSecretKey reports whether a key of a mapping, well spelled or not, is for a
// secret.
func isSecretKey(key string) bool {
	p := plain(key)
	return strings.Contains(p, "secret") && !strings.HasSuffix(p, "file")
}

// secretNodes finds the scalars of a document that are secrets, each with the
// place at which the next scalar begins.
type secretNodes struct {
	found []*yaml.Node
	ends  []Pos
	open  bool // the last one found has no end yet
}

func (s *secretNodes) walk(n *yaml.Node, secret bool) {
	if n.Kind == yaml.ScalarNode {
		if s.open {
			s.ends = append(s.ends, place(n))
		}
		if s.open = secret; secret {
			s.found = append(s.found, n)
		}
		return
	}
	for i, child := range n.Content {
		value := n.Kind == yaml.MappingNode && i%2 == 1
		s.walk(child, secret || value && isSecretKey(n.Content[i-1].Value))
	}
}

// hideSecrets finds the secrets of a document once and for all.
func (s *source) hideSecrets(root *yaml.Node) {
	var nodes secretNodes
	nodes.walk(root, false)
	for i, n := range nodes.found {
		end := Pos{len(s.lines) + 1, 1}
		if i < len(nodes.ends) {
			end = nodes.ends[i]
		}
		s.hideNode(n, end)
		if masked, literal := maskSecret(n.Value); literal && masked != n.Value {
			s.secrets = append(s.secrets, n.Value)
		}
	}
	s.searched = true
}

// hideNode masks a scalar on the lines that show it: alone, if its text stands
// there as it is, else with all that follows it.
func (s *source) hideNode(n *yaml.Node, end Pos) {
	rest := s.after(place(n))
	start := Pos{n.Line, n.Column}
	if quote := strings.TrimLeft(rest, `"'`); strings.HasPrefix(quote, n.Value) && n.Value != "" {
		masked, _ := maskSecret(n.Value)
		start.Col += utf8.RuneCountInString(rest[:len(rest)-len(quote)])
		s.overwrite(start, masked)
		return
	}
	for line := n.Line; line <= min(end.Line, len(s.lines)); line++ {
		text := []rune(s.after(Pos{line, start.Col}))
		if line == end.Line {
			text = text[:max(0, min(len(text), end.Col-start.Col))]
		}
		s.overwrite(Pos{line, start.Col}, stars(string(text)))
		start.Col = 1
	}
}

// overwrite changes what is shown at a place.
func (s *source) overwrite(at Pos, text string) {
	if s.shown == nil {
		s.shown = map[int][]rune{}
	}
	line, there := s.shown[at.Line]
	if !there {
		line = []rune(s.lines[at.Line-1])
	}
	if from := at.Col - 1; from < len(line) {
		copy(line[from:], []rune(text))
	}
	s.shown[at.Line] = line
}

// line returns a line as problems show it.
func (s *source) line(number int) string {
	text := s.lines[number-1]
	if line, masked := s.shown[number]; masked {
		text = string(line)
	}
	if !s.searched {
		text = s.cautious(number)
	}
	return printable(s.hide(text))
}

// cautious returns a line of a text that is not YAML, and so has no nodes, with
// all that could be a secret masked.
func (s *source) cautious(number int) string {
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " \t-")) }
	text := s.lines[number-1]
	if masked := hideValues(text); masked != text {
		return masked
	}
	for i := number - 2; i >= 0; i-- {
		above := s.lines[i]
		if strings.TrimSpace(above) == "" || indent(above) >= indent(text) {
			continue
		}
		if probe := above + " x"; hideValues(probe) != probe {
			return stars(text)
		}
		break
	}
	return text
}

// hideValues masks what follows the first key for a secret on a line.
func hideValues(line string) string {
	for at, c := range line {
		if c != ':' && c != '=' {
			continue
		}
		before := strings.TrimRight(line[:at], ` "'`)
		word := len(before)
		for word > 0 && (isWord(before[word-1]) || before[word-1] == '-') {
			word--
		}
		if isSecretKey(before[word:]) {
			masked, _ := maskSecret(line[at+1:])
			return line[:at+1] + masked
		}
	}
	return line
}

// shortestSecret is how many bytes make a text worth hiding wherever it stands:
// no key is shorter, and ordinary words would be hidden with it.
const shortestSecret = 8

// hide keeps secrets out of a sentence, or a line.
func (s *source) hide(text string) string {
	for _, secret := range s.secrets {
		for _, form := range []string{secret, shorten(secret)} {
			if len(form) >= shortestSecret {
				masked, _ := maskSecret(form)
				text = strings.ReplaceAll(text, form, masked)
			}
		}
	}
	return maskKnown(text)
}
