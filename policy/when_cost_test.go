package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
	"github.com/google/go-cmp/cmp"
)

// An evaluation ends soon, and in a denial, whatever a client sends.
func TestWhenCost(t *testing.T) {
	permissions := make([]string, 1000)
	for i := range permissions {
		permissions[i] = fmt.Sprintf("org:feature%d:manage", i)
	}
	a := ordinary()
	a.headers["x-long"] = strings.Repeat("a", 60<<10)
	for expression, want := range map[string]string{
		`identity.org.permissions.exists(p, p.startsWith("org:x") && p.endsWith(":read"))`:                                                           "deny",
		`identity.org.permissions.exists(p, p.matches("^org:[a-z0-9]+:read$"))`:                                                                      "deny",
		`identity.org.permissions.all(p, p.split(":")[0] == "org")`:                                                                                  "pass",
		`identity.org.permissions.exists(p, p == "a") || "b" in identity.org.permissions`:                                                            "deny",
		`identity.org.permissions.all(p, identity.org.permissions.exists(q, q == p))`:                                                                tooLong,
		`request.headers["x-long"].matches("^a+$")`:                                                                                                  "pass",
		`request.headers["x-long"].matches("(.*a){100}b")`:                                                                                           tooLong,
		`request.headers["x-long"].split("").all(c, c == "a")`:                                                                                       tooLong,
		`request.headers["x-long"].split("").size() == 1`:                                                                                            tooLong,
		`request.headers["x-long"].contains("b")`:                                                                                                    "deny",
		`[1,2,3,4,5,6,7,8,9].map(x, request.headers["x-long"].upperAscii()).size() > 9`:                                                              tooLong,
		`[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, a + b + c + d < 99))))`: tooLong,
	} {
		id := who("admin")
		id.OrgPermissions = permissions
		m := a.matched(t, when(expression))
		start := time.Now()
		got := outcome(Decide(m, id, nil))
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("%s took %v", expression, took)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}

// A loop over what the client sends, around a function that goes through a long text
// or a deep list, is cut off as early as any other.
func TestWhenCostOfLoops(t *testing.T) {
	id := withClaims("admin", `{"deep": {"list": [`+strings.Repeat("[1],", 2500)+`[1]]}}`)
	for _, inner := range []string{
		`size(request.path) > 1`, `request.path.size() > 1`, `size(request.query.long[0]) > 1`, `request.path.startsWith("/orgs/")`,
		`double(request.query.long[0]) > 1.0 || true`, `int(request.query.long[0]) > 1 || true`,
		`x != request.path`, `claims.deep == claims.deep`, `!(claims.deep != claims.deep)`,
	} {
		a := ordinary()
		a.raw, a.query = "/orgs/acme/"+strings.Repeat("p", 30000), strings.Repeat("x=1&", 900)+"long="+strings.Repeat("1", 25000)
		m := a.matched(t, when("request.query.x.all(x, request.query.x.all(y, "+inner+"))"))
		start := time.Now()
		if got := outcome(Decide(m, id, nil)); got != tooLong {
			t.Errorf("%s: %s", inner, got)
		}
		if took := time.Since(start); took > 250*time.Millisecond {
			t.Errorf("%s took %v", inner, took)
		}
	}
}

// Headers are asked for only by conditions that read them, and once.
func TestWhenAsksForHeadersOnce(t *testing.T) {
	for expression, want := range map[string]int{
		`request.method == "GET"`: 0, `request.headers["x-tier"] == "gold" && request.headers.exists(h, h in request.headers)`: 1,
		`request.method == "PUT" && request.headers["x-tier"] == "gold"`: 0,
	} {
		a := ordinary()
		m := a.matched(t, when(expression))
		Decide(m, who("admin"), nil)
		if a.calls != want {
			t.Errorf("%s asks %d times for the headers", expression, a.calls)
		}
	}
}

func TestReads(t *testing.T) {
	p := load(t, `version: 1
routes:
  - {name: none, path: /none, require: {org: any}}
  - {name: some, path: /some, require: {anyOf: [{when: 'request.headers["b"] == "1" && "a" in request.headers'}, {not: {when: 'has(claims.x) && now > timestamp("2026-01-01T00:00:00Z")'}}]}}
  - {name: all, path: /all, require: {when: 'request.headers.exists(h, h == "a") && request.query.a == ["b"]'}}
`)
	want := []Reads{{}, {Claims: true, Time: true, Headers: []string{"a", "b"}}, {Query: true, AnyHeader: true}}
	for i, r := range p.Routes {
		if diff := cmp.Diff(want[i], r.Reads()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Name, diff)
		}
	}
	if names, all := p.ReadsHeaders(); !all || len(names) != 2 || p.DependsOnMethod() || !p.ReadsClaims() {
		t.Errorf("headers %v %v, method %v, claims %v", names, all, p.DependsOnMethod(), p.ReadsClaims())
	}
	p = load(t, `version: 1
routes: [{name: a, path: /a, require: {not: {anyOf: [{when: 'request.method == "GET"'}]}}}]
`)
	if names, all := p.ReadsHeaders(); all || names != nil || !p.DependsOnMethod() || p.ReadsClaims() {
		t.Errorf("headers %v %v, method %v, claims %v", names, all, p.DependsOnMethod(), p.ReadsClaims())
	}
	p = load(t, `version: 1
identity: {headers: {x-user-id: user.id, x-plan: "claims.plan"}}
routes: [{name: a, path: /a}]
`)
	if !p.ReadsClaims() {
		t.Error("an identity header reads a claim")
	}
}

// One condition serves many requests at once, also those that break it.
func TestWhenIsShared(t *testing.T) {
	m := ordinary().matched(t, when(`claims.plan == "free" && claims.seats + 1 > 2 && request.path.matches("^/orgs") && now.getHours("Europe/Berlin") > 1`))
	shared := withClaims("admin", ordinaryClaims)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				broken := withClaims("admin", `{"plan": "free", "seats": "x"}`)
				if Decide(m, shared, nil).Outcome != Passed || Decide(m, broken, nil).Outcome == Passed {
					t.Error("wrong")
				}
			}
		})
	}
	all.Wait()
}

// The same text is one program, wherever it stands; problems have their own places.
func TestConditionsAreCompiledOnce(t *testing.T) {
	src := "version: 1\nroutes:\n"
	for i := range 2000 {
		src += fmt.Sprintf("  - {name: r%d, path: '/%d/{org}', require: {when: 'params.org == claims.org'}}\n", i, i)
	}
	start := time.Now()
	p := load(t, src)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("loading took %v", took)
	}
	_, m := ask(t, p, "GET", "", "/1999/a", nil)
	if d := Decide(m, withClaims("admin", `{"org": "a"}`), nil); d.Outcome != Passed {
		t.Errorf("%+v", d)
	}
}

// What a regular expression would cost is known before it is tried: by the time
// that a single call is counted, it has taken a second.
func TestMatchesTellsItsCostBefore(t *testing.T) {
	e, err := newEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	const pattern = "(.*a){100}b"
	if p := e.addPattern(pattern); p != nil {
		t.Fatal(p)
	}
	if got := e.matches(types.String("aab"), types.String(pattern)); got != types.False {
		t.Errorf("a short text: %v", got)
	}
	got, failed := e.matches(types.String(strings.Repeat("a", 60<<10)), types.String(pattern)).(*types.Err)
	if !failed || !errors.Is(got, errCost) {
		t.Errorf("a long text: %v", got)
	}
}
