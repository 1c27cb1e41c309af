package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ask reads a path and matches it; the answer is a route's name, "-" if there
// is none, or "ambiguous".
func ask(t testing.TB, p *Policy, method, host, raw string, context map[string]string) (string, Match) {
	t.Helper()
	path, err := p.ReadPath(raw)
	if err != nil {
		return "ambiguous", Match{}
	}
	m, err := p.Match(&Request{Method: method, Host: NormalHost(host), Path: path, Context: context})
	var ambiguous *AmbiguousError
	switch {
	case errors.As(err, &ambiguous):
		if m.Route != nil {
			t.Fatalf("%s is ambiguous and has a route", raw)
		}
		return "ambiguous", m
	case err != nil:
		t.Fatal(err)
	case m.Route == nil:
		return "-", m
	}
	return m.Route.Name, m
}

// onePattern loads a policy with one route.
func onePattern(t testing.TB, pattern string) *Policy {
	t.Helper()
	return load(t, fmt.Sprintf("version: 1\nroutes: [{name: yes, path: %q}]\n", pattern))
}

func TestPatterns(t *testing.T) {
	tests := []struct{ pattern, yes, no string }{
		{"/", "/", "/a /a/"},
		{"/a", "/a /a/ /%61", "/ /b /a/b /ab"},
		{"/a/b", "/a/b /a/b/", "/a /a/b/c /a/bc"},
		{"/@me", "/@me /%40me", "/me"},
		{"/a b", "/a%20b", "/a+b"},
		{"/é", "/%C3%A9", "/e"},
		{"/*", "/a /a/ /%2a", "/ /a/b"},
		{"/a/*/c", "/a/b/c /a/%20/c/", "/a/c /a/b/b/c"},
		{"/**", "/ /a /a/ /a/b/c", ""},
		{"/a/**", "/a /a/ /a/b /a/b/c/", "/ /ab /b"},
		{"/*/**", "/a /a/b", "/"},
		{"/{x}", "/a /a/", "/ /a/b"},
		{"/:x/b", "/a/b", "/a /b"},
		{"/{x}/{y}", "/a/b", "/a /a/b/c"},
		{"/(.*)", "/ /a /a/b/c/", ""},
		{"/a(.*)", "/a /a/ /ab /a/b /abc/d/e", "/ /b /b/a"},
		{"/a/(.*)", "/a/ /a/b /a/b/c", "/a /ab /"},
		{"/a/b(.*)", "/a/b /a/bc/d /a/b/", "/a /a/ /a/cb"},
		{"/{x}/(.*)", "/a/ /a/b", "/a /"},
		{"/*/b(.*)", "/a/b /a/bb/c", "/a /b"},
		{"/.(.*)", "/.well-known/x", "/a"},
		{"/a.b-c~d_e!$&',=@[]|^", "/a.b-c~d_e!$&',=@[]|^", "/a"},
	}
	for _, tt := range tests {
		p := onePattern(t, tt.pattern)
		for raw := range strings.FieldsSeq(tt.yes) {
			if got, _ := ask(t, p, "GET", "", raw, nil); got != "yes" {
				t.Errorf("%s does not match %s: %s", tt.pattern, raw, got)
			}
		}
		for raw := range strings.FieldsSeq(tt.no) {
			if got, _ := ask(t, p, "GET", "", raw, nil); got != "-" {
				t.Errorf("%s matches %s: %s", tt.pattern, raw, got)
			}
		}
	}
}

