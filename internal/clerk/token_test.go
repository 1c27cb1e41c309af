package clerk

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// b64 is base64url as a token has it.
func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestTokenForm(t *testing.T) {
	const header = `{"alg":"RS256"}`
	for _, c := range []struct{ token, want string }{
		{b64(header) + "." + b64(`{"sub":"user_1"}`) + ".", ""},
		{b64(" {} ") + "." + b64("\t{}\r\n") + ".AA", ""},
		{b64("{}") + "." + b64(`{"a":"\ufeff","b":"\ud83d\ude00","c":"é"}`) + ".AA", ""},

		{"", "a token has three parts"},
		{"a.b", "a token has three parts"},
		{b64("{}") + "." + b64("{}") + ".AA.", "a token has three parts"},
		{".." + "AA", "header: not a JSON object"},
		{b64("{}") + "." + b64("null") + ".AA", "payload: not a JSON object"},
		{b64("{}") + "." + b64("[]") + ".AA", "payload: not a JSON object"},
		{b64("null") + "." + b64("{}") + ".AA", "header: not a JSON object"},
		{b64(`"x"`) + "." + b64("{}") + ".AA", "header: not a JSON object"},

		{b64("{}") + "=." + b64("{}") + ".AA", "header: not base64url"},
		{b64("{}") + "." + b64("{}") + "=.AA", "payload: not base64url"},
		{b64("{}") + "." + b64("{}") + ".AA==", "signature: not base64url"},
		{b64("{}") + "." + b64("{}") + ".A", "signature: not base64url"},
		{b64("{}") + "." + b64("{}") + ".AB", "signature: not base64url"}, // bits left over
		{b64("{}") + "." + b64("{}") + ".+/+/", "signature: not base64url"},
		{b64("{}") + "." + b64("{}") + ".A\nA", "signature: not base64url"},
		{b64("{}") + "." + b64("{}") + ". AA", "signature: not base64url"},

		{b64("\ufeff{}") + "." + b64("{}") + ".AA", "header: not a JSON object"},
		{b64("{}") + "." + b64("{}x") + ".AA", "payload: something follows the object at byte 2"},
		{b64("{}") + "." + b64("{}{}") + ".AA", "payload: something follows the object at byte 2"},
		{b64("{}") + "." + b64("{\"a\":\"\xff\"}") + ".AA", "payload: not UTF-8"},
		{b64("{}") + "." + b64("{\"a\":\"\xed\xa0\x80\"}") + ".AA", "payload: not UTF-8"},
		{b64("{}") + "." + b64(`{"a":"\ud800"}`) + ".AA", "payload: half a surrogate pair at byte 12"},
		{b64("{}") + "." + b64(`{"a":"\ud800\u0041"}`) + ".AA", "payload: half a surrogate pair at byte 18"},
		{b64("{}") + "." + b64(`{"a":"\udc00"}`) + ".AA", "payload: half a surrogate pair at byte 12"},
		{b64("{}") + "." + b64(`{"a":1,"a":1}`) + ".AA", "payload: a key is there twice at byte 10"},
		{b64("{}") + "." + b64(`{"sub":1,"\u0073ub":1}`) + ".AA", "payload: a key is there twice at byte 19"},
		{b64("{}") + "." + b64(`{"x":[{"y":{"a":1,"a":2}}]}`) + ".AA", "payload: a key is there twice at byte 21"},
		{b64(`{"alg":"RS256","alg":"none"}`) + "." + b64("{}") + ".AA", "header: a key is there twice at byte 20"},

		{b64(`{"kid":["ins_x"]}`) + "." + b64("{}") + ".AA", "header: kid is not a string"},
		{b64(`{"kid":null}`) + "." + b64("{}") + ".AA", "header: kid is not a string"},
		{b64(`{"crit":[]}`) + "." + b64("{}") + ".AA", "header: crit asks for extensions that Clerk does not have"},
		{b64(`{"crit":null}`) + "." + b64("{}") + ".AA", "header: crit asks for extensions that Clerk does not have"},
	} {
		_, err := decode(c.token)
		if got := errorText(err); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.token, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNumberForms(t *testing.T) {
	const (
		odd     = "not spelled as a plain integer"
		outside = "outside the years 1970 to 9999"
	)
	for _, c := range []struct{ number, want string }{
		{"0", ""},
		{"1700000000", ""},
		{"253402300799", ""},
		{"253402300800", outside},
		{"-1", outside},
		{"1e9", odd},
		{"1E9", odd},
		{"1700000000.0", odd},
		{"1700000000.5", odd},
		{"-0", odd},
		{"1e300", odd},
		{"9999999999999999", odd},
		{strings.Repeat("9", 400), odd},
	} {
		for _, name := range []string{"exp", "nbf", "iat"} {
			_, err := decode(b64("{}") + "." + b64(`{"`+name+`":`+c.number+`}`) + ".AA")
			want := c.want
			if want != "" {
				want = "payload: " + name + ": " + want
			}
			if got := errorText(err); got != want {
				t.Errorf("%s %s: got %q, want %q", name, c.number, got, want)
			}
		}
	}
	for payload, want := range map[string]string{
		`{"v":2}`:           "",
		`{"v":"2.0"}`:       "",
		`{"v":2.0}`:         "payload: v: not spelled as a plain integer",
		`{"v":2e0}`:         "payload: v: not spelled as a plain integer",
		`{"fva":[0,-1]}`:    "",
		`{"fva":[1.5,2]}`:   "",
		`{"fva":[1e1,2]}`:   "payload: fva: not spelled as plain numbers",
		`{"fva":[0,-0]}`:    "payload: fva: not spelled as plain numbers",
		`{"fva":1e1}`:       "",
		`{"metadata":1e99}`: "",
	} {
		_, err := decode(b64("{}") + "." + b64(payload) + ".AA")
		if got := errorText(err); got != want {
			t.Errorf("%s: got %q, want %q", payload, got, want)
		}
	}
}

// A large object is searched for duplicates in another way than a small one.
func TestDuplicateInALargeObject(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`"k` + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + `":0,`)
	}
	if _, err := parseObject([]byte("{" + b.String() + `"last":0}`)); err != nil {
		t.Errorf("no key twice: %v", err)
	}
	for _, twice := range []string{"kxyy", "last"} {
		text := "{" + b.String() + `"last":0,"kxxxxb":0,"` + twice + `":0,"` + twice + `":0}`
		if _, err := parseObject([]byte(text)); err == nil {
			t.Errorf("%s twice: accepted", twice)
		}
	}
}

