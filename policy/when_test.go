package policy

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is the request of the tables below, with an identity that has claims.
type asked struct {
	raw, query string
	headers    map[string]string
	calls      int
}

func ordinary() *asked {
	return &asked{raw: "/orgs/acme/invoices/7", query: "page=2&tag=a&tag=b%20c", headers: map[string]string{"x-tier": "gold", "cookie": "a=b; c=d"}}
}

const ordinaryClaims = `{
	"sub": "user_1", "plan": "free", "seats": 3, "ratio": 0.5, "big": 9007199254740993, "huge": 1e30, "gone": null,
	"beta": true, "groups": ["staff", "billing"], "metadata": {"tenant": "acme", "tier": 2}, "org-level": "x", "until": "2026-06-01T00:00:00Z"
}`

// withClaims is who with claims.
func withClaims(name, claims string) *Identity {
	id := who(name)
	id.Claims = NewClaims([]byte(claims))
	return id
}

// noon is a Thursday, the first day of 2026, at 12:30 UTC.
var noon = time.Date(2026, 1, 1, 12, 30, 0, 0, time.UTC)

// matched loads a route with these fields and finds it.
func (a *asked) matched(t testing.TB, fields string) Match {
	t.Helper()
	p := load(t, "version: 1\n"+clerkSection+"routes:\n  - {name: one, path: '/orgs/{org}/**', "+fields+"}\n")
	path, err := p.ReadPath(a.raw)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Match(&Request{Method: "GET", Host: "api.acme.com", Path: path, Query: a.query, Now: noon, Headers: func() map[string]string {
		a.calls++
		return a.headers
	}})
	if err != nil || m.Route == nil {
		t.Fatalf("%s: %v", a.raw, err)
	}
	return m
}

// outcome is how a request with this condition ends: "pass", "deny", or why the
// condition could not be evaluated.
func outcome(d Decision) string {
	const broken = "a condition could not be evaluated"
	switch why, ok := strings.CutPrefix(d.Detail, broken); {
	case d.Outcome == Passed:
		return "pass"
	case d.Code != CodeConditionFailed || d.Line == "":
		return string(d.Code)
	case ok:
		return "broken" + why
	}
	return "deny"
}

func when(expression string) string {
	return "require: {when: '" + strings.ReplaceAll(expression, "'", "''") + "'}"
}

const (
	absent   = "broken: something that it reads is not there"
	badType  = "broken: a value is of another type than it takes"
	badRange = "broken: a number or time is out of range"
	tooLong  = "broken: it takes too long"
	noResult = "broken: its result is neither true nor false"
)

