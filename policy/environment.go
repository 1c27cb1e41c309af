package policy

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bounds of conditions.
const (
	// maxCondition bounds an expression, in bytes. Judged against what a person can
	// review.
	maxCondition = 4 << 10
	// maxConditionDepth bounds how deep the parts of an expression are in each
	// other.
	maxConditionDepth = 50
	// conditionCost bounds what one evaluation does, in units of the library, of
	// which each takes up to 0.1 µs. It is enough to go several times through a
	// list of 1,000 permissions, or once with a regular expression; what exceeds it
	// has taken about 5 ms.
	conditionCost = 50_000
	// maxPattern bounds a regular expression, in instructions of its program.
	maxPattern = 1000
	// patternSteps is how many steps of a regular expression cost one unit: bytes
	// of the text times instructions.
	patternSteps = 10
)

// environment compiles the conditions of one policy. Nothing of it changes after
// the policy was loaded.
type environment struct {
	env       *cel.Env
	variables map[string]bool
	patterns  map[string]regularExpression
	zones     map[string]*time.Location
	compiled  map[string]compiled // by the text
}

// regularExpression is a regular expression with the size of its program.
type regularExpression struct {
	*regexp.Regexp
	size uint64
}

// newEnvironment declares the variables and functions of the language: the
// standard ones, optional values, and some functions on texts.
func newEnvironment() (*environment, error) {
	e := &environment{
		variables: map[string]bool{}, patterns: map[string]regularExpression{}, zones: map[string]*time.Location{}, compiled: map[string]compiled{},
	}
	options := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
		cel.ParserRecursionLimit(maxConditionDepth),
		cel.ParserErrorRecoveryLimit(5),
		cel.Function(matchesFunction, cel.Overload("matches_constant", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(e.matches))),
		cel.Macros(cel.ReceiverMacro("matches", 1, expandMember(matchesFunction)), cel.GlobalMacro("matches", 2, expandGlobal(matchesFunction))),
	}
	for _, v := range conditionVariables() {
		e.variables[v.name] = true
		options = append(options, cel.Variable(v.name, v.kind))
	}
	for name, read := range clockReadings() {
		options = append(options,
			cel.Function("@"+name, cel.Overload("@"+name+"_zone", []*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
				cel.BinaryBinding(e.inZone(read)))),
			cel.Macros(cel.ReceiverMacro(name, 1, expandMember("@"+name))))
	}
	options = append(options, textFunctions()...)
	var err error
	e.env, err = cel.NewEnv(options...)
	return e, err
}

// matchesFunction and the readings of clocks in a time zone replace functions of
// the standard library. Those compile a regular expression, or read a zone from a
// file, whenever they are called; ours have a constant for it, and do that once.
const matchesFunction = "@matches"

func expandMember(function string) cel.MacroFactory {
	return func(f cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return f.NewCall(function, target, args[0]), nil
	}
}

func expandGlobal(function string) cel.MacroFactory {
	return func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return f.NewCall(function, args...), nil
	}
}

// matches tells before it begins whether it would take too long: the cost of a
// call is counted afterwards.
func (e *environment) matches(text, constant ref.Val) ref.Val {
	t, ok1 := text.(types.String)
	s, ok2 := constant.(types.String)
	if !ok1 || !ok2 {
		return types.MaybeNoSuchOverloadErr(text)
	}
	p, ok := e.patterns[string(s)]
	switch {
	case !ok:
		return failure(errUnknown)
	case e.matchCost(string(t), string(s)) > conditionCost:
		return failure(errCost)
	}
	return types.Bool(p.MatchString(string(t)))
}

func (e *environment) matchCost(text, constant string) uint64 {
	return 1 + uint64(len(text))*e.patterns[constant].size/patternSteps
}

// trackMatches is matchCost for the library.
func (e *environment) trackMatches(args []ref.Val, _ ref.Val) *uint64 {
	units := uint64(1)
	if t, ok := args[0].(types.String); ok {
		if s, ok := args[1].(types.String); ok {
			units = e.matchCost(string(t), string(s))
		}
	}
	return &units
}

// addPattern compiles the regular expression of a call (RE2, without
// backtracking).
func (e *environment) addPattern(text string) *problemWithHint {
	if _, known := e.patterns[text]; known {
		return nil
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return &problemWithHint{"is not a regular expression: " + regexpComplaint(err), "its grammar is RE2's"}
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxPattern {
		return &problemWithHint{"is a regular expression that is too large", "write less of it, or smaller counts"}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return &problemWithHint{"is not a regular expression", "its grammar is RE2's"}
	}
	e.patterns[text] = regularExpression{re, uint64(len(program.Inst))}
	return nil
}

func regexpComplaint(err error) string {
	var e *syntax.Error
	if errors.As(err, &e) {
		return string(e.Code)
	}
	return "it cannot be read"
}

// clockReadings are the functions that read a time in a zone, as the language
// defines them: months, days of the year and days of the month begin with 0, the
// days of getDate with 1, and the week on a Sunday.
func clockReadings() map[string]func(time.Time) int {
	return map[string]func(time.Time) int{
		"getFullYear":     time.Time.Year,
		"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
		"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
		"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
		"getDate":         time.Time.Day,
		"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
		"getHours":        time.Time.Hour,
		"getMinutes":      time.Time.Minute,
		"getSeconds":      time.Time.Second,
		"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / int(time.Millisecond) },
	}
}

func (e *environment) inZone(read func(time.Time) int) func(at, zone ref.Val) ref.Val {
	return func(at, zone ref.Val) ref.Val {
		t, ok1 := at.(types.Timestamp)
		name, ok2 := zone.(types.String)
		if !ok1 || !ok2 {
			return types.MaybeNoSuchOverloadErr(at)
		}
		location := e.zones[string(name)]
		if location == nil {
			return failure(errUnknown)
		}
		return types.Int(read(t.In(location)))
	}
}

// addZone finds the time zone of a call, by its name in the zone database or as
// an offset from UTC.
func (e *environment) addZone(name string) *problemWithHint {
	if e.zones[name] != nil {
		return nil
	}
	location, err := fixedZone(name)
	if err != nil && !strings.Contains(name, ":") && name != "" && name != "Local" {
		location, err = time.LoadLocation(name)
	}
	if err != nil {
		return &problemWithHint{"is not a time zone", `write a name like "Europe/Berlin", or an offset like "+02:00"`}
	}
	e.zones[name] = location
	return nil
}

// fixedZone reads an offset from UTC, as RFC 3339 has it.
func fixedZone(name string) (*time.Location, error) {
	t, err := time.Parse("Z07:00", name)
	if err != nil {
		return nil, err
	}
	_, offset := t.Zone()
	return time.FixedZone(name, offset), nil
}

// program plans the evaluation of a checked expression.
func (e *environment) program(checked *cel.Ast) (cel.Program, error) {
	trackers := slices.Concat(trackTexts(), trackWholeTexts(), trackEquality())
	trackers = append(trackers, cost.OverloadTracker("matches_constant", e.trackMatches))
	return e.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(conditionCost), cel.CostTrackerOptions(trackers...))
}