// Objects in each other may have the same names; each has its own once.
func TestSameNamesAtOtherDepths(t *testing.T) {
	o, err := parseObject([]byte(`{"a":{"a":{"b":1,"a":2},"b":[{"a":1},{"a":2,"b":3}]},"b":{},"c":{"c":4}}`))
	if err != nil || len(o) != 3 || string(o.get("b").raw) != "{}" || string(o.get("c").raw) != `{"c":4}` || string(o[0].members().get("a").raw) != `{"b":1,"a":2}` {
		t.Errorf("%v: %+v", err, o)
	}
	for _, twice := range []string{`{"a":{"b":{"c":1},"b":2}}`, `{"a":{"a":1},"a":2}`, `{"x":[{"a":{},"b":{"a":1},"a":2}]}`} {
		if _, err := parseObject([]byte(twice)); err == nil {
			t.Errorf("%s: accepted", twice)
		}
	}
}

// TestSmallObjectsAreCheap: everybody may send a token, and chooses what is in it.
func TestSmallObjectsAreCheap(t *testing.T) {
	token := b64(`{}`) + "." + b64(`{"x":[{"":{"":0}}`+strings.Repeat(`,{"":{"":0}}`, 900)+`]}`) + ".AA"
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := decode(token); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 20 {
		t.Errorf("%.0f allocations for a token of %d bytes", allocs, len(token))
	}
}

