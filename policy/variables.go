package policy

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// declaration is a name that conditions may use.
type declaration struct {
	name string
	kind *cel.Type
}

// conditionVariables are all that conditions can look at. Each is declared under
// its whole name, so that one that does not exist is found when the policy loads.
func conditionVariables() []declaration {
	texts := cel.MapType(cel.StringType, cel.StringType)
	list := cel.ListType(cel.StringType)
	out := []declaration{
		{"request.method", cel.StringType},
		{"request.host", cel.StringType},
		{"request.path", cel.StringType},
		{"request.query", cel.MapType(cel.StringType, list)},
		{"request.headers", texts},
		{"params", texts},
		{"claims", cel.MapType(cel.StringType, cel.DynType)},
		{"now", cel.TimestampType},
	}
	for _, name := range fieldNames() {
		kind := cel.StringType
		if listField(name) {
			kind = list
		}
		out = append(out, declaration{"identity." + name, kind})
	}
	return out
}

// variables gives the variables of one evaluation their values, each when it is
// first asked for.
type variables struct {
	match    Match
	identity *Identity

	path, query, headers, params ref.Val
}

// Parent implements cel.Activation.
func (v *variables) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	value := v.value(name)
	return value, value != nil
}

func (v *variables) value(name string) ref.Val {
	switch name {
	case "params":
		return once(&v.params, v.readParams)
	case "claims":
		return v.readClaims()
	}
	if field, ok := strings.CutPrefix(name, "identity."); ok {
		return v.readIdentity(field)
	}
	r := v.match.request
	if r == nil {
		return failure(errUnknown)
	}
	switch name {
	case "request.method":
		return types.String(r.Method)
	case "request.host":
		return types.String(r.Host)
	case "request.path":
		return once(&v.path, func() ref.Val { return types.String(r.Path.text()) })
	case "request.query":
		return once(&v.query, func() ref.Val { return queryValue(r.Query) })
	case "request.headers":
		return once(&v.headers, func() ref.Val { return headersValue(r.Headers) })
	case "now":
		if !r.Now.IsZero() {
			return types.Timestamp{Time: r.Now.UTC()}
		}
		return failure(errUnknown)
	}
	return nil
}

// once keeps a value that is asked for more than once.
func once(kept *ref.Val, read func() ref.Val) ref.Val {
	if *kept == nil {
		*kept = read()
	}
	return *kept
}

func (v *variables) readParams() ref.Val {
	return types.NewStringStringMap(types.DefaultTypeAdapter, v.match.Params())
}

func (v *variables) readClaims() ref.Val {
	if v.identity == nil {
		return failure(errUnknown)
	}
	return v.identity.Claims.value()
}

// readIdentity returns a field of the identity. One without a value is "" or an
// empty list.
func (v *variables) readIdentity(field string) ref.Val {
	if v.identity == nil {
		return failure(errUnknown)
	}
	f := v.identity.field(field)
	if listField(field) {
		return types.NewStringList(types.DefaultTypeAdapter, f.list)
	}
	return types.String(f.text)
}

func headersValue(headers func() map[string]string) ref.Val {
	if headers == nil {
		return failure(errUnknown)
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, headers())
}

// text is the path in one text. A segment that has a "/" in it, as insecureAllow
// can let through, keeps it encoded, so that it does not look like two.
func (p *Path) text() string {
	var b strings.Builder
	for _, s := range p.segments {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(s, "/", "%2F"))
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// listField reports whether a field of an identity is a list of texts.
func listField(name string) bool { return name == "org.permissions" || name == "token.scopes" }
