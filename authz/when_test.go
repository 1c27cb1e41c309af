package authz_test

import (
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// TestConditionsSeeTheRequest: what arrives is what a condition reads.
func TestConditionsSeeTheRequest(t *testing.T) {
	member := func() clerktest.Claims {
		c := acme("org:member")
		c.Extra = map[string]any{"metadata": map[string]any{"seats": 3}}
		return c
	}
	for expression, want := range map[string]bool{
		`request.method == "POST"`:                                           true,
		`request.host == "api.example.com"`:                                  true,
		`request.path == "/orgs/acme/x y"`:                                   true,
		`request.query.a == ["1", "2"]`:                                      true,
		`"b" in request.query`:                                               false,
		`request.headers["x-many"] == "a, b"`:                                true,
		`request.headers.cookie == "c=1; d=2"`:                               true,
		`request.headers["x-mixed"] == "Case"`:                               true,
		`request.headers["x-empty"] == ""`:                                   true,
		`request.headers.exists(h, h.startsWith(":"))`:                       false,
		`request.headers["x-none"] == ""`:                                    false,
		`params.org == identity.org.slug`:                                    true,
		`identity.user.id == "user_ada"`:                                     true,
		`identity.token.type == "session_token"`:                             true,
		`claims.metadata.seats > 2 && claims.sub == identity.user.id`:        true,
		`timestamp(claims.iat) <= now && now < timestamp(claims.exp)`:        true,
		`now - timestamp(claims.iat) > duration("1h")`:                       false,
		`claims.metadata.plan == "free"`:                                     false,
		`request.method == "POST" && request.query.missing[0] == "anything"`: false,
	} {
		w := newWorld(t, "routes: [{name: a, path: '/orgs/{org}/*', require: {when: '"+expression+"'}}]\n")
		r := request("POST", "/orgs/acme/x%20y?a=1&a=2", w.bearer(member()), "x-many: a", "cookie: c=1", "X-Mixed: Case", "x-many: b",
			"cookie: d=2", ":authority: api.example.com")
		r.Headers = append(r.Headers, authz.Header{Name: "x-empty"})
		a := w.engine.Check(t.Context(), r)
		if a.Allow != want {
			t.Errorf("%s: %v, want %v: %s", expression, a.Allow, want, a.Body)
		}
		if !want {
			w.deny(a, 403, "condition-failed")
		}
	}
}

// TestConditionsThatBreakDeny, also under not, and say why without the client's
// text.
func TestConditionsThatBreakDeny(t *testing.T) {
	w := newWorld(t, `
denials: {detail: true}
routes:
  - {name: query, path: /query, require: {not: {when: 'request.query.a == ["1"]'}}}
  - {name: claim, path: /claim, require: {anyOf: [{when: 'claims.none == 1'}, {org: any}]}}
  - {name: key, path: /key, require: {not: {when: 'request.headers[request.headers["x-name"]] == "1"'}}}
`)
	token := w.bearer(acme("org:member"))
	w.allow(w.ask("GET", "/query?a=2", token), "x-user-id: user_ada", "x-org-id: org_acme")
	for path, detail := range map[string]string{
		"/query?a=2;b=3": "the query of the request is malformed",
		"/query?a=%SECR": "the query of the request is malformed",
		"/query":         "something that it reads is not there",
		"/claim":         "something that it reads is not there",
		"/key":           "something that it reads is not there",
	} {
		a := w.ask("GET", path, token, "x-name: SECRET")
		w.deny(a, 403, "condition-failed")
		if !strings.Contains(string(a.Body), detail) || strings.Contains(string(a.Body), "SECR") {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
}

// TestConditionsOnTheMethod: a header must not make another of it behind us.
func TestConditionsOnTheMethod(t *testing.T) {
	w := newWorld(t, "routes: [{name: a, path: /**, require: {not: {when: 'request.method == \"DELETE\"'}}}]\n")
	a := w.ask("POST", "/x", w.bearer(acme("org:member")), "x-http-method-override: DELETE")
	if !a.Allow || !strings.Contains(strings.Join(a.Remove, " "), "x-http-method-override") {
		t.Errorf("%+v", a)
	}
}