// FuzzDecode holds that no token makes the decoder fail in another way than by
// an error, and that there is one spelling of every token that it accepts.
func FuzzDecode(f *testing.F) {
	for _, parts := range [][3]string{
		{`{"alg":"RS256","kid":"ins_x"}`, `{"sub":"user_1","exp":1,"o":{"id":"org_1"}}`, "sig"},
		{"{}", "{}", ""},
		{`{"crit":[]}`, "null", "\xff"},
		{"\ufeff{}", `{"a":1,"a":2}`, "="},
	} {
		f.Add(b64(parts[0]) + "." + b64(parts[1]) + "." + b64(parts[2]))
		f.Add(b64(parts[0]) + "=." + b64(parts[1]) + "\n." + b64(parts[2]) + "==")
	}
	f.Fuzz(func(t *testing.T, token string) {
		decoded, err := decode(token)
		if err != nil {
			return
		}
		parts := strings.Split(token, ".")
		for _, p := range parts {
			text, err := base64.RawURLEncoding.DecodeString(p)
			if err != nil || base64.RawURLEncoding.EncodeToString(text) != p {
				t.Errorf("accepted %q, which has another spelling", p)
			}
		}
		if payload := payloadOf(token); b64(string(payload)) != parts[1] {
			t.Errorf("payload %q is not what %q says", payload, parts[1])
		}
		keptAsItIs(t, token, readToken(decoded))
		if readAsSDK(token) == sdkCannotRead {
			t.Errorf("accepted %q, which the SDK cannot read", token)
		}
	})
}

// FuzzParseObject compares the scanner with encoding/json, which is the more
// liberal one: it allows duplicate keys and mends broken text.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		`{}`, ` {"a":[1,-2.5e+7,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{}}} `,
		`{"a":1,}`, `{"a":01}`, `{"a":1.}`, `{"a":"\x"}`, `{"a":tru}`, `{"a":"\ud800"}`, `{"a":[1,]}`, `{,}`, "{\"\x00\":1}", `{"a":-}`, `{"a":+1}`, `{"a":1e}`, `[]`,
		`{"\u0061":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseObject(data)
		var want map[string]json.RawMessage
		jsonErr := json.Unmarshal(data, &want)
		if err != nil {
			if jsonErr == nil && want != nil && plainText(data) && !hasDuplicate(data) {
				t.Errorf("refused %q: %v", data, err)
			}
			return
		}
		if jsonErr != nil || len(want) != len(o) {
			t.Fatalf("accepted %q with %d members; encoding/json: %v, %d members", data, len(o), jsonErr, len(want))
		}
		for _, m := range o {
			if string(want[m.name]) != string(m.raw) {
				t.Errorf("%q: member %q is %s, encoding/json says %s", data, m.name, m.raw, want[m.name])
			}
		}
	})
}

// plainText reports whether nothing in data needs the mending that we refuse.
func plainText(data []byte) bool {
	var any any
	if json.Unmarshal(data, &any) != nil {
		return false
	}
	again, _ := json.Marshal(any)
	return !strings.Contains(string(again), "\ufffd") && !strings.Contains(string(again), `\ufffd`)
}

// hasDuplicate finds a key that is twice in one object, with encoding/json's
// own tokens.
func hasDuplicate(data []byte) bool {
	d := json.NewDecoder(strings.NewReader(string(data)))
	var stack []map[string]bool // nil for an array
	key := true
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		switch {
		case tok == json.Delim('}') || tok == json.Delim(']'):
			stack = stack[:top]
			key = true
			continue
		case top >= 0 && stack[top] != nil && key:
			name := tok.(string)
			if stack[top][name] {
				return true
			}
			stack[top][name] = true
			key = false
			continue
		case tok == json.Delim('{'):
			stack = append(stack, map[string]bool{})
			key = true
			continue
		case tok == json.Delim('['):
			stack = append(stack, nil)
		}
		key = true
	}
}
