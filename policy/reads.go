package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Reads says what conditions look at, for who must provide it. Headers holds the
// names that they have, sorted; AnyHeader says that they may look at others, too.
type Reads struct {
	Method, Query, Claims, Time bool
	Headers                     []string
	AnyHeader                   bool
}

// Reads returns what the conditions of the route look at, wherever they stand in
// require. The result must not be changed.
func (r *Route) Reads() Reads { return r.reads }

// ReadsHeaders returns the names of the headers that any condition of the policy
// looks at, sorted. all says that there may be others: a condition looks at all of
// them, or finds out the name when it is evaluated. names must not be changed.
func (p *Policy) ReadsHeaders() (names []string, all bool) { return p.reads.Headers, p.reads.AnyHeader }

// ReadsClaims reports whether anything of the policy looks at the claims of a token
// themselves, [Identity.Claims]: a condition, or an identity header that is made of
// one.
func (p *Policy) ReadsClaims() bool {
	for i := range p.IdentityHeaders {
		if !p.IdentityHeaders[i].Own() {
			return true
		}
	}
	return p.reads.Claims
}

// add notes what one more condition looks at.
func (r *Reads) add(reads []reading) {
	for _, x := range reads {
		switch x.variable {
		case "request.method":
			r.Method = true
		case "request.query":
			r.Query = true
		case "claims":
			r.Claims = true
		case "now":
			r.Time = true
		case "request.headers":
			r.addHeader(x)
		}
	}
}

func (r *Reads) addHeader(x reading) {
	name, ok := x.first()
	if !ok {
		r.AnyHeader = true
		return
	}
	if at, found := slices.BinarySearch(r.Headers, name); !found {
		r.Headers = slices.Insert(r.Headers, at, name)
	}
}

// reading is one thing that an expression looks at: a variable, or something in it
// that constant keys lead to.
type reading struct {
	variable string
	keys     []ref.Val
	at       int // where the last key, or the variable, is in the text, in characters
}

// first returns the first key, if it is a text.
func (x reading) first() (key string, ok bool) {
	if len(x.keys) == 0 {
		return "", false
	}
	text, ok := x.keys[0].(types.String)
	return string(text), ok
}

// reader collects what a checked expression reads and calls.
type reader struct {
	info  *ast.SourceInfo
	known map[string]bool // the variables
	reads []reading
	calls []call
	loops []loop
	other []int // places of what is not in the language
}

// call is a call of a function; constant is its last argument if that is a text.
type call struct {
	function    string
	constant    string
	hasConstant bool
	last        int // place of the last argument
}

// loop is the name that a macro like exists gives to an item.
type loop struct {
	name string
	at   int
}

func (r *reader) place(e ast.Expr) int {
	if span, ok := r.info.GetOffsetRange(e.ID()); ok {
		return int(span.Start)
	}
	return 0
}

// walk visits an expression and all that is in it.
func (r *reader) walk(e ast.Expr) {
	if x, ok := r.path(e); ok {
		r.add(x)
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		r.walk(e.AsSelect().Operand())
	case ast.CallKind:
		r.walkCall(e)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			r.walk(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.walk(entry.AsMapEntry().Key())
			r.walk(entry.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		r.walkLoop(e)
	case ast.StructKind:
		r.other = append(r.other, r.place(e))
	}
}

func (r *reader) walkCall(e ast.Expr) {
	c := e.AsCall()
	args := c.Args()
	noted := call{function: c.FunctionName()}
	if n := len(args); n > 0 {
		noted.last = r.place(args[n-1])
		noted.constant, noted.hasConstant = constantText(args[n-1])
	}
	r.calls = append(r.calls, noted)
	if c.IsMemberFunction() {
		r.walk(c.Target())
	}
	// Whether a key is there is asked of the key, not of all of them.
	if c.FunctionName() == operators.In && len(args) == 2 {
		if x, ok := r.path(args[1]); ok && args[0].Kind() == ast.LiteralKind && x.keyed() {
			x.keys, x.at = append(x.keys, args[0].AsLiteral()), r.place(args[0])
			r.add(x)
			return
		}
	}
	for _, arg := range args {
		r.walk(arg)
	}
}

// keyed reports whether it is a variable whose keys have names.
func (x reading) keyed() bool {
	return len(x.keys) == 0 && (x.variable == "request.headers" || x.variable == "request.query" || x.variable == "params")
}

func (r *reader) walkLoop(e ast.Expr) {
	c := e.AsComprehension()
	for _, name := range []string{c.IterVar(), c.IterVar2()} {
		r.loops = append(r.loops, loop{name, r.place(e)})
	}
	for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		r.walk(part)
	}
}

// path recognises a variable, or a way through it by constant keys.
func (r *reader) path(e ast.Expr) (x reading, ok bool) {
	var key ref.Val
	var operand ast.Expr
	at := r.place(e)
	switch e.Kind() {
	case ast.IdentKind:
		name := strings.TrimPrefix(e.AsIdent(), ".")
		return reading{variable: name, at: at}, r.known[name]
	case ast.SelectKind:
		operand, key = e.AsSelect().Operand(), types.String(e.AsSelect().FieldName())
	case ast.CallKind:
		c := e.AsCall()
		if name := c.FunctionName(); name != operators.Index && name != operators.OptIndex && name != operators.OptSelect {
			return reading{}, false
		}
		if len(c.Args()) != 2 || c.Args()[1].Kind() != ast.LiteralKind {
			return reading{}, false
		}
		operand, key = c.Args()[0], c.Args()[1].AsLiteral()
		if at = r.place(c.Args()[1]); c.FunctionName() == operators.OptSelect {
			at = r.place(e)
		}
	default:
		return reading{}, false
	}
	x, ok = r.path(operand)
	x.keys, x.at = append(x.keys, key), at
	return x, ok
}

// add notes what is read, once.
func (r *reader) add(x reading) {
	if !slices.ContainsFunc(r.reads, func(y reading) bool { return y.name() == x.name() }) {
		r.reads = append(r.reads, x)
	}
}

func constantText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}
