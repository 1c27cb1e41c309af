package policy

import (
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// textFunction is a function on texts that conditions have besides the standard
// ones, under the names, and with the results, of the strings extension of
// cel-go. Of that, only those are here whose work grows with the text alone, and
// not with the product of two arguments that a client may choose.
type textFunction struct {
	name string
	take []*cel.Type // after the text
	give *cel.Type
	do   func(text string, args []ref.Val) ref.Val
}

func (f textFunction) overload() string { return strings.Repeat("text_", len(f.take)+1) + f.name }

func allTextFunctions() []textFunction {
	whole := func(change func(string) string) func(string, []ref.Val) ref.Val {
		return func(text string, _ []ref.Val) ref.Val { return types.String(change(text)) }
	}
	list := cel.ListType(cel.StringType)
	return []textFunction{
		{"lowerAscii", nil, cel.StringType, whole(lowerASCII)},
		{"upperAscii", nil, cel.StringType, whole(upperASCII)},
		{"trim", nil, cel.StringType, whole(strings.TrimSpace)},
		{"split", []*cel.Type{cel.StringType}, list, splitText},
		{"substring", []*cel.Type{cel.IntType}, cel.StringType, substring},
		{"substring", []*cel.Type{cel.IntType, cel.IntType}, cel.StringType, substring},
	}
}

func textFunctions() (out []cel.EnvOption) {
	for _, f := range allTextFunctions() {
		call := func(args ...ref.Val) ref.Val {
			text, ok := args[0].(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(args[0])
			}
			return f.do(string(text), args[1:])
		}
		binding := cel.FunctionBinding(call)
		switch len(f.take) {
		case 0:
			binding = cel.UnaryBinding(func(text ref.Val) ref.Val { return call(text) })
		case 1:
			binding = cel.BinaryBinding(func(text, arg ref.Val) ref.Val { return call(text, arg) })
		}
		out = append(out, cel.Function(f.name, cel.MemberOverload(f.overload(), append([]*cel.Type{cel.StringType}, f.take...), f.give, binding)))
	}
	return out
}

// trackTexts counts one unit for ten bytes of a text, as the library does for its
// own functions, and one for each item of a list that they make.
func trackTexts() (out []cost.TrackerOption) {
	for _, f := range allTextFunctions() {
		out = append(out, cost.OverloadTracker(f.overload(), func(args []ref.Val, result ref.Val) *uint64 {
			units := uint64(1)
			if text, ok := args[0].(types.String); ok {
				units += uint64(len(text)) / 10
			}
			if list, ok := result.(interface{ Size() ref.Val }); ok && f.name == "split" {
				if size, ok := list.Size().(types.Int); ok && size > 0 {
					units += uint64(size)
				}
			}
			return &units
		}))
	}
	return out
}

// trackWholeTexts counts the standard functions that go through a whole text, and
// that the library takes for a single step: a loop could do much with them.
func trackWholeTexts() (out []cost.TrackerOption) {
	for _, overload := range []string{
		overloads.SizeString, overloads.SizeStringInst, overloads.StringToInt, overloads.StringToUint, overloads.StringToDouble,
		overloads.StringToBool, overloads.StringToDuration, overloads.StringToTimestamp,
	} {
		out = append(out, cost.OverloadTracker(overload, func(args []ref.Val, _ ref.Val) *uint64 {
			units := uint64(1)
			if text, ok := args[0].(types.String); ok {
				units += uint64(len(text)) / 10
			}
			return &units
		}))
	}
	return out
}

// trackEquality counts comparisons by all that is in the smaller side. The library
// counts the items of a list and not what is in those, and the characters of a
// text, one by one, whatever is on the other side.
func trackEquality() (out []cost.TrackerOption) {
	for _, overload := range []string{overloads.Equals, overloads.NotEquals} {
		out = append(out, cost.OverloadTracker(overload, func(args []ref.Val, _ ref.Val) *uint64 {
			units := 1 + min(weight(args[0]), weight(args[1]))
			return &units
		}))
	}
	return out
}

// weight is one unit for ten bytes of a text, and one for each thing in a list or
// an object, however deep.
func weight(value ref.Val) uint64 {
	var units uint64
	switch v := value.(type) {
	case types.String:
		return uint64(len(v)) / 10
	case types.Bytes:
		return uint64(len(v)) / 10
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True && units < conditionCost; {
			member, _ := v.Find(it.Next())
			units += 1 + weight(member)
		}
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True && units < conditionCost; {
			units += 1 + weight(it.Next())
		}
	}
	return units
}

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

func splitText(text string, args []ref.Val) ref.Val {
	separator, ok := args[0].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	return types.NewStringList(types.DefaultTypeAdapter, strings.Split(text, string(separator)))
}

// substring returns the characters from a position on, or between two of them.
func substring(text string, args []ref.Val) ref.Val {
	bounds := [2]int{0, utf8.RuneCountInString(text)}
	for i, arg := range args {
		at, ok := arg.(types.Int)
		if !ok {
			return types.MaybeNoSuchOverloadErr(arg)
		}
		if at < 0 || int64(at) > int64(bounds[1]) {
			return failure(errAbsent)
		}
		bounds[i] = int(at)
	}
	if bounds[0] > bounds[1] {
		return failure(errAbsent)
	}
	return types.String([]rune(text)[bounds[0]:bounds[1]])
}
