package policy

import (
	"slices"
	"strings"
	"testing"
)

// find returns the paths that a pattern matches, and whether it is in the file.
func (c *routeMatcher) find(pattern string) (matches []string, asked bool) {
	for _, patterns := range c.Patterns {
		if matches, asked = patterns[pattern]; asked {
			return matches, true
		}
	}
	return nil, false
}

// What the page has instead of a pattern of createRouteMatcher matches what it
// says: the same, more, or less.
func TestMigrationPatterns(t *testing.T) {
	clerk := readRouteMatcher(t)
	kinds := map[string]bool{}
	for _, table := range readPage(t).tablesOf(t, 30, "`createRouteMatcher`", "here", "matches") {
		for _, row := range table.rows {
			checkInstead(t, clerk, row)
			for kind, patterns := range clerk.Patterns {
				_, there := patterns[quotes(row[0])[0]]
				kinds[kind] = kinds[kind] || there
			}
		}
	}
	for _, kind := range []string{"text", "text and what follows", "parameters", "parameters with modifiers", "groups", "look-aheads", "RegExp", "slips"} {
		if !kinds[kind] {
			t.Errorf("the page has no pattern of the kind %q", kind)
		}
	}
}

func checkInstead(t *testing.T, clerk *routeMatcher, row []string) {
	t.Helper()
	pattern, instead := quotes(row[0])[0], quotes(row[1])
	unchanged := strings.HasPrefix(row[1], "unchanged")
	if unchanged {
		instead = append(instead, pattern)
	}
	if taken := namedPolicy(t, pattern) != nil; taken != unchanged {
		t.Errorf("%s loads: %v", pattern, taken)
	}
	matches, asked := clerk.find(pattern)
	switch {
	case !asked:
		t.Errorf("nobody asked Clerk's matcher about %s", pattern)
	case row[1] == "—":
	case unchanged:
		for _, one := range instead {
			compareInstead(t, clerk, matches, row, one)
		}
	default:
		compareInstead(t, clerk, matches, row, instead...)
	}
}

// compareInstead compares what patterns match here with what Clerk's matcher
// matches, over the paths that are not refused.
func compareInstead(t *testing.T, clerk *routeMatcher, matches, row []string, patterns ...string) {
	t.Helper()
	p := namedPolicy(t, patterns...)
	if p == nil {
		t.Errorf("%q, instead of %s, does not load", patterns, row[0])
		return
	}
	var more, less []string
	for _, path := range clerk.paths() {
		ours, theirs := p.ask(t, path), slices.Contains(matches, path)
		switch {
		case ours == "named" && !theirs:
			more = append(more, path)
		case ours == "rest" && theirs:
			less = append(less, path)
		}
	}
	got := map[[2]bool]string{{}: "the same", {true, false}: "more", {false, true}: "less"}[[2]bool{len(more) > 0, len(less) > 0}]
	if got == "" || !strings.HasPrefix(row[2], got) {
		t.Errorf("%q, instead of %s, matches more: %q, less: %q; the page says %s", patterns, row[0], more, less, row[2])
	}
}

// The examples of where the two matchers differ, and where they do not.
func TestMigrationDifferences(t *testing.T) {
	clerk := readRouteMatcher(t)
	for _, table := range readPage(t).tablesOf(t, 15, "pattern", "path", "Clerk", "here") {
		for _, row := range table.rows {
			pattern, path := quotes(row[0])[0], quotes(row[1])[0]
			matches, asked := clerk.find(pattern)
			if !asked || !slices.Contains(clerk.paths(), path) {
				t.Errorf("nobody asked Clerk's matcher about %s and %s", pattern, path)
				continue
			}
			theirs := map[bool]string{true: "matches", false: "does not match"}[slices.Contains(matches, path)]
			if slices.Contains(clerk.Malformed, path) {
				theirs = "400"
			}
			ours := map[string]string{"named": "matches", "rest": "does not match", "ambiguous": "refused"}[namedPolicy(t, pattern).ask(t, path)]
			if theirs != row[2] || ours != row[3] {
				t.Errorf("%s and %s: Clerk's %s, here %s; the page says %q", pattern, path, theirs, ours, row[2:])
			}
		}
	}
}
