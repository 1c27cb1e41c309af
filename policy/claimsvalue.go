package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// value returns the claims as conditions see them. What is no JSON object, and
// one with a number that nothing can hold, is an error and not an empty object:
// that a claim is not there must be known.
func (c *Claims) value() ref.Val {
	if c == nil {
		return jsonObject(nil)
	}
	c.valueOnce.Do(func() { c.decoded, _ = decodeClaims(c.payload) })
	if c.decoded == nil {
		return failure(errClaims)
	}
	return c.decoded
}

func decodeClaims(payload []byte) (ref.Val, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || object == nil {
		return nil, errClaims
	}
	return jsonValue(object)
}

// jsonValue translates what package json decodes into values of the expression
// language, so that no evaluation has to.
func jsonValue(v any) (ref.Val, error) {
	switch v := v.(type) {
	case nil:
		return types.NullValue, nil
	case bool:
		return types.Bool(v), nil
	case string:
		return types.String(v), nil
	case json.Number:
		return jsonNumber(v.String())
	case []any:
		list := make([]ref.Val, len(v))
		for i, item := range v {
			value, err := jsonValue(item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return types.NewRefValList(types.DefaultTypeAdapter, list), nil
	case map[string]any:
		members := make(map[ref.Val]ref.Val, len(v))
		for key, member := range v {
			value, err := jsonValue(member)
			if err != nil {
				return nil, err
			}
			members[types.String(key)] = value
		}
		return jsonObject(members), nil
	}
	return nil, errClaims
}

func jsonObject(members map[ref.Val]ref.Val) ref.Val {
	return types.NewRefValMap(types.DefaultTypeAdapter, members)
}

// jsonNumber makes an integer that 64 bits can hold an int, and every other
// number a double.
func jsonNumber(s string) (ref.Val, error) {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return types.Int(i), nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return types.Double(f), err
}
