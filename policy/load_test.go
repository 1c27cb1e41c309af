package policy

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected output of golden files")

// environ is the environment of every test policy.
func environ(name string) (string, bool) {
	value, ok := map[string]string{
		"CLERK_PUBLISHABLE_KEY":        "pk_test_abc",
		"CLERK_JWT_KEY":                "-----BEGIN PUBLIC KEY-----",
		"EMPTY":                        "",
		"FLOW":                         "[a, b] # {${CLERK_PUBLISHABLE_KEY}}",
		"TRUE":                         "true",
		"SECONDS":                      "7s",
		"LATIN1":                       "caf\xe9",
		"ENTER":                        "a\nb",
		"SECRET_KEY":                   "sk_test_fromTheEnvironment",
		"MACHINE_KEY":                  "ak_fromTheEnvironment",
		"WEBHOOK_SECRET":               "whsec_ZnJvbSB0aGUgZW52aXJvbm1lbnQ=",
		"CLERK_WEBHOOK_SIGNING_SECRET": "whsec_ZnJvbSBDbGVyaw==",
		"OLD_WEBHOOK_SIGNING_SECRET":   "whsec_b2xk",
		"WEBHOOK_BASE64":               "ZnJvbSB0aGUgZW52aXJvbm1lbnQ=",
		"TEN":                          "10",
	}[name]
	return value, ok
}

