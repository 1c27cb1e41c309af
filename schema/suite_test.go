package schema_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/policy"
)

// reads reports whether clerkgate test accepts a file of policy tests.
func reads(src string) bool {
	_, problems := suite.Read("policy_test.yaml", []byte(src))
	return problems.Err() == nil
}

// suites are the files of policy tests that the repository has and that are
// sound, those in documents and package comments too.
func suites(t testing.TB) []named {
	t.Helper()
	var out []named
	isSuite := regexp.MustCompile(`(?m)^tests:`)
	each(t, ".yaml", func(path, text string) {
		if strings.HasSuffix(path, "_test.yaml") {
			out = append(out, named{path, text})
		}
	})
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	each(t, ".md", func(path, text string) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if isSuite.MatchString(m[1]) {
				out = append(out, named{path, m[1]})
			}
		}
	})
	section := regexp.MustCompile(`(?m)^-- .* --\n`)
	each(t, ".txtar", func(path, text string) {
		for _, part := range section.Split(text, -1) {
			if isSuite.MatchString(part) && reads(part) { // scripts have broken ones, too
				out = append(out, named{path, part})
			}
		}
	})
	each(t, ".go", func(path, text string) {
		const first = "//\tpolicy: policy.yaml"
		if i := strings.Index(text, "\n"+first); i >= 0 {
			out = append(out, named{path, indented(text[i+1:], "//\t")})
		}
	})
	for _, g := range suiteGoldens(t) {
		if !strings.Contains(g.problems, ": error: ") {
			out = append(out, g.named)
		}
	}
	if len(out) < 6 {
		t.Fatalf("only %d files of policy tests", len(out))
	}
	return out
}

func suiteGoldens(t testing.TB) []goldenFile {
	t.Helper()
	paths, err := filepath.Glob("../internal/suite/testdata/problems/*.golden")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d golden files: %v", len(paths), err)
	}
	return readGoldens(t, paths)
}

func TestEveryPolicyTestIsValid(t *testing.T) {
	s := compile(t, testFile, "")
	for _, p := range suites(t) {
		if !reads(p.src) {
			t.Errorf("%s is no sound file of policy tests:\n%s", p.name, p.src)
		}
		if err := judge(s, p.src); err != nil {
			t.Errorf("%s: %v\n%s", p.name, err, p.src)
		}
	}
	line := "# yaml-language-server: $schema=" + parse(t, sources()[testFile])["$id"].(string) + "\n"
	each(t, ".yaml", func(path, text string) {
		if strings.HasPrefix(path, "examples/") && strings.HasSuffix(path, "_test.yaml") && !strings.HasPrefix(text, line) {
			t.Errorf("%s does not begin with\n%s", path, line)
		}
	})
}

// What is wrong with a file of policy tests the schema sees in nearly every case:
// not what is missing elsewhere in the file, and not what cannot be printed.
func TestProblemsOfPolicyTestsAreRefused(t *testing.T) {
	s := compile(t, testFile, "")
	for _, g := range suiteGoldens(t) {
		err := judge(s, g.src)
		wrong := strings.Contains(g.problems, ": error: ")
		if g.name == "control_characters.golden" || g.name == "second_document.golden" {
			continue
		}
		if wrong != (err != nil) {
			t.Errorf("%s: errors: %v, but the schema says: %v", g.name, wrong, err)
		}
	}
}

