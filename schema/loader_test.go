package schema_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/clerkgate/clerkgate/policy"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// environ has a value of the right kind for most variables of the tests.
func environ(name string) (string, bool) {
	value, ok := map[string]string{
		"CLERK_PUBLISHABLE_KEY": "pk_test_abc",
		"TEN":                   "10",
		"SECONDS":               "7s",
		"TRUE":                  "true",
		"WEBHOOK_SECRET":        "whsec_ZnJvbSB0aGUgZW52aXJvbm1lbnQ=",
		"SECRET_KEY":            "sk_test_a",
		"MACHINE_KEY":           "ak_a",
	}[name]
	return value, ok
}

// loads reports whether the loader accepts a policy, with the variables of
// environ, or where variables are not at hand.
func loads(src string) bool {
	sound := func(opt policy.Options) bool {
		_, problems := policy.Load("policy.yaml", []byte(src), opt)
		return problems.Err() == nil
	}
	return sound(policy.Options{Env: environ}) || strings.Contains(src, "${") && sound(policy.Options{Env: environ, AllowUnset: true})
}

// neverStricter is the rule: what loads, the schema accepts.
func neverStricter(t testing.TB, s *jsonschema.Schema, src string) {
	t.Helper()
	if err := judge(s, src); err != nil && loads(src) {
		t.Errorf("the schema refuses what the loader accepts:\n%s\n%v", src, err)
	}
}

// keys are the texts of the language, each with a policy around it. The value is
// where "%" is.
func keys() map[string]string {
	const (
		clerk   = "version: 1\nroutes: [{name: all, path: /**}]\nclerk: [{publishableKey: pk_live_a, authorizedParties: [https://app.acme.com], %}]\n"
		route   = "version: 1\nclerk: [{publishableKey: pk_live_a, authorizedParties: [https://app.acme.com], audiences: [a], secretKeyFile: /s}]\nroutes: [{name: all, path: '/{org}/{user}', %}]\n"
		require = "version: 1\nclerk: [{publishableKey: pk_live_a, authorizedParties: [https://app.acme.com]}]\nroutes: [{name: all, path: '/{org}/{user}', require: {%}}]\n"
		top     = "version: 1\nclerk: [{publishableKey: pk_live_a, authorizedParties: [https://app.acme.com]}]\nroutes: [{name: all, path: /**}]\n%\n"
	)
	in := func(around, field string) string { return strings.Replace(around, "%", field, 1) }
	return map[string]string{
		"clerk.apiUrl":            in(clerk, "apiUrl: %"),
		"clerk.audiences":         in(clerk, "audiences: [%]"),
		"clerk.authorizedParties": "version: 1\nroutes: [{name: all, path: /**}]\nclerk: [{publishableKey: pk_live_a, authorizedParties: [%]}]\n",
		"clerk.clockSkew":         in(clerk, "clockSkew: %"),
		"clerk.cookies":           in(clerk, "cookies: %"),
		"clerk.hosts":             in(clerk, "hosts: [%]"),
		"clerk.issuers":           in(clerk, "issuers: [%]"),
		"clerk.jwksUrl":           in(clerk, "jwksUrl: %"),
		"clerk.jwtKey":            in(clerk, "jwtKey: %"),
		"clerk.keys.stale":        in(clerk, "keys: {stale: %, refresh: 1ns}"),
		"clerk.machineId":         in(clerk, "machineId: %"),
		"clerk.machineSecretKey":  in(clerk, "machineSecretKey: %"),
		"clerk.missingAzp":        in(clerk, "missingAzp: %"),
		"clerk.organizationSync.organizationPatterns":    in(clerk, "organizationSync: {organizationPatterns: [%]}"),
		"clerk.organizationSync.personalAccountPatterns": in(clerk, "organizationSync: {personalAccountPatterns: [%]}"),
		"clerk.proxyUrl":                      in(clerk, "proxyUrl: %"),
		"clerk.publishableKey":                "version: 1\nroutes: [{name: all, path: /**}]\nclerk: [{publishableKey: %}]\n",
		"clerk.satellite.domain":              in(clerk, "satellite: {domain: %}"),
		"clerk.secretKey":                     in(clerk, "secretKey: %"),
		"clerk.secretKeyFile":                 in(clerk, "secretKeyFile: %"),
		"clerk.signInUrl":                     in(clerk, "signInUrl: %"),
		"denials.selectOrgUrl":                in(top, "denials: {selectOrgUrl: %}"),
		"identity.headers (name)":             in(top, "identity: {headers: {%: user.id}}"),
		"identity.headers.claim":              in(top, "identity: {headers: {x-a: {claim: %}}}"),
		"identity.headers.encode":             in(top, "identity: {headers: {x-a: {claim: a, encode: %}}}"),
		"identity.headers.source":             in(top, "identity: {headers: {x-a: %}}"),
		"mode":                                in(top, "mode: %"),
		"paths.case":                          in(top, "paths: {case: %}"),
		"paths.insecureAllow":                 in(top, "paths: {insecureAllow: [%]}"),
		"preflight":                           in(top, "preflight: %"),
		"route.access":                        in(route, "access: %"),
		"route.context (key)":                 in(route, "context: {%: a}"),
		"route.context":                       in(route, "context: {a: %}"),
		"route.hosts":                         in(route, "hosts: [%]"),
		"route.methods":                       in(route, "methods: [%]"),
		"route.name":                          "version: 1\nroutes: [{name: %, path: /**}]\n",
		"route.onDeny.redirect":               in(route, "onDeny: {redirect: %}"),
		"route.path":                          "version: 1\nroutes: [{name: a, path: %}]\n",
		"route.tokens":                        in(route, "tokens: %"),
		"route.webhook.secret":                in(route, "webhook: {secret: %}"),
		"require.actor":                       in(require, "actor: %"),
		"require.audience":                    in(require, "audience: %"),
		"require.feature":                     in(require, "feature: %"),
		"require.org":                         in(require, "org: %"),
		"require.org (of two)":                in(require, "org: [acme, %]"),
		"require.permission":                  in(require, "permission: %"),
		"require.reverification":              in(require, "reverification: %"),
		"require.reverification.afterMinutes": in(require, "reverification: {level: first_factor, afterMinutes: %}"),
		"require.reverification.level":        in(require, "reverification: {level: %, afterMinutes: 1}"),
		"require.role":                        in(require, "role: %"),
		"require.scope":                       in(require, "scope: %"),
		"require.user":                        in(require, "user: %"),
		"require.when":                        in(require, "when: %"),
	}
}