// Golden files have a policy, a line of dashes, and all that is said about it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	const dashes = "----------\n"
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src, want, ok := strings.Cut(string(golden), dashes)
			if !ok {
				t.Fatal("the file has no line of dashes")
			}
			p, problems := Load("policy.yaml", []byte(src), Options{Env: environ})
			if (p == nil) != (problems.Count(Error) > 0) {
				t.Errorf("policy is nil: %v, errors: %d", p == nil, problems.Count(Error))
			}
			got := render(problems)
			if *update {
				if err := os.WriteFile(file, []byte(src+dashes+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func render(problems Problems) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

// load loads a policy that must be sound, warnings aside.
func load(t testing.TB, src string) *Policy {
	t.Helper()
	p, problems := Load("policy.yaml", []byte(src), Options{Env: environ})
	if err := problems.Err(); err != nil {
		t.Fatalf("the policy does not load:\n%v", err)
	}
	return p
}

const anyRoute = "routes: [{name: all, path: /**}]\n"

func TestClerk(t *testing.T) {
	p := load(t, `version: 1
clerk:
  - publishableKey: ${CLERK_PUBLISHABLE_KEY}
    authorizedParties: [https://app.acme.com, "http://localhost:3000", "http://[::1]:3000"]
    missingAzp: allow-cookie
    issuers: [https://clerk.acme.com]
    audiences: [billing]
    clockSkew: 0s
    jwksUrl: http://127.0.0.1:8080/jwks
    keys: {refresh: 1m, cooldown: 30s, stale: 12h}
    hosts: [App.Acme.com:443, "*.acme.com."]
    cookies: ${TRUE}
  - publishableKey: pk_live_other
    jwtKey: ${CLERK_JWT_KEY}
    cookies: false
`+anyRoute)
	first, second := p.Clerk[0], p.Clerk[1]
	if got, want := first.PublishableKey, (Text{Value: "pk_test_abc", Pos: Pos{3, 21}}); got != want {
		t.Errorf("publishableKey = %+v, want %+v", got, want)
	}
	if got, want := first.AuthorizedParties[1], (Text{Value: "http://localhost:3000", Pos: Pos{4, 47}}); got != want {
		t.Errorf("authorizedParties[1] = %+v, want %+v", got, want)
	}
	if first.MissingAzp != MissingAzpAllowCookie || len(first.Issuers) != 1 || len(first.Audiences) != 1 {
		t.Errorf("first = %+v", first)
	}
	if first.ClockSkew != 0 || !first.ClockSkewSet || second.ClockSkew != 5*time.Second || second.ClockSkewSet {
		t.Errorf("clockSkew = %v, %v", first.ClockSkew, second.ClockSkew)
	}
	if got, want := first.Keys, (Keys{time.Minute, 30 * time.Second, 12 * time.Hour}); got != want {
		t.Errorf("keys = %+v, want %+v", got, want)
	}
	if got, want := second.Keys, (Keys{5 * time.Minute, 10 * time.Second, 24 * time.Hour}); got != want {
		t.Errorf("default keys = %+v, want %+v", got, want)
	}
	if !first.Hosts.Match("app.acme.com") || !first.Hosts.Match("x.y.acme.com") || first.Hosts.Match("acme.com") {
		t.Errorf("hosts = %+v", first.Hosts)
	}
	if !first.Cookies || second.Cookies || second.Hosts != nil || second.JWTKey.Value == "" {
		t.Errorf("second = %+v", second)
	}
}

func TestClerkFromEnvironment(t *testing.T) {
	p := load(t, "version: 1\n"+anyRoute)
	if len(p.Clerk) != 1 || p.Clerk[0].PublishableKey != (Text{Value: "pk_test_abc"}) || p.Clerk[0].JWTKey.Value == "" ||
		!p.Clerk[0].Cookies || p.Clerk[0].Pos != (Pos{}) || p.Clerk[0].ClockSkew != 5*time.Second {
		t.Errorf("clerk = %+v", p.Clerk)
	}

	p, problems := Load("policy.yaml", []byte("version: 1\n"+anyRoute), Options{})
	if p == nil || len(p.Clerk) != 0 {
		t.Fatalf("policy = %+v", p)
	}
	if len(problems) != 1 || problems[0].Severity != Warning || !strings.Contains(problems[0].Message, "serve will not start") {
		t.Errorf("problems:\n%s", render(problems))
	}
}

func TestVariables(t *testing.T) {
	const route = "version: 1\nroutes: [{name: 'X', path: /**}]\n"
	tests := []struct{ text, want string }{
		{"plain $ and $$ and {x}", "plain $ and $$ and {x}"},
		{"${CLERK_PUBLISHABLE_KEY}", "pk_test_abc"},
		{"a-${SECONDS}-${TRUE}", "a-7s-true"},
		{"${FLOW}", "[a, b] # {${CLERK_PUBLISHABLE_KEY}}"},
		{"${NOT_SET:-spare}", "spare"},
		{"${EMPTY:-spare}", "spare"},
		{"x${NOT_SET:-}", "x"},
		{"x${EMPTY}", "x"},
		{"${NOT_SET:-a:-b}", "a:-b"},
		{"${SECONDS:-spare}", "7s"},
	}
	for _, tt := range tests {
		p := load(t, strings.ReplaceAll(route, "X", tt.text))
		if got := p.Routes[0].Name; got != tt.want {
			t.Errorf("%s = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestAllowUnset(t *testing.T) {
	src := `version: 1
clerk:
  - publishableKey: ${NO_KEY}
    authorizedParties: ["${NO_PARTY}"]
    issuers: ["${NO_ISSUER}"]
    clockSkew: ${NO_SKEW}
    jwksUrl: ${NO_URL}
    hosts: ["${NO_HOST}"]
    cookies: ${NO_COOKIES}
paths: {case: "${NO_CASE}"}
routes:
  - name: one
    hosts: ["${NO_HOST}"]
    path: ["/a/${NO_PATH}", /b]
    access: ${NO_ACCESS}
  - name: two
    path: /b
    methods: ["${NO_METHOD}"]
    require: {org: "${NO_ORG}", role: "${NO_ROLE}", permission: "${NO_PERMISSION}"}
`
	p, problems := Load("policy.yaml", []byte(src), Options{Env: environ, AllowUnset: true})
	if p == nil || len(problems) != 0 {
		t.Fatalf("problems:\n%s", render(problems))
	}
	if key := p.Clerk[0].PublishableKey; !key.Unset || key.Value != "${NO_KEY}" {
		t.Errorf("publishableKey = %+v", key)
	}
	if p.Routes[0].Access != AccessDeny {
		t.Errorf("an unknown access is %v, want deny", p.Routes[0].Access)
	}
	if _, problems := Load("policy.yaml", []byte(src), Options{Env: environ}); problems.Count(Error) != 15 {
		t.Errorf("without AllowUnset %d errors, want one for each variable:\n%s", problems.Count(Error), render(problems))
	}
}

// What secrets look like must not get into logs through messages.
func TestMessagesDoNotShowVariables(t *testing.T) {
	src := `version: 1
clerk:
  - publishableKey: x
    authorizedParties: ["${S}"]
    issuers: ["${S}"]
    jwksUrl: ${S}
    clockSkew: ${S}
    hosts: ["${S}"]
    missingAzp: ${S}
    cookies: ${S}
routes:
  - name: a
    path: ${S}
    methods: ["${S}"]
    access: ${S}
    require: {org: "${S}", role: "${S}", permission: "${S}"}
`
	env := func(string) (string, bool) { return "SECRET of {mine}", true }
	_, problems := Load("policy.yaml", []byte(src), Options{Env: env})
	if problems.Count(Error) < 11 {
		t.Errorf("only %d errors", problems.Count(Error))
	}
	if out := render(problems); strings.Contains(out, "SECRET") || strings.Contains(out, "secret") {
		t.Errorf("a message shows the variable:\n%s", out)
	}
}

func TestHashNamesTheSource(t *testing.T) {
	a, b := load(t, "version: 1\n"+anyRoute), load(t, "version: 1\n"+anyRoute+"# changed\n")
	if len(a.Hash) != len("sha256:")+12 || a.Hash == b.Hash || !strings.HasPrefix(a.Hash, "sha256:") {
		t.Errorf("hashes %q, %q", a.Hash, b.Hash)
	}
}

func TestSourceForms(t *testing.T) {
	for name, src := range map[string]string{
		"carriage returns": "version: 1\r\nroutes:\r\n  - name: a\r\n    path: /\r\n",
		"byte-order mark":  "\ufeffversion: 1\n" + anyRoute,
		"no final newline": "version: 1\nroutes: [{name: a, path: /}]",
		"document markers": "---\nversion: 1\n" + anyRoute + "...\n",
		"quotes":           "\"version\": 1\n'routes': [{\"name\": 'a', 'path': \"/a\"}]\n",
	} {
		t.Run(name, func(t *testing.T) { load(t, src) })
	}
}

func TestTooLarge(t *testing.T) {
	src := "version: 1\n" + anyRoute
	src += strings.Repeat("#", maxSource-len(src))
	load(t, src)
	p, problems := Load("policy.yaml", []byte(src+"#"), Options{Env: environ})
	if p != nil || len(problems) != 1 || problems[0].Message != "the policy is larger than 1024 KiB" {
		t.Errorf("problems:\n%.200s", render(problems))
	}
}

func TestProblemOfOthers(t *testing.T) {
	p := load(t, "version: 1\nclerk:\n  - publishableKey: pk_nonsense\n"+anyRoute)
	got := p.Problem(Error, p.Clerk[0].PublishableKey.Pos, "not a key", "copy it again").String()
	want := "policy.yaml:3:21: error: not a key\n  - publishableKey: pk_nonsense\n                    ^\nhint: copy it again"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := p.Problem(Note, Pos{}, "no key", "").String(); got != "policy.yaml: note: no key" {
		t.Errorf("got %q", got)
	}
	if got := p.Problem(Error, Pos{999, 999}, "beyond", ""); got.Line != 4 || got.Col != len(anyRoute) {
		t.Errorf("a place beyond the end is %+v", got.Pos)
	}
	if got := (&Policy{File: "x"}).Problem(Warning, Pos{1, 1}, "odd", "").String(); got != "x: warning: odd" {
		t.Errorf("got %q", got)
	}
}

func TestCarets(t *testing.T) {
	tests := []struct{ line, at, caret string }{
		{"name: x", "x", "      ^"},
		{"\tname: x", "x", "\t      ^"},
		{"世界: x", "x", "      ^"},
		{"e\u0301: x", "x", "   ^"},
	}
	for _, tt := range tests {
		before, _, _ := strings.Cut(tt.line, tt.at)
		s := newSource("f", []byte(tt.line))
		got := s.problem(Error, Pos{1, len([]rune(before)) + 1}, "m", "").String()
		if want := "\n" + tt.line + "\n" + tt.caret; !strings.HasSuffix(got, want) {
			t.Errorf("got\n%s\nwant it to end with%s", got, want)
		}
	}
	long := newSource("f", []byte(strings.Repeat("a", 5000)+"X"+strings.Repeat("b", 5000)))
	lines := strings.Split(long.problem(Error, Pos{1, 5001}, "m", "").String(), "\n")
	if len([]rune(lines[1])) > 130 || []rune(lines[1])[len(lines[2])-1] != 'X' {
		t.Errorf("a long line is shown as\n%s\n%s", lines[1], lines[2])
	}
	if got := newSource("f", []byte("a\x1b[31mb")).problem(Error, Pos{1, 1}, "m", "").Source; strings.Contains(got, "\x1b") {
		t.Errorf("an escape sequence reaches the terminal: %q", got)
	}
}

func TestMergeSortsByPlace(t *testing.T) {
	a := Problems{{Pos: Pos{2, 1}, Message: "c"}, {Pos: Pos{9, 9}, Message: "e"}}
	b := Problems{{Message: "a"}, {Pos: Pos{1, 5}, Message: "b"}, {Pos: Pos{2, 2}, Message: "d"}}
	var order string
	for _, p := range Merge(a, b) {
		order += p.Message
	}
	if order != "abcde" {
		t.Errorf("order %s", order)
	}
}