func TestWhen(t *testing.T) {
	for expression, want := range map[string]string{
		`request.method == "GET"`:                                       "pass",
		`request.method == "get"`:                                       "deny",
		`request.host == "api.acme.com"`:                                "pass",
		`request.path == "/orgs/acme/invoices/7"`:                       "pass",
		`request.path.startsWith("/orgs/acme/")`:                        "pass",
		`request.path.matches("^/orgs/[a-z]+/")`:                        "pass",
		`matches(request.path, r"/\d$")`:                                "pass",
		`request.path.matches("^invoices")`:                             "deny",
		`request.query.page == ["2"]`:                                   "pass",
		`"b c" in request.query.tag`:                                    "pass",
		`request.query["page"][0] == "2"`:                               "pass",
		`"none" in request.query`:                                       "deny",
		`request.query.none == ["1"]`:                                   absent,
		`request.query.page[1] == "2"`:                                  absent,
		`request.query.?page[?1].orValue("2") == "2"`:                   "pass",
		`request.headers["x-tier"] == "gold"`:                           "pass",
		`request.headers["x-none"] == "gold"`:                           absent,
		`request.headers[?"x-none"].orValue("") == ""`:                  "pass",
		`request.headers.exists(h, h.startsWith("x-"))`:                 "pass",
		`params.org == "acme"`:                                          "pass",
		`params["org"] == identity.org.slug`:                            "pass",
		`params.all(name, params[name] != "")`:                          "pass",
		`identity.user.id == "user_1"`:                                  "pass",
		`identity.org.id == "org_acme"`:                                 "pass",
		`identity.org.role == "org:admin"`:                              "pass",
		`"org:invoices:read" in identity.org.permissions`:               "pass",
		`identity.session.id == "sess_1"`:                               "pass",
		`identity.actor.id == "" && identity.machine.id==""`:            "pass",
		`identity.token.type == "session_token"`:                        "deny", // empty in these tests
		`size(identity.token.scopes) == 0`:                              "pass",
		`claims.plan == "free"`:                                         "pass",
		`claims["plan"] in ["pro", "free"]`:                             "pass",
		`claims.metadata.tenant == params.org`:                          "pass",
		`claims["org-level"] == "x"`:                                    "pass",
		`claims.seats + 1 == 4 && claims.seats > 2.5`:                   "pass",
		`claims.seats == 3.0 && claims.ratio < 1`:                       "pass",
		`claims.big == 9007199254740993`:                                "pass",
		`claims.big == 9007199254740992`:                                "deny",
		`claims.huge > 9223372036854775807`:                             "pass",
		`claims.gone == null`:                                           "pass",
		`has(claims.gone)`:                                              "pass",
		`has(claims.missing)`:                                           "deny",
		`!has(claims.missing)`:                                          "pass",
		`claims.beta`:                                                   "pass",
		`!claims.beta`:                                                  "deny",
		`has(claims.groups) && "staff" in claims.groups`:                "pass",
		`claims.groups.exists(g, g == "billing")`:                       "pass",
		`claims.?metadata.?plan.orValue("none") == "none"`:              "pass",
		`claims.missing == "free"`:                                      absent,
		`claims.missing != "free"`:                                      absent,
		`!(claims.missing == "free")`:                                   absent,
		`claims.metadata.missing == 1`:                                  absent,
		`claims.plan.name == "x"`:                                       absent,
		`claims.groups[2] == "x"`:                                       absent,
		`claims.plan > 1`:                                               badType,
		`claims.plan + 1 == 2`:                                          badType,
		`claims.gone`:                                                   noResult,
		`claims.plan`:                                                   noResult,
		`claims.seats`:                                                  noResult,
		`claims.plan && true`:                                           badType,
		`claims.plan.exists(x, x == "f")`:                               badType,
		`claims.seats / 0 == 1`:                                         badRange,
		`claims.seats % 0 == 1`:                                         badRange,
		`claims.big * 9007199254740993 == 1`:                            badRange,
		`int(claims.plan) == 1`:                                         badType,
		`timestamp(claims.until) > now`:                                 "pass",
		`timestamp(claims.plan) > now`:                                  "broken",
		`claims.?gone.value() == 1`:                                     "deny",
		`claims.?missing.value() == 1`:                                  absent,
		`now > timestamp("2026-01-01T00:00:00Z")`:                       "pass",
		`now - timestamp("2026-01-01T00:00:00Z") > duration("12h")`:     "pass",
		`now.getHours() == 12 && now.getDayOfWeek() == 4`:               "pass",
		`now.getHours("Asia/Tokyo") == 21`:                              "pass",
		`now.getHours("+05:30") == 18 && now.getMinutes("+05:30") == 0`: "pass",
		`now.getDate("Pacific/Kiritimati") == 2 && now.getDayOfMonth("Pacific/Kiritimati") == 1`:                 "pass",
		`now.getFullYear("-13:00") == 2025 && now.getMonth("-13:00") == 11 && now.getDayOfYear("-13:00") == 364`: "pass",
		`now.getSeconds("+00:00") == 0 && now.getMilliseconds("+00:00") == 0 && now.getDayOfWeek("-13:00") == 3`: "pass",

		// Both sides of || and && are tried, as the language has it.
		`claims.missing == 1 || request.method == "GET"`:  "pass",
		`request.method == "GET" || claims.missing == 1`:  "pass",
		`claims.missing == 1 || request.method == "PUT"`:  absent,
		`claims.missing == 1 && request.method == "PUT"`:  "deny",
		`claims.missing == 1 && request.method == "GET"`:  absent,
		`request.method == "GET" ? true : claims.missing`: "pass",

		`" A b ".trim().lowerAscii() == "a b"`:                                                   "pass",
		`request.method.lowerAscii().upperAscii() == "GET"`:                                      "pass",
		`request.path.split("/")[2] == "acme" && size("a".split("")) == 1`:                       "pass",
		`request.path.substring(6).startsWith("acme") && request.path.substring(1, 5) == "orgs"`: "pass",
		`request.path.substring(99) == ""`:                                                       absent,
		`request.path.substring(-1) == ""`:                                                       absent,
		`request.path.substring(5, 3) == ""`:                                                     absent,
		`claims.seats.trim() == ""`:                                                              badType,
	} {
		d := Decide(ordinary().matched(t, when(expression)), withClaims("admin", ordinaryClaims), nil)
		if got := outcome(d); got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
		if d.Outcome != Passed && d.Line != "when" {
			t.Errorf("%s: failed at %q", expression, d.Line)
		}
	}
}

