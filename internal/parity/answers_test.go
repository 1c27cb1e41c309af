package parity_test

import (
	"encoding/json"
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

const jsonType = "application/json"

func answerOf(value any) backendAnswer {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return backendAnswer{200, jsonType, string(text)}
}

// failure is an answer that is none to the question.
func (g *generator) failure() backendAnswer {
	a := []backendAnswer{
		{404, jsonType, `{"errors":[{"message":"not found","code":"resource_not_found"}]}`},
		{404, "text/html", "not found"},
		{400, jsonType, `{"errors":[{"message":"bad","long_message":"bad","code":"session_revoked"}],"clerk_trace_id":"t"}`},
		{422, jsonType, `{"errors":[]}`},
		{400, jsonType, `{}`},
		{401, jsonType, `{"errors":[{"message":"bad key","code":"clerk_key_invalid"}]}`},
		{403, jsonType, `{"errors":[{"message":"no","code":"authorization_invalid"}]}`},
		{408, "text/plain", "late"},
		{429, jsonType, `{"errors":[{"message":"slow down","code":"too_many_requests"}]}`},
		{500, "text/html", "<html>"},
		{503, jsonType, `{"errors":[{"message":"down","code":"unexpected_error"}]}`},
		{400, jsonType, `{"errors":[{"message":"x","code":"unexpected_error"}]}`},
		{},
	}[g.n(13)]
	switch s := a.Status; {
	case s == 0, s >= 500, s == 401, s == 403, s == 408, s == 429:
		g.c.odd(entryOutage, false)
	}
	g.tell("Backend API answers %d", a.Status)
	return a
}

// mangle makes a good answer one that is not what was promised.
func (g *generator) mangle(a backendAnswer, e entry) backendAnswer {
	g.c.odd(e, e == entryClasses)
	g.tell("mangled answer")
	switch g.n(8) {
	case 0:
		a.Type = "text/plain"
	case 1:
		a.Type = "application/json; charset=utf-8"
	case 2:
		a.Body = a.Body[:len(a.Body)/2]
	case 3:
		a.Body = g.pick("", "null", "[]", "5", `"x"`, "{}", "[{}]")
	case 4:
		a.Status = 204
		a.Body = ""
	case 5:
		a.Status = g.pickAny(201, 202, 203).(int)
	case 6:
		a.Body = strings.Replace(a.Body, ":[", ":[5,", 1)
	case 7:
		a.Type = ""
	}
	return a
}

// inAnswer starts a session token that the Backend API hands out.
func (g *generator) inAnswer(like *draft) *draft {
	d := g.session()
	d.inner = true
	d.payload["iat"], d.payload["nbf"], d.payload["exp"] = g.sec-1, g.sec-11, g.sec+59
	if like != nil {
		for _, name := range []string{"sub", "sid"} {
			if v, ok := like.payload[name]; ok {
				d.payload[name] = v
			}
		}
	}
	if g.key.Development && g.one(6) {
		d.dayOff()
		g.tell("about a day off (in an answer)")
	}
	switch g.n(30) {
	case 0:
		d = g.template()
	case 1:
		d = g.m2mJWT()
	case 2:
		d = g.oauthJWT()
	case 3:
		if like != nil {
			d.payload[g.pick("sub", "sid")] = g.pick("user_3", "sess_3")
			d.inner = true
			d.odd(entryClasses)
			g.tell("the refreshed session is another")
		}
		return g.spoil(d)
	default:
		return g.spoil(d)
	}
	d.inner = true
	d.odd(entryClasses)
	g.tell("the answer holds a token of another class")
	return g.spoil(d)
}

// directives are the Set-Cookie values of an answer that signs in.
func (g *generator) directives(d *draft) []any {
	token := d.sign()
	suffix := "_" + g.key.Suffix
	attributes := g.pick("; Path=/; Expires=Fri, 31 Dec 2027 00:00:00 GMT; Secure; SameSite=Lax", "; Path=/", "")
	list := []any{"__session=" + token + attributes, "__client_uat=1699999999; Path=/; Domain=example.com", "__clerk_handshake=; Path=/; Max-Age=0"}
	if g.one(2) {
		list = append(list, "__session"+suffix+"="+token+attributes, "__client_uat"+suffix+"=1699999999", "__refresh"+suffix+"=rt_2; HttpOnly")
	}
	switch g.n(16) {
	case 0:
		list = []any{"__client_uat=0; Path=/", "__session=; Path=/; Max-Age=0"}
		g.tell("the answer signs out")
	case 1:
		list = append(list, g.pick("__session_AAAAAAAA=x", "__session=", "__session", "__sessionx="+token, " __session=x", "__session=a=b"))
		g.tell("the answer has another session at the end")
	case 2:
		list = []any{}
		g.tell("the answer is empty")
	case 3:
		list = append(list, g.pickAny(5, nil, "a=b\u00e9", "a=b; c=\u2603", "", "x\ny=1", object{}))
		g.c.odd(entryClasses, true)
		g.tell("the answer has an odd directive")
	}
	if g.one(3) {
		g.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

// refreshing shows an expired session and a refresh cookie.
func (g *generator) refreshing() {
	g.acceptSessions()
	if !g.one(6) {
		g.c.Method = "GET"
	}
	d := g.session()
	if g.one(4) {
		g.spoil(d)
	}
	d.payload["iat"], d.payload["nbf"], d.payload["exp"] = g.sec-200, g.sec-210, g.sec-140
	shown := d
	if g.one(6) {
		shown = g.expiredBearer(d)
	} else {
		g.jar(d)
		if strings.Count(g.c.Headers["cookie"], "__session") > 1 {
			g.c.odd(entryClasses, true) // the other one may be what is refreshed
		}
	}
	if !g.one(8) {
		g.c.Headers["cookie"] += "; __refresh_" + g.key.Suffix + "=" + g.pick("rt_1", "rt_1", "rt%20a")
	}
	a := answerOf(object{"object": "cookies", "cookies": g.directives(g.inAnswer(shown))})
	switch g.n(8) {
	case 0:
		a = g.failure()
	case 1:
		a = g.mangle(a, entryClasses)
	}
	g.answers("refresh", a)
}

// expiredBearer shows the expired token in the header, and perhaps another one
// in a cookie, whose session the SDK then refreshes.
func (g *generator) expiredBearer(d *draft) (shown *draft) {
	g.tell("expired token in the header")
	g.c.Headers["cookie"] = "a=b"
	shown = d
	if g.one(2) {
		shown = g.session()
		g.jar(shown)
		g.c.odd(entryClasses, true)
		g.tell("beside a session cookie")
	}
	g.bearer(d.sign())
	return shown
}

// returning comes back from a handshake, with a token or a nonce, in the query
// (development) or in a cookie.
func (g *generator) returning() {
	g.acceptSessions()
	switch g.n(4) {
	case 0:
	case 1:
		g.jar(nil)
	default:
		g.jar(g.spoil(g.session()))
	}
	directives := g.directives(g.inAnswer(nil))
	name, value := "__clerk_handshake_nonce", g.pick("nonce_1", "nonce_1", "a b/c?")
	if g.one(2) {
		name, value = "__clerk_handshake", g.handshakeToken(directives)
		g.tell("handshake token")
	} else {
		a := answerOf(object{"directives": directives})
		switch g.n(8) {
		case 0:
			a = g.failure()
		case 1:
			a = g.mangle(a, entryClasses)
		}
		g.answers("handshake", a)
	}
	if g.key.Development != g.one(7) {
		g.addQuery(name, value)
		return
	}
	if g.c.Headers["cookie"] != "" {
		g.c.Headers["cookie"] += "; "
	}
	g.c.Headers["cookie"] += name + "=" + g.cookieValue(value)
}

func (g *generator) handshakeToken(directives []any) string {
	d := g.session()
	d.inner = true
	d.payload = object{"handshake": directives}
	switch g.n(24) {
	case 0:
		d.payload["handshake"] = g.pickAny("x", nil, object{}, 5)
	case 1:
		d.payload["exp"] = g.sec - 1000
	case 2, 10, 11:
		d.header["cat"] = categoryTemplate
		g.tell("handshake token of a JWT template")
	case 3:
		d.header["kid"] = "ins_b"
	case 4, 5, 6, 7:
		d.foreign = true
		g.tell("stranger's handshake token")
	case 8, 9:
		g.spoil(d)
	}
	return d.sign()
}

// wrongClass shows a token of a class that is not what the route is for.
func (g *generator) wrongClass() {
	g.acceptSessions()
	g.c.NoClient = false
	d := [](func(*generator) *draft){(*generator).template, (*generator).m2mJWT, (*generator).oauthJWT}[g.n(3)](g)
	g.c.Options.Audience = nil // see m2mByHeader
	g.c.ours.audiences = nil
	if g.one(2) {
		g.jar(g.spoil(d))
		return
	}
	token := g.spoil(d).sign()
	if g.one(3) {
		token = g.pick("ak_1", "mt_1", "oat_1")
		g.opaqueAnswer(map[string]string{"ak_1": clerk.TypeAPIKey, "mt_1": clerk.TypeM2M, "oat_1": clerk.TypeOAuth}[token])
	}
	g.bearer(token)
}
