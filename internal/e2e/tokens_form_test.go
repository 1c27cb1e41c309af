package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// formTokens are misshapen as text.
func formTokens(t *testing.T, f *forge) []tokenCase {
	header, payload, signature := f.parts()
	good := header + "." + payload + "." + signature
	for !strings.ContainsAny(header+payload, "-_") || !strings.Contains(signature, "-") || !strings.Contains(signature, "_") {
		good = f.signed(nil, members{"x": quoted("ÿþ~~~???" + header[:1])})
		header, payload, signature = split3(good)
	}
	flattened := `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`
	both := func(name, token string) tokenCase { return tokenCase{name: name, token: token, want: invalid} }
	return []tokenCase{
		{name: "nothing", token: "", want: invalid, cookie: "client-uat-but-no-session-token"},
		both("one dot", "."), both("two dots", ".."), both("three dots", "..."),
		both("one part", header), both("two parts", header+"."+payload), both("four parts", good+"."+signature),
		both("an empty fourth part", good+"."), both("an empty first part in front", "."+good), both("five parts, as of a JWE", header+"..."+payload+"."+signature),
		both("no header", "."+payload+"."+signature), both("no payload", header+".."+signature), both("only a signature", ".."+signature), both("only a header", header+".."),
		{name: "parts in another order", token: payload + "." + header + "." + signature, want: unknownID},
		{name: "flattened JSON", token: flattened, want: "request-malformed", cookie: invalid},

		both("padding of the signature", good+"=="), both("too much padding", good+"===="), both("padding of the payload", header+"."+padded(payload)+"."+signature),
		both("padding of the header", padded(header)+"."+payload+"."+signature), both("an equals sign in the middle", header+"."+payload[:8]+"="+payload[8:]+"."+signature),
		both("bits left over", good[:len(good)-1]+leftOver(good[len(good)-1])), both("a byte too few for base64", good[:len(good)-1]),
		{name: "a letter more", token: good + "A", want: badSignature},
		both("the standard alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(good)), both("percent-encoded twice", url.QueryEscape(url.QueryEscape("."))+good),
		{name: "a letter percent-encoded", token: "%65" + good[1:], want: invalid, cookie: "pass"}, // cookies are decoded once, as by the SDK
		{name: "a line break percent-encoded", token: good + "%0A", want: invalid},
		{name: "a NUL percent-encoded", token: good + "%00", want: invalid},
		{name: "a blank in front", token: " " + good, want: invalid, cookie: "pass"},
		{name: "a blank in the middle", token: header + " ." + payload + "." + signature, want: "request-malformed", cookie: invalid},
		{name: "a tab in the middle", token: header + ".\t" + payload + "." + signature, want: "request-malformed", cookie: invalid},
		{name: "a comma behind", token: good + ",", want: "request-malformed", cookie: invalid},
		{name: "twice, with a comma", token: good + "," + good, want: "request-malformed", cookie: invalid},
		{name: "twice, with a comma and a scheme", token: good + ", Bearer " + good, want: "request-malformed", cookie: invalid},
		{name: "words behind", token: good + " more", want: "request-malformed", cookie: invalid},
		both("in double quotes", `"`+good+`"`), both("in single quotes", "'"+good+"'"), both("a letter that is not ASCII", good+"é"), both("bytes that are not UTF-8", good+"\xff\xfe"),
		both("a NUL-like letter", header+"."+payload+"\u200b."+signature), both("dots of another alphabet", strings.ReplaceAll(good, ".", "\uff0e")),

		{name: "16 KiB", token: f.sized(t, 16<<10), want: "pass"},
		{name: "16 KiB and a byte", token: f.sized(t, 16<<10+1), want: "request-malformed"},
		{name: "30 KiB without a dot", token: strings.Repeat("a", 30<<10), want: "request-malformed"},
		{name: "16 KiB of dots", token: strings.Repeat(".", 16<<10), want: invalid},
		{name: "16 KiB of blanks in JSON", token: f.Signer().Sign([]byte(f.header.object(nil)), []byte(strings.Repeat(" ", 11<<10)+f.payload.object(nil))), want: "pass"},
	}
}

func split3(token string) (header, payload, signature string) {
	p := strings.Split(token, ".")
	return p[0], p[1], p[2]
}

// padded is base64 with the "=" that the token's form forbids, at least one.
func padded(part string) string {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		panic(err)
	}
	if text := base64.URLEncoding.EncodeToString(raw); text != part {
		return text
	}
	return part + "===="
}

// leftOver is the last letter of a signature of 256 bytes with its four unused
// bits set.
func leftOver(letter byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, letter)|0xf])
}

