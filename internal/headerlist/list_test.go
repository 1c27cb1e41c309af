package headerlist_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/headerlist"
)

// everySpelling returns a name with each "-" as it is and as "_".
func everySpelling(name string) []string {
	head, rest, found := strings.Cut(name, "-")
	if !found {
		return []string{name}
	}
	var out []string
	for _, tail := range everySpelling(rest) {
		out = append(out, head+"-"+tail, head+"_"+tail)
	}
	return out
}

func TestEverySpellingMatches(t *testing.T) {
	longest := "x" + strings.Repeat("-a", 12)
	for _, name := range []string{"x", "account", "x-user-id", "x--o", "x-a-b-c", "x-a-b-c-d", "x-the-role-of-the-user", longest} {
		exact := headerlist.New(authz.HeaderNeeds{Strip: []string{name}})
		prefix := headerlist.New(authz.HeaderNeeds{StripPrefixes: []string{name}})
		for _, s := range everySpelling(name) {
			if !exact.Matches(s) || !exact.Matches(strings.ToUpper(s)) || exact.Matches(s+"x") || exact.Matches("x"+s) || exact.Matches(s[1:]) {
				t.Errorf("%s: the spelling %s is not matched, or something like it is", name, s)
			}
			if !prefix.Matches(s) || !prefix.Matches(s+"x") || prefix.Matches("a"+s) || prefix.Matches(s[:len(s)-1]) {
				t.Errorf("%s as a prefix: the spelling %s is not matched, or something like it is", name, s)
			}
		}
		read := headerlist.New(authz.HeaderNeeds{Read: []string{name}})
		for i, s := range everySpelling(name) {
			if read.Matches(s) != (i == 0) {
				t.Errorf("%s is read, and %s matches: %t", name, s, read.Matches(s))
			}
		}
	}
}

// Of names that are too long, the beginning matters.
func TestLongNamesMatch(t *testing.T) {
	name := "x-a-b-c-d-" + strings.Repeat("abcdefghij", 20)
	list := headerlist.New(authz.HeaderNeeds{Strip: []string{name}})
	for _, s := range []string{name, strings.ReplaceAll(name, "-", "_")} {
		if !list.Matches(s) || list.Matches(s[:40]) {
			t.Errorf("%s does not match, or its beginning does", s)
		}
	}
}

func TestTheFormsAgree(t *testing.T) {
	list := headerlist.New(
		authz.HeaderNeeds{Read: []string{"cookie", "true", "null", "y", "0x1", "it's", "-", "~", "x-user-id", "not a name", "", "Upper", ":path", ":", "a:b", "é"}, Strip: []string{"x-user-id", "x-a-b-c-d"}},
		authz.HeaderNeeds{Read: []string{"cookie", "accept"}, Strip: []string{"x-user-id", "x-a-b-c-d"}, StripPrefixes: []string{"x-c-"}},
	)
	const want = `{"patterns":[{"exact":"cookie"},{"exact":"true"},{"exact":"null"},{"exact":"y"},{"exact":"0x1"},{"exact":"it's"},{"exact":"-"},{"exact":"~"},` +
		`{"exact":"x-user-id"},{"exact":":path"},{"exact":"accept"},{"exact":"x-user_id"},{"exact":"x_user-id"},{"exact":"x_user_id"},{"safe_regex":{"regex":"x[-_]a[-_]b[-_]c[-_]d"}},` +
		`{"prefix":"x-c-"},{"prefix":"x-c_"},{"prefix":"x_c-"},{"prefix":"x_c_"}]}`
	text, err := json.Marshal(list)
	if err != nil || string(text) != want {
		t.Errorf("JSON: %v\n%s\nwant\n%s", err, text, want)
	}
	var fromYAML, fromJSON map[string]any
	if err := yaml.Load([]byte(list.YAML()), &fromYAML, yaml.WithUniqueKeys()); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"allowed_headers":`+want+`}`), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("the YAML says something else (-JSON +YAML):\n%s", diff)
	}
}

// TestShort: fewer matchers, for all that is needed and some that is not.
func TestShort(t *testing.T) {
	long := headerlist.New(authz.HeaderNeeds{
		Read:          []string{":authority", ":method", ":path", "accept", "x-request-id", "x_flag"},
		Strip:         []string{"x-user-id", "x-the-role-of-the-user", "remote-user", "the-name-of-the-user"},
		StripPrefixes: []string{"x-clerk-"},
	})
	short := long.Short()
	const want = `{"patterns":[{"prefix":":"},{"prefix":"x-"},{"prefix":"x_"},{"exact":"accept"},{"exact":"remote-user"},{"exact":"remote_user"},` +
		`{"safe_regex":{"regex":"the[-_]name[-_]of[-_]the[-_]user"}}]}`
	if text, err := json.Marshal(short); err != nil || string(text) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
	for _, name := range []string{":path", "x-request-id", "x_flag", "accept", "X_User-Id", "x_the-role_of_the_user", "x-the-role-of-the-user", "remote_user", "x-clerk-a", "x_clerk-"} {
		if !long.Matches(name) || !short.Matches(name) {
			t.Errorf("%s: long %t, short %t", name, long.Matches(name), short.Matches(name))
		}
	}
	for _, name := range []string{"cookie", "xsrf", "x", "remote-users", "user-agent"} {
		if short.Matches(name) {
			t.Errorf("%s matches", name)
		}
	}
	for _, comment := range []string{"  # :authority, :method, :path\n  - prefix: ':'\n", "x-user-id, x-user_id", "x_user-id, x_user_id", "x-clerk-…", "x[-_]the[-_]role[-_]of[-_]the[-_]user\n  - prefix: x-\n"} {
		if !strings.Contains(short.YAML(), comment) {
			t.Errorf("%q is not said in\n%s", comment, short.YAML())
		}
	}
	for _, line := range strings.Split(short.YAML(), "\n") {
		if len(line) > 110 {
			t.Errorf("a long line: %s", line)
		}
	}
}

// TestShortOfLittle: where few begin so, none is left out.
func TestShortOfLittle(t *testing.T) {
	for _, names := range [][]string{{"x-a", "x-b"}, {"x_a", "x-a-b-c-d"}, {":path", "cookie"}} {
		long := headerlist.New(authz.HeaderNeeds{Read: names[:1], Strip: names[1:]})
		for _, name := range names {
			if !long.Short().Matches(name) || long.Short().Matches(name+"x") {
				t.Errorf("%v: %s is not matched, or something like it is", names, name)
			}
		}
	}
}
