package parity_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"

	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// Categories of Clerk's tokens.
const (
	categorySession  = "cl_B7d4PD111AAA"
	categoryTemplate = "cl_B7d4PD222AAA"
	categoryM2M      = "cl_B7d4PD333AAA"
	categoryIgnore   = "cl_I7d4PD111III"
)

// object is a JSON object. Marshalling sorts its keys, so that the same object
// always makes the same token.
type object map[string]any

// raw is JSON text that is taken as it is.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

// draft is a token that is still being put together.
type draft struct {
	g               *generator
	header, payload object
	// changes are made to the JSON texts, finish to the signed token.
	changeHeader, changePayload func(string) string
	finish                      func(string) string
	algorithm                   string // sign with it; "" is RS256
	foreign                     bool   // sign with the stranger's key
	hmac                        bool   // sign with nothing
	// inner says that the token goes into an answer, not into the request.
	inner bool
	// machine says that it is a machine's.
	machine bool
	// template says that it is of a JWT template.
	template bool
}

// odd notes that an entry of the list may excuse what becomes of the token.
func (d *draft) odd(e entry) { d.g.c.odd(e, d.inner) }

func (d *draft) sign() string {
	header, payload := marshal(d.header), marshal(d.payload)
	if d.changeHeader != nil {
		header = d.changeHeader(header)
	}
	if d.changePayload != nil {
		payload = d.changePayload(payload)
	}
	s := signer()
	if d.foreign {
		s = stranger()
	}
	if d.algorithm != "" {
		s = &jwkstest.Signer{ID: s.ID, Algorithm: d.algorithm, Private: s.Private}
	}
	var token string
	if d.hmac {
		token = encode(header) + "." + encode(payload) + "." + encode("no signature")
	} else {
		token = s.Sign([]byte(header), []byte(payload))
	}
	if d.finish != nil {
		token = d.finish(token)
	}
	return token
}

func marshal(o object) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// session starts a session token as Clerk mints it: issued a moment ago, version
// 1 or 2, with or without an organisation.
func (g *generator) session() *draft {
	age := int64(g.n(50))
	d := &draft{g: g, header: object{"alg": "RS256", "typ": "JWT", "kid": instanceKeyID}, payload: object{
		"iss": g.issuer, "sub": g.pick("user_1", "user_1", "user_2"), "sid": "sess_1",
		"iat": g.sec - age, "nbf": g.sec - age - 10, "exp": g.sec - age + 60,
	}}
	if g.one(2) {
		d.header["cat"] = g.pick(categorySession, categorySession, categorySession, categoryIgnore)
	}
	if g.one(2) {
		d.payload["azp"] = g.party
	}
	if len(g.c.Options.Audience) > 0 && g.one(3) {
		d.payload["aud"] = g.pickAny("a", "a", "b", []any{"b", "a"}, []any{"b"}, "")
	}
	if g.one(3) {
		d.payload["fva"] = []any{g.age(), g.age()}
	}
	switch g.n(16) {
	case 0:
		d.payload["sts"] = "active"
	case 1, 2:
		d.payload["sts"] = "pending"
	}
	if g.one(12) {
		d.payload["act"] = object{"sub": "user_admin"}
	}
	if g.one(2) {
		g.version2(d.payload)
	} else {
		g.version1(d.payload)
	}
	return d
}

func (g *generator) age() any {
	return []any{0, 1, 5, 9, 10, 11, 59, 60, 61, 1439, 1440, -1, -1, 1.5}[g.n(14)]
}

func (g *generator) version1(payload object) {
	if g.one(3) {
		return
	}
	id := g.pick("org_1", "org_1", "org_2")
	maps.Copy(payload, object{"org_id": id, "org_slug": g.slugOf(id), "org_role": g.pick("org:admin", "admin", "org:member", "org:org:admin")})
	if g.one(2) {
		payload["org_permissions"] = []any{"org:a:read", g.pick("org:a:manage", "org:b:read", "a:read")}
	}
	if g.one(4) {
		payload["fea"] = g.pick("o:a,u:b", "u:a", "o:b")
	}
}

func (g *generator) slugOf(id string) string {
	return map[string]string{"org_1": "acme", "org_2": "bcorp"}[id]
}

func (g *generator) version2(payload object) {
	payload["v"] = 2
	payload["jti"] = "0123456789"
	if g.one(2) {
		payload["pla"] = g.pick("u:free", "o:pro", "u:free,o:pro", "uo:pro", "x:free")
	}
	if g.one(3) {
		if g.one(2) {
			payload["fea"] = g.pick("u:a,u:b", "u:a")
		}
		return
	}
	id := g.pick("org_1", "org_1", "org_2")
	o := object{"id": id, "rol": g.pick("admin", "admin", "member", "org:admin")}
	if !g.one(5) {
		o["slg"] = g.slugOf(id)
	}
	payload["o"] = o
	if g.one(5) {
		return
	}
	payload["fea"] = g.pick("o:a,o:b", "o:a, o:b ,u:c", "o:a,uo:b,u:c", "ou:a,o:b,o:c", "o:a", "o:a,o:b,x:c")
	o["per"] = g.pick("read,manage", "read, manage", "manage,read,write", "read")
	o["fpm"] = g.pick("1,2", "3,3,0", "3, 1", "2", "7,5,9", "0,1", "9007199254740993,1", "340282366920938463463374607431768211457,3")
}

// template starts a token of a JWT template.
func (g *generator) template() *draft {
	d := g.session()
	d.template = true
	d.header["cat"] = categoryTemplate
	for _, name := range []string{"sid", "v", "o", "pla", "fea", "sts", "org_id", "org_slug", "org_role", "org_permissions"} {
		delete(d.payload, name)
	}
	return d
}

// m2mJWT starts the JWT of a machine.
func (g *generator) m2mJWT() *draft {
	d := g.session()
	d.machine = true
	d.payload = object{
		"iss": g.issuer, "sub": g.pick("mch_1", "mch_1", "mch_2"), "jti": "mt_1",
		"iat": g.sec - 30, "nbf": g.sec - 40, "exp": g.sec + 3600,
	}
	if g.one(2) {
		d.payload["scopes"] = g.pick("mch_me", "mch_me mch_3", "mch_3 mch_me")
	} else {
		d.payload["aud"] = []any{"mch_me", "mch_3"}
	}
	delete(d.header, "cat")
	if g.one(2) {
		d.header["cat"] = categoryM2M
	}
	return d
}

// oauthJWT starts an OAuth access token (RFC 9068).
func (g *generator) oauthJWT() *draft {
	d := g.session()
	d.machine = true
	d.payload = object{
		"iss": g.issuer, "sub": "user_1", "jti": "oat_1", "client_id": "client_1",
		"iat": g.sec - 30, "nbf": g.sec - 40, "exp": g.sec + 3600,
	}
	d.payload["scope"] = g.pick("profile", "profile email", "email")
	if g.one(3) {
		delete(d.payload, "scope")
		d.payload["scp"] = []any{"profile", "email"}
	}
	if len(g.c.Options.Audience) > 0 || g.one(4) {
		d.payload["aud"] = g.pick("a", "a", "c")
	}
	d.header["typ"] = g.pick("at+jwt", "at+jwt", "application/at+jwt")
	delete(d.header, "cat")
	return d
}

// part applies a change to one of the three parts of a token.
func part(token string, i int, change func(string) string) string {
	parts := strings.Split(token, ".")
	if i < len(parts) {
		parts[i] = change(parts[i])
	}
	return strings.Join(parts, ".")
}
