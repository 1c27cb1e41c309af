package parity_test

import "github.com/clerkgate/clerkgate/internal/clerk"

// acceptMachines sets types that mostly include one of machine tokens.
func (g *generator) acceptMachines(name string) {
	switch g.n(12) {
	case 0:
		g.acceptSessions()
	case 1, 2, 3, 4:
		g.setAccepts(g.someTypes(name)...)
	default:
		g.setAccepts(name)
	}
}

func (g *generator) m2mByHeader() {
	g.acceptMachines(clerk.TypeM2M)
	g.beside()
	// Clerkgate's audiences are not those of machine-to-machine tokens, whose aud
	// names machines.
	g.c.Options.Audience = nil
	d := g.m2mJWT()
	switch g.n(10) {
	case 0:
		g.c.odd(entryMachine, false)
		g.tell("for another machine")
		delete(d.payload, "aud")
		d.payload["scopes"] = g.pick("mch_3", "", "mch_me2", "xmch_me")
	case 1:
		g.c.odd(entryMachine, false)
		g.tell("scopes of another type")
		d.payload["scopes"] = g.pickAny([]any{"mch_me"}, nil, 5, object{})
	case 2:
		g.c.odd(entryMachine, false)
		g.tell("for nobody, or in one word")
		delete(d.payload, "scopes")
		d.payload["aud"] = g.pickAny("mch_me", nil, []any{}, []any{"mch_me", 5}, object{})
	case 3:
		g.c.odd(entryIdentity, false)
		d.payload["sub"] = g.pick("mch_", "mch_a b", "mch_é", "mch_a,b")
	case 4:
		d.payload["custom"] = object{"a": 1}
	case 5:
		g.c.odd(entryTypes, false)
		d.payload["jti"] = g.pickAny(nil, 5, "a b")
	}
	g.bearer(g.spoil(d).sign())
}

func (g *generator) oauthByHeader() {
	g.acceptMachines(clerk.TypeOAuth)
	g.beside()
	d := g.oauthJWT()
	switch g.n(10) {
	case 0:
		g.c.odd(entryTypes, false)
		g.tell("scope of another type")
		d.payload[g.pick("scope", "scp")] = g.pickAny(nil, 5, []any{5}, []any{"a"}, "a b", object{})
	case 1:
		g.tell("no audience")
		delete(d.payload, "aud")
	case 2:
		g.c.odd(entryIdentity, false)
		g.tell("subject is no user")
		d.payload["sub"] = g.pick("org_1", "user_", "", "user_é")
	case 3:
		g.c.odd(entryTypes, false)
		d.payload[g.pick("client_id", "jti")] = g.pickAny(nil, 5, "a b")
	case 4:
		d.payload["act"] = object{"sub": "agent_1"}
	case 5:
		d.payload["aud"] = g.pickAny([]any{"a", "b"}, []any{"b"}, []any{""}, []any{"a", ""}, "")
		if len(g.c.Options.Audience) == 0 {
			g.c.odd(entryAudience, false)
		}
	}
	g.bearer(g.spoil(d).sign())
}

// templateByHeader shows a token of a JWT template where such tokens are accepted.
func (g *generator) templateByHeader() {
	g.c.ours.accepts = clerk.TemplateTokens
	g.c.odd(entryClasses, false) // Clerkgate looks for the class first
	if !g.one(6) {
		g.c.Options.Audience = []string{"a"}
		g.c.ours.audiences = g.c.Options.Audience
	}
	d := g.template()
	d.payload["aud"] = g.pick("a", "a", "a", "a", "b")
	if g.one(8) {
		delete(d.payload, "aud")
	}
	g.spoil(d)
	if aud, _ := d.payload["aud"].(string); aud != "a" || len(g.c.Options.Audience) == 0 {
		g.c.odd(entryAudience, false)
	}
	token := d.sign()
	g.c.Template = &token
	delete(g.c.Headers, "origin") // the SDK's function sees no request
	g.c.Headers["authorization"] = "Bearer " + token
}

// beside sometimes puts a session's cookies beside a token in the header.
func (g *generator) beside() {
	if g.one(10) {
		g.tell("beside cookies")
		g.jar(g.spoil(g.session()))
	}
}