// jsonTokens are well signed, and their JSON is not what every parser would read
// in the same way.
func jsonTokens(f *forge) []tokenCase {
	header, payload := f.header.object(nil), f.payload.object(nil)
	var cases []tokenCase
	add := func(name, header, payload string) {
		cases = append(cases, tokenCase{name: name, token: f.raw(header, payload), want: invalid})
	}
	for _, m := range []struct{ name, value string }{
		{"alg", `"none"`}, {"alg", `"RS256"`}, {"kid", quoted(f.Signer().ID)}, {"kid", `"ins_other"`}, {"typ", `"JWT"`}, {"cat", `"cl_B7d4PD222AAA"`},
	} {
		after, before := duplicate(header, m.name, m.value)
		add("header: "+m.name+" again, "+m.value, after, "")
		add("header: "+m.name+" before, "+m.value, before, "")
	}
	for _, m := range []struct{ name, value string }{
		{"sub", `"user_root"`}, {"sub", `"user_ada"`}, {"exp", "9999999999"}, {"iss", quoted(f.Issuer())}, {"azp", quoted(party)}, {"sid", `"sess_root"`}, {"v", "1"},
	} {
		after, before := duplicate(payload, m.name, m.value)
		add("payload: "+m.name+" again, "+m.value, "", after)
		add("payload: "+m.name+" before, "+m.value, "", before)
	}
	for name, more := range map[string]string{
		"o twice": `"o":{"id":"org_1"},"o":{"id":"org_2"}`, "o.id twice": `"o":{"id":"org_1","id":"org_2"}`, "o.rol twice": `"o":{"id":"org_1","rol":"member","rol":"admin"}`,
		"twice in a list": `"x":[{"a":1},{"a":1,"a":2}]`, "twice far down": `"x":{"y":{"z":[[{"a":1,"a":1}]]}}`, "an empty name twice": `"":1,"":2`,
		"not UTF-8": "\"x\":\"\xff\"", "not UTF-8 in a name": "\"\xc3\x28\":1", "overlong UTF-8": "\"x\":\"\xc0\xaf\"",
		"a surrogate in UTF-8": "\"x\":\"\xed\xa0\x80\"", "half a surrogate pair": `"x":"\ud800"`, "the other half": `"x":"\udc00"`,
		"halves in the wrong order": `"x":"\udc00\ud800"`,
		"a NUL in a string":         "\"x\":\"\x00\"", "a line break in a string": "\"x\":\"a\nb\"", "a wrong escape": `"x":"\x41"`, "a trailing comma": `"x":1,`,
		"NaN": `"x":NaN`, "Infinity": `"x":Infinity`, "hexadecimal": `"x":0x10`, "a leading zero": `"x":01`, "a plus": `"x":+1`, "a bare fraction": `"x":.5`,
		"a fraction without digits": `"x":1.`,
		"single quotes":             `'x':1`, "no quotes": `x:1`, "a comment": `/* x */"x":1`, "True": `"x":True`, "an open list": `"x":[`, "nothing after the colon": `"x":`,
	} {
		add("payload: "+name, "", payload[:len(payload)-1]+","+more+"}")
		add("header: "+name, header[:len(header)-1]+","+more+"}", "")
	}
	for name, value := range map[string]string{"sub": `"user_root"`, "exp": "9999999999", "azp": quoted(party)} {
		escaped := fmt.Sprintf(`"\u%04x%s":%s`, name[0], name[1:], value)
		add("payload: "+name+" again, escaped", "", payload[:len(payload)-1]+","+escaped+"}")
		add("payload: "+name+" before, escaped", "", "{"+escaped+","+payload[1:])
	}
	add("header: alg again, escaped", header[:len(header)-1]+`,"al\u0067":"none"}`, "")
	for name, text := range map[string]string{
		"an array": "[" + payload + "]", "a string": quoted(payload), "a number": "1", "null": "null", "true": "true", "empty brackets": "[]",
		"a blank": " ", "not JSON": "user_ada", "an XML document": "<user>ada</user>",
	} {
		add("payload: "+name, "", text)
		add("header: "+name, text, "")
	}
	for name, edit := range map[string]func(string) string{
		"a byte-order mark": func(s string) string { return "\ufeff" + s }, "a letter behind": func(s string) string { return s + "x" },
		"another object behind":        func(s string) string { return s + s },
		"another object in a new line": func(s string) string { return s + "\n" + s }, "a NUL behind": func(s string) string { return s + "\x00" },
		"a comma behind": func(s string) string { return s + "," }, "a letter in front": func(s string) string { return "x" + s },
		"no end":                  func(s string) string { return s[:len(s)-1] },
		"UTF-16":                  func(s string) string { return "\x00" + strings.Join(strings.Split(s, ""), "\x00") },
		"a vertical tab in front": func(s string) string { return "\v" + s }, "a no-break space in front": func(s string) string { return "\u00a0" + s },
	} {
		add("payload: "+name, "", edit(payload))
		add("header: "+name, edit(header), "")
	}
	return cases
}
