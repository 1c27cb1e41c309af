package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
