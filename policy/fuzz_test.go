package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Load never panics; what it reports is sorted and, if it is an error, has a
// place inside the file; there is a policy if and only if there is no error;
// and a policy answers every request.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/problems/*.golden")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/acme.yaml") {
		golden, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		src, _, _ := strings.Cut(string(golden), "----------\n")
		f.Add([]byte(src), false)
	}
	f.Add([]byte("routes: [{name: ${NOPE}, path: '/${NOPE}'}]\nversion: 1"), true)
	f.Add([]byte("version: 1\n"+clerkSection+"routes: [{name: a, path: /a, tokens: [m2m, apiKey, template, oauth]}, {name: b, path: /**, webhook: {secret: c2VjcmV0}}]\n"), false)
	f.Add([]byte("version: 1\nroutes: [{name: a, path: '/{u}', tokens: [session, oauth], require: {anyOf: [{user: '{u}', scope: [a, b]}, {not: {allOf: [{audience: x}]}}], actor: forbidden}}]\n"), true)
	f.Add([]byte("clerk: [{secretKey: 'sk_live_a', machineSecretKey: \"ak_b\"\n"), false)
	f.Fuzz(func(t *testing.T, src []byte, allowUnset bool) {
		p, problems := Load("policy.yaml", src, Options{Env: environ, AllowUnset: allowUnset})
		if (p == nil) != (problems.Err() != nil) {
			t.Fatalf("policy %v, problems:\n%s", p, render(problems))
		}
		checkPlaces(t, src, problems)
		if p == nil {
			return
		}
		for _, raw := range []string{"/", "/a", "/A/%C3%89/", "/orgs/acme/x"} {
			_, m := ask(t, p, "GET", "app.acme.com", raw, nil)
			d := Decide(m, who("admin"), nil)
			if d.Outcome == Passed && m.Route == nil {
				t.Error("a request without a route passes")
			}
			for _, name := range []string{"anonymous", "bogus", "webhook", "machine", "orgkey", "template"} {
				checkStranger(t, m, name)
			}
		}
	})
}

// checkStranger asks for somebody whom a route lets in only if it says so.
func checkStranger(t *testing.T, m Match, name string) {
	t.Helper()
	if Decide(m, who(name), nil).Outcome != Passed {
		return
	}
	accepts := map[string]TokenTypes{"machine": TokenM2M, "orgkey": TokenAPIKey, "template": TokenTemplate}[name]
	switch r := m.Route; {
	case r.Access == AccessPublic, r.Access == AccessOptional:
	case r.Access == AccessWebhook && name == "webhook":
	case r.Access == AccessAuthenticated && r.Tokens.Has(accepts):
	default:
		t.Errorf("%s passes a route with access: %s, tokens %b", name, r.Access, r.Tokens)
	}
}

func checkPlaces(t *testing.T, src []byte, problems Problems) {
	t.Helper()
	lines := strings.Split(string(src), "\n")
	for i, p := range problems {
		if p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > utf8.RuneCountInString(lines[p.Line-1])+1 {
			t.Errorf("the place of %s is not inside the file", p)
		}
		if i > 0 && (p.Line < problems[i-1].Line || p.Line == problems[i-1].Line && p.Col < problems[i-1].Col) {
			t.Errorf("problems are not sorted:\n%s", render(problems))
		}
		if text := p.String(); !utf8.ValidString(text) && utf8.Valid(src) {
			t.Errorf("%q is not UTF-8", text)
		}
		for _, text := range []string{p.Message, p.Hint, p.Source} {
			if maskKnown(text) != text {
				t.Errorf("%q shows a secret", text)
			}
		}
	}
}

// A path and the same path with escaped letters get one decision, or one of the
// two is refused.
func FuzzSpelling(f *testing.F) {
	src, err := os.ReadFile("testdata/acme.yaml")
	if err != nil {
		f.Fatal(err)
	}
	p := load(f, string(src))
	for _, raw := range []string{"/healthz", "/orgs/acme/invoices/7", "/Orgs/acme", "/sign-inx/%C3%A9", "/orgs/%2e%2e/x", "/"} {
		f.Add(raw, "GET", true)
	}
	f.Fuzz(func(t *testing.T, raw, method string, tail bool) {
		again := escapeUnreserved(raw)
		if tail { // only the last half of it
			again = raw[:len(raw)/2] + escapeUnreserved(raw[len(raw)/2:])
			if strings.Contains(raw[max(0, len(raw)/2-2):len(raw)/2], "%") {
				return // would cut an escape
			}
		}
		answers := []string{}
		for _, spelling := range []string{raw, again} {
			route, m := ask(t, p, method, "api.acme.com", spelling, nil)
			if route != "ambiguous" {
				d := Decide(m, who("admin"), nil)
				answers = append(answers, route+" "+d.Outcome.String()+" "+string(d.Code))
			}
		}
		if len(slices.Compact(answers)) > 1 {
			t.Errorf("%q and %q get %q", raw, again, answers)
		}
	})
}

// Whatever an expression is, it loads or has problems inside the file, nothing
// panics, and what loads decides soon and the same with a trace.
func FuzzWhen(f *testing.F) {
	for expression := range strings.SplitSeq(fuzzedConditions, "\n") {
		f.Add(expression, true)
	}
	f.Fuzz(func(t *testing.T, expression string, block bool) {
		src := "version: 1\nroutes:\n  - name: a\n    path: /{p}/**\n    require:\n      not:\n        when: "
		if block {
			src += "|2\n          " + strings.ReplaceAll(expression, "\n", "\n          ") + "\n"
		} else {
			src += "'" + strings.ReplaceAll(expression, "'", "''") + "'\n"
		}
		p, problems := Load("policy.yaml", []byte(src), Options{Env: environ})
		if (p == nil) != (problems.Err() != nil) {
			t.Fatalf("policy %v, problems:\n%s", p, render(problems))
		}
		checkPlaces(t, []byte(src), problems)
		if p == nil {
			return
		}
		path, err := p.ReadPath("/acme/x")
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Match(&Request{Method: "GET", Host: "app.acme.com", Path: path, Query: "a=1", Now: noon, Headers: func() map[string]string {
			return map[string]string{"x-long": strings.Repeat("a", 4<<10)}
		}})
		if err != nil {
			t.Fatal(err)
		}
		id := withClaims("admin", ordinaryClaims)
		start := time.Now()
		d := Decide(m, id, nil)
		if took := time.Since(start); took > time.Second {
			t.Errorf("%q took %v", expression, took)
		}
		if traced := Decide(m, id, &Trace{}); traced != d {
			t.Errorf("%+v, with a trace %+v", d, traced)
		}
	})
}

const fuzzedConditions = `request.method == "GET" && claims.plan in ["free"]
claims.groups.exists(g, g.startsWith("s")) || has(claims.metadata.tier)
request.query.?a[?0].orValue("") == params.p
now.getHours("Europe/Berlin") > 8 && now - timestamp("2026-01-01T00:00:00Z") < duration("1h")
request.headers["x-long"].matches("(a*)*b") || r"\d" == b"x" ? 1u : 2.5e3
{"a": [1, 2]}.a[0] == 1 // comment
[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
!!!!!!!!!!!!!!!!!!!!!!!!-----------1
claims.groups.map(x, x + x).map(x, x + x).filter(x, x.size() > 1).all(x, x != "")
"\u00e9\x41" == 'a
request.path.split("/").map(x, x.trim().upperAscii().substring(1))
claims.?seats.optMap(x, x + 1).orValue(3) < identity.org.permissions.size()`