// What is not known denies, also if what is asked for is that it is not there.
func TestWhenOfTheUnknown(t *testing.T) {
	const unknown = "broken: something that it reads is not known here"
	m := ordinary().matched(t, when(`!("x-blocked" in request.headers)`))
	bare := *m.request
	bare.Headers, bare.Now = nil, time.Time{}
	m.request = &bare
	if got := outcome(Decide(m, who("admin"), nil)); got != unknown {
		t.Errorf("headers: %s", got)
	}
	m = ordinary().matched(t, when(`now < timestamp("2030-01-01T00:00:00Z")`))
	m.request = &bare
	if got := outcome(Decide(m, who("admin"), nil)); got != unknown {
		t.Errorf("now: %s", got)
	}
	m.request = nil
	if got := outcome(Decide(m, who("admin"), nil)); got != unknown {
		t.Errorf("no request: %s", got)
	}
	for _, m := range []Match{{}, m} {
		for _, id := range []*Identity{nil, {}} {
			if code := (&condition{}).check(m, id); !code.broken() {
				t.Errorf("a condition of nothing: %q", code)
			}
		}
	}
}

func TestWhenQueries(t *testing.T) {
	const malformed = "broken: the query of the request is malformed"
	many := strings.Repeat("a=1&", maxQueryPairs)
	for query, want := range map[string]string{
		"":                       "deny",
		"a":                      "deny",
		"a=1":                    "pass",
		"%61=%31":                "pass",
		"a=1&a=2":                "deny",
		"a=+1":                   "deny",
		"a=1;b=2":                malformed,
		"a=1&b=%zz":              malformed,
		"b=%ff&a=1":              malformed,
		"%ff=1&a=1":              malformed,
		"a=1#":                   malformed,
		"a=1&b#=2":               malformed,
		"#&a=1":                  malformed,
		"a=1&b\t=2":              malformed,
		"a=1&b=2\n":              malformed,
		"a=1&b c":                malformed,
		"a=1&b=\x00":             malformed,
		"a=1&b=\x7f":             malformed,
		"a=1&b=\u00e9":           malformed,
		"a=1&b=%23%09%C3%A9":     "pass",
		"a=1&" + many[:4*997]:    "deny",
		many + "a=1":             malformed,
		many[:len(many)-1] + "&": malformed,
	} {
		a := ordinary()
		a.query = query
		if got := outcome(Decide(a.matched(t, when(`request.query[?"a"].orValue([]) == ["1"]`)), who("admin"), nil)); got != want {
			t.Errorf("%.40q: %s, want %s", query, got, want)
		}
		// A condition that does not read the query does not care.
		if got := outcome(Decide(a.matched(t, when(`request.method == "GET"`)), who("admin"), nil)); got != "pass" {
			t.Errorf("%.40q: %s", query, got)
		}
	}
}

