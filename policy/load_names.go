package policy

import (
	"fmt"
	"strings"
)

// names checks roles or permissions and returns them without prefix.
func (l *loader) names(items []scalar, what string, parse func(string) *problemWithHint) []string {
	var out []string
	var good []scalar
	for _, t := range items {
		if p := parse(t.Value); p != nil && !t.Unset {
			l.fail(t.Pos, fmt.Sprintf("%s is not a %s: %s", brief(t.raw), what, p.message), p.hint)
			continue
		}
		out = append(out, trimOrg(t.Value))
		good = append(good, t)
	}
	l.once(what, distinct(good), func(t scalar) string { return trimOrg(t.Value) })
	return out
}

// parseRole accepts admin and org:admin, which are one and the same to Clerk.
func parseRole(s string) *problemWithHint {
	const hint = "roles are like org:admin, or admin for short"
	name := trimOrg(s)
	switch {
	case name == "":
		return &problemWithHint{"there is nothing after the prefix", hint}
	case strings.Contains(name, ":") && nameCharacters(strings.ReplaceAll(name, ":", "")):
		return &problemWithHint{"it has more than one part", "this looks like a permission; " + hint}
	case !nameCharacters(name):
		return &problemWithHint{"roles have letters, digits, _, - and . only", hint}
	}
	return nil
}

// parsePermission accepts org:feature:permission, with or without the prefix,
// which Clerk's has() adds.
func parsePermission(s string) *problemWithHint {
	const hint = "permissions are like org:invoices:manage"
	feature, permission, ok := strings.Cut(trimOrg(s), ":")
	switch {
	case !ok && strings.HasPrefix(s, orgPrefix):
		return &problemWithHint{"it has one part", "this looks like a role; " + hint}
	case !ok:
		return &problemWithHint{"it has one part", hint}
	case feature == "" || permission == "":
		return &problemWithHint{"a part is empty", hint}
	case !nameCharacters(feature) || !nameCharacters(permission):
		return &problemWithHint{"its two parts have letters, digits, _, - and . only", hint}
	}
	return nil
}

// entitlements reads features or plans.
func (l *loader) entitlements(items []scalar, what string) entitlements {
	var out entitlements
	for _, t := range items {
		e, p := parseEntitlement(t.Value, what)
		if p != nil && !t.Unset {
			l.fail(t.Pos, fmt.Sprintf("%s is not a %s: %s", brief(t.raw), what, p.message), p.hint)
			continue
		}
		out = append(out, e)
	}
	return out
}

// parseEntitlement accepts a name with the scope org: or user:, or with none.
// Clerk's has() reads more spellings of them, and any further part as nothing.
func parseEntitlement(s, what string) (entitlement, *problemWithHint) {
	hint := fmt.Sprintf("write %s: name, org:name or user:name", what)
	e := entitlement{name: s}
	if scope, name, scoped := strings.Cut(s, ":"); scoped {
		e.name = name
		switch scope + ":" {
		case orgPrefix:
			e.scope = scopeOrg
		case userPrefix:
			e.scope = scopeUser
		default:
			return entitlement{}, &problemWithHint{"its scope is neither org nor user", hint}
		}
	}
	switch {
	case e.name == "":
		return entitlement{}, &problemWithHint{"there is nothing after the scope", hint}
	case strings.Contains(e.name, ":"):
		return entitlement{}, &problemWithHint{"it has more than one colon", hint}
	case !nameCharacters(e.name):
		return entitlement{}, &problemWithHint{"names have letters, digits, _, - and . only", hint}
	}
	return e, nil
}

// nameCharacters reports whether s is what keys in Clerk's dashboard are made
// of.
func nameCharacters(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isWord(s[i]) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return s != ""
}

func withPrefix(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, orgPrefix+n)
	}
	return out
}

// alternatives writes a list as a sentence does.
func alternatives(items []string, last string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	n := len(items) - 1
	return strings.Join(items[:n], ", ") + last + items[n]
}
