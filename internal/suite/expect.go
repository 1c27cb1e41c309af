package suite

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// Expectation is what a test expects. What is empty or zero is not looked at.
type Expectation struct {
	// Outcome is "pass" or "deny".
	Outcome string `json:"outcome,omitempty"`
	// Status is the status of the answer, 200 for a pass.
	Status int `json:"status,omitempty"`
	// Code is what the client reads, or the reason that the log has: they differ for
	// a route that hides.
	Code  string `json:"code,omitempty"`
	Route string `json:"route,omitempty"`
	// Headers are set to these values for the service.
	Headers map[string]string `json:"headers,omitempty"`
	// Removed are headers that the service does not get.
	Removed []string `json:"removed,omitempty"`
	// Redirect is where the client is sent; without a query it is any.
	Redirect string `json:"redirect,omitempty"`
}

// Got is what came out.
type Got struct {
	Outcome string            `json:"outcome"`
	Status  int               `json:"status"`
	Code    string            `json:"code"`
	Route   string            `json:"route"`
	Headers map[string]string `json:"headers"`
	Removed []string          `json:"removed"`
	// Redirect is where the client is sent; empty: nowhere.
	Redirect string `json:"redirect,omitempty"`
	// Reason is what the log says; it is not Code if the route hides.
	Reason string `json:"reason,omitempty"`
	// Shadow is why the request would be denied, were the route not in shadow mode.
	Shadow string `json:"shadow,omitempty"`
}

// NewGot takes a decision apart.
func NewGot(v *authz.Verdict, a *authz.Answer) Got {
	g := Got{Outcome: v.Outcome(), Status: a.Status, Code: v.Code, Route: v.Route, Headers: map[string]string{}, Removed: []string{}, Shadow: v.Shadow}
	if !a.Allow {
		g.Outcome = "deny"
	} else if g.Status == 0 {
		g.Status = http.StatusOK
	}
	for _, h := range a.Set {
		g.Headers[h.Name] = h.Value
	}
	g.Removed = append(g.Removed, a.Remove...)
	for _, h := range a.ResponseHeaders {
		if h.Name == "location" {
			g.Redirect = h.Value
		}
	}
	if g.Status == http.StatusNotFound && v.Code != authz.CodeNotFound {
		g.Code, g.Reason = authz.CodeNotFound, v.Code
	}
	return g
}

// Difference is an expectation that did not come true.
type Difference struct{ Field, Want, Got string }

// String is the difference in words.
func (d Difference) String() string { return d.Field + ": want " + d.Want + ", got " + d.Got }

// Compare returns what is not as expected.
func (e *Expectation) Compare(g *Got) (out []Difference) {
	differ := func(field, want, got string) {
		out = append(out, Difference{field, want, orNothing(got)})
	}
	if e.Outcome != "" && e.Outcome != g.Outcome {
		differ("outcome", e.Outcome, g.Outcome)
	}
	if e.Status != 0 && e.Status != g.Status {
		differ("status", strconv.Itoa(e.Status), strconv.Itoa(g.Status))
	}
	if e.Code != "" && e.Code != g.Code && e.Code != g.Reason {
		differ("code", e.Code, g.codes())
	}
	if e.Route != "" && e.Route != g.Route {
		differ("route", e.Route, g.Route)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		if value, set := g.Headers[name]; !set || value != e.Headers[name] {
			differ("header "+name, e.Headers[name], g.header(name))
		}
	}
	for _, name := range e.Removed {
		if !slices.Contains(g.Removed, name) {
			differ("header "+name, "removed", g.header(name))
		}
	}
	if e.Redirect != "" && e.Redirect != g.redirectLike(e.Redirect) {
		differ("redirect", e.Redirect, g.Redirect)
	}
	return out
}

// codes are the code, and the reason beside it if there is another.
func (g *Got) codes() string {
	if g.Reason != "" {
		return g.Code + " (in the log " + g.Reason + ")"
	}
	return g.Code
}

// header says what becomes of a header.
func (g *Got) header(name string) string {
	value, set := g.Headers[name]
	switch {
	case set:
		return value
	case slices.Contains(g.Removed, name):
		return "removed"
	case g.Outcome != "pass":
		return "a request that is denied"
	}
	return "left as it came"
}

// redirectLike is where the client is sent, as exactly as it is wanted.
func (g *Got) redirectLike(want string) string {
	if strings.Contains(want, "?") {
		return g.Redirect
	}
	page, _, _ := strings.Cut(g.Redirect, "?")
	return page
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// readExpectation reads what a test expects.
func readExpectation(o *fields) (e Expectation, route policy.Pos) {
	if o == nil {
		return e, route
	}
	if e.Outcome = o.text("outcome"); e.Outcome != "" && e.Outcome != "pass" && e.Outcome != "deny" {
		o.fail(o.at("outcome"), brief(e.Outcome)+" is no outcome", "it is pass or deny")
	}
	e.Status = o.status()
	e.Code, e.Route, e.Redirect = o.text("code"), o.text("route"), o.text("redirect")
	for _, p := range o.pairs("headers") {
		if e.Headers == nil {
			e.Headers = map[string]string{}
		}
		e.Headers[o.header(p.name, p.key)] = o.scalar(p.value, "a header")
	}
	for _, i := range o.texts("removed", true) {
		name := o.header(i.value, i.node)
		if _, set := e.Headers[name]; set {
			o.fail(place(i.node), name+" cannot be set and removed", "drop it here, or among headers")
		}
		e.Removed = append(e.Removed, name)
	}
	o.possible(&e)
	return e, o.at("route")
}

// status reads the status of an answer.
func (f *fields) status() int {
	n := f.values["status"]
	if n == nil || f.broken[n] {
		return 0
	}
	status, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || status != http.StatusOK && status < 300 || status > 599 {
		f.fail(place(n), "status is a number like 403", "200 is that of a request that passes")
		return 0
	}
	return status
}

// header normalises the name of a header.
func (f *fields) header(name string, n *yaml.Node) string {
	if strings.ContainsAny(name, ": \t") || name == "" {
		f.fail(place(n), brief(name)+" is not the name of a header", "write it like x-user-id")
	}
	return strings.ToLower(name)
}

// possible reports what can never come true, whatever the policy says.
func (f *fields) possible(e *Expectation) {
	passes := e.Outcome == "pass" || e.Status == http.StatusOK || e.Headers != nil || e.Removed != nil
	refuse := func(key, message string) {
		f.fail(f.at(key), message, "drop one of the two")
	}
	switch {
	case !passes:
		return
	case e.Outcome == "deny" && e.Status == http.StatusOK:
		refuse("status", "a denial never has the status 200")
	case e.Outcome == "deny":
		refuse("outcome", "no service gets headers of a request that is denied")
	case e.Status != 0 && e.Status != http.StatusOK:
		refuse("status", "the status of a request that passes is 200: its service answers")
	case e.Code != "":
		refuse("code", "a request that passes has no code")
	case e.Redirect != "":
		refuse("redirect", "a request that passes is not redirected")
	}
}
