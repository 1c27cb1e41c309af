package schema_test

import (
	"slices"
	"strings"
	"testing"
)

// rules are policies that the schema refuses, each for one reason. The loader
// refuses them, too: a rule of the schema alone would be a wrong one.
func rules() map[string]string {
	const (
		top     = "version: 1\nroutes: [{name: a, path: /}]\n"
		clerk   = top + "clerk: [{publishableKey: pk_live_a, authorizedParties: [https://a.com], %}]"
		route   = "version: 1\nroutes: [{name: a, path: '/{org}', %}]"
		require = "version: 1\nroutes: [{name: a, path: '/{org}', require: {%}}]"
	)
	table := map[string][]string{
		top + "%": {"unknown: 1", "mode: off", "mode: true", "preflight: yes", "paths: {}", "paths: agree", "paths: {case: upper}",
			"paths: {insecureAllow: encoded-slash}", "paths: {insecureAllow: []}", "paths: {insecureAllow: [dots]}", "paths: {fold: true}",
			"paths: {insecureAllow: [encoded-slash, encoded-slash]}", "denials: {detail: 'true'}", "denials: {detail: null}", "denials: {selectOrgUrl: select}",
			"denials: {selectOrgUrl: //a.com}", "identity: {}", "identity: {headers: [x-a]}", "identity: {headers: {}}", "identity: {headers: {X-A: user.id}}",
			"identity: {headers: {x_a: user.id}}", "identity: {headers: {cookie: user.id}}", "identity: {headers: {x-envoy-a: user.id}}",
			"identity: {headers: {x-a: user.name}}", "identity: {headers: {x-a: {encode: percent}}}", "identity: {headers: {x-a: {claim: a, encode: hex}}}",
			"identity: {headers: {x-a: {claim: claims.a}}}", "identity: {headers: {x-a: {claim: a, as: b}}}", "identity: {forwardAuthorization: no}",
			"clerk: {publishableKey: pk_live_a}", "clerk: []", "clerk: [{authorizedParties: [https://a.com]}]", "clerk: [{publishableKey: sk_live_a}]",
			"clerk: [{publishableKey: pk_live_a, missingAzp: allow}]"},
		clerk: {"azp: a", "issuers: https://a.com", "issuers: [a.com]", "audiences: [1]", "clockSkew: 5", "clockSkew: soon", "clockSkew: -1s", "jwksUrl: http://a.com/jwks",
			"keys: {}", "keys: {refresh: 0s}", "keys: {ttl: 1s}", "secretKey: pk_live_a", "secretKey: sk_live_a, secretKeyFile: /run/a", "secretKeyFile: sk_live_a",
			"machineId: org_a", "machineSecretKey: sk_live_a", "machineSecretKey: ak_a, machineSecretKeyFile: /a", "apiUrl: https://a.com/v1", "hosts: a.com",
			"hosts: ['*']", "hosts: ['https://a.com']", "hosts: [a.com, a.com]", "cookies: 1", "handshake: off", "signInUrl: sign-in", "proxyUrl: http://a.com", "proxyUrl: /a?b",
			"satellite: {autoSync: true}", "satellite: {domain: 'https://a.com'}", "satellite: true", "organizationSync: {}", "organizationSync: {organizationPatterns: [/orgs]}",
			"organizationSync: {personalAccountPatterns: [me]}", "jwtKey: ''", "jwtKey: '${'"},
		route: {"acess: public", "access: publik", "access: [public]", "hosts: []", "methods: GET", "methods: [get]", "methods: ['*']", "methods: [GET, GET]", "context: {}",
			"context: {a: 1}", "tokens: cookie", "tokens: []", "tokens: [session, session]", "require: {}", "require: any", "require: [{org: any}]", "require: {org: any}, access: public",
			"require: {org: any}, access: optional", "require: {org: any}, access: deny", "tokens: m2m, access: public", "tokens: m2m, access: deny", "webhook: {}",
			"webhook: '${SECRET}'", "webhook: {secret: a_b}", "webhook: {secret: [YWJj, YWJj]}", "webhook: {secret: YWJj}, access: public", "webhook: {secret: YWJj}, tokens: m2m",
			"webhook: {secret: YWJj}, require: {org: any}", "webhook: {secret: YWJj}, preflight: pass", "access: deny, preflight: pass", "preflight: maybe", "mode: off",
			"onDeny: {}", "onDeny: {status: 403}", "onDeny: {status: '404'}", "onDeny: {redirect: upgrade}", "onDeny: {status: 404, redirect: /a}", "onDeny: {status: 404}, access: public",
			"onDeny: {redirect: /a}, access: optional", "onDeny: {redirect: /a}, webhook: {secret: YWJj}"},
		require: {"roles: admin", "org: {org}", "org: '*'", "org: ':org'", "org: [any, acme]", "org: [acme, none]", "org: []", "org: [a, a]", "role: 'a b'", "role: 'a:b'", "role: {a: b}", "permission: admin",
			"permission: 'org:admin'", "permission: 'a:b:c'", "feature: 'team:a'", "plan: 'a:b:c'", "user: me", "user: ':org'", "scope: 'a b'", "audience: [1]", "actor: maybe", "when: true", "when: ''", "when: [a]", "when: 'request.path == \"${PATH}\"'",
			"anyOf: {role: a}", "anyOf: []", "anyOf: [a]", "anyOf: [{}]", "anyOf: [{role: a}, {role: a}]", "anyOf: [{roles: a}]", "allOf: a", "allOf: [{anyOf: [{access: public}]}]", "not: [{role: a}]", "not: {}", "not: {not: {rol: a}}",
			"reverification: strictest", "reverification: [strict]", "reverification: {level: second_factor}", "reverification: {afterMinutes: 10}",
			"reverification: {level: third, afterMinutes: 10}", "reverification: {level: first_factor, afterMinutes: 0}", "reverification: {level: first_factor, afterMinutes: '10'}",
			"reverification: {level: first_factor, afterMinutes: 1, since: 1}"},
		"%": {"", "[]", "text", "version: 1", "routes: [{name: a, path: /}]", "version: '1'\nroutes: [{name: a, path: /}]", "version: 2\nroutes: [{name: a, path: /}]",
			"version: 1\nroutes: []", "version: 1\nroutes: {name: a, path: /}", "version: 1\nroutes: [a]", "version: 1\nroutes: [{name: a}]", "version: 1\nroutes: [{path: /}]",
			"version: 1\nroutes: [{name: '', path: /}]", "version: 1\nroutes: [{name: 1, path: /}]", "version: 1\nroutes: [{name: a, path: []}]", "version: 1\nroutes: [{name: a, path: [/, /]}]",
			"version: 1\nroutes: [{name: a, path: a}]", "version: 1\nroutes: [{name: a, path: /a/}]", "version: 1\nroutes: [{name: a, path: '/a{b}'}]", "version: 1\nroutes: [{name: '${A', path: /}]",
			"version: 1\nroutes: null", "version: 1\nroutes: [{name: ~, path: /}]"},
	}
	out := map[string]string{}
	for around, fields := range table {
		for _, field := range fields {
			out[field] = strings.Replace(around, "%", field, 1) + "\n"
		}
	}
	return out
}

