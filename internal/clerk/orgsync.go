package clerk

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// organizationSync finds the organisation, or the personal account, that a path
// belongs to.
type organizationSync struct {
	organization, personal []*regexp.Regexp
}

func (o *organizationSync) empty() bool { return len(o.organization) == 0 && len(o.personal) == 0 }

type targetKind uint8

const (
	targetNone targetKind = iota
	targetID
	targetSlug
	targetPersonal
)

// syncTarget is what a path names, as it is spelled there.
type syncTarget struct {
	kind  targetKind
	value string
}

func compileSync(s OrganizationSync) (out organizationSync, err error) {
	if out.organization, err = compilePatterns(s.OrganizationPatterns); err != nil {
		return out, err
	}
	out.personal, err = compilePatterns(s.PersonalAccountPatterns)
	return out, err
}

func compilePatterns(patterns []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, p := range patterns {
		e, err := compilePattern(p)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// target matches the path of a URL as it is written there: not decoded, without
// regard to case. Organisations come first, :id before :slug.
func (o *organizationSync) target(path string) syncTarget {
	for _, e := range o.organization {
		m := e.FindStringSubmatch(path)
		if m == nil {
			continue
		}
		for _, want := range [...]struct {
			name string
			kind targetKind
		}{{"id", targetID}, {"slug", targetSlug}} {
			if i := e.SubexpIndex(want.name); i > 0 && m[i] != "" {
				return syncTarget{want.kind, m[i]}
			}
		}
		break // the first pattern that matches counts, whatever it names
	}
	for _, e := range o.personal {
		if e.MatchString(path) {
			return syncTarget{kind: targetPersonal}
		}
	}
	return syncTarget{}
}

// differs reports whether the target is another one than the active
// organisation, so that it has to be activated first.
func (t syncTarget) differs(s *Session) bool {
	switch t.kind {
	case targetID:
		return t.value != s.OrgID
	case targetSlug:
		return t.value != s.OrgSlug
	case targetPersonal:
		return s.OrgID != ""
	}
	return false
}

// CheckPathPattern says what is wrong with a pattern of
// [OrganizationSync]; nil if nothing is. Its grammar is that part of
// path-to-regexp 6, Clerk's library, which needs no look-ahead: segments of
// literal text, of one parameter (:id, :slug or another name, with ?, * or +
// after it), and (.*) at the end.
func CheckPathPattern(pattern string) error {
	_, err := compilePattern(pattern)
	return err
}

// parameterSegment is a whole segment that is a parameter.
var parameterSegment = regexp.MustCompile(`^:([A-Za-z0-9_]+)([?*+]?)$`)

// compilePattern writes the regular expression that path-to-regexp would.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, errors.New("a pattern begins with /")
	}
	text, rest := pattern, ""
	if before, found := strings.CutSuffix(pattern, "(.*)"); found {
		// The slash in front of the group is the group's own.
		if strings.Contains(before[strings.LastIndexByte(before, '/')+1:], ":") {
			return nil, errors.New("(.*) behind a parameter is that parameter's own pattern; write :name/(.*)")
		}
		text, rest = before, "(?:(.*))"
		if short, slash := strings.CutSuffix(before, "/"); slash {
			text, rest = short, "(?:/(.*))"
		}
	}
	var b strings.Builder
	b.WriteString("(?is)^")
	names := map[string]bool{}
	for i, segment := range strings.Split(text, "/") {
		if i == 0 {
			continue // what is before the first slash: nothing
		}
		if err := writeSegment(&b, segment, names); err != nil {
			return nil, err
		}
	}
	b.WriteString(rest)
	b.WriteString(`[/#?]?$`)
	return regexp.Compile(b.String())
}

func writeSegment(b *strings.Builder, segment string, names map[string]bool) error {
	m := parameterSegment.FindStringSubmatch(segment)
	if m == nil {
		if strings.ContainsAny(segment, `:*+?(){}[]|^$\`) {
			return fmt.Errorf("%q is neither plain text nor one parameter", segment)
		}
		b.WriteString("/" + regexp.QuoteMeta(segment))
		return nil
	}
	name, modifier := m[1], m[2]
	if names[name] {
		return fmt.Errorf("the parameter %q is there twice", name)
	}
	names[name] = true
	group := "(?P<" + groupName(name) + ">"
	const one = `[^/#?]+?`
	switch modifier {
	case "", "?":
		b.WriteString("(?:/" + group + one + "))" + modifier)
	default: // one or more segments, or none
		b.WriteString("(?:/" + group + "(?:" + one + ")(?:/(?:" + one + "))*))")
		if modifier == "*" {
			b.WriteString("?")
		}
	}
	return nil
}

// groupName makes a name of a group, which must not begin with a digit.
func groupName(name string) string {
	if '0' <= name[0] && name[0] <= '9' {
		return "_" + name
	}
	return name
}
