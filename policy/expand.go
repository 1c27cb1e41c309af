package policy

import (
	"fmt"
	"strings"
)

// expand replaces ${NAME} and ${NAME:-default} in a text. What a variable holds
// is not looked at again, whatever it is.
func (l *loader) expand(t scalar) (value string, unset, ok bool) {
	var b strings.Builder
	ok = true
	for at := 0; ; {
		start := strings.Index(t.raw[at:], "${")
		if start < 0 {
			b.WriteString(t.raw[at:])
			return b.String(), unset, ok
		}
		start += at
		b.WriteString(t.raw[at:start])
		v, message := readVariable(t.raw[start:])
		pos := l.inside(scalar{Text: Text{Value: t.raw, Pos: t.Pos}, raw: t.raw}, start)
		if message != "" {
			l.fail(pos, message, "variables are written ${NAME} or ${NAME:-default}")
			return "", false, false
		}
		text, found := l.lookUp(v)
		switch {
		case found:
		case l.options.AllowUnset:
			text, unset = v.text, true
		default:
			l.fail(pos, fmt.Sprintf("the variable %s is not set", v.name), fmt.Sprintf("set it, or give a default: ${%s:-…}", v.name))
			ok = false
		}
		b.WriteString(text)
		at = start + len(v.text)
	}
}

// variable is one ${…} of a text.
type variable struct {
	text       string // all of it
	name       string
	otherwise  string
	hasDefault bool
}

// readVariable reads the variable that s begins with.
func readVariable(s string) (v variable, message string) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return v, "the ${ is not closed"
	}
	v.text = s[:end+1]
	v.name, v.otherwise, v.hasDefault = strings.Cut(s[2:end], ":-")
	switch {
	case strings.Contains(v.otherwise, "${"):
		return v, "a default has no variables in it"
	case !isName(v.name):
		return v, fmt.Sprintf("%s is not the name of a variable", brief(v.name))
	}
	return v, ""
}

// lookUp returns a variable's value. As in a shell, the default also stands in
// for a value that is empty.
func (l *loader) lookUp(v variable) (string, bool) {
	value, found := "", false
	if l.options.Env != nil {
		value, found = l.options.Env(v.name)
	}
	if v.hasDefault && value == "" {
		return v.otherwise, true
	}
	return value, found
}