func TestRules(t *testing.T) {
	s := compile(t, policyFile, "")
	for rule, src := range rules() {
		if err := judge(s, src); err == nil {
			t.Errorf("%s: the schema accepts it", rule)
		}
		if loads(src) {
			t.Errorf("%s: the loader accepts it", rule)
		}
	}
}

// Beside each rule stands what it must let be.
func TestRulesLetBe(t *testing.T) {
	s := compile(t, policyFile, "")
	for _, src := range []string{
		"clerk: [{publishableKey: pk_test_a, authorizedParties: [https://a.com], missingAzp: '${MISSING:-deny}', cookies: '${TRUE}', secretKey: '${SECRET_KEY}', clockSkew: '${SECONDS}'}]\nroutes: [{name: a, path: /}]\n",
		"routes: [{name: '${A:-a}', path: ['/', '/${B:-b}'], access: '${C:-optional}', tokens: '${D:-session}', hosts: ['${E:-a.com}'], methods: ['${F:-GET}'], mode: '${G:-shadow}', preflight: '${H:-pass}'}]\n",
		"routes: [{name: a, path: /, access: authenticated, tokens: [session], require: {org: [any]}, onDeny: {status: 404}}]\n",
		"routes: [{name: a, path: /, access: optional, tokens: session, onDeny: {status: 404}}]\n",
		"routes: [{name: a, path: /, access: deny, preflight: check, onDeny: {redirect: /a}}]\n",
		"routes: [{name: a, path: /, webhook: {secret: ['${WEBHOOK_SECRET}', YWJj]}, methods: [POST], onDeny: {status: 404}, mode: shadow}]\n",
		"routes: [{name: a, path: /, require: {reverification: {level: '${A:-first_factor}', afterMinutes: '${TEN}'}, org: '${A:-any}', actor: '${B:-required}'}}]\n",
		"routes: [{name: a, path: /, require: {anyOf: [{reverification: {level: first_factor, afterMinutes: 0.5}}, {not: {allOf: [{org: none}, {org: any}]}}]}}]\n",
		"routes: [{name: a, path: '/{org}', require: {when: 'params.org.startsWith(\"$\") || request.path == \"\\x24{$$\"', not: {when: 'request.method in [\"PUT\"]'}}}]\n",
		"preflight: pass\nroutes: [{name: a, path: /, access: public}, {name: b, path: /, access: deny}]\n",
		"identity: {headers: {x-a: '${NOT_SET}', x-user-id: claims.sub, x-b: {claim: '${NOT_SET}', encode: '${NOT_SET}'}}, forwardSessionCookies: '${TRUE}'}\nroutes: [{name: a, path: /}]\n",
	} {
		if src = "version: 1\n" + src; !loads(src) {
			t.Errorf("does not load:\n%s", src)
		}
		if err := judge(s, src); err != nil {
			t.Errorf("%v\n%s", err, src)
		}
	}
}

