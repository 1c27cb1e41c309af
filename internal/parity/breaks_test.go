package parity_test

import (
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// change is something that is done to a token.
type change struct {
	name   string
	weight int
	do     func(*draft)
}

// breaks are changes that mean the same to everyone.
func breaks() []change {
	return []change{
		{"expired", 6, func(d *draft) { d.payload["exp"] = d.g.sec - int64(d.g.n(400)) }},
		{"around expiry", 3, func(d *draft) { d.payload["exp"] = d.g.sec + int64(d.g.n(9)) - 7 }},
		{"no exp", 1, func(d *draft) { delete(d.payload, "exp") }},
		{"exp is text", 1, func(d *draft) { d.payload["exp"] = "1700000060" }},
		{"not yet valid", 3, func(d *draft) { d.payload["nbf"] = d.g.sec + int64(d.g.n(12)) }},
		{"no nbf", 1, func(d *draft) { delete(d.payload, "nbf") }},
		{"nbf is null", 1, func(d *draft) { d.payload["nbf"] = nil }},
		{"issued in the future", 3, func(d *draft) { d.payload["iat"] = d.g.sec + int64(d.g.n(12)) }},
		{"no iat", 1, func(d *draft) { delete(d.payload, "iat") }},
		{"at the edge", 12, func(d *draft) { d.edge() }},
		{"a day off", 4, func(d *draft) { d.dayOff() }},
		{"issuer of another", 5, func(d *draft) { d.issuerOfAnother() }},
		{"no issuer", 1, func(d *draft) { delete(d.payload, "iss"); d.unpinned() }},
		{"foreign azp", 2, func(d *draft) { d.payload["azp"] = "https://evil.example" }},
		{"empty azp", 1, func(d *draft) { d.payload["azp"] = "" }},
		{"no azp", 2, func(d *draft) { delete(d.payload, "azp") }},
		{"audience", 3, func(d *draft) {
			d.payload["aud"] = d.g.pickAny("a", "b", "", []any{"b", "a"}, []any{"b"}, []any{})
			if d.machine {
				d.odd(entryMachine) // of a machine-to-machine token, it is whom it is for
			}
		}},
		{"no sub", 1, func(d *draft) { delete(d.payload, "sub") }},
		{"sub is a number", 1, func(d *draft) { d.payload["sub"] = 5 }},
		{"unknown key", 3, func(d *draft) { d.header["kid"] = d.g.pick("ins_b", "", "ins_a ") }},
		{"no kid", 1, func(d *draft) { delete(d.header, "kid") }},
		{"stranger's signature", 4, func(d *draft) { d.foreign = true }},
		{"another algorithm", 2, func(d *draft) { d.header["alg"] = d.g.pick("RS384", "RS512", "ES256", "PS256") }},
		{"another algorithm, and signed so", 3, func(d *draft) {
			d.algorithm = d.g.pick("RS384", "RS512")
			d.header["alg"] = d.algorithm
		}},
		{"no algorithm", 1, func(d *draft) { d.header["alg"] = d.g.pick("none", "HS256"); d.hmac = true }},
		{"another type", 2, func(d *draft) { d.header["typ"] = d.g.pick("jwt", "JOSE", "") }},
		{"no type", 1, func(d *draft) { delete(d.header, "typ") }},
		{"type is null", 1, func(d *draft) { d.header["typ"] = nil }},
		{"access token", 1, func(d *draft) {
			d.header["typ"] = d.g.pick("at+jwt", "application/at+jwt", "AT+JWT")
			d.machines()
		}},
		{"another category", 2, func(d *draft) { d.category(d.g.pickAny(categoryTemplate, categoryM2M, "cl_B7d4PD444AAA", "", nil)) }},
		{"no category", 1, func(d *draft) { delete(d.header, "cat") }},
		{"a machine's", 1, func(d *draft) { d.payload["sub"] = "mch_1"; d.machines() }},
		{"another version", 2, func(d *draft) { d.payload["v"] = d.g.pickAny(1, 3, 0, -2) }},
		{"organisation without id", 1, func(d *draft) {
			d.payload["v"], d.payload["o"] = 2, d.g.pickAny(object{}, object{"rol": "admin"}, object{"id": "", "slg": "acme"})
		}},
		{"azp of another type", 1, func(d *draft) { d.payload["azp"] = d.g.pickAny(nil, 5, []any{d.g.party}, object{}) }},
		{"no sid", 1, func(d *draft) { delete(d.payload, "sid"); d.ofAnotherClass() }},
		{"pending", 1, func(d *draft) { d.payload["sts"] = "pending" }},
		{"two parts", 1, func(d *draft) { d.finish = func(t string) string { return t[:strings.LastIndexByte(t, '.')] } }},
		{"four parts", 1, func(d *draft) { d.finish = func(t string) string { return t + ".x" } }},
		{"no signature", 1, func(d *draft) { d.finish = func(t string) string { return t[:strings.LastIndexByte(t, '.')+1] } }},
		{"cut short", 1, func(d *draft) { d.finish = func(t string) string { return t[:len(t)-3] } }},
		{"other alphabet", 1, func(d *draft) { d.finish = func(t string) string { return t[:len(t)-2] + "+/" } }},
		{"not JSON", 1, func(d *draft) { d.changePayload = func(string) string { return "{" } }},
	}
}

// edge puts one of the times where the clock skew just allows it, or just not.
func (d *draft) edge() {
	skew := 5000
	if s := d.g.c.Options.ClockSkew; s != nil {
		skew = *s
	}
	away := int64(skew/1000 + d.g.pickAny(0, 0, 1, -1).(int))
	switch d.g.n(3) {
	case 0:
		d.payload["exp"] = d.g.sec - away
	case 1:
		d.payload["nbf"] = d.g.sec + away
	case 2:
		d.payload["iat"] = d.g.sec + away
	}
}

// dayOff puts one of the times about a day away, which is how far the clock of a
// development machine may be wrong after a handshake.
func (d *draft) dayOff() {
	const day = 86400
	about := int64(day + []int{-3600, -1, 0, 0, 1, 3600}[d.g.n(6)])
	switch d.g.n(3) {
	case 0:
		d.payload["exp"] = d.g.sec - about
	case 1:
		d.payload["nbf"] = d.g.sec + about
	case 2:
		d.payload["iat"] = d.g.sec + about
	}
}

func (d *draft) issuerOfAnother() {
	host := strings.TrimPrefix(d.g.issuer, "https://")
	d.payload["iss"] = d.g.pick("https://clerk.other.com", "", "http://"+host, "HTTPS://"+host, host, "https://https://"+host, "https://"+host+"/")
	d.unpinned()
}

// unpinned notes that the SDK checks no issuer of a machine's token, and if it was
// told none, none of any token. Over an answer it is told the issuers after all:
// what it then does instead of taking the answer is what there is to compare.
func (d *draft) unpinned() {
	if d.inner {
		d.g.pinned, d.g.c.Options.Issuer = true, d.g.c.ours.issuers
	}
	if len(d.g.c.Options.Issuer) == 0 || d.machine {
		d.odd(entryIssuer)
	}
}

func (d *draft) category(cat any) {
	d.header["cat"] = cat
	d.ofAnotherClass()
}

// ofAnotherClass notes that the SDK does not look at the class of tokens in
// answers, nor where it verifies a token alone.
func (d *draft) ofAnotherClass() {
	if d.inner || d.template {
		d.odd(entryClasses)
	}
}

// machines notes besides that where machines' tokens are accepted, this one is
// not for us.
func (d *draft) machines() {
	d.ofAnotherClass()
	if d.g.c.ours.accepts&(clerk.M2MTokens|clerk.OAuthTokens) != 0 {
		d.odd(entryMachine)
	}
}

// odds are changes that an entry of the list excuses.
func odds() []change {
	return append(append(oddForms(), oddIdentities()...), oddTypes()...)
}

func oddForms() []change {
	form := func(name string, weight int, do func(*draft)) change {
		return change{name, weight, func(d *draft) { d.odd(entryForm); do(d) }}
	}
	text := func(change func(string) string) func(*draft) {
		return func(d *draft) { d.changePayload = change }
	}
	return []change{
		form("padding", 2, func(d *draft) {
			i := d.g.n(3)
			d.finish = func(t string) string { return part(t, i, func(p string) string { return p + "=" }) }
		}),
		form("byte-order mark", 1, text(func(t string) string { return "\ufeff" + t })),
		form("byte-order mark before the header", 1, func(d *draft) { d.changeHeader = func(t string) string { return "\ufeff" + t } }),
		form("invalid UTF-8", 1, text(func(t string) string { return strings.Replace(t, "{", "{\"x\":\"\xff\",", 1) })),
		form("half a surrogate pair", 1, text(func(t string) string { return strings.Replace(t, "{", `{"x":"\ud800",`, 1) })),
		form("sub twice", 1, text(func(t string) string { return t[:len(t)-1] + `,"sub":"user_9"}` })),
		form("a nested key twice", 1, text(func(t string) string { return t[:len(t)-1] + `,"x":{"y":1,"y":2}}` })),
		form("payload is a list", 1, text(func(string) string { return "[]" })),
		form("payload is a number", 1, text(func(string) string { return "5" })),
		form("payload is null", 2, text(func(string) string { return "null" })),
		form("header is null", 2, func(d *draft) { d.changeHeader = func(string) string { return "null" } }),
		form("exp with an exponent", 1, func(d *draft) { d.payload["exp"] = raw("17000001e2") }),
		form("iat with a fraction", 1, func(d *draft) { d.payload["iat"] = raw(d.g.pick("1699999990.0", "1699999990.5")) }),
		form("exp in the year 10000", 1, func(d *draft) { d.payload["exp"] = raw("253402300800") }),
		form("nbf before 1970", 1, func(d *draft) { d.payload["nbf"] = raw("-1") }),
		form("exp beyond any date", 1, func(d *draft) { d.payload["exp"] = raw("1e300") }),
		form("version spelled otherwise", 1, func(d *draft) { d.payload["v"] = raw(d.g.pick("2.0", "2e0", "1.5")) }),
		form("fva spelled otherwise", 1, func(d *draft) { d.payload["fva"] = raw(d.g.pick("[1e0,2]", "[-0,5]")) }),
		form("kid is a list", 1, func(d *draft) { d.header["kid"] = []any{instanceKeyID} }),
		form("kid is null", 1, func(d *draft) { d.header["kid"] = nil }),
		form("crit", 1, func(d *draft) { d.header["crit"] = d.g.pickAny([]any{"b64"}, []any{}, nil) }),
		form("oversize", 1, func(d *draft) { d.payload["x"] = strings.Repeat("x", 16<<10) }),
	}
}

func oddIdentities() []change {
	id := func(name string, weight int, do func(*draft)) change {
		return change{name, weight, func(d *draft) { d.odd(entryIdentity); do(d) }}
	}
	return []change{
		id("sub of no user", 3, func(d *draft) {
			d.payload["sub"] = d.g.pick("", "user_", "usr_1", "org_1", "user_é", "user_a,b", "user_ 1", "User_1")
		}),
		id("sid is no header value", 1, func(d *draft) { d.payload["sid"] = d.g.pick("sess é", "sess,1", "sess\n1") }),
		id("organisation is no header value", 2, func(d *draft) { d.organisation(d.g.pick("id", "slg", "rol"), d.g.pick("org é", "a,b", " ")) }),
		id("permission is no header value", 1, func(d *draft) {
			d.payload["org_permissions"] = []any{d.g.pick("org:a:é", "", "a b")}
		}),
	}
}

// organisation sets a claim about the organisation in either version's place.
func (d *draft) organisation(name string, value any) {
	if o, ok := d.payload["o"].(object); ok {
		o[name] = value
		return
	}
	d.payload[map[string]string{"id": "org_id", "slg": "org_slug", "rol": "org_role"}[name]] = value
}
