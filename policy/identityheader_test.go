package policy

import "testing"

const claimsOfAnn = `{
  "sub": "user_ann", "plan": "gold", "name": "Ann Lee", "town": "Zürich", "empty": "", "none": null, "age": 7, "share": 1.50, "big": 1e400, "ok": true,
  "roles": ["a", "b"], "odd": ["a,b"], "gap": ["a", ""], "mixed": ["a", 1], "hole": ["a", null], "nobody": [], "break": "a\nb",
  "metadata": {"plan": "pro", "deep": {"er": ["x y", "é"]}, "a b": [ 1, {"c": "<"} ]}, "dotted.key": "x"
}`

// TestIdentityHeaders writes what claims and fields have: the value, "-" if the
// header must not be there, "!" if the service loses something by that.
func TestIdentityHeaders(t *testing.T) {
	id := &Identity{
		UserID: "user_ann", OrgID: "org_acme", OrgSlug: "acme", OrgRole: "org:admin", OrgPermissions: []string{"org:a:b", "org:c:d"},
		SessionID: "sess_1", ActorID: "user_boss", TokenType: "session_token", Scopes: []string{"not", "looked", "at"},
		Claims: NewClaims([]byte(claimsOfAnn)),
	}
	for source, want := range map[string]string{
		"user.id": "user_ann", "org.id": "org_acme", "org.slug": "acme", "org.role": "org:admin", "org.permissions": "org:a:b,org:c:d",
		"session.id": "sess_1", "actor.id": "user_boss", "token.type": "session_token", "token.scopes": "-", "machine.id": "-",

		"claims.plan": "gold", "claims.metadata.plan": "pro", "claims.age": "7", "claims.share": "1.50", "claims.big": "1e400", "claims.ok": "true",
		"claims.roles": "a,b", "claims.nobody": "-", "claims.none": "-", "claims.empty": "-", "claims.absent": "-", "claims.plan.more": "-",
		"claims.metadata.absent": "-", "claims.roles.a": "-", "claims.dotted.key": "-",
		"claims.name": "!", "claims.town": "!", "claims.odd": "!", "claims.gap": "!", "claims.mixed": "!", "claims.hole": "!", "claims.break": "!",
		"claims.metadata": "!", "claims.metadata.deep": "!", "claims.metadata.deep.er": "!",

		"{claim: plan}": "gold", "{claim: name}": "!",
		"{claim: name, encode: percent}": "Ann%20Lee", "{claim: town, encode: percent}": "Z%C3%BCrich", "{claim: break, encode: percent}": "a%0Ab",
		"{claim: odd, encode: percent}": "a%2Cb", "{claim: gap, encode: percent}": "!", "{claim: metadata.deep.er, encode: percent}": "x%20y,%C3%A9",
		"{claim: age, encode: percent}": "7", "{claim: metadata, encode: percent}": "!", "{claim: none, encode: percent}": "-", "{claim: mixed, encode: percent}": "!",
		"{claim: plan, encode: base64json}": "ImdvbGQi", "{claim: 'metadata.a b', encode: base64json}": "WzEseyJjIjoiPCJ9XQ==",
		"{claim: none, encode: base64json}": "-", "{claim: absent, encode: base64json}": "-", "{claim: empty, encode: base64json}": "IiI=",
	} {
		p := load(t, "version: 1\nidentity: {headers: {x-it: "+source+"}}\nroutes: [{name: a, path: /}]\n")
		if len(p.IdentityHeaders) != 1 || p.IdentityHeaders[0].Name != "x-it" {
			t.Fatalf("%s: headers %+v", source, p.IdentityHeaders)
		}
		got, ok := p.IdentityHeaders[0].Value(id)
		switch {
		case got == "" && ok:
			got = "-"
		case !ok && got == "":
			got = "!"
		case !ok:
			t.Errorf("%s: %q, which is not ok", source, got)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
		if value, ok := p.IdentityHeaders[0].Value(nil); value != "" || !ok {
			t.Errorf("%s: nobody has %q, %v", source, value, ok)
		}
		if value, _ := p.IdentityHeaders[0].Value(&Identity{UserID: "user_1"}); value != "" && source != "user.id" {
			t.Errorf("%s: of a user without claims it is %q", source, value)
		}
	}
}

func TestIdentityHeadersByDefault(t *testing.T) {
	for src, want := range map[string]int{
		"version: 1\nroutes: [{name: a, path: /}]\n":                                          2,
		"version: 1\nidentity: {forwardAuthorization: false}\nroutes: [{name: a, path: /}]\n": 2,
		"version: 1\nidentity: {headers: {x-a: org.id}}\nroutes: [{name: a, path: /}]\n":      1,
	} {
		p := load(t, src)
		if len(p.IdentityHeaders) != want || p.ForwardAuthorization == (want == 2 && len(src) > 60) || !p.ForwardSessionCookies {
			t.Errorf("%s: %+v", src, p)
		}
	}
	if value, ok := (&IdentityHeader{}).Value(&Identity{UserID: "user_1"}); value != "" || !ok {
		t.Errorf("a header of nothing is %q", value)
	}
}

// Scopes of machine tokens are theirs.
func TestScopesHeader(t *testing.T) {
	h := IdentityHeader{field: "token.scopes"}
	if got, _ := h.Value(&Identity{TokenType: "oauth_token", UserID: "user_1", Scopes: []string{"a", "b"}}); got != "a,b" {
		t.Errorf("scopes are %q", got)
	}
}

func TestClaimsThatAreNone(t *testing.T) {
	for _, payload := range []string{"", "null", "[]", "7", `"a"`, "{", `{"a":1}{"a":2}`, "{'a':1}"} {
		if raw, ok := NewClaims([]byte(payload)).Raw([]string{"a"}); ok {
			t.Errorf("%s has %s", payload, raw)
		}
	}
	if _, ok := NewClaims([]byte(`{"a":1}`)).Raw(nil); ok {
		t.Error("a path of nothing leads somewhere")
	}
}
