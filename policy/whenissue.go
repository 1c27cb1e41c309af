package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
)

// issue is something wrong with an expression, at a character of its text.
type issue struct {
	at            int
	message, hint string
}

// explainIssues says in the words of the policy language what the library found.
// Of what cannot be parsed, what follows the first issue is mostly its echo.
func explainIssues(source common.Source, errs []*cel.Error) (issues []issue) {
	text := []rune(source.Content())
	for _, err := range errs {
		offset, _ := source.LocationOffset(err.Location)
		at := min(max(int(offset), 0), len(text))
		if syntax, ok := strings.CutPrefix(err.Message, "Syntax error: "); ok {
			return []issue{syntaxIssue(text, at, syntax)}
		}
		issues = append(issues, checkIssue(text, at, err.Message))
	}
	return issues
}

// syntaxIssue explains what the parser says.
func syntaxIssue(text []rune, at int, message string) issue {
	token := quotedToken(message)
	switch first := token + " "; {
	case strings.Contains(message, "<EOF>'") && strings.HasPrefix(message, "mi"):
		return issue{len(text), "the expression ends too early", closingHint(message)}
	case strings.HasPrefix(message, "token recognition error"):
		return tokenIssue(at, token)
	case endsWith(text[:at], "not"):
		return issue{at - len("not "), "not is not an operator", "write !"}
	case token == "and" || token == "or":
		operator := map[string]string{"and": "&&", "or": "||"}[token]
		return issue{at, token + " is not an operator", "write " + operator}
	case strings.ContainsRune(`"'`, rune(first[0])):
		return issue{at, "a text does not belong here", "an operator is missing before it"}
	case token != "":
		return issue{at, brief(token) + " does not belong here", ""}
	}
	return issue{at, message, ""}
}

// endsWith reports whether the last word of a text, with a space behind it, is
// this one.
func endsWith(text []rune, word string) bool {
	return strings.HasSuffix(" "+string(text), " "+word+" ")
}

func closingHint(message string) string {
	for _, closing := range []string{")", "]", "}", ":"} {
		if strings.HasPrefix(message, "missing '"+closing+"'") || strings.Contains(message, "expecting '"+closing+"'") || strings.Contains(message, "expecting {'"+closing+"',") {
			return "a " + closing + " is missing"
		}
	}
	return ""
}

// tokenIssue explains what cannot be a word of an expression.
func tokenIssue(at int, token string) issue {
	switch {
	case strings.HasPrefix(token, "="):
		return issue{at, "= is not an operator", "write == to compare"}
	case strings.HasPrefix(token, "&"), strings.HasPrefix(token, "|"):
		return issue{at, token[:1] + " is not an operator", "write " + strings.Repeat(token[:1], 2)}
	case strings.HasPrefix(token, `"`), strings.HasPrefix(token, "'"):
		if strings.Contains(token, `\`) {
			return issue{at, `the text has an escape that does not exist, or is not closed`, `a \ is written \\, or the text r"…"`}
		}
		return issue{at, "the text is not closed", ""}
	}
	return issue{at, brief(strings.TrimSpace(token)) + " does not belong here", ""}
}

// quotedToken is the token that a message of the parser is about.
func quotedToken(message string) string {
	_, rest, ok := strings.Cut(message, "'")
	if !ok {
		return ""
	}
	for _, end := range []string{"' expecting ", "' at "} {
		if token, _, found := strings.Cut(rest, end); found {
			return token
		}
	}
	return strings.TrimSuffix(rest, "'")
}

// checkIssue explains what the type checker says.
func checkIssue(text []rune, at int, message string) issue {
	for _, form := range []struct {
		pattern string
		explain func(text []rune, at int, words []string) issue
	}{
		{`^undeclared reference to '([^']*)'`, undeclared},
		{`^found no matching overload for '([^']*)' applied to '(.*)'$`, noOverload},
		{`^expected type '(.*)' but found '(.*)'$`, func(_ []rune, at int, w []string) issue {
			return issue{at, fmt.Sprintf("%s must stand here, not %s", article(w[0]), article(w[1])), ""}
		}},
		{`^type '(.*)' does not support field selection$`, func(text []rune, at int, w []string) issue {
			return issue{behindDot(text, at), article(w[0]) + " has no fields", ""}
		}},
		{`^expression of type '(.*)' cannot be range`, func(_ []rune, at int, w []string) issue {
			return issue{at, article(w[0]) + " is neither a list nor a map, whose items could be looked at", ""}
		}},
		{`^invalid (duration|timestamp) argument$`, func(_ []rune, at int, w []string) issue {
			return issue{at, "this is not " + article(w[0]), `write duration("1h30m") or timestamp("2026-01-31T12:00:00Z")`}
		}},
		{`^invalid argument to has\(\) macro$`, func(_ []rune, at int, _ []string) issue {
			return issue{at, "has takes something with a field: has(claims.plan)", `for other keys write "x-plan" in request.headers`}
		}},
		{`^argument must be a simple name$`, func(_ []rune, at int, _ []string) issue {
			return issue{at, "this is not a name for an item", `write it like claims.groups.exists(g, g == "staff")`}
		}},
		{`^reserved identifier: (.*)$`, func(_ []rune, at int, w []string) issue {
			return issue{at, w[0] + " is a reserved word", ""}
		}},
		{`^(?:expression recursion limit|max recursion depth) exceeded`, func(_ []rune, _ int, _ []string) issue {
			return issue{0, "when has parts that are too deep in each other", "split it into several, below anyOf and allOf"}
		}},
	} {
		if words := regexp.MustCompile(form.pattern).FindStringSubmatch(message); words != nil {
			return form.explain(text, at, words[1:])
		}
	}
	return issue{at, message, ""}
}