// The patterns of Clerk's createRouteMatcher that people have in their code,
// with what Clerk's own matcher does. Case is left to paths.case.
func TestPatternsOfClerk(t *testing.T) {
	tests := []struct{ pattern, yes, no string }{
		{"/dashboard(.*)", "/dashboard /dashboard/a/b /dashboardxyz", "/dash"},
		{"/dashboard/(.*)", "/dashboard/ /dashboard/a", "/dashboard"},
		{"/orgs/:id", "/orgs/1 /orgs/1/", "/orgs/1/2 /orgs /orgs/"},
		{"/", "/", "/a"},
		{"/(.*)", "/ /a /a/b", ""},
		{"/sign-in(.*)", "/sign-in /sign-in/factor-one /sign-in/sso-callback", "/sign /sign-up"},
		{"/api/webhooks(.*)", "/api/webhooks /api/webhooks/clerk", "/api"},
	}
	for _, tt := range tests {
		p := onePattern(t, tt.pattern)
		for raw := range strings.FieldsSeq(tt.yes) {
			if got, _ := ask(t, p, "GET", "", raw, nil); got != "yes" {
				t.Errorf("%s does not match %s", tt.pattern, raw)
			}
		}
		for raw := range strings.FieldsSeq(tt.no) {
			if got, _ := ask(t, p, "GET", "", raw, nil); got != "-" {
				t.Errorf("%s matches %s", tt.pattern, raw)
			}
		}
	}
	for _, pattern := range []string{"/dashboard/:path*", "/foo{/bar}?", `/x/:id(\d+)`, "/foo?", "/:a-:b", "*"} {
		if _, err := parsePattern(pattern); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
}

func TestParams(t *testing.T) {
	p := load(t, `version: 1
routes:
  - name: two
    path: ["/orgs/{org}/users/:user", "/users/{user}/of/{org}"]
    require: {org: "{org}"}
  - name: rest
    path: /{first}/**
`)
	tests := []struct {
		raw  string
		want map[string]string
	}{
		{"/orgs/acme/users/u1", map[string]string{"org": "acme", "user": "u1"}},
		{"/users/u1/of/acme/", map[string]string{"org": "acme", "user": "u1"}},
		{"/orgs/%41cme/users/a%20b", map[string]string{"org": "Acme", "user": "a b"}},
		{"/orgs/x", map[string]string{"first": "orgs"}},
	}
	for _, tt := range tests {
		_, m := ask(t, p, "GET", "", tt.raw, nil)
		if diff := cmp.Diff(tt.want, m.Params()); diff != "" {
			t.Errorf("parameters of %s (-want +got):\n%s", tt.raw, diff)
		}
		if m.Param("none") != "" {
			t.Errorf("%s has a parameter that no pattern has", tt.raw)
		}
	}
	if got := (Match{}).Param("org"); got != "" || (Match{}).Params() != nil {
		t.Errorf("no match has the parameter %q", got)
	}
}

func TestFirstMatchWins(t *testing.T) {
	p := load(t, `version: 1
routes:
  - {name: any prefix, path: "/x(.*)", methods: [PATCH]}
  - {name: literal, path: /a/b}
  - {name: any of a, path: /a/*, methods: [GET]}
  - {name: never, path: /a/b}
  - {name: below, path: /a/**}
  - {name: param, path: "/{p}/c"}
  - {name: with context, path: /ctx, context: {tier: gold}}
  - {name: with contexts, path: /ctx, context: {tier: silver, area: "1"}}
  - {name: without context, path: /ctx}
  - {name: host, path: /h, hosts: [a.example.com]}
  - {name: wildcard, path: /h, hosts: ["*.example.com"]}
  - {name: deep wildcard, path: /h, hosts: ["*.b.example.com"], methods: [POST]}
  - {name: else, path: /**, methods: [GET, POST]}
`)
	tests := []struct{ method, host, raw, context, want string }{
		{"GET", "", "/a/b", "", "literal"},
		{"GET", "", "/a/x", "", "any of a"},
		{"HEAD", "", "/a/x", "", "any of a"},
		{"POST", "", "/a/x", "", "below"},
		{"GET", "", "/a/x/y", "", "below"},
		{"GET", "", "/a", "", "below"},
		{"GET", "", "/z/c", "", "param"},
		{"GET", "", "/a/c", "", "any of a"},
		{"PATCH", "", "/xyz/c", "", "any prefix"},
		{"GET", "", "/xyz/c", "", "param"},
		{"GET", "", "/ctx", "tier=gold", "with context"},
		{"GET", "", "/ctx", "tier=silver", "without context"},
		{"GET", "", "/ctx", "tier=silver area=1", "with contexts"},
		{"GET", "", "/ctx", "", "without context"},
		{"GET", "a.example.com", "/h", "", "host"},
		{"GET", "A.Example.com.:8443", "/h", "", "host"},
		{"GET", "b.example.com", "/h", "", "wildcard"},
		{"GET", "x.y.example.com", "/h", "", "wildcard"},
		{"POST", "x.b.example.com", "/h", "", "wildcard"},
		{"GET", "example.com", "/h", "", "else"},
		{"GET", "xexample.com", "/h", "", "else"},
		{"GET", ".example.com", "/h", "", "else"},
		{"GET", "a.example.com.evil.org", "/h", "", "else"},
		{"DELETE", "", "/other", "", "-"},
		{"get", "", "/other", "", "-"},
	}
	for _, tt := range tests {
		context := map[string]string{}
		for pair := range strings.FieldsSeq(tt.context) {
			key, value, _ := strings.Cut(pair, "=")
			context[key] = value
		}
		if got, _ := ask(t, p, tt.method, tt.host, tt.raw, context); got != tt.want {
			t.Errorf("%s %s%s [%s] is %q, want %q", tt.method, tt.host, tt.raw, tt.context, got, tt.want)
		}
	}
}

func TestCase(t *testing.T) {
	const routes = `
routes:
  - {name: admin, path: /admin}
  - {name: Reports, path: /Reports}
  - {name: kelvin, path: /kelvin/x}
  - {name: istanbul, path: /istanbul}
  - {name: straße, path: /straße(.*)}
  - {name: orgs, path: "/orgs/{org}/**", require: {org: "{org}"}}
  - {name: both, path: ["/Two/{a}", "/{a}/two"], require: {org: "{a}"}}
  - {name: unused, path: ["/Six/{a}", "/{a}/six"]}
  - {name: x, path: "/X(.*)"}
`
	tests := []struct{ raw, agree, sensitive, insensitive string }{
		{"/admin", "admin", "admin", "admin"},
		{"/Admin", "ambiguous", "-", "admin"},
		{"/ADMIN/", "ambiguous", "-", "admin"},
		{"/Reports", "Reports", "Reports", "Reports"},
		{"/reports", "ambiguous", "-", "Reports"},
		{"/other", "-", "-", "-"},
		{"/Other", "-", "-", "-"},
		{"/%E2%84%AAelvin/x", "ambiguous", "-", "-"},      // the Kelvin sign
		{"/kelvin/X", "ambiguous", "-", "kelvin"},         //
		{"/i%C5%BFtanbul", "ambiguous", "-", "-"},         // the long s
		{"/%C4%B1stanbul", "ambiguous", "-", "-"},         // the dotless i
		{"/%C4%B0stanbul", "ambiguous", "-", "-"},         // the I with a dot, a plain i to Go's ToLower
		{"/stra%C3%9Fe", "straße", "straße", "straße"},    //
		{"/strasse", "ambiguous", "-", "-"},               //
		{"/STRA%E1%BA%9EE/x", "ambiguous", "-", "-"},      // the capital sharp s
		{"/orgs/org_2AbC/%C3%89", "orgs", "orgs", "orgs"}, //
		{"/ORGS/a", "ambiguous", "-", "orgs"},             //
		{"/two/two", "ambiguous", "both", "both"},         // one route, with another parameter
		{"/six/six", "unused", "unused", "unused"},        // the parameter does not matter
		{"/Xyz/a", "x", "x", "x"},                         //
		{"/xyz/a", "ambiguous", "-", "x"},                 //
		{"/%C3%A9/%C3%89", "-", "-", "-"},                 //
		{"/TWO/%C5%BF", "ambiguous", "-", "both"},         //
		{"/Two/%C5%BF", "both", "both", "both"},           //
		{"/Two/two", "both", "both", "both"},              //
	}
	for i, mode := range []string{"agree", "sensitive", "insensitive"} {
		p := load(t, "version: 1\npaths: {case: "+mode+"}"+routes)
		for _, tt := range tests {
			want := []string{tt.agree, tt.sensitive, tt.insensitive}[i]
			if got, _ := ask(t, p, "GET", "", tt.raw, nil); got != want {
				t.Errorf("%s: %s is %q, want %q", mode, tt.raw, got, want)
			}
		}
	}
	p := load(t, "version: 1\npaths: {case: insensitive}\nroutes: [{name: orgs, path: '/orgs/{org}'}]\n")
	if _, m := ask(t, p, "GET", "", "/ORGS/AcMe", nil); m.Param("org") != "AcMe" {
		t.Errorf("a parameter was folded: %q", m.Param("org"))
	}
	if agree := load(t, "version: 1\n"+anyRoute); agree.folding != foldAgree {
		t.Error("agree is not the default")
	}
}

// Policies of lower-case ASCII share one index; the path alone makes a
// difference then.
func TestCaseOfPlainPolicy(t *testing.T) {
	p := load(t, "version: 1\nroutes: [{name: admin, path: /kadmin}, {name: orgs, path: '/orgs/{org}'}]\n")
	for raw, want := range map[string]string{
		"/kadmin": "admin", "/Kadmin": "ambiguous", "/%E2%84%AAadmin": "ambiguous", "/kadm%C4%B1n": "ambiguous",
		"/orgs/\u004bA": "orgs", "/orgs/%E2%84%AA": "orgs", "/%E2%84%AA": "-", "/X": "-",
	} {
		if got, _ := ask(t, p, "GET", "", raw, nil); got != want {
			t.Errorf("%s is %q, want %q", raw, got, want)
		}
	}
}

func TestZeroValuesMatchNothing(t *testing.T) {
	p := load(t, "version: 1\n"+anyRoute)
	if m, err := p.Match(&Request{Method: "GET"}); err != nil || m.Route != nil {
		t.Errorf("a path that was never read matches %v (%v)", m.Route, err)
	}
	path, err := (&Policy{}).ReadPath("/")
	if err != nil {
		t.Fatal(err)
	}
	for mode := foldAgree; mode <= foldInsensitive; mode++ {
		if m, err := (&Policy{folding: mode}).Match(&Request{Path: path}); err != nil || m.Route != nil {
			t.Errorf("a policy that was never loaded matches %v (%v)", m.Route, err)
		}
	}
}

func TestDependsOnMethod(t *testing.T) {
	if load(t, "version: 1\n"+anyRoute).DependsOnMethod() {
		t.Error("no route has methods")
	}
	if !load(t, "version: 1\nroutes: [{name: a, path: /}, {name: b, path: /b, methods: [GET]}, {name: c, path: /c}]\n").DependsOnMethod() {
		t.Error("a route has methods")
	}
}

func TestNormalHost(t *testing.T) {
	for authority, want := range map[string]string{
		"": "", "a.com": "a.com", "A.Com": "a.com", "a.com.": "a.com", "a.com:80": "a.com", "a.com.:80": "a.com", "a.com:": "a.com",
		"[::1]": "[::1]", "[::1]:80": "[::1]", "[FE80::A]:1": "[fe80::a]", "::1": "::1", "[::1": "[::1", "[::1]x": "[::1]x",
		"a.com:x": "a.com:x", "a.com:80:81": "a.com:80:81", "a.com..": "a.com.", "user@a.com": "user@a.com",
		"\u212Aelvin.com": "\u212Aelvin.com", ":80": "", "127.0.0.1:9000": "127.0.0.1",
	} {
		if got := NormalHost(authority); got != want {
			t.Errorf("NormalHost(%q) = %q, want %q", authority, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	h, err := ParseHosts([]string{"App.acme.com:443", "*.acme.dev.", "[::1]:80", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"app.acme.com": true, "x.app.acme.com": false, "acme.com": false, "a.acme.dev": true, "a.b.acme.dev": true, "acme.dev": false,
		".acme.dev": false, "xacme.dev": false, "[::1]": true, "127.0.0.1": true, "": false,
		strings.Repeat("a.", 200) + "acme.dev": false,
	} {
		if got := h.Match(host); got != want {
			t.Errorf("Match(%q) = %v, want %v", host, got, want)
		}
	}
	if (&Hosts{}).Match("a") || (*Hosts)(nil).Match("a") {
		t.Error("no hosts match a host")
	}
	if _, err := ParseHosts([]string{"a.com", "b c"}); err == nil || err.Error() != `host "b c": has the character ' ', which no host name has` {
		t.Errorf("err = %v", err)
	}
}
