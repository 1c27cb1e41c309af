package schema_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// wholePolicy and wholeTests use every key there is, but for those that exclude
// each other.
const wholePolicy = `version: 1
clerk:
  - {publishableKey: pk_live_a, authorizedParties: [https://a.com], missingAzp: deny, issuers: [https://b.com], audiences: [a], clockSkew: 5s, jwksUrl: https://c.com,
     keys: {refresh: 5m, cooldown: 10s, stale: 24h}, secretKey: sk_live_a, machineId: mch_a, machineSecretKey: ak_a, apiUrl: https://d.com, hosts: [a.com], cookies: true,
     handshake: true, signInUrl: https://a.com/in, proxyUrl: /__clerk, satellite: {domain: a.com, autoSync: true},
     organizationSync: {organizationPatterns: ["/o/:slug"], personalAccountPatterns: [/me]}}
  - {publishableKey: pk_live_b, authorizedParties: [https://a.com], audiences: [a], jwtKey: a, secretKeyFile: /a, machineSecretKeyFile: /b, hosts: [b.com]}
identity: {headers: {x-user-id: user.id, x-a: claims.a, x-b: {claim: a.b, encode: percent}}, forwardAuthorization: true, forwardSessionCookies: false}
paths: {case: agree, insecureAllow: [encoded-slash]}
denials: {detail: true, selectOrgUrl: /orgs}
mode: enforce
preflight: check
routes:
  - {name: a, path: "/{org}/{user}", hosts: [a.com], methods: [GET], context: {a: b}, access: authenticated, tokens: [session, apiKey], mode: shadow, preflight: pass, onDeny: {status: 404},
     require: {org: "{org}", role: [a, b], permission: a:b, feature: [a], plan: org:a, user: "{user}", scope: a, audience: [a], actor: forbidden,
       anyOf: [{role: [a]}, {not: {plan: [b]}}], allOf: [{org: [any]}, {role: a}], not: {user: "{user}"}, reverification: {level: first_factor, afterMinutes: 10}}}
  - {name: b, path: [/b, /c], webhook: {secret: [YWJj, whsec_YQ==]}}
  - {name: c, path: /**, tokens: m2m, require: {reverification: strict, org: [acme, "org_1"]}, onDeny: {redirect: /up}}
`

// What is compiled is slow to load, and stands alone.
const wholeCondition = `version: 1
routes: [{name: a, path: /, require: {when: "request.method == 'GET'"}}]
`

const wholeTests = `policy: policy.yaml
now: 2026-01-01T00:00:00Z
identities:
  a: {user: user_1, session: sess_1, org: {id: org_1, slug: acme, role: org:admin, permissions: [org:a:b]}, features: [org:a], plans: [user:b], fva: [0, -1], actor: user_9,
      audience: [a], scopes: [b], tokenType: session, claims: {a: b}}
  b: {token: a.b.c}
  c: {tokenType: m2m, machine: mch_1, audience: a}
tests:
  - {name: a, request: {method: GET, url: "https://a.com/", headers: {x-a: b}, context: {a: b}}, as: [a, b], expect: {outcome: pass, status: 200, route: a, headers: {x-a: b}, removed: [x-b]}}
  - {name: b, request: {url: "https://a.com/"}, as: c, expect: {outcome: deny, status: 403, code: no-route, redirect: /a, route: b}}
  - {name: c, request: {url: "https://a.com/"}, expect: {removed: x-a}}
`

// TestEveryPlaceOfAPolicy puts at every place what does not belong there, and
// takes away what does: the schema sees what the loader sees.
func TestEveryPlaceOfAPolicy(t *testing.T) {
	s := compile(t, policyFile, "")
	everyPlace(t, s, wholePolicy, loads,
		"routes: an item twice", // by its name; a schema would have to compare each with each
		"no clerk")              // what verifies the tokens of routes
	everyPlace(t, s, wholeCondition, loads, "routes: an item twice")
}

func TestEveryPlaceOfPolicyTests(t *testing.T) {
	everyPlace(t, compile(t, testFile, ""), wholeTests, reads,
		"tests: an item twice", "no identities", "no a", "no b", "no c", // tests that name them are elsewhere
		"no org") // which a feature is of
}

func everyPlace(t *testing.T, s *jsonschema.Schema, src string, sound func(string) bool, beyond ...string) {
	t.Helper()
	root, err := document([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(root); err != nil || !sound(src) {
		t.Fatalf("sound: %v, schema: %v", sound(src), err)
	}
	damage(root, func(what string) {
		text, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		refused := s.Validate(root)
		switch ok := sound(string(text)); {
		case ok && refused != nil:
			t.Errorf("%s: the schema refuses what the loader accepts: %v", what, refused)
		case !ok && refused == nil && !slices.Contains(beyond, what):
			t.Errorf("%s: only the loader refuses it: %s", what, text)
		}
	})
}

// damage calls try with one thing after the other wrong in a document.
func damage(v any, try func(what string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			old := v[key]
			for _, wrong := range wrongs() {
				v[key] = wrong
				try(describe(key, wrong))
			}
			if list, ok := old.([]any); ok {
				v[key] = append(slices.Clone(list), list[0])
				try(key + ": an item twice")
			}
			delete(v, key)
			try("no " + key)
			v[key] = old
			damage(old, try)
		}
		v["unknown"] = "x"
		try("an unknown key")
		delete(v, "unknown")
	case []any:
		for i, old := range v {
			for _, wrong := range wrongs() {
				v[i] = wrong
				try(describe("item", wrong))
			}
			v[i] = old
			damage(old, try)
		}
	}
}

// wrongs are values of every kind.
func wrongs() []any {
	return []any{nil, json.Number("7"), "", map[string]any{}, []any{}, []any{[]any{"a"}}}
}

func describe(key string, wrong any) string {
	text, err := json.Marshal(wrong)
	if err != nil {
		return key
	}
	return key + ": " + string(text)
}
