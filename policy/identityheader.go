package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// IdentityHeader is a request header that tells the service who calls.
type IdentityHeader struct {
	// Name is in lower case.
	Name string
	// Pos is where the policy names it; zero for the headers that it need not
	// name.
	Pos Pos

	field string   // of the identity, such as user.id
	claim []string // else the path of a claim
	write encoding
}

// encoding is how the value of a claim becomes one of a header.
type encoding int

const (
	encodePlain encoding = iota
	encodePercent
	encodeBase64JSON
)

// defaultIdentityHeaders are those of a policy that names none.
func defaultIdentityHeaders() []IdentityHeader {
	return []IdentityHeader{{Name: "x-user-id", field: "user.id"}, {Name: "x-org-id", field: "org.id"}}
}

// Value returns what the header is for an identity; empty: the header must not
// be there. It is not ok if there is something that no header of visible ASCII
// characters can carry. The service must then not get it, and somebody should
// know.
func (h *IdentityHeader) Value(id *Identity) (value string, ok bool) {
	if id == nil {
		return "", true
	}
	if h.claim == nil {
		value, ok = id.field(h.field).plain()
	} else {
		value, ok = h.write.claim(id.Claims, h.claim)
	}
	if !ok || !visible(value) {
		return "", value == "" && ok
	}
	return value, true
}

// Own reports whether the value is one that Clerk assigns, such as an id. Only a
// claim may be something that a header cannot carry.
func (h *IdentityHeader) Own() bool { return h.claim == nil }

// fact is a value out of an identity: a text or a list of them.
type fact struct {
	text string
	list []string
}

// fieldNames are the fields of an identity that the language knows.
func fieldNames() []string {
	return []string{"user.id", "org.id", "org.slug", "org.role", "org.permissions", "session.id", "actor.id",
		"token.type", "token.scopes", "machine.id"}
}

// field returns a field by its name; empty if there is no value, or no such
// field.
func (id *Identity) field(name string) fact {
	switch name {
	case "user.id":
		return fact{text: id.UserID}
	case "org.id":
		return fact{text: id.OrgID}
	case "org.slug":
		return fact{text: id.OrgSlug}
	case "org.role":
		return fact{text: id.OrgRole}
	case "org.permissions":
		return fact{list: id.OrgPermissions}
	case "session.id":
		return fact{text: id.SessionID}
	case "actor.id":
		return fact{text: id.ActorID}
	case "token.type":
		return fact{text: id.TokenType}
	case "token.scopes":
		if id.hasScopes() {
			return fact{list: id.Scopes}
		}
	case "machine.id":
		return fact{text: id.MachineID}
	}
	return fact{}
}

func (f fact) plain() (value string, ok bool) {
	if f.list == nil {
		return f.text, true
	}
	return joinWords(f.list)
}

// joinWords writes a list with commas. A word that has one itself, or is empty,
// would make another list of it.
func joinWords(words []string) (value string, ok bool) {
	for _, w := range words {
		if w == "" || strings.Contains(w, ",") {
			return "", false
		}
	}
	return strings.Join(words, ","), true
}

// claim writes a claim. None is there where JSON has null.
func (e encoding) claim(claims *Claims, path []string) (value string, ok bool) {
	raw, there := claims.Raw(path)
	raw = bytes.TrimSpace(raw)
	if !there || string(raw) == "null" {
		return "", true
	}
	if e == encodeBase64JSON {
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return "", false
		}
		return base64.StdEncoding.EncodeToString(compact.Bytes()), true
	}
	switch raw[0] {
	case '"':
		return e.text(raw)
	case '[':
		return e.texts(raw)
	case '{':
		return "", false
	}
	return string(raw), true // a number or a truth value, as JSON has it
}

func (e encoding) text(raw []byte) (value string, ok bool) {
	if json.Unmarshal(raw, &value) != nil {
		return "", false
	}
	if e == encodePercent {
		value = percentEncode(value)
	}
	return value, true
}

// texts writes a list of strings; one of anything else is none.
func (e encoding) texts(raw []byte) (value string, ok bool) {
	var items []*string // nil: JSON null, which would be an empty string otherwise
	if json.Unmarshal(raw, &items) != nil {
		return "", false
	}
	words := make([]string, 0, len(items))
	for _, item := range items {
		if item == nil {
			return "", false
		}
		word := *item
		if e == encodePercent {
			word = percentEncode(word)
		}
		words = append(words, word)
	}
	return joinWords(words)
}

// percentEncode leaves what RFC 3986 (section 2.3) calls unreserved and encodes
// every other byte, the comma between items of a list included.
func percentEncode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isWord(c) || c == '-' || c == '.' || c == '~' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// visible reports whether a text has visible ASCII characters only (VCHAR of RFC
// 5234), and at least one.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
