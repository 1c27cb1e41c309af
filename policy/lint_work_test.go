package policy

import (
	"fmt"
	"strings"
	"testing"
)

// tangles are policies that make it as hard as we know to find out which of their
// routes take each other's requests.
func tangles() map[string]string {
	lines := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("  - " + strings.ReplaceAll(format, "#", fmt.Sprint(i)) + "\n")
		}
		return b.String()
	}
	list := func(item string, n int) string {
		var items []string
		for i := range n {
			items = append(items, strings.ReplaceAll(item, "#", fmt.Sprint(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var depths strings.Builder
	for i := range 400 {
		fmt.Fprintf(&depths, "  - {name: d%d, path: '%s'}\n", i, strings.Repeat("/*", i+1))
	}
	return map[string]string{
		"a route that takes all":   "  - {name: all, path: /**}\n" + lines("{name: r#, path: /r#, methods: [GET, POST]}", 2000),
		"a pattern for each depth": depths.String() + lines("{name: r#, path: /**, context: {k: v#}}", 2000),
		"long lists":               "  - {name: first, path: /**, access: deny}\n  - {name: lists, path: " + list("/p#", 60) + ", hosts: " + list("h#.io", 60) + ", methods: " + list("M#", 60) + "}\n",
		"a long list of one route": "  - {name: lists, path: ['/**', " + list("/p#", 5000)[1:] + "}\n",
		"contexts":                 lines("{name: r#, path: /a, context: {k: v#}}", 4000),
		"overlaps":                 lines("{name: p#, path: '/*/x#', access: public}", 3000) + lines("{name: q#, path: /r#/**, access: deny}", 3000),
		"long words":               lines("{name: p#, path: '/a#(.*)', access: public}", 1000) + "  - {name: long, path: /a" + strings.Repeat("1", 100000) + "}\n",
		"long requirements": "  - {name: p, path: /a/**, methods: [GET], require: {role: " + list("r#", 5000) + "}}\n" +
			"  - {name: q, path: /a/b, require: {role: " + list("r#", 4000) + "}}\n",
	}
}

// However tangled a policy is, looking into it ends.
func TestLintsAreBounded(t *testing.T) {
	for name, routes := range tangles() {
		t.Run(name, func(t *testing.T) {
			p, l := readPolicy("policy.yaml", []byte("version: 1\n"+clerkSection+"routes:\n"+routes), Options{Env: environ})
			if err := l.problems.Err(); err != nil {
				t.Fatalf("%.300s", err)
			}
			before := len(l.problems)
			n := l.newLinter(p)
			n.run(p)
			if most := maxLintWork + 1_000_000; n.work > most {
				t.Errorf("%d steps", n.work)
			}
			if said := len(l.problems) - before; said > maxLintFindings+1 {
				t.Errorf("%d problems", said)
			}
		})
	}
}

// Large policies that are in order are looked into as a whole.
func TestLintsGetThroughLargePolicies(t *testing.T) {
	p, l := readPolicy("policy.yaml", []byte(manyRoutes(10000)), Options{Env: environ})
	before := len(l.problems)
	n := l.newLinter(p)
	n.run(p)
	if said := l.problems[before:]; len(said) > 0 || n.work > maxLintWork/4 {
		t.Errorf("%d steps, problems:\n%s", n.work, render(said))
	}
}

// What a variable decides that is not set here may be in order elsewhere.
func TestLintsDoNotGuessUnsetVariables(t *testing.T) {
	const src = "version: 1\n" + clerkSection + "routes:\n  - {name: a, path: /**%s}\n  - {name: b, path: /b%s}\n"
	for first, warned := range map[string]bool{
		"":                            true,
		", require: {org: '${NOPE}'}": true,
		", access: '${NOPE}'":         false,
		", hosts: ['${NOPE}']":        false,
		", methods: ['${NOPE}']":      false,
		", context: {k: '${NOPE}'}":   false,
	} {
		for _, text := range []string{fmt.Sprintf(src, first, ""), fmt.Sprintf(src, "", first)} {
			_, problems := Load("policy.yaml", []byte(text), Options{Env: environ, AllowUnset: true})
			if got := strings.Contains(render(problems), "never reached"); got != warned {
				t.Errorf("warned: %v, want %v, of\n%s", got, warned, text)
			}
		}
	}
}

// opaque is a line of which nothing is known.
type opaque struct{ line }

func TestGuardsLessDoesNotGuess(t *testing.T) {
	route := func(path string, lines ...line) candidate {
		r := &Route{Access: AccessAuthenticated}
		for _, l := range lines {
			r.require = append(r.require, requirement{line: l})
		}
		p, _ := parsePattern(path)
		return candidate{route: r, pattern: p}
	}
	tests := []struct {
		to, from candidate
		want     string
	}{
		{route("/**"), route("/a", opaque{}), "requires nothing of the caller"},
		{route("/**", opaque{}), route("/a", sameUser{"u"}), ""},
		{route("/**", allPlans{}), route("/a", opaque{}), ""},
		{route("/**", allPlans{}), route("/a", anyOrg{}), "requires no organisation"},
	}
	for _, tt := range tests {
		if got := guardsLess(tt.to, tt.from); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
