package policy

import (
	"strings"
	"testing"
)

// No problem shows a secret, however the policy around it is broken.
func TestProblemsDoNotShowSecrets(t *testing.T) {
	const secret = "ThisIsPlainTextOfSomeKey"
	head := "version: 1\nclerk:\n  - publishableKey: pk_live_a\n    cookies: maybe\n"
	tests := []string{
		head + "    secretKey: X\n",
		head + "    secretKey: 'X'\n    bad: 1\n",
		head + "    secretKey: \"a\\tX\"\n    bad: 1\n",
		head + "    secretKey: 'a''X'\n",
		head + "    secretKey: |\n      X\n      X\n    bad: 1\n",
		head + "    secretKey: >\n      a X\n",
		head + "    secretKey: a\n      X\n",
		head + "    secretKey: \"a\n      X\"\n    bad: 1\n",
		head + "    secretKey: !!str X\n",
		head + "    secretKey: &X X\n",
		head + "    secretKey: {X}\n",
		head + "    secretKey: [X, {X: X}]\n",
		head + "    secretKey: {X: X, X: X}\n",
		head + "    SECRET_KEY: X\n",
		head + "    secret-key: ${CLERK_JWT_KEY}X\n",
		head + "    secretKey: ${X\n",
		head + "    secretKey: ${NO:-X}\n",
		head + "    secretKey: ${NO:-X${NO}}\n",
		head + "    secretKey: sk_live_X # sk_live_X\n    machineId: sk_live_X\n    secretKeyFile: ak_X\n",
		head + "    secretKey: X: X\n",
		head + "    secretKey: \"X\n",
		head + "    secretKey: [X\n",
		head + "    secretKey: @X\n",
		head + "    secretKey:\n      @X\n",
		head + "    secretKey:\n\n      - @X\n",
		head + "    \"secretKey\": `X`\n",
		head + "    secretKey: X\n\tbad: 1\n",
		head + "    publishable_key: sk_live_X\n    issuers: [ak_X]\n    hosts: whsec_X\n",
		head + "    sk_live_X: 1\n    sk_live_X: 2\n",
		head + "    jwtKey: ${sk_live_X}\n",
		"secret: X\n",
		"- secret: X\n",
		"secret: X\n---\nsecret: X\n",
		"version: 1\n--- {secretKey: X}\n",
		"version: 1\n...\nsecretKey: X\n--- [\n",
		"version: 1\nroutes:\n  - {name: a, path: /, webhook: {secret: X}, access: X}\n",
		"version: 1\nroutes:\n  - {name: a, path: /, webhook: {secret: [X, X, whsec_X, b]}, tokens: a}\n",
		"version: 1\nroutes:\n  - {name: a, path: /, webhook: {secrets: X}}\n",
		"version: 1\nroutes:\n  - {name: a, path: /, webhook: [{secret: X}]}\n",
		"version: 1\nroutes:\n  - {name: whsec_X, path: whsec_X, methods: [sk_live_X, sk_live_X], access: ak_X, tokens: sk_live_X}\n",
	}
	for _, tt := range tests {
		src := strings.ReplaceAll(tt, "X", secret)
		p, problems := Load("policy.yaml", []byte(src), Options{Env: environ})
		if p != nil || problems.Count(Error) == 0 {
			t.Errorf("%s\nloads", tt)
		}
		checkPlaces(t, []byte(src), problems)
		out := render(problems)
		if strings.Contains(out, secret) {
			t.Errorf("%s\nis shown:\n%s", tt, out)
		}
	}
}

// What others find wrong is shown without secrets, too.
func TestProblemsOfOthersDoNotShowSecrets(t *testing.T) {
	p := load(t, "version: 1\nclerk: [{publishableKey: pk_live_a, secretKey: sk_live_0123456789}]\n"+anyRoute)
	got := p.Problem(Error, p.Clerk[0].SecretKey.Pos, "sk_live_0123456789 is bad", "not sk_live_0123456789").String()
	want := `policy.yaml:2:48: error: sk_live_********** is bad
clerk: [{publishableKey: pk_live_a, secretKey: sk_live_**********}]
                                               ^
hint: not sk_live_**********`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMaskSecret(t *testing.T) {
	tests := []struct {
		raw, want string
		literal   bool
	}{
		{"", "", false},
		{"${A}", "${A}", false},
		{"${A:-}", "${A:-}", false},
		{"sk_live_${A}", "sk_live_${A}", false},
		{"${A}${B}", "${A}${B}", false},
		{"sk_live_ab", "sk_live_**", true},
		{"ab c", "** *", true},
		{"${A}b", "${A}*", true},
		{"a${A}", "*${A}", true},
		{"${A:-b}", "${A:-*}", true},
		{"${A b", "*** *", true},
		{"${A:-${B}}", "**********", true},
		{"säß", "***", true},
	}
	for _, tt := range tests {
		if got, literal := maskSecret(tt.raw); got != tt.want || literal != tt.literal {
			t.Errorf("%s: %s, %v, want %s, %v", tt.raw, got, literal, tt.want, tt.literal)
		}
	}
}

// Names that only resemble keys stay readable.
func TestMaskKnown(t *testing.T) {
	for s, want := range map[string]string{
		"sk_test_ab and ak_cd, whsec_e+/=":    "sk_test_** and ak_**, whsec_****",
		`"sk_live_ab"`:                        `"sk_live_**"`,
		"break_cd":                            "break_cd",
		"break_ak_ab ak_ab":                   "break_ak_ab ak_**",
		`a\nsk_live_ab task_live_=sk_live_ab`: `a\nsk_live_** task_live_***********`,
		"secret keys begin with sk_live_":     "secret keys begin with sk_live_",
		"whsec_… and pk_live_ab":              "whsec_… and pk_live_ab",
		"sk_live_sk_live_a":                   "sk_live_*********",
	} {
		if got := maskKnown(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