// Which keys of a route and of a clerk entry go together the schema knows
// exactly: of every three, it accepts what the loader accepts and no more.
func TestKeysTogether(t *testing.T) {
	s := compile(t, policyFile, "")
	const (
		route = "version: 1\nclerk: [{publishableKey: pk_live_a, authorizedParties: [https://a.com], secretKeyFile: /a}]\nroutes: [{name: a, path: /%}]\n"
		clerk = "version: 1\nroutes: [{name: a, path: /}]\nclerk: [{publishableKey: pk_live_a%}]\n"
	)
	refused := 0
	for around, fields := range map[string][]string{
		route: {"access: public", "access: optional", "access: deny", "access: authenticated", "tokens: m2m", "require: {org: any}", "webhook: {secret: YWJj}",
			"onDeny: {status: 404}", "onDeny: {redirect: /a}", "preflight: pass", "preflight: check", "mode: shadow", "hosts: [a.com]", "methods: [GET]", "context: {a: b}"},
		clerk: {"authorizedParties: [https://a.com]", "missingAzp: deny", "secretKey: sk_live_a", "secretKeyFile: /a", "machineSecretKey: ak_a", "machineSecretKeyFile: /a",
			"machineId: mch_a", "cookies: false", "handshake: true", "signInUrl: /a", "satellite: {domain: a.com}", "jwtKey: a", "jwksUrl: 'https://a.com'"},
	} {
		for _, src := range threes(around, fields) {
			err, sound := judge(s, src), loads(src)
			if sound != (err == nil) {
				t.Errorf("loads: %v, but the schema says: %v\n%s", sound, err, src)
			}
			if err != nil {
				refused++
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d refused", refused)
	}
}

// threes has every one, two and three of the fields, no key twice.
func threes(around string, fields []string) []string {
	key := func(field string) string { name, _, _ := strings.Cut(field, ":"); return name }
	var out []string
	var add func(text string, from int, seen []string)
	add = func(text string, from int, seen []string) {
		out = append(out, strings.Replace(around, "%", text, 1))
		for i := from; i < len(fields) && len(seen) < 3; i++ {
			if !slices.Contains(seen, key(fields[i])) {
				add(text+", "+fields[i], i+1, append(slices.Clone(seen), key(fields[i])))
			}
		}
	}
	add("", 0, nil)
	return out
}
