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
	return []string{"org", "role", "permission", "feature", "plan", "user", "scope", "audience", "actor", "when", "anyOf", "allOf", "not", "reverification"}
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

// failing returns the code of the first line that fails; "" if all hold, and
// "broken" if a condition could not be evaluated before that was known.
func (r naiveLines) failing(tok *naiveToken) string {
	for _, name := range lineOrder() {
		code := ""
		switch {
		case r.nests[name] != nil:
			code = map[string]string{"yes": "", "no": "condition-failed", "broken": "broken"}[nestHolds(name, r.nests[name], tok)]
		case r.lines[name] != nil && name == "when":
			code = map[string]string{"yes": "", "no": "condition-failed", "broken": "broken"}[tok.when(r.lines[name][0])]
		case r.lines[name] != nil:
			code = r.line(name, r.lines[name], tok)
		}
		if code != "" {
			return code
		}
	}
	return ""
}

// nestHolds tries one group after the other, until one is broken or the rest
// cannot change anything.
func nestHolds(name string, groups []naiveLines, tok *naiveToken) string {
	for _, g := range groups {
		switch code := g.failing(tok); {
		case code == "broken":
			return "broken"
		case code == "" && name == "anyOf":
			return "yes"
		case code == "" && name == "not", code != "" && name == "allOf":
			return "no"
		}
	}
	return map[string]string{"anyOf": "no", "allOf": "yes", "not": "yes"}[name]
}

// naiveConditions are expressions of which the interpreter knows what they mean.
func naiveConditions() []string {
	return []string{`request.method == "GET"`, `claims.plan == "gold"`, `claims.plan != "gold"`, `!has(claims.plan)`, `claims.seats > 2`,
		`has(claims.seats) && claims.seats > 2`, `params.p == identity.user.id`, `"read" in identity.token.scopes`, `claims.plan == "x" || identity.org.id != ""`}
}

// when is "yes", "no" or "broken".
func (tok *naiveToken) when(expression string) string {
	answer := map[bool]string{true: "yes", false: "no"}
	plan, hasPlan := tok.claims["plan"]
	seats, hasSeats := tok.claims["seats"]
	number, isNumber := seats.(int)
	user := ""
	if strings.HasPrefix(tok.subject, "user_") {
		user = tok.subject
	}
	switch expression {
	case `request.method == "GET"`:
		return "yes"
	case `!has(claims.plan)`:
		return answer[!hasPlan]
	case `params.p == identity.user.id`:
		return answer[tok.segment == user]
	case `"read" in identity.token.scopes`:
		return answer[tok.kind != "session" && tok.kind != "template" && slices.Contains(tok.scopes, "read")]
	case `claims.plan == "x" || identity.org.id != ""`:
		if tok.orgOf() == "" && !hasPlan {
			return "broken"
		}
		return answer[tok.orgOf() != ""]
	case `has(claims.seats) && claims.seats > 2`:
		if !hasSeats {
			return "no"
		}
		fallthrough
	case `claims.seats > 2`:
		if !isNumber {
			return "broken"
		}
		return answer[number > 2]
	}
	if !hasPlan {
		return "broken"
	}
	return answer[(plan == "gold") == (expression == `claims.plan == "gold"`)]
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
	add("when", []string{d.pick(naiveConditions()...)})
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
