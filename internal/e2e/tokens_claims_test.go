package e2e_test

import (
	"fmt"
	"strings"
	"time"
)

// goodTokens are the control: what looks odd, and is none of our business.
func goodTokens(f *forge) []tokenCase {
	org := func(o string) members { return members{"o": o, "fea": `"o:invoices"`} }
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	return []tokenCase{
		{name: "plain", token: f.signed(nil, nil), want: "pass"},
		{name: "no typ", token: f.signed(members{"typ": ""}, nil), want: "pass"},
		{name: "no cat", token: f.signed(members{"cat": ""}, nil), want: "pass"},
		{name: "cat of an instance that opted out", token: f.signed(members{"cat": `"cl_I7d4PD111III"`}, nil), want: "pass"},
		{name: "blanks around", token: f.raw("\n\t "+f.header.object(nil)+"\r\n", " "+f.payload.object(nil)+"\n"), want: "pass"},
		{name: "names of another case in the header", token: f.signed(members{"ALG": `"none"`, "Kid": `"ins_x"`, "Typ": "1", "CAT": "1", "Crit": "1"}, nil), want: "pass"},
		{name: "names of another case in the payload", token: f.signed(nil, members{"SUB": `"user_root"`, "Sub": `"user_root"`, "ſub": `"user_root"`,
			"Exp": "1", "O": `{"id":"org_root"}`, "ISS": "1", "Azp": "1"}), want: "pass"},
		{name: "a prototype", token: f.signed(nil, members{"__proto__": `{"sub":"user_root","o":{"id":"org_root"}}`}), want: "pass"},
		{name: "deep custom claims", token: f.signed(nil, members{"x": deep(32)}), want: "pass"},
		{name: "claims as deep as no one's", token: f.signed(nil, members{"x": deep(33)}), want: "token-invalid"},
		{name: "claims to fill a stack with", token: f.signed(nil, members{"x": deep(5000)}), want: "token-invalid"},
		{name: "a custom claim that no float holds", token: f.signed(nil, members{"x": "1e999999", "y": "-0.0"}), want: "pass"},
		{name: "no iat, no nbf", token: f.signed(nil, members{"iat": "", "nbf": ""}), want: "pass"},
		{name: "no sid", token: f.signed(nil, members{"sid": ""}), want: "pass"},
		{name: "exp at the end of the year 9999", token: f.signed(nil, members{"exp": "253402300799"}), want: "pass"},
		{name: "iat and nbf at the beginning", token: f.signed(nil, members{"iat": "0", "nbf": "0"}), want: "pass", cookie: "session-token-iat-before-client-uat"},
		{name: "an audience where none is asked for", token: f.signed(nil, members{"aud": `["a","b"]`}), want: "pass"},
		{name: "an empty list of audiences", token: f.signed(nil, members{"aud": "[]"}), want: "pass"},
		{name: "status active", token: f.signed(nil, members{"sts": `"active"`}), want: "pass"},
		{name: "factors that nobody reads", token: f.signed(nil, members{"fva": `"now"`}), want: "pass"},
		{name: "factors that are null", token: f.signed(nil, members{"fva": "null"}), want: "pass"},
		{name: "one factor", token: f.signed(nil, members{"fva": "[0.5]"}), want: "pass"},

		{name: "an organisation", token: f.signed(nil, org(`{"id":"org_1","slg":"one","rol":"admin","per":"read","fpm":"1"}`)), want: "pass", org: "org_1"},
		{name: "an organisation's id of another form", token: f.signed(nil, org(`{"id":"acme"}`)), want: "pass", org: "acme"},
		{name: "an organisation without id", token: f.signed(nil, org(`{"rol":"admin"}`)), want: "pass"},
		{name: "an organisation with an empty id", token: f.signed(nil, org(`{"id":"","rol":"admin"}`)), want: "pass"},
		{name: "members of o of another case", token: f.signed(nil, org(`{"id":"org_1","ID":"org_2","Rol":"admin"}`)), want: "pass", org: "org_1"},
		{name: "version 1", token: f.signed(nil, members{"v": "", "org_id": `"org_1"`, "org_role": `"org:admin"`}), want: "pass", org: "org_1"},
		{name: "version 1 with o", token: f.signed(nil, members{"v": "", "o": `{"id":"org_2"}`}), want: "pass"},
		{name: "version 1 with o that is no object", token: f.signed(nil, members{"v": "1", "o": `"org_2"`}), want: "pass"},
		{name: "version 2 with org_id", token: f.signed(nil, members{"org_id": `"org_2"`, "org_role": `"org:admin"`}), want: "pass"},
		{name: "version 3 is read as 1", token: f.signed(nil, members{"v": "3", "o": `{"id":"org_2"}`}), want: "pass"},
		{name: "masks larger than any integer", token: f.signed(nil, org(`{"id":"org_1","per":"read","fpm":"`+strings.Repeat("9", 300)+`"}`)), want: "pass", org: "org_1"},
	}
}

