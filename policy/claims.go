package policy

import (
	"encoding/json"
	"sync"

	"cel.dev/cel-go/common/types/ref"
)

// Claims are the claims of a verified token (RFC 7519 section 4), one JSON
// object, read when one of them is first asked for. They may be shared. A nil
// *Claims has none.
type Claims struct {
	payload []byte
	once    sync.Once
	members map[string]json.RawMessage

	valueOnce sync.Once
	decoded   ref.Val // for conditions; nil: not an object, or not readable
}

// NewClaims takes a token's payload, which must not be changed any more. The
// result is nil if there is none. What is not a JSON object has no claims.
func NewClaims(payload []byte) *Claims {
	if len(payload) == 0 {
		return nil
	}
	return &Claims{payload: payload}
}

// Raw returns the JSON text of a claim: of a member of the payload, or of an
// object in it, each key of the path one deeper. It is absent if there is none,
// and if there is something else than an object on the way. JSON null is there.
func (c *Claims) Raw(path []string) (raw json.RawMessage, ok bool) {
	if c == nil || len(path) == 0 {
		return nil, false
	}
	c.once.Do(func() { c.members = members(c.payload) })
	raw, ok = c.members[path[0]]
	for _, key := range path[1:] {
		raw, ok = members(raw)[key]
	}
	return raw, ok
}

// members reads an object one level deep. Anything else, also an object with
// something after it, has none.
func members(raw []byte) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}