// texts reads testdata/texts.txt: texts of every kind and near misses, one JSON
// string a line.
func texts(t testing.TB) []string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", "texts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(src)) {
		if strings.HasPrefix(line, "#") || line == "\n" {
			continue
		}
		var text string
		if err := json.Unmarshal([]byte(line), &text); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, text)
	}
	return out
}

// TestNeverStricterThanTheLoader tries every text below every key.
// testdata/laxer.golden has what the schema lets pass and the loader does not:
// what has to be seen to be refused.
func TestNeverStricterThanTheLoader(t *testing.T) {
	s, variable := compile(t, policyFile, ""), compile(t, policyFile, "/definitions/variable")
	around, all := keys(), texts(t)
	var laxer strings.Builder
	for _, key := range sorted(around) {
		good := 0
		for _, text := range all {
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			src := strings.Replace(around[key], "%", string(quoted), 1)
			err, sound := judge(s, src), loads(src)
			switch {
			case sound && err != nil:
				t.Errorf("%s: the schema refuses %s, and the loader accepts it: %v", key, quoted, err)
			case sound:
				good++
			case err == nil && key != "require.when" && variable.Validate(text) != nil: // no schema sees what variables hold, or reads expressions
				laxer.WriteString(key + ": " + string(quoted) + "\n")
			}
		}
		if good < 2 {
			t.Errorf("%s: only %d texts load, so that the test says little", key, good)
		}
	}
	golden(t, "laxer.golden", laxer.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("what only the loader refuses (-want +got); if that is right, run go test ./schema -update:\n%s", diff)
	}
}

func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// FuzzNeverStricterThanTheLoader changes whole policies.
func FuzzNeverStricterThanTheLoader(f *testing.F) {
	for _, p := range policies(f) {
		f.Add(p.src)
	}
	for _, src := range keys() {
		f.Add(strings.Replace(src, "%", `"org:a"`, 1))
	}
	s := compile(f, policyFile, "")
	f.Fuzz(func(t *testing.T, src string) { neverStricter(t, s, src) })
}
