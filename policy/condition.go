package policy

import (
	"errors"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// condition is "when": an expression of the Common Expression Language, compiled.
// The zero condition cannot be evaluated.
type condition struct {
	text     string // in one line, for people
	program  cel.Program
	reads    []reading
	constant Code // what the result is whatever the request is; brokenUnknown: that depends
}

// check evaluates the expression. What comes out is either true or false or a
// reason why it could not be evaluated.
func (c *condition) check(m Match, id *Identity) Code {
	if c.program == nil {
		return brokenSomehow
	}
	return run(c.program, &variables{match: m, identity: id})
}

func run(program cel.Program, variables cel.Activation) Code {
	value, _, err := program.Eval(variables)
	switch {
	case err != nil:
		return reason(err)
	case value == types.True:
		return CodeNone
	case value == types.False:
		return CodeConditionFailed
	}
	return brokenResult
}

// errors of variables and functions, which reason knows.
var (
	errQuery   = errors.New("malformed query")
	errClaims  = errors.New("malformed claims")
	errUnknown = errors.New("not known")
	errCost    = errors.New("too much work")
	errAbsent  = errors.New("out of bounds")
)

// reason tells why an evaluation failed. The library has texts for that, of which
// only the fixed part is looked at: the rest may be a client's.
func reason(err error) Code {
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.Is(err, errQuery):
		return brokenQuery
	case errors.Is(err, errClaims):
		return brokenClaims
	case errors.Is(err, errUnknown):
		return brokenUnknown
	case errors.Is(err, errAbsent):
		return brokenAbsent
	case errors.Is(err, errCost), errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return brokenCost
	}
	text := err.Error()
	for _, known := range [...]struct {
		text string
		code Code
	}{
		{"no such key", brokenAbsent},
		{"no such attribute", brokenAbsent},
		{"index out of bounds", brokenAbsent},
		{"index '", brokenAbsent},
		{"optional.none() dereference", brokenAbsent},
		{"no such overload", brokenType},
		{"type conversion error", brokenType},
		{"unsupported", brokenType},
		{"got '", brokenType}, // what exists and its like were given
		{"integer overflow", brokenNumber},
		{"unsigned integer overflow", brokenNumber},
		{"duration overflow", brokenNumber},
		{"timestamp overflow", brokenNumber},
		{"division by zero", brokenNumber},
		{"modulus by zero", brokenNumber},
	} {
		if strings.HasPrefix(text, known.text) {
			return known.code
		}
	}
	return brokenSomehow
}

// describe shows the result and everything that the expression reads, whether or
// not the result depended on it.
func (c *condition) describe(m Match, id *Identity) (want, got string) {
	switch code := c.check(m, id); {
	case code.broken():
		got = code.because()
	case code == CodeNone:
		got = "true"
	default:
		got = "false"
	}
	if values := c.values(&variables{match: m, identity: id}); values != "" {
		got += ": " + values
	}
	return c.text, got
}

// failure makes an error the value of an expression.
func failure(err error) ref.Val { return types.WrapErr(err) }
