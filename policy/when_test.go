package policy

import (
	"math"
	"strings"
	"testing"
	"time"
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
		`request.path.substring(1, 99) == ""`:                                                    absent,
		`request.path.substring(-1) == ""`:                                                       absent,
		`request.path.substring(5, 3) == ""`:                                                     absent,
		`claims.seats.trim() == ""`:                                                              badType,
	} {
		m := ordinary().matched(t, when(expression))
		d := Decide(m, withClaims("admin", ordinaryClaims), nil)
		if got := outcome(d); got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
		if reads := m.Route.Reads().Claims; reads != strings.Contains(expression, "claims") {
			t.Errorf("%s: reading claims is %v", expression, reads)
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