// timeTokens have times that are no times, or not now.
func timeTokens(f *forge) []tokenCase {
	now := time.Now().Unix()
	at := func(d time.Duration) string { return fmt.Sprint(now + int64(d/time.Second)) }
	var cases []tokenCase
	add := func(claim, value, want, cookie string) {
		cases = append(cases, tokenCase{name: claim + " " + shortened(either(value, "missing")), token: f.signed(nil, members{claim: value}), want: want, cookie: cookie})
	}
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{
			"1e300", "-1e300", "1e999", "1e9", "17e8", "1700000000.0", "1700000000.5", "-1", "-0", "0.0", "253402300800", "99999999999999999999", "9007199254740993", strings.Repeat("9", 400),
		} {
			add(claim, value, invalid, "")
		}
		for _, value := range []string{`"1700000000"`, `"9999999999"`, `""`, `"x"`, "true", "[9999999999]", `{"$date":1}`} {
			add(claim, value, failed, "")
		}
	}
	add("exp", "null", failed, "")
	add("exp", "false", failed, "")
	add("exp", "", failed, "")
	add("exp", "0", "token-expired", "")
	add("exp", at(-time.Hour), "token-expired", "")
	add("exp", at(-time.Minute), "token-expired", "")
	add("nbf", "null", failed, "")
	add("nbf", "false", failed, "")
	add("nbf", at(time.Hour), "session-token-nbf", "")
	add("nbf", "253402300799", "session-token-nbf", "")
	add("iat", "null", failed, "session-token-iat-before-client-uat") // null < 1 in JavaScript
	add("iat", at(time.Hour), "session-token-iat-in-the-future", "")
	return append(cases, tokenCase{name: "iat false", token: f.signed(nil, members{"iat": "false"}), want: failed, cookie: "session-token-iat-before-client-uat", suffixed: failed})
}

// identityTokens name nobody, or somebody in a way that would be read as somebody
// else further on.
func identityTokens(f *forge) []tokenCase {
	var cases []tokenCase
	add := func(claim, value, want string) {
		cases = append(cases, tokenCase{name: claim + " " + shortened(either(value, "missing")), token: f.signed(nil, members{claim: value}), want: want})
	}
	for _, sub := range []string{
		``, `null`, `""`, `"user_"`, `"user"`, `"USER_ada"`, `" user_ada"`, `"user_ada "`, `"user_ada\n"`, `"user_ada\r\nx-org-id: org_root"`,
		`"user_ada\u0000"`, `"user_a da"`, `"user_ada,user_root"`, `"user_ad\u00e1"`, `"user_\u0430da"`, `"user_ada\u200b"`, `"user_ada\u007f"`,
		`"org_ada"`, `"client_ada"`, `"ak_ada"`, `"ada"`, `"0"`, `0`, `1`, `true`, `["user_ada"]`, `{"id":"user_ada"}`,
	} {
		add("sub", sub, failed)
	}
	add("sub", `"mch_1"`, mismatch)
	add("sub", `"mch_"`, mismatch)
	for _, sid := range []string{`null`, `1`, `"sess 1"`, `"sess_1\n"`, `"sess_\u00e9"`, `["sess_1"]`} {
		add("sid", sid, failed)
	}
	for _, sts := range []string{`null`, `""`, `"Active"`, `"ended"`, `"removed"`, `1`, `["active"]`} {
		add("sts", sts, failed)
	}
	add("sts", `"pending"`, "session-pending")

	foreign := func(iss, cookie string) {
		cases = append(cases, tokenCase{name: "iss " + iss, token: f.signed(nil, members{"iss": iss}), want: "token-invalid-issuer", cookie: cookie, suffixed: "token-invalid-issuer"})
	}
	const noSession = "session-token-and-uat-missing" // another issuer's cookie is not ours: the SDK looks for the suffixed one
	for _, iss := range []string{`"https://clerk.evil.example"`, `"https://clerk.example.com/"`, `"https://clerk.example.com.evil.example"`,
		`"https://clerk.example.com@evil.example"`, `"clerk.example.com:443"`, `"https://CLERK.example.com"`, `" https://clerk.example.com"`,
		`"https://clerk.example.com#x"`} {
		foreign(iss, noSession)
	}
	for _, iss := range []string{``, `null`, `""`, `"http://clerk.example.com"`, `"HTTPS://clerk.example.com"`, `"clerk.example.com"`} {
		add("iss", iss, "token-invalid-issuer")
	}
	for _, iss := range []string{`1`, `["https://clerk.example.com"]`, `{}`, `true`} {
		foreign(iss, failed)
	}
	return append(cases,
		tokenCase{name: "SUB instead of sub", token: f.signed(nil, members{"sub": "", "SUB": `"user_root"`}), want: failed},
		tokenCase{name: "sub in a prototype", token: f.signed(nil, members{"sub": "", "__proto__": `{"sub":"user_root"}`}), want: failed},
		tokenCase{name: "Exp instead of exp", token: f.signed(nil, members{"exp": "", "Exp": "9999999999"}), want: failed},
		tokenCase{name: "sts below another case", token: f.signed(nil, members{"sts": `"pending"`, "STS": `"active"`}), want: "session-pending"},
	)
}

