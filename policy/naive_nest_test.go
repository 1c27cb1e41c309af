package policy

import (
	"fmt"
	"slices"
	"strings"
)

// naiveLines are the lines of require or of a group of a nest.
type naiveLines struct {
	lines map[string][]string
	nests map[string][]naiveLines
	level string // of reverification, unless it is a preset
	after float64
}

// lineOrder is the order in which the first line that fails decides.
func lineOrder() []string {
	return []string{"org", "role", "permission", "feature", "plan", "user", "scope", "audience", "actor", "anyOf", "allOf", "not", "reverification"}
}

func (r naiveLines) yaml() string {
	var lines []string
	for _, name := range lineOrder() {
		items := r.lines[name]
		switch {
		case r.nests[name] != nil:
			lines = append(lines, name+": "+nestYAML(name, r.nests[name]))
		case items == nil:
		case name == "reverification" && r.level != "":
			lines = append(lines, fmt.Sprintf("reverification: {level: %s, afterMinutes: %v}", r.level, r.after))
		case len(items) == 1:
			lines = append(lines, name+": '"+items[0]+"'")
		default:
			lines = append(lines, name+": ["+quoted(items)+"]")
		}
	}
	return "{" + strings.Join(lines, ", ") + "}"
}

func nestYAML(name string, groups []naiveLines) string {
	if name == "not" {
		return groups[0].yaml()
	}
	var items []string
	for _, g := range groups {
		items = append(items, g.yaml())
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// failing returns the code of the first line that fails; "" if all hold.
func (r naiveLines) failing(tok *naiveToken) string {
	for _, name := range lineOrder() {
		code := ""
		switch {
		case r.nests[name] != nil && !nestHolds(name, r.nests[name], tok):
			code = "condition-failed"
		case r.lines[name] != nil:
			code = r.line(name, r.lines[name], tok)
		}
		if code != "" {
			return code
		}
	}
	return ""
}

func nestHolds(name string, groups []naiveLines, tok *naiveToken) bool {
	held := 0
	for _, g := range groups {
		if g.failing(tok) == "" {
			held++
		}
	}
	return map[string]bool{"anyOf": held >= 1, "allOf": held == len(groups), "not": held == 0}[name]
}

// callerLine asks for what a token says about itself and its user.
func (tok *naiveToken) callerLine(name string, items []string) string {
	all := func(held []string) bool {
		return !slices.ContainsFunc(items, func(s string) bool { return !slices.Contains(held, s) })
	}
	silent := tok.kind == "template" // about who acts
	switch {
	case name == "user" && tok.subject != tok.segment, name == "user" && !strings.HasPrefix(tok.subject, "user_"):
		return "user-mismatch"
	case name == "scope" && (tok.kind == "session" || tok.kind == "template" || !all(tok.scopes)):
		return "scope-required"
	case name == "audience" && !slices.ContainsFunc(items, func(s string) bool { return slices.Contains(tok.aud, s) }):
		return "audience-required"
	case name == "actor" && items[0] == "forbidden" && (silent || tok.act != ""):
		return "actor-forbidden"
	case name == "actor" && items[0] == "required" && !strings.Contains(tok.act, `"sub"`):
		return "actor-required"
	}
	return ""
}

// lines makes up a few lines, with nests up to that depth.
func (d dice) lines(depth int) naiveLines {
	r := naiveLines{lines: map[string][]string{}, nests: map[string][]naiveLines{}}
	add := func(name string, items []string) {
		if len(items) > 0 && d.IntN(4) == 0 {
			r.lines[name] = items
		}
	}
	add("org", [][]string{{"any"}, {"none"}, d.some("acme", "org_acme", "org_other", "{p}")}[d.IntN(3)])
	add("role", d.some("admin", "org:member"))
	add("permission", d.some("org:a:b", "c:d"))
	add("feature", d.some("x", "org:x", "user:x", "y", "org:y"))
	add("plan", d.some("x", "org:gold", "user:gold"))
	add("user", []string{"{p}"})
	add("scope", d.some("read", "write"))
	add("audience", d.some("billing", "ledger", "other"))
	add("actor", []string{d.pick("forbidden", "required")})
	add("reverification", []string{d.pick("strict_mfa", "strict", "moderate", "lax", "by level")})
	if items := r.lines["reverification"]; items != nil && items[0] == "by level" {
		r.level, r.after = d.pick("first_factor", "second_factor", "multi_factor"), []float64{0.5, 5, 11}[d.IntN(3)]
	}
	if depth == 0 {
		return r
	}
	for _, name := range []string{"anyOf", "allOf", "not"} {
		if d.IntN(4) == 0 {
			r.nests[name] = d.groups(name, depth-1)
		}
	}
	return r
}

// groups makes up what is in a nest: nothing twice, and nothing empty.
func (d dice) groups(name string, depth int) (groups []naiveLines) {
	most := map[string]int{"anyOf": 4, "allOf": 2, "not": 1}[name]
	var texts []string
	for range 1 + d.IntN(most) {
		g := d.lines(depth)
		if text := g.yaml(); text != "{}" && !slices.Contains(texts, text) {
			groups, texts = append(groups, g), append(texts, text)
		}
	}
	return groups
}