// testKeys are the texts of policy tests, each with a file around it. The value
// is where "%" is.
func testKeys() map[string]string {
	const (
		identity = "policy: p.yaml\nidentities: {a: {%}}\ntests: [{name: a, request: {url: 'https://a.com'}, as: a, expect: {outcome: pass}}]\n"
		request  = "policy: p.yaml\ntests: [{name: a, request: {%}, expect: {outcome: pass}}]\n"
		expect   = "policy: p.yaml\ntests: [{name: a, request: {url: 'https://a.com'}, expect: {%}}]\n"
	)
	in := func(around, field string) string { return strings.Replace(around, "%", field, 1) }
	return map[string]string{
		"policy":                       strings.Replace(in(request, "url: 'https://a.com'"), "p.yaml", "%", 1),
		"now":                          "now: %\n" + in(request, "url: 'https://a.com'"),
		"test.as, identities (name)":   strings.NewReplacer("{a:", "{%:", "as: a", "as: %").Replace(in(identity, "user: user_1")),
		"identity.user":                in(identity, "user: %"),
		"identity.user (of a machine)": in(identity, "tokenType: m2m, user: %"),
		"identity.session":             in(identity, "user: user_1, session: %"),
		"identity.machine":             in(identity, "tokenType: m2m, machine: %"),
		"identity.org.id":              in(identity, "user: user_1, org: {id: %}"),
		"identity.org.slug":            in(identity, "user: user_1, org: {id: org_1, slug: %}"),
		"identity.org.role":            in(identity, "user: user_1, org: {id: org_1, role: %}"),
		"identity.org.permissions":     in(identity, "user: user_1, org: {id: org_1, permissions: [%]}"),
		"identity.features":            in(identity, "user: user_1, org: {id: org_1}, features: [%]"),
		"identity.plans":               in(identity, "user: user_1, plans: [%]"),
		"identity.actor":               in(identity, "user: user_1, actor: %"),
		"identity.audience":            in(identity, "user: user_1, audience: %"),
		"identity.scopes":              in(identity, "user: user_1, scopes: [%]"),
		"identity.tokenType":           in(identity, "user: user_1, tokenType: %"),
		"identity.tokenType (machine)": in(identity, "tokenType: %"),
		"identity.claims":              in(identity, "user: user_1, claims: {a: %}"),
		"identity.token":               in(identity, "token: %"),
		"test.name":                    strings.Replace(in(request, "url: 'https://a.com'"), "name: a", "name: %", 1),
		"request.method":               in(request, "url: 'https://a.com', method: %"),
		"request.url":                  in(request, "url: %"),
		"request.headers":              in(request, "url: 'https://a.com', headers: {a: %}"),
		"request.headers (name)":       in(request, "url: 'https://a.com', headers: {%: a}"),
		"request.context":              in(request, "url: 'https://a.com', context: {a: %}"),
		"request.context (key)":        in(request, "url: 'https://a.com', context: {%: a}"),
		"expect.outcome":               in(expect, "outcome: %"),
		"expect.code":                  in(expect, "code: %"),
		"expect.route":                 in(expect, "route: %"),
		"expect.redirect":              in(expect, "redirect: %"),
		"expect.headers":               in(expect, "headers: {a: %}"),
		"expect.headers (name)":        in(expect, "headers: {%: a}"),
		"expect.removed":               in(expect, "removed: %"),
	}
}

// TestNeverStricterThanTheReader tries every text below every key of policy tests.
func TestNeverStricterThanTheReader(t *testing.T) {
	s := compile(t, testFile, "")
	around, all := testKeys(), texts(t)
	var laxer strings.Builder
	for _, key := range sorted(around) {
		good := 0
		for _, text := range all {
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			src := strings.ReplaceAll(around[key], "%", string(quoted))
			err, sound := judge(s, src), reads(src)
			switch {
			case sound && err != nil:
				t.Errorf("%s: the schema refuses %s, and the reader accepts it: %v", key, quoted, err)
			case sound:
				good++
			case err == nil:
				laxer.WriteString(key + ": " + string(quoted) + "\n")
			}
		}
		if good < 2 {
			t.Errorf("%s: only %d texts are accepted, so that the test says little", key, good)
		}
	}
	golden(t, "laxer_tests.golden", laxer.String())
}

// Which keys of an identity and of an expectation go together the schema knows
// exactly.
func TestKeysOfPolicyTestsTogether(t *testing.T) {
	s := compile(t, testFile, "")
	const (
		identity = "policy: p.yaml\nidentities: {a: {tokenType: TYPE%}}\ntests: [{name: a, request: {url: 'https://a.com'}, as: a, expect: {outcome: pass}}]\n"
		expect   = "policy: p.yaml\ntests: [{name: a, request: {url: 'https://a.com'}, expect: {route: a%}}]\n"
	)
	facts := []string{"user: user_1", "org: {id: org_1}", "org: {id: org_1, role: org:admin}", "features: [a]", "fva: [0, -1]", "actor: user_9", "audience: a", "scopes: [a]",
		"claims: {a: null}", "claims: {}", "token: a.b.c", "machine: mch_1", "session: sess_1", "plans: [user:a]"}
	tables := map[string][]string{
		strings.Replace(identity, "tokenType: TYPE", "claims: {a: b}", 1): facts,
		expect: {"outcome: pass", "outcome: deny", "status: 200", "status: 403", "status: 204", "code: a", "headers: {x-a: b}", "removed: x-a", "redirect: /a"},
	}
	for _, kind := range []string{"session", "session_token", "template", "template_token", "m2m", "m2m_token", "apiKey", "api_key", "oauth", "oauth_token"} {
		tables[strings.Replace(identity, "TYPE", kind, 1)] = facts
	}
	for around, fields := range tables {
		for _, src := range threes(around, fields) {
			if strings.Contains(src, "{claims: {a: b}, claims") {
				continue // the key is there twice, which YAML sees
			}
			// What the id of a machine's user is like, and that two headers are the same,
			// no schema sees.
			if strings.Contains(src, "tokenType: m2m") && strings.Contains(src, "user: user_1") || strings.Contains(src, "headers: {x-a: b}, removed: x-a") {
				continue
			}
			if err, sound := judge(s, src), reads(src); sound != (err == nil) {
				t.Errorf("accepted: %v, but the schema says: %v\n%s", sound, err, src)
			}
		}
	}
}