// Claims that cannot be read are not claims that are not there.
func TestWhenOfUnreadableClaims(t *testing.T) {
	const unreadable = "broken: the claims cannot be read"
	for claims, want := range map[string]string{
		"": "pass", "{}": "pass", `{"blocked": true}`: "deny", ` {"a": {"blocked": 1}} `: "pass",
		"[]": unreadable, "null": unreadable, `"blocked"`: unreadable, "{": unreadable, "{} {}": unreadable, `{"a": 1e999}`: unreadable, "\xff": unreadable,
	} {
		id := withClaims("admin", claims)
		for range 2 { // the second time they are there already
			if got := outcome(Decide(ordinary().matched(t, when("!has(claims.blocked)")), id, nil)); got != want {
				t.Errorf("%s: %s, want %s", claims, got, want)
			}
		}
	}
}

// A path whose segment has a slash in it must not look like another path.
func TestWhenPaths(t *testing.T) {
	p := load(t, "version: 1\npaths: {insecureAllow: [encoded-slash]}\nroutes: [{name: a, path: /**, require: {when: 'request.path == \"/a/b\"'}}]\n")
	for raw, want := range map[string]string{"/a/b": "pass", "/a/b/": "pass", "/%61/b": "pass", "/a%2fb": "deny", "/a%2Fb": "deny", "/A/b": "deny", "/": "deny"} {
		_, m := ask(t, p, "GET", "", raw, nil)
		if got := outcome(Decide(m, who("admin"), nil)); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
	var root Path
	if root.text() != "/" {
		t.Errorf("the root is %q", root.text())
	}
}

// What cannot be evaluated denies the request wherever it was reached, and does
// nothing where it was not.
func TestWhenInNests(t *testing.T) {
	for require, want := range map[string]string{
		`{not: {when: 'claims.missing == 1'}}`:                                              absent + " not",
		`{not: {not: {when: 'claims.missing == 1'}}}`:                                       absent + " not",
		`{not: {org: none, when: 'claims.missing == 1'}}`:                                   "pass",
		`{not: {org: any, when: 'claims.missing == 1'}}`:                                    absent + " not",
		`{not: {when: 'claims.plan == "free"'}}`:                                            "deny not",
		`{not: {when: 'claims.plan == "pro"'}}`:                                             "pass",
		`{anyOf: [{when: 'claims.missing == 1'}, {org: any}]}`:                              absent + " anyOf",
		`{anyOf: [{org: any}, {when: 'claims.missing == 1'}]}`:                              "pass",
		`{anyOf: [{org: none}, {when: 'claims.missing == 1'}, {org: any}]}`:                 absent + " anyOf",
		`{anyOf: [{org: none, when: 'claims.missing == 1'}, {org: any}]}`:                   "pass",
		`{anyOf: [{org: none}, {when: 'claims.plan == "pro"'}]}`:                            "deny anyOf",
		`{allOf: [{org: none}, {when: 'claims.missing == 1'}]}`:                             "deny allOf",
		`{allOf: [{org: any}, {when: 'claims.missing == 1'}]}`:                              absent + " allOf",
		`{anyOf: [{allOf: [{not: {when: 'claims.missing == 1'}}]}, {org: any}]}`:            absent + " anyOf",
		`{anyOf: [{org: any}], not: {anyOf: [{org: none}, {when: 'claims.missing == 1'}]}}`: absent + " not",
		`{role: owner, when: 'claims.missing == 1'}`:                                        "role-required role",
		`{actor: required, when: 'claims.missing == 1'}`:                                    "actor-required actor",
		`{when: 'claims.missing == 1', anyOf: [{org: none}]}`:                               absent + " when",
		`{when: 'claims.plan == "pro"', anyOf: [{when: 'claims.missing == 1'}]}`:            "deny when",
		`{when: 'claims.plan == "free"', reverification: strict}`:                           "reverification-required reverification",
	} {
		m, id := ordinary().matched(t, "require: "+require), withClaims("admin", ordinaryClaims)
		tr := &Trace{}
		d := Decide(m, id, nil)
		if traced := Decide(m, id, tr); traced != d {
			t.Errorf("%s: %+v, with a trace %+v", require, d, traced)
		}
		if got := strings.TrimSpace(outcome(d) + " " + d.Line); got != want {
			t.Errorf("%s: %s, want %s", require, got, want)
		}
		for _, c := range tr.Conditions {
			if c.Code.broken() || c.Holds != (c.Code == CodeNone) {
				t.Errorf("%s: condition %+v", require, c)
			}
		}
	}
}

// A condition that broke was the last that the decision depended on.
func TestWhenReached(t *testing.T) {
	for require, want := range map[string]string{
		`{anyOf: [{org: none}, {when: 'claims.missing == 1'}, {org: any}], not: {org: none}}`: "anyOf anyOf[0].org anyOf[1].when",
		`{not: {when: 'claims.missing == 1', not: {org: none}}, reverification: lax}`:         "not not.when",
		`{anyOf: [{org: any}, {when: 'claims.missing == 1'}], not: {org: none}}`:              "anyOf anyOf[0].org not not.org",
		`{when: 'claims.missing == 1', not: {org: none}}`:                                     "when",
	} {
		tr := &Trace{}
		Decide(ordinary().matched(t, "require: "+require), who("admin"), tr)
		if diff := cmp.Diff(strings.Fields(want), reached(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", require, diff)
		}
	}
}

func TestTraceOfWhen(t *testing.T) {
	a := ordinary()
	a.query += "&token=SECRET"
	a.headers["authorization"] = "Bearer SECRET"
	for expression, want := range map[string]string{
		`request.method == "POST" && claims.plan == "free"`: `when request.method == "POST" && claims.plan == "free": ` +
			`false: request.method = "GET", claims.plan = "free" (condition-failed)`,
		`claims.seats > 2 && request.method in ["GET", "HEAD"]`: `when claims.seats > 2 && request.method in ["GET", "HEAD"]: ` +
			`true: claims.seats = 3, request.method = "GET" ()`,
		`claims.missing == claims.gone`: `when claims.missing == claims.gone: ` +
			`a condition could not be evaluated: something that it reads is not there: claims.missing = nothing, claims.gone = null (condition-failed)`,
		`claims.groups.exists(g, g == params.org)`: `when claims.groups.exists(g, g == params.org): ` +
			`false: claims.groups = ["staff", "billing"], params.org = "acme" (condition-failed)`,
		`"admin" in claims.metadata || request.query.tag == ["a"]`: `when "admin" in claims.metadata || request.query.tag == ["a"]: ` +
			`false: claims.metadata = 2 keys, request.query.tag = ["a", "b c"] (condition-failed)`,
		`request.headers.authorization == request.query.token[0] || request.headers["x-tier"] == request.headers[?"cookie"].orValue("")`: `when request.headers.authorization == request.query.token[0] || request.headers["x-tier"] == request.headers[?"cookie"].orValue(""): ` +
			`false: request.headers.authorization = …, request.query.token[0] = …, request.headers["x-tier"] = "gold", request.headers.cookie = … (condition-failed)`,
		`now.getHours() > 20 || size(request.headers) == 0`: `when now.getHours() > 20 || size(request.headers) == 0: ` +
			`false: now = 2026-01-01T12:30:00Z, request.headers = 3 keys (condition-failed)`,
	} {
		tr := &Trace{}
		Decide(a.matched(t, when(expression)), withClaims("admin", ordinaryClaims), tr)
		if diff := cmp.Diff([]string{want}, shown(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}

// What is shown stays readable, whatever the request is.
func TestTraceOfWhenIsShort(t *testing.T) {
	a, var1 := ordinary(), strings.Repeat("x", 5000)
	a.headers["x-long"] = var1
	var terms []string
	for i := range 30 {
		terms = append(terms, fmt.Sprintf(`has(claims.a%d)`, i))
	}
	expression := `request.headers["x-long"] == "a" || claims.list == [] || ` + strings.Join(terms, " || ")
	id := withClaims("admin", `{"list": [`+strings.Repeat(`"`+var1+`", [1], `, 50)+`{}]}`)
	tr := &Trace{}
	Decide(a.matched(t, when(expression)), id, tr)
	if c := tr.Conditions[0]; len(c.Want) > 400 || len(c.Got) > 1500 {
		t.Errorf("%d and %d bytes: %s", len(c.Want), len(c.Got), c.Got)
	}
}

// Nothing of a client is in what a denied client is told.
func TestWhenDetailsHaveNoValues(t *testing.T) {
	a := ordinary()
	a.headers = map[string]string{"x-key": "SECRET"}
	a.query = "key=SECRET"
	for _, expression := range []string{
		`claims[request.headers["x-key"]] == 1`, `int(request.headers["x-key"]) == 1`, `timestamp(request.query.key[0]) < now`,
		`duration(request.headers["x-key"]) > duration("1s")`, `request.headers["x-key"] == "b"`, `params[request.query.key[0]] == "a"`,
	} {
		d := Decide(a.matched(t, when(expression)), withClaims("admin", ordinaryClaims), nil)
		if d.Outcome == Passed || d.Detail == "" || strings.Contains(strings.ToUpper(d.Detail), "SECRET") {
			t.Errorf("%s: %+v", expression, d)
		}
	}
}

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
	if names, all := p.ReadsHeaders(); !all || len(names) != 2 || p.DependsOnMethod() {
		t.Errorf("headers %v %v, method %v", names, all, p.DependsOnMethod())
	}
	p = load(t, `version: 1
routes: [{name: a, path: /a, require: {not: {anyOf: [{when: 'request.method == "GET"'}]}}}]
`)
	if names, all := p.ReadsHeaders(); all || names != nil || !p.DependsOnMethod() {
		t.Errorf("headers %v %v, method %v", names, all, p.DependsOnMethod())
	}
}

// With case: agree, patterns that bind a parameter differently are two decisions
// if a condition looks at it.
func TestParametersInConditionsAreUsed(t *testing.T) {
	for expression, ambiguous := range map[string]bool{
		`params.org == "a"`: true, `"org" in params`: true, `params.exists(p, p == "a")`: true, `params["org"] == "a"`: true, `has(params.org)`: true,
		`params[identity.org.slug] == "a"`: true, `request.method == "GET"`: false, `params.?org.orValue("") == ""`: true,
	} {
		p := load(t, "version: 1\nroutes: [{name: a, path: ['/a/{x}/{org}', '/{org}/b/{x}'], require: {not: {when: '"+expression+"'}}}]\n")
		route, _ := ask(t, p, "GET", "", "/A/b/c", nil)
		if got := route == "ambiguous"; got != ambiguous {
			t.Errorf("%s: %s", expression, route)
		}
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

func TestJSONNumbers(t *testing.T) {
	for text, want := range map[string]any{
		"0": int64(0), "-0": int64(0), "9223372036854775807": int64(math.MaxInt64), "-9223372036854775808": int64(math.MinInt64),
		"9223372036854775808": 9223372036854775808.0, "1.0": 1.0, "1e3": 1000.0, "-2.5E-1": -0.25,
	} {
		if v, err := jsonNumber(text); err != nil || v.Value() != want {
			t.Errorf("%s is %v, %v", text, v, err)
		}
	}
	if _, err := jsonNumber("1e999"); err == nil {
		t.Error("1e999 is a number")
	}
}
