package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Bounds of what is shown of a condition, judged to stay readable.
const (
	maxShownReads = 10
	maxShownItems = 5
	maxShownText  = 300 // of the expression, in characters
)

// values shows what an expression reads, in the order in which it stands there.
func (c *condition) values(v *variables) string {
	var out []string
	for i, x := range c.reads {
		if i == maxShownReads {
			out = append(out, "…")
			break
		}
		out = append(out, x.name()+" = "+x.show(v))
	}
	return strings.Join(out, ", ")
}

// name writes what is read as an expression has it.
func (x reading) name() string {
	var b strings.Builder
	b.WriteString(x.variable)
	for _, key := range x.keys {
		text, isText := key.(types.String)
		switch {
		case isText && isIdentifier(string(text)):
			b.WriteString("." + string(text))
		case isText:
			b.WriteString("[" + strconv.Quote(string(text)) + "]")
		default:
			fmt.Fprintf(&b, "[%v]", key.Value())
		}
	}
	return b.String()
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return s != "" && (s[0] < '0' || '9' < s[0])
}

// show writes the value that is there. What may be a credential is not shown.
func (x reading) show(v *variables) string {
	value := v.value(x.variable)
	for _, key := range x.keys {
		value = inside(value, key)
	}
	if value == nil {
		return "nothing"
	}
	if types.IsError(value) {
		return "unknown"
	}
	if key, ok := x.first(); ok && strings.HasPrefix(x.variable, "request.") && credential(key) {
		return "…"
	}
	return showValue(value)
}

// inside returns what a key leads to; nil: nothing is there.
func inside(value, key ref.Val) ref.Val {
	switch v := value.(type) {
	case traits.Mapper:
		found, _ := v.Find(key)
		return found
	case traits.Lister:
		size, ok1 := v.Size().(types.Int)
		at, ok2 := key.(types.Int)
		if ok1 && ok2 && 0 <= at && at < size {
			return v.Get(at)
		}
	case *types.Err:
		return v
	}
	return nil
}

// credential reports whether the name of a header or of a parameter of the query
// sounds as if whoever knows its value could use it.
func credential(name string) bool {
	name = lowerASCII(name)
	for _, part := range []string{"auth", "cookie", "token", "secret", "password", "passwd", "key", "session", "signature", "credential", "jwt", "code", "nonce"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func showValue(value ref.Val) string {
	switch v := value.(type) {
	case types.String:
		return brief(string(v))
	case types.Timestamp:
		return v.Format(time.RFC3339)
	case types.Null:
		return "null"
	case traits.Mapper:
		return counted(v.Size(), "key")
	case traits.Lister:
		return showList(v)
	}
	return fmt.Sprint(value.Value())
}

func showList(list traits.Lister) string {
	size, _ := list.Size().(types.Int)
	var items []string
	for i := range min(size, maxShownItems) {
		item := list.Get(i)
		if inner, nested := item.(traits.Lister); nested {
			items = append(items, counted(inner.Size(), "item"))
			continue
		}
		items = append(items, showValue(item))
	}
	if size > maxShownItems {
		items = append(items, "… "+counted(size, "item"))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func counted(size ref.Val, what string) string {
	if size == types.IntOne {
		return "1 " + what
	}
	return fmt.Sprintf("%v %ss", size.Value(), what)
}