// Numbers and names are what YAML and the author say.
func TestOddPolicyTestsAreValid(t *testing.T) {
	const some = "policy: a\ntests: [{name: a, request: {url: 'https://a.com'}, expect: {status: 0403}}]\n"
	s := compile(t, testFile, "")
	for _, src := range []string{
		"\ufeff" + some,
		strings.Replace(some, "0403", "+403", 1),
		some + "now: '2026-01-01T00:00:00.25+01:00'",
		some + "identities: {a: {user: user_1, fva: [0.5, 1e3]}, b: {user: user_1, fva: [-1, -1.0]}}",
		some + "identities: {a: {user: user_1, claims: {b: {}, c: null, d: '', claims: [1.5, []]}}}",
		some + "identities: {'': {token: a}, 'a b': {tokenType: m2m}, claims: {user: user_1, claims: {a: []}}}",
	} {
		if err := judge(s, src); err != nil || !reads(src) {
			t.Errorf("accepted: %v, but the schema says: %v\n%s", reads(src), err, src)
		}
	}
}

// FuzzNeverStricterThanTheReader changes whole files of policy tests.
func FuzzNeverStricterThanTheReader(f *testing.F) {
	for _, p := range suites(f) {
		f.Add(p.src)
	}
	s := compile(f, testFile, "")
	f.Fuzz(func(t *testing.T, src string) {
		if err := judge(s, src); err != nil && reads(src) {
			t.Errorf("the schema refuses what the reader accepts:\n%s\n%v", src, err)
		}
	})
}

// The reader says which keys a mapping may have when it meets one that no
// spelling mistake explains. The schema has these, and no others.
func TestPolicyTestsHaveTheSameKeys(t *testing.T) {
	const test = "/properties/tests/items/properties"
	for at, src := range map[string]string{
		"": "%",
		"/properties/identities/additionalProperties":                "policy: a\ntests: [a]\nidentities: {a: {%}}",
		"/properties/identities/additionalProperties/properties/org": "policy: a\ntests: [a]\nidentities: {a: {org: {%}}}",
		"/properties/tests/items":                                    "policy: a\ntests: [{%}]",
		test + "/request":                                            "policy: a\ntests: [{request: {%}}]",
		test + "/expect":                                             "policy: a\ntests: [{expect: {%}}]",
	} {
		_, problems := suite.Read("policy_test.yaml", []byte(strings.Replace(src, "%", "nothing-like-it: 1", 1)))
		keys := keysOf(problems)
		slices.Sort(keys)
		if diff := cmp.Diff(keys, slices.Sorted(maps.Keys(propertiesAt(t, testFile, at)))); diff != "" {
			t.Errorf("keys of %s at %q (-reader +schema):\n%s", src, at, diff)
		}
	}
}

func keysOf(problems policy.Problems) []string {
	for _, p := range problems {
		if keys, ok := strings.CutPrefix(p.Hint, "its keys are "); ok && strings.HasSuffix(p.Message, `has no key "nothing-like-it"`) {
			return strings.Split(keys, ", ")
		}
	}
	return nil
}

// propertiesAt are the keys of the mapping at a JSON pointer without escapes.
func propertiesAt(t *testing.T, file, at string) map[string]any {
	t.Helper()
	s := parse(t, sources()[file])
	for step := range strings.SplitSeq(strings.TrimPrefix(at+"/properties", "/"), "/") {
		below, ok := s[step].(map[string]any)
		if !ok {
			t.Fatalf("%s has no %s", file, at)
		}
		s = below
	}
	return s
}