// undeclared explains a name that nothing has.
func undeclared(text []rune, at int, words []string) issue {
	name := words[0]
	called := at < len(text) && text[at] == '('
	at = behindDot(text, at)
	if called {
		return issue{beforeParenthesis(text, at, name), "there is no function " + name, didYouMean(name, functions())}
	}
	if !strings.Contains(name, ".") {
		name = dotted(text, at, name)
	}
	root, _, _ := strings.Cut(name, ".")
	var fields []string
	for _, v := range conditionVariables() {
		if strings.HasPrefix(v.name, root+".") {
			fields = append(fields, v.name)
		}
	}
	hint := didYouMean(name, fields)
	switch {
	case slices.Contains(fields, name):
		return issue{at, name + " is always there", "has is for what may be missing: has(claims.plan)"}
	case len(fields) == 0:
		hint = didYouMean(root, roots())
		if hint == "" {
			hint = `texts are quoted; variables begin with ` + strings.Join(roots(), ", ")
		}
	case hint == "":
		hint = "there are " + strings.Join(fields, ", ")
	}
	return issue{at, "there is no variable " + name, hint}
}

// dotted is the whole name that begins at a place.
func dotted(text []rune, at int, name string) string {
	rest := string(text[min(at, len(text)):])
	if whole := regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*`).FindString(rest); strings.HasPrefix(whole, name) {
		return whole
	}
	return name
}

// behindDot is where the field begins that a "." selects.
func behindDot(text []rune, at int) int {
	for at < len(text) && (text[at] == '.' || text[at] == '?' || blankRune(text[at])) {
		at++
	}
	return at
}

// beforeParenthesis is where the name of a function begins whose call is noted at
// its parenthesis.
func beforeParenthesis(text []rune, at int, name string) int {
	from := at - len([]rune(name))
	if at >= len(text) || text[at] != '(' || from < 0 || string(text[from:at]) != name {
		return at
	}
	return from
}

func didYouMean(word string, words []string) string {
	if near := nearest(word, words); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// roots are what the names of variables begin with.
func roots() (out []string) {
	for _, v := range conditionVariables() {
		if root, _, _ := strings.Cut(v.name, "."); !slices.Contains(out, root) {
			out = append(out, root)
		}
	}
	return out
}

// functions are those that authors know by name.
func functions() []string {
	out := []string{"size", "contains", "startsWith", "endsWith", "matches", "exists", "exists_one", "all", "filter", "map", "has",
		"lowerAscii", "upperAscii", "trim", "split", "substring", "duration", "timestamp", "int", "double", "string", "bool",
		"orValue", "hasValue", "value", "optMap"}
	for name := range clockReadings() {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// noOverload explains operands or arguments of types that do not go together.
func noOverload(text []rune, at int, words []string) issue {
	name, signature := strings.TrimPrefix(words[0], "@"), words[1]
	at = beforeParenthesis(text, at, name)
	target, arguments, member := strings.Cut(signature, ".(")
	if !member {
		arguments = strings.TrimPrefix(signature, "(")
	}
	operands := splitTypes(strings.TrimSuffix(arguments, ")"))
	hint := ""
	if len(operands) == 2 && strings.Trim(name, "_=!<>") == "" {
		hint = comparisonHint(operands[0], operands[1])
	}
	return issue{at, "there is no " + called(name, target, operands, member), hint}
}

// called writes an operator or a call with the types of its operands.
func called(name, target string, operands []string, member bool) string {
	if name == "in" {
		name = "_ in _"
	}
	if strings.Contains(name, "_") && strings.Count(name, "_") == len(operands) {
		var b strings.Builder
		for i, part := range strings.Split(name, "_") {
			if i > 0 {
				b.WriteString(operands[i-1])
			}
			if len(operands) > 1 && strings.Trim(part, "=!<>&|+-*/%?:") == "" && part != "" {
				part = " " + part + " "
			}
			b.WriteString(part)
		}
		return b.String()
	}
	arguments := "(" + strings.Join(operands, ", ") + ")"
	if member {
		return target + "." + name + arguments
	}
	return name + arguments
}

func comparisonHint(left, right string) string {
	switch {
	case strings.HasPrefix(left, "list("), strings.HasPrefix(right, "list("):
		return `whether a list has something is asked with in: "a" in list`
	case left == "timestamp" || right == "timestamp":
		return `write timestamp("2026-01-31T12:00:00Z")`
	case left == "duration" || right == "duration":
		return `write duration("1h30m")`
	}
	return ""
}

// splitTypes takes a list of types apart, which may have lists of types in them.
func splitTypes(s string) (out []string) {
	depth, from := 0, 0
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(s[from:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// article puts an article before the name of a type.
func article(kind string) string {
	if strings.HasPrefix(kind, "optional_type") {
		return "an optional value"
	}
	if kind != "" && strings.ContainsRune("aeio", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}
