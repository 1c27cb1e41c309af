package suite_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/policy"
)

const nested = `
routes:
  - name: health
    path: /healthz
    access: public
  - name: pay
    path: /pay
    require:
      anyOf: [{role: admin}, {permission: org:invoices:manage}]
      not: {user: "{user}"}
`

// cover runs the tests of requests to a path by these identities.
func cover(t *testing.T, routes string, requests ...string) suite.Summary {
	t.Helper()
	s := compile(t, newClerk(), routes)
	c := suite.NewCoverage(s.Policy())
	for _, r := range requests {
		path, as, _ := strings.Cut(r, " ")
		f := read(t, `policy: policy.yaml
identities: {admin: {user: user_1, org: {id: org_1, role: org:admin}}, member: {user: user_2, org: {id: org_1, role: org:member}}}
tests: [{name: one, request: {url: "https://a.example.com`+path+`"}, as: `+as+`, expect: {outcome: pass}}]
`)
		for _, result := range results(t, f, s) {
			c.Add(&result.Verdict)
		}
	}
	return suite.Summarise([]*suite.Coverage{c})
}

// TestCoverage: a condition is reached if the decision depended on it.
func TestCoverage(t *testing.T) {
	routes := strings.Replace(nested, "/pay\n", "/pay/{user}\n", 1)
	const health, route = `5:5 route health`, `8:5 route pay`
	const anyOf, role, permission, not, user = `11:14 anyOf`, `11:22 anyOf[0].role`, `11:43 anyOf[1].permission`, `12:12 not`, `12:19 not.user`
	for _, tt := range []struct {
		name     string
		requests []string
		percent  float64
		missing  []string
	}{
		{"nothing", nil, 0, []string{health, route, anyOf, role, permission, not, user}},
		{"no route", []string{"/nowhere admin"}, 0, []string{health, route, anyOf, role, permission, not, user}},
		{"public", []string{"/healthz anonymous"}, 100.0 / 7, []string{route, anyOf, role, permission, not, user}},
		{"nobody is asked for nothing", []string{"/pay/user_9 anonymous"}, 100.0 / 7, []string{health, anyOf, role, permission, not, user}},
		{"the first branch holds", []string{"/pay/user_9 admin"}, 500.0 / 7, []string{health, permission}},
		{"no branch holds", []string{"/pay/user_9 member"}, 400.0 / 7, []string{health, not, user}},
		{"everything", []string{"/pay/user_9 member", "/pay/user_9 admin", "/healthz admin"}, 100, nil},
	} {
		s := cover(t, routes, tt.requests...)
		var missing []string
		for _, m := range s.Missing() {
			what := m.Condition
			if what == "" {
				what = "route " + m.Route
			}
			missing = append(missing, fmt.Sprintf("%d:%d %s", m.Line, m.Col, what))
		}
		if diff := cmp.Diff(tt.missing, missing); diff != "" || s.Percent != tt.percent {
			t.Errorf("%s: %v, want %v (-want +got):\n%s", tt.name, s.Percent, tt.percent, diff)
		}
		if s.Routes.Total != 2 || s.Conditions.Total != 5 || s.Routes.Reached+len(s.Routes.Missing) != 2 || s.Conditions.Reached+len(s.Conditions.Missing) != 5 {
			t.Errorf("%s: the numbers do not add up: %+v", tt.name, s)
		}
	}
}

func TestCoverageOfNothing(t *testing.T) {
	if s := suite.Summarise(nil); s.Percent != 0 {
		t.Errorf("%v %%", s.Percent)
	}
	c := suite.NewCoverage(&policy.Policy{})
	c.Add(&authz.Verdict{Route: "nowhere"})
	if s := suite.Summarise([]*suite.Coverage{c}); s.Percent != 0 || s.Routes.Missing == nil {
		t.Errorf("%+v", s)
	}
}

// hostile has everything that XML and JSON must escape.
const hostile = "a <b> & \"c\" 'd' ]]> é \x01 \u2028"

func records() []suite.Record {
	return []suite.Record{
		{File: "a_test.yaml", Name: "fine", As: "admin", Pass: true, Duration: time.Millisecond},
		{File: "a_test.yaml", Name: hostile, As: "anonymous", Why: hostile, Explanation: hostile + "\n" + hostile, Duration: 2 * time.Millisecond},
		{File: "b_test.yaml", Name: "fine", As: "admin", Pass: true},
	}
}

// TestJUnit parses what is written.
func TestJUnit(t *testing.T) {
	broken := map[string]policy.Problems{"c_test.yaml": {{File: "policy.yaml", Pos: policy.Pos{Line: 2, Col: 1}, Message: "a policy has no key \"rutes\"", Source: "rutes: []"}}}
	var b bytes.Buffer
	if err := suite.WriteJUnit(&b, []string{"a_test.yaml", "b_test.yaml", "c_test.yaml"}, records(), broken); err != nil {
		t.Fatal(err)
	}
	type failure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	var got struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Time     float64  `xml:"time,attr"`
		Suites   []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
			Cases    []struct {
				Name    string   `xml:"name,attr"`
				Class   string   `xml:"classname,attr"`
				Failure *failure `xml:"failure"`
				Error   *failure `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	decoder := xml.NewDecoder(&b)
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Token(); err == nil {
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			t.Errorf("something follows: %v", err)
		}
	}
	if got.Tests != 4 || got.Failures != 1 || got.Errors != 1 || got.Time != 0.003 || len(got.Suites) != 3 {
		t.Fatalf("%+v", got)
	}
	readable := strings.ReplaceAll(hostile, "\x01", "\ufffd") // XML 1.0 has no such character
	a, c := got.Suites[0], got.Suites[2]
	if a.Name != "a_test.yaml" || a.Tests != 2 || a.Failures != 1 || a.Cases[0].Failure != nil || a.Cases[0].Name != "fine [admin]" {
		t.Errorf("%+v", a)
	}
	if f := a.Cases[1].Failure; f == nil || f.Message != readable || f.Text != readable+"\n"+readable || a.Cases[1].Name != readable+" [anonymous]" {
		t.Errorf("%+v", a.Cases[1])
	}
	if c.Errors != 1 || c.Tests != 1 || c.Cases[0].Name != "policy.yaml:2:1" || !strings.Contains(c.Cases[0].Error.Text, "rutes: []") {
		t.Errorf("%+v", c)
	}
}

// TestJSON: the names are those that programs rely on.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := suite.WriteJSON(&b, records(), cover(t, nested[:strings.Index(nested, "  - name: pay")], "/nowhere admin")); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Tests    []map[string]any
		Coverage map[string]any
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"routes": map[string]any{"total": 1.0, "reached": 0.0, "missing": []any{
			map[string]any{"route": "health", "file": "policy.yaml", "line": 5.0, "col": 5.0},
		}},
		"conditions": map[string]any{"total": 0.0, "reached": 0.0, "missing": []any{}},
		"percent":    0.0,
	}, got.Coverage); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
	if len(got.Tests) != 3 {
		t.Fatalf("%d tests", len(got.Tests))
	}
	first := got.Tests[1]
	if first["name"] != hostile || first["as"] != "anonymous" || first["pass"] != false || first["file"] != "a_test.yaml" || first["got"] == nil || first["want"] == nil {
		t.Errorf("%v", first)
	}
	b.Reset()
	if err := suite.WriteJSON(&b, nil, suite.Summarise(nil)); err != nil || !strings.Contains(b.String(), `"tests": []`) {
		t.Errorf("no tests: %v, %s", err, &b)
	}
}
