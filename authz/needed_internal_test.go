package authz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/policy"
)

// readsEverything is a policy that makes use of all that can be read.
const readsEverything = `version: 1
identity: {headers: {x-user-id: user.id, x-the-plan: claims.plan, remote-user: user.id}}
routes:
  - {name: hook, path: /hook, webhook: {secret: whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n}}
  - {name: all, path: /**, methods: [GET], tokens: [session, template, m2m, apiKey, oauth]}
`

func loadText(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, problems := policy.Load("policy.yaml", []byte(text), policy.Options{})
	if p == nil {
		t.Fatal(problems)
	}
	return p
}

// TestNeededHeadersAreAllThatIsRead holds the list against the code that reads:
// whatever name occurs in the source, as a whole or with something around it, it
// is on the list if a header of that name leaves a trace, and not otherwise.
func TestNeededHeadersAreAllThatIsRead(t *testing.T) {
	p := loadText(t, readsEverything)
	needs, strip := NeededHeaders(p), newStripper(p)
	left := map[string]bool{}
	for _, name := range slices.Concat(needs.Read, needs.Strip) {
		left[name] = true
	}
	if len(left) != len(needs.Read)+len(needs.Strip) {
		t.Errorf("a name is listed twice: %v", needs)
	}
	for name := range names(t) {
		if got, want := slices.Contains(needs.Read, name), leavesTrace(name); got != want {
			t.Errorf("%q is listed as read: %t; it is read: %t", name, got, want)
		}
		if got, want := needs.strips(name), strip.takes(name); got != want {
			t.Errorf("%q is listed as stripped: %t; it is stripped: %t", name, got, want)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		t.Errorf("listed, and nowhere in the source: %v", left)
	}
}

// leavesTrace reports whether a header of this name makes a difference to what is
// taken from a request.
func leavesTrace(name string) bool {
	r := &Request{Method: "GET", Path: "/", Host: "h", Headers: []Header{{name, "v"}}}
	in, malformed := read(r, &stripper{})
	in.strip = nil
	hook, repeated := readDelivery(r)
	return malformed+repeated != "" || !reflect.DeepEqual(in, reading{}) || !reflect.DeepEqual(hook, delivery{})
}

// strips reads a list as its documentation has it.
func (n HeaderNeeds) strips(name string) bool {
	twin := strings.ReplaceAll(name, "_", "-")
	return slices.Contains(n.Strip, twin) || slices.ContainsFunc(n.StripPrefixes, func(p string) bool { return strings.HasPrefix(twin, p) })
}

// names are the texts in the source from which a request's names are compared, in
// several spellings, and what the policy adds.
func names(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"x-the-plan": true, "x_the-plan": true, "remote_user": true, "remote-user": true, "remote-users": true, "x-plan": true}
	for _, dir := range []string{".", "extauthz", "../internal/clerk", "../internal/webhook", "../policy"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", dir, err, len(files))
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				literals(t, file, all)
			}
		}
	}
	return all
}

func literals(t *testing.T, file string, into map[string]bool) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			spell(lower(text), into)
		}
		return true
	})
}

// spell adds a text that could be a header's name, and others like it.
func spell(text string, into map[string]bool) {
	if !printable(text) {
		return
	}
	under, hyphen := strings.ReplaceAll(text, "-", "_"), strings.ReplaceAll(text, "_", "-")
	for _, name := range []string{
		text, under, hyphen, strings.Replace(text, "-", "_", 1), strings.TrimSuffix(text, "-"),
		text + "x", hyphen + "x", under + "x", "x-" + text, strings.TrimPrefix(text, "x-"), text[:len(text)-1],
	} {
		if name != "" {
			into[name] = true
		}
	}
}

// TestNeededHeadersByPolicy: what a policy cannot read is not on its list.
func TestNeededHeadersByPolicy(t *testing.T) {
	const always = ":authority :method :path x-request-id accept sec-fetch-dest origin access-control-request-method"
	const credentials = " authorization x-forwarded-host x-forwarded-proto"
	const hooks = " svix-id svix-timestamp svix-signature content-length x-envoy-auth-partial-body"
	for _, tt := range []struct{ policy, read, strip string }{
		{`routes: [{name: a, path: /, access: public}, {name: b, path: /b, access: deny}]`, always, "x-user-id x-org-id"},
		{`routes: [{name: a, path: /}]`, always + credentials + " cookie referer", "x-user-id x-org-id"},
		{`routes: [{name: a, path: /, access: optional}]`, always + credentials + " cookie referer", "x-user-id x-org-id"},
		{`routes: [{name: a, path: /, tokens: [m2m]}, {name: b, path: /b, tokens: [apiKey]}]`, always + credentials, "x-user-id x-org-id"},
		{`routes: [{name: a, path: /, tokens: [m2m, apiKey]}]`, always + credentials + " cookie", "x-user-id x-org-id"},
		{`routes: [{name: a, path: /, tokens: [oauth]}]`, always + credentials + " cookie", "x-user-id x-org-id"},
		{"identity: {forwardSessionCookies: false}\nroutes: [{name: a, path: /, access: public}]", always + " cookie", "x-user-id x-org-id"},
		{`routes: [{name: a, path: /, webhook: {secret: whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n}}]`, always + hooks, "x-user-id x-org-id"},
		{`routes: [{name: a, path: /, access: public, methods: [GET]}]`, always, "x-user-id x-org-id x-http-method-override x-http-method x-method-override"},
		{"identity: {headers: {x-org-id: org.id, x-plan: claims.plan}}\nroutes: [{name: a, path: /, access: public}]", always, "x-org-id x-plan x-user-id"},
		{`routes: [{name: a, path: /, require: {when: 'request.headers["x-b"] + request.headers["x-a"] + request.headers["cookie"] == ""'}}]`,
			always + credentials + " cookie referer x-a x-b", "x-user-id x-org-id"},
	} {
		n := NeededHeaders(loadText(t, "version: 1\n"+tt.policy+"\n"))
		if got := strings.Join(n.Read, " "); got != tt.read || n.Any {
			t.Errorf("%s\nreads %s\nwant  %s", tt.policy, got, tt.read)
		}
		if got := strings.Join(n.Strip, " "); got != tt.strip {
			t.Errorf("%s\nstrips %s\nwant   %s", tt.policy, got, tt.strip)
		}
	}
	for _, when := range []string{`size(request.headers) == 0`, `request.headers[request.method] == "1"`, `request.headers.exists(n, n == "x")`} {
		if n := NeededHeaders(loadText(t, "version: 1\nroutes: [{name: a, path: /, require: {when: '"+when+"'}}]\n")); !n.Any {
			t.Errorf("%s: the list seems complete", when)
		}
	}
}