// audienceTokens are meant for somebody else.
func audienceTokens(f *forge) []tokenCase {
	var cases []tokenCase
	for _, aud := range []string{`{}`, `{"0":"a"}`, `["a",1]`, `["a",null]`, `[["a"]]`, `[1]`, `1`, `true`, `null`} {
		cases = append(cases, tokenCase{name: "aud " + aud, token: f.signed(nil, members{"aud": aud}), want: failed})
	}
	for _, azp := range []string{
		``, `null`, `""`, `1`, `true`, `{}`, `["` + party + `"]`, `"https://evil.example"`, `"` + party + `/"`, `"https://APP.example.com"`,
		`"http://app.example.com"`, `"` + party + `:443"`, `"` + party + `.evil.example"`, `"https://sub.app.example.com"`, `"*"`, `" ` + party + `"`,
	} {
		cases = append(cases, tokenCase{name: "azp " + either(azp, "missing"), token: f.signed(nil, members{"azp": azp}), want: "token-invalid-authorized-parties"})
	}
	return cases
}

// organisationTokens have an organisation that cannot be read, or could be read
// as another one. A role or permission that is guessed would be given away.
func organisationTokens(f *forge) []tokenCase {
	var cases []tokenCase
	add := func(name string, payload members, want string) {
		cases = append(cases, tokenCase{name: name, token: f.signed(nil, payload), want: want})
	}
	for _, o := range []string{`null`, `[]`, `["org_1"]`, `"org_1"`, `1`, `true`} {
		add("o "+o, members{"o": o}, failed)
	}
	for _, id := range []string{`null`, `1`, `["org_1"]`, `{}`, `"org_1\n"`, `"org_1\r\nx-user-id: user_root"`, `"org_1 "`, `"org_1,org_2"`, `"org_\u00e9"`, `"org_\u0000"`} {
		add("o.id "+id, members{"o": `{"id":` + id + `}`}, failed)
		add("org_id "+id+", version 1", members{"v": "", "org_id": id}, failed)
	}
	for _, m := range []string{`"slg":null`, `"slg":1`, `"slg":"a b"`, `"rol":null`, `"rol":["admin"]`, `"rol":"ad,min"`, `"rol":"é"`, `"per":null`,
		`"per":["read"]`, `"per":"read,,write"`, `"per":"re ad"`, `"fpm":null`, `"fpm":1`, `"per":"read","fpm":"-1"`, `"per":"read","fpm":"1.5"`,
		`"per":"read","fpm":"1x"`, `"per":"read","fpm":"0x1"`, `"per":"read","fpm":"1,"`, `"per":"read","fpm":"1e3"`, `"per":"read","fpm":"\u0661"`} {
		add("o with "+m, members{"fea": `"o:invoices"`, "o": `{"id":"org_1",` + m + `}`}, failed)
	}
	for _, fea := range []string{`null`, `1`, `["o:a"]`, `{}`, `"bad"`, `"o:a,bad"`, `"o:a,"`, `","`, `"o:"`, `"o:a b"`, `"o:é"`} {
		add("fea "+fea, members{"fea": fea, "o": `{"id":"org_1"}`}, failed)
		add("fea "+fea+", no organisation", members{"fea": fea}, failed)
	}
	for _, v := range []string{`"2"`, `null`, `[2]`, `true`, `{}`} {
		add("v "+v, members{"v": v, "o": `{"id":"org_1"}`}, failed)
	}
	for _, v := range []string{"2.0", "2e0", "20e-1", "-0", "2000000000000000000000"} {
		add("v "+v, members{"v": v, "o": `{"id":"org_1"}`}, invalid)
	}
	for _, fva := range []string{"[1e0,-1]", "[0,-1E0]", "[-0,-1]"} {
		add("fva "+fva, members{"fva": fva}, invalid)
	}
	for _, m := range []members{
		{"org_slug": "1"}, {"org_slug": `"a b"`}, {"org_role": "null"}, {"org_role": `["org:admin"]`}, {"org_permissions": `"org:a:b"`},
		{"org_permissions": "null"}, {"org_permissions": `["org:a:b",1]`}, {"org_permissions": `["org:a:b,org:c:d"]`}, {"org_permissions": "{}"},
	} {
		name := "version 1 with"
		for claim, value := range m {
			name += " " + claim + " " + value
		}
		add(name, m.with(members{"v": "", "org_id": `"org_1"`}), failed)
	}
	return cases
}
