package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"go.yaml.in/yaml/v4"
)

// when reads the line when.
func (l *lineReader) when(o *object) group {
	n, there := o.fields["when"]
	if !there {
		return nil
	}
	t, ok := l.unexpanded(n, "when")
	if !ok {
		return nil
	}
	c := &condition{}
	if !l.misspelt(n, t) {
		c = l.condition(n)
	}
	return group{o.line("when", c, "a condition of the policy does not hold")}
}

// misspelt reports a text that cannot be an expression. One in which variables
// were expanded would be a program that somebody else has written.
func (l *lineReader) misspelt(n *yaml.Node, t scalar) bool {
	switch at := strings.Index(t.raw, "${"); {
	case strings.TrimSpace(t.raw) == "":
		l.fail(t.Pos, "when is empty", `write an expression: when: request.method == "GET"`)
	case len(t.raw) > maxCondition:
		l.fail(t.Pos, fmt.Sprintf("when is longer than %d bytes", maxCondition), "split it into several, below anyOf and allOf")
	case at >= 0:
		l.fail(l.insideScalar(n, len([]rune(t.raw[:at]))), "variables are not expanded in when, so that what they hold cannot become a part of it",
			"write the value itself; a $ before a { is written \\x24")
	default:
		return false
	}
	return true
}

// compiled is what there is to know about a text, wherever it stands.
type compiled struct {
	condition condition
	issues    []issue
	reader    reader
}

// condition compiles an expression and holds it against the route.
func (l *lineReader) condition(n *yaml.Node) *condition {
	if l.conditions == nil {
		var err error
		if l.conditions, err = newEnvironment(); err != nil {
			l.conditions = nil
			l.fail(place(n), "the expression language cannot be set up: "+err.Error(), "")
			return &condition{}
		}
	}
	made := l.conditions.compile(n.Value)
	for _, i := range made.issues {
		l.fail(l.insideScalar(n, i.at), i.message, i.hint)
	}
	for _, x := range made.reader.reads {
		l.checkRead(n, x)
	}
	l.route.reads.add(made.reader.reads)
	l.reads.add(made.reader.reads)
	if len(made.issues) == 0 {
		l.constant(n, made.condition.constant)
	}
	return &made.condition
}

// compile does all that does not depend on a route.
func (e *environment) compile(text string) compiled {
	if known, ok := e.compiled[text]; ok {
		return known
	}
	made := compiled{condition: condition{text: oneLine(text)}}
	source := common.NewTextSource(text)
	checked, issues := e.env.CompileSource(source)
	if issues.Err() != nil {
		made.issues = explainIssues(source, issues.Errors())
	} else {
		made.reader = e.read(checked)
		if made.issues = e.judge(checked, &made.reader); len(made.issues) == 0 {
			e.plan(&made.condition, checked, made.reader.reads)
		}
	}
	e.compiled[text] = made
	return made
}

// plan makes the expression ready to be evaluated.
func (e *environment) plan(c *condition, checked *cel.Ast, reads []reading) {
	program, err := e.program(checked)
	if err != nil {
		c.constant = brokenSomehow // it cannot be evaluated, and denies: a key of a kind that no object has
		return
	}
	c.program, c.reads = program, reads
	c.constant = run(program, noVariables{})
}

// noVariables is an activation in which nothing is known. What has a result all
// the same always has it.
type noVariables struct{}

// Parent implements cel.Activation.
func (noVariables) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (noVariables) ResolveName(string) (any, bool) { return failure(errUnknown), true }

// read finds out what a checked expression looks at.
func (e *environment) read(checked *cel.Ast) reader {
	native := checked.NativeRep()
	r := reader{info: native.SourceInfo(), known: e.variables}
	r.walk(native.Expr())
	return r
}

// judge refuses what the expression language has and conditions have not.
func (e *environment) judge(checked *cel.Ast, r *reader) (issues []issue) {
	if kind := checked.OutputType(); !kind.IsExactType(cel.BoolType) && !kind.IsExactType(cel.DynType) {
		hint := `compare it with something, as in request.method == "GET"`
		if strings.HasPrefix(cel.FormatCELType(kind), "optional_type") {
			hint = "say what holds if it is not there: .orValue(false)"
		}
		issues = append(issues, issue{0, "when is true or false, and this is " + article(cel.FormatCELType(kind)), hint})
	}
	for _, c := range r.calls {
		issues = append(issues, e.judgeCall(c)...)
	}
	for _, loop := range r.loops {
		if slices.Contains(roots(), loop.name) {
			issues = append(issues, issue{loop.at, loop.name + " is a variable of the language, and cannot be the name of an item", "choose another name"})
		}
	}
	for _, at := range r.other {
		issues = append(issues, issue{at, "messages are not part of the language", ""})
	}
	return issues
}

