package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// routeMatcher is what createRouteMatcher of Clerk's SDK makes of patterns and
// paths; internal/parity holds the file against the SDK.
type routeMatcher struct {
	SDK       string              // the version of @clerk/shared
	Paths     map[string][]string // by what is special about them
	Malformed []string            // paths that the SDK answers with 400
	// Patterns holds the paths that each pattern matches, by kind of pattern;
	// nil for one that the SDK does not take.
	Patterns map[string]map[string][]string
}

func readRouteMatcher(t *testing.T) *routeMatcher {
	t.Helper()
	text, err := os.ReadFile("testdata/routematcher.json")
	if err != nil {
		t.Fatal(err)
	}
	clerk := new(routeMatcher)
	if err = json.Unmarshal(text, clerk); err != nil {
		t.Fatal(err)
	}
	if n := len(clerk.paths()); n < 60 {
		t.Fatalf("only %d paths", n)
	}
	return clerk
}

func (c *routeMatcher) paths() []string {
	var out []string
	for _, list := range c.Paths {
		out = append(out, list...)
	}
	slices.Sort(out)
	return out
}

// wider is the whole list of cases in which our matcher matches what Clerk's does
// not. Each stands under its name, with its reason, on the page for people who
// come from clerkMiddleware.
func wider() map[string]func(pattern, path string) bool {
	return map[string]func(pattern, path string) bool{
		"escaped reserved characters": escapesReserved,
		"braces":                      func(pattern, _ string) bool { return strings.Contains(pattern, "{") },
	}
}

// escapesReserved reports whether the path escapes a character that the pattern
// has and that JavaScript's decodeURI leaves escaped. It does so with more of them
// (ECMA-262, section 19.2.6), which no pattern can have.
func escapesReserved(pattern, path string) bool {
	for _, c := range "$&,=@" {
		if strings.ContainsRune(pattern, c) && strings.Contains(strings.ToUpper(path), fmt.Sprintf("%%%02X", c)) {
			return true
		}
	}
	return false
}

// The patterns of createRouteMatcher that load mean here what they mean there,
// with two policies: one in which the pattern is public and all else is not, and
// one in which it is the other way round.
func TestRouteMatcher(t *testing.T) {
	clerk := readRouteMatcher(t)
	sum := &comparison{clerk: clerk, excused: map[string]int{}}
	for kind, patterns := range clerk.Patterns {
		for pattern, matches := range patterns {
			if p := namedPolicy(t, pattern); p != nil && kind != "RegExp" && matches != nil {
				sum.patterns++
				sum.compare(t, p, pattern, matches)
			}
		}
	}
	if sum.patterns < 60 || sum.matches < 500 || sum.refusedPath == 0 || sum.refusedCase == 0 {
		t.Errorf("too little was compared: %d patterns, %d matches, %d refused for their spelling and %d for their case", sum.patterns, sum.matches, sum.refusedPath, sum.refusedCase)
	}
	for name := range wider() {
		if sum.excused[name] == 0 {
			t.Errorf("nothing differs for %q any more", name)
		}
	}
}

// comparison counts what became of the pairs of patterns and paths.
type comparison struct {
	clerk                    *routeMatcher
	patterns, matches        int
	refusedPath, refusedCase int
	excused                  map[string]int
}

func (c *comparison) compare(t *testing.T, p *namedRoutes, pattern string, matches []string) {
	t.Helper()
	for _, path := range c.clerk.paths() {
		theirs := slices.Contains(matches, path)
		switch ours := p.ask(t, path); {
		case ours == "ambiguous":
			c.refuse(p, path)
		case slices.Contains(c.clerk.Malformed, path):
			t.Errorf("%s is malformed, and was read", path)
		case ours == "named" && theirs:
			c.matches++
		case ours == "named":
			c.excuse(t, pattern, path)
		case theirs:
			t.Errorf("%s matches %s for Clerk and not here: what is behind a list of protected patterns is open", pattern, path)
		}
	}
}

func (c *comparison) refuse(p *namedRoutes, path string) {
	if _, err := p.public.ReadPath(path); err != nil {
		c.refusedPath++
		return
	}
	c.refusedCase++
}

func (c *comparison) excuse(t *testing.T, pattern, path string) {
	t.Helper()
	for name, excuses := range wider() {
		if excuses(pattern, path) {
			c.excused[name]++
			return
		}
	}
	t.Errorf("%s matches %s here and not for Clerk: what is public there may be too much", pattern, path)
}

// namedRoutes are two policies with the route "named" before a route that takes
// the rest: public before authenticated, and authenticated before public.
type namedRoutes struct{ public, protected *Policy }

// namedPolicy is nil if one of the patterns is refused.
func namedPolicy(t *testing.T, patterns ...string) *namedRoutes {
	t.Helper()
	var out [2]*Policy
	for i, access := range [][]any{{"public", "authenticated"}, {"authenticated", "public"}} {
		src := fmt.Sprintf("version: 1\nroutes:\n  - {name: named, path: [%s], access: %s}\n  - {name: rest, path: /**, access: %s}\n",
			append([]any{flow(patterns)}, access...)...)
		p, problems := Load("policy.yaml", []byte(src), Options{Env: environ})
		if p == nil && !strings.Contains(render(problems), "path: [") {
			t.Fatalf("another problem than with the pattern:\n%s", render(problems))
		}
		out[i] = p
	}
	if out[0] == nil {
		return nil
	}
	return &namedRoutes{out[0], out[1]}
}

// flow writes a list in double quotes, whose escapes YAML has in common with Go.
func flow(items []string) string {
	var out []string
	for _, s := range items {
		out = append(out, fmt.Sprintf("%q", s))
	}
	return strings.Join(out, ", ")
}

// ask returns the route of a path, which is the same in both policies, after
// checking that nobody passes the one that is not public.
func (n *namedRoutes) ask(t *testing.T, path string) string {
	t.Helper()
	route, m := ask(t, n.public, "GET", "", path, nil)
	again, m2 := ask(t, n.protected, "GET", "", path, nil)
	if route != again {
		t.Errorf("%s is %s in one policy and %s in the other", path, route, again)
	}
	open, closed := Decide(m, nil, nil).Outcome == Passed, Decide(m2, nil, nil).Outcome == Passed
	if open != (route == "named") || closed != (route == "rest") {
		t.Errorf("nobody passes %s to %s: %v, %v", path, route, open, closed)
	}
	return route
}

// Patterns of these kinds are taken, or are not.
func TestRouteMatcherPatternsLoad(t *testing.T) {
	taken := map[string]bool{
		"text": true, "text in another case, or beyond ASCII": true, "text and what follows": true, "parameters": true,
		"parameters with modifiers": false, "groups": false, "look-aheads": false, "RegExp": false,
		"regular expressions as text": false, "slips": false,
	}
	clerk := readRouteMatcher(t)
	for kind, want := range taken {
		if len(clerk.Patterns[kind]) == 0 {
			t.Errorf("no pattern of the kind %q", kind)
		}
		for pattern := range clerk.Patterns[kind] {
			if got := namedPolicy(t, pattern) != nil; got != want {
				t.Errorf("%s: taken %v, want %v", pattern, got, want)
			}
		}
	}
}