// opaque shows a token that only the Backend API knows.
func (g *generator) opaque() {
	name := g.pick(clerk.TypeAPIKey, clerk.TypeM2M, clerk.TypeOAuth)
	g.c.NoClient = false // the SDK has another client for these
	g.acceptMachines(name)
	g.beside()
	g.opaqueAnswer(name)
	secret := g.pick("abc123", "abc123", "abc123", "abc123", "", "a.b.c", "é", "a=b")
	if secret == "" || secret == "é" {
		g.c.odd(entryMachine, false)
	}
	g.bearer(map[string]string{clerk.TypeAPIKey: "ak_", clerk.TypeM2M: "mt_", clerk.TypeOAuth: "oat_"}[name] + secret)
}

// opaqueAnswer sets what the Backend API says about an opaque token.
func (g *generator) opaqueAnswer(name string) {
	base := object{
		"revoked": false, "revocation_reason": nil, "expired": false, "expiration": nil,
		"created_at": 1699990000000, "updated_at": 1699990000000, "scopes": []any{"read", "write"},
	}
	kinds := map[string]struct {
		kind string
		more object
	}{
		clerk.TypeAPIKey: {"apiKey", object{"object": "api_key", "id": "ak_1", "type": "api_key", "name": "ci", "subject": g.pick("user_1", "org_1"), "claims": nil}},
		clerk.TypeM2M:    {"m2m", object{"object": "machine_to_machine_token", "id": "mt_1", "subject": "mch_1", "claims": object{"a": 1}, "scopes": []any{"mch_me"}}},
		clerk.TypeOAuth:  {"oauth", object{"object": "clerk_idp_oauth_access_token", "id": "oat_1", "client_id": "client_1", "type": "oauth_token", "subject": "user_1"}},
	}
	k := kinds[name]
	body := g.with(base, k.more)
	if name == clerk.TypeOAuth && (len(g.c.Options.Audience) > 0 || g.one(3)) {
		body["aud"] = []any{g.pick("a", "a", "c")}
	}
	g.vary(name, body)
	a := answerOf(body)
	switch g.n(9) {
	case 0, 1:
		a = g.failure()
	case 2:
		a = g.mangle(a, entryMachine)
	}
	g.answers(k.kind, a)
}

// vary makes the answer about a token say something else, more often than not
// something that the SDK does not look at.
func (g *generator) vary(name string, body object) {
	tell := func(what string) { g.c.odd(entryMachine, false); g.tell("%s", what) }
	switch g.n(20) {
	case 0:
		tell("revoked")
		body["revoked"] = g.pickAny(true, nil, "false", 0)
	case 1:
		tell("expired")
		body["expired"] = g.pickAny(true, nil, 1)
	case 2:
		tell("inactive")
		body["active"] = g.pickAny(false, nil, "false")
	case 3:
		tell("no subject")
		delete(body, "subject")
	case 4:
		tell("subject of another kind")
		body["subject"] = g.pickAny("mch_1", "usr_1", "", "user_", "user_é", 5, nil, "org_1", "org_")
	case 5:
		tell("expiration has passed")
		body["expiration"] = map[bool]int64{true: g.sec - 1, false: g.sec*1000 - 1000}[name == clerk.TypeOAuth]
	case 6:
		body["expiration"] = map[bool]int64{true: g.sec + 60, false: g.sec*1000 + 60000}[name == clerk.TypeOAuth]
	case 7:
		tell("scopes of another type")
		body["scopes"] = g.pickAny(nil, "read write", []any{5}, object{})
	case 8:
		tell("another object")
		body["object"] = g.pickAny("api_key", "machine_to_machine_token", "user", nil, 5)
	case 9:
		tell("id of another type")
		body["id"] = g.pickAny(nil, 5, "", "a b")
	case 10:
		if name == clerk.TypeOAuth {
			body["aud"] = g.pickAny("a", []any{"b"}, []any{}, nil, []any{"a", 5}, object{})
			tell("audience in the answer")
		}
	case 11:
		tell("only inactive")
		clear(body)
		body["active"] = false
	}
}
