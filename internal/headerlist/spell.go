package headerlist

import "strings"

// maxSeparators is up to how many "-" a name has whose spellings are written one by
// one, eight of them then: names can be read, and looked for, where an expression has
// to be understood.
const maxSeparators = 3

// maxProgram bounds what an expression may compile to, as instructions of RE2.
// Envoy refuses more than 100 unless configured, and counts some of its own.
const maxProgram = 80

// separator is "-" or "_", as an expression.
const separator = "[-_]"

// anything is the rest of a name of which the beginning matters.
const anything = ".*"

// spellings returns matchers for a name with each "-" being a "_" as well: one for
// each spelling, as exactly makes them, while these are few, else an expression,
// with rest at its end.
func spellings(name string, exactly func(string) Matcher, rest string) []Matcher {
	if strings.Count(name, "-") > maxSeparators {
		return []Matcher{{Regex: &Regex{expression(name, rest)}}}
	}
	spelled := []string{""}
	for _, c := range name {
		next := make([]string, 0, 2*len(spelled))
		for _, s := range spelled {
			next = append(next, s+string(c))
			if c == '-' {
				next = append(next, s+"_")
			}
		}
		spelled = next
	}
	out := make([]Matcher, len(spelled))
	for i, s := range spelled {
		out[i] = exactly(s)
	}
	return out
}

// expression is one for all spellings of a name. What would become too large ends
// early, and matches every name that begins so. Names consist of letters, digits
// and "-", which mean themselves.
func expression(name, rest string) string {
	const sepSize = 3 // instructions
	var b strings.Builder
	size := 0
	for _, c := range name {
		text, cost := string(c), 1
		if c == '-' {
			text, cost = separator, sepSize
		}
		if size += cost; size > maxProgram {
			return b.String() + anything
		}
		b.WriteString(text)
	}
	return b.String() + rest
}

// scalar writes a name as a YAML string: as it is, unless YAML could take it for
// something else.
func scalar(name string) string {
	switch name {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
	default:
		if 'a' <= name[0] && name[0] <= 'z' && strings.Trim(name, "-_0123456789abcdefghijklmnopqrstuvwxyz") == "" {
			return name
		}
	}
	return "'" + strings.ReplaceAll(name, "'", "''") + "'"
}