// judgeCall wants constants where something is made ready once, when the policy
// loads.
func (e *environment) judgeCall(c call) []issue {
	name, special := strings.CutPrefix(c.function, "@")
	_, clock := clockReadings()[name]
	switch {
	case c.function == "matches": // the standard function, which a dot before its name leads to
		return []issue{{c.last, "matches has no dot before it, unless that is behind a text", `write matches(request.path, "^/a"), or request.path.matches("^/a")`}}
	case !special || !clock && c.function != matchesFunction:
		return nil
	case !c.hasConstant && clock:
		return []issue{{c.last, name + " takes a time zone that is written in the policy", `write a name like "Europe/Berlin", or an offset like "+02:00"`}}
	case !c.hasConstant:
		return []issue{{c.last, "matches takes a regular expression that is written in the policy", ""}}
	}
	add := e.addZone
	if !clock {
		add = e.addPattern
	}
	if p := add(c.constant); p != nil {
		return []issue{{c.last, brief(c.constant) + " " + p.message, p.hint}}
	}
	return nil
}

// checkRead holds what an expression reads against the route and against what
// should be read.
func (l *lineReader) checkRead(n *yaml.Node, x reading) {
	pos := l.insideScalar(n, behindDot([]rune(n.Value), x.at))
	key, isText := x.first()
	switch {
	case x.variable == "params" && isText:
		shown := x
		shown.keys = x.keys[:1]
		if l.bound(scalar{Text: Text{Value: shown.name(), Pos: pos}, raw: shown.name()}, key, "params.%s") {
			l.uses(key)
		}
	case x.variable == "params":
		for _, p := range l.paths {
			for _, q := range p.params {
				l.uses(q.name)
			}
		}
	case x.variable == "request.headers" && isText:
		l.checkHeader(pos, key)
	case x.variable == "claims" && slices.ContainsFunc(x.keys, func(key ref.Val) bool { s, ok := key.(types.String); return ok && usersOwn(string(s)) }):
		l.warnUsersOwn(pos)
	}
}

// checkHeader judges the name of a header that a condition reads.
func (l *lineReader) checkHeader(pos Pos, name string) {
	switch plain := strings.ReplaceAll(lowerASCII(name), "_", "-"); {
	case lowerASCII(name) != name:
		l.fail(pos, fmt.Sprintf("no header is called %s: their names are in lower case", brief(name)), "write "+fmt.Sprintf("%q", lowerASCII(name)))
	case strings.HasPrefix(name, ":"):
		l.fail(pos, fmt.Sprintf("no header is called %s", brief(name)), "the line of the request is request.method, request.host and request.path")
	case plain == "authorization" || plain == "proxy-authorization" || plain == "cookie":
		l.warn(pos, fmt.Sprintf("the header %s holds what the client shows, not what was verified", name), "read identity and claims instead")
	default:
		if source, ok := l.identitySource(plain); ok {
			l.warn(pos, fmt.Sprintf("the header %s is what the client has sent, not what was verified", name), "read "+source+" instead")
		}
	}
}

// identitySource returns where the value of an identity header comes from, as a
// condition writes it.
func (l *lineReader) identitySource(header string) (string, bool) {
	for _, h := range slices.Concat(l.vouched, defaultIdentityHeaders()) {
		switch {
		case h.Name != header:
		case h.claim == nil:
			return "identity." + h.field, true
		default:
			x := reading{variable: "claims"}
			for _, key := range h.claim {
				x.keys = append(x.keys, ref.Val(types.String(key)))
			}
			return x.name(), true
		}
	}
	return "", false
}

// constant warns of an expression that looks at nothing that could make it differ.
func (l *lineReader) constant(n *yaml.Node, result Code) {
	const hint = "drop the line, or let it read something of the request"
	switch {
	case result == brokenUnknown:
	case result == CodeNone:
		l.warn(place(n), "when always holds, whatever the request is", hint)
	case result.broken():
		l.warn(place(n), "when can never be evaluated, and denies every request", hint)
	default:
		l.warn(place(n), "when never holds, whatever the request is", hint)
	}
}

// oneLine shortens an expression for people.
func oneLine(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > maxShownText {
		return string(line[:maxShownText]) + "…"
	}
	return string(line)
}
