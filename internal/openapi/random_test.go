package openapi

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/policy"
)

// dice makes policies, descriptions and requests out of few words, so that they
// meet.
type dice struct{ *rand.Rand }

func (d dice) pick(words ...string) string { return words[d.IntN(len(words))] }

func (d dice) pattern() string {
	var segments []string
	for i := range d.IntN(4) {
		segments = append(segments, d.pick("a", "b", "ab", "a.js", "ba.js", fmt.Sprintf("{p%d}", i), "*"))
	}
	switch d.IntN(5) {
	case 0:
		segments = append(segments, "**")
	case 1:
		segments = append(segments, d.pick("", "a", "ab", "b")+"(.*)")
	}
	return "/" + strings.Join(segments, "/")
}

func (d dice) policy() string {
	var out strings.Builder
	out.WriteString("version: 1\npaths: {case: " + d.pick("agree", "sensitive", "insensitive") + "}\nroutes:\n")
	for i := range 1 + d.IntN(6) {
		fmt.Fprintf(&out, "  - {name: r%d, path: '%s'", i, d.pattern())
		if d.IntN(3) == 0 {
			out.WriteString(", methods: [" + d.pick("GET", "POST", "HEAD, POST") + "]")
		}
		if d.IntN(3) == 0 {
			out.WriteString(", hosts: [" + d.pick("a.io", "'*.a.io'", "b.a.io, c.io") + "]")
		}
		if d.IntN(4) == 0 {
			out.WriteString(", context: {tier: " + d.pick("gold", "silver") + "}")
		}
		out.WriteString("}\n")
	}
	return out.String()
}

// template returns a path with at most one parameter a segment, or two.
func (d dice) template() string {
	var out strings.Builder
	for i := range d.IntN(4) {
		out.WriteString("/" + d.pick("a", "b", "ab", "a.js", "A", "{x}", "{x}", "a{x}", "{x}.js", "a{x}.js", "{x}a{y}", "{x}{y}"))
		_ = i
	}
	if out.Len() == 0 || d.IntN(4) == 0 {
		out.WriteString("/")
	}
	return out.String()
}

// request fills the parameters of a template. unlikely values stand in no pattern.
func (d dice) request(template string, unlikely bool) string {
	for _, name := range []string{"{x}", "{y}"} {
		for strings.Contains(template, name) {
			value := d.pick("a", "b", "ab", "ba", ".js", "a.js", "z", "bz", "za.js")
			if unlikely {
				value = d.pick("q", "qq", "qz")
			}
			template = strings.Replace(template, name, value, 1)
		}
	}
	return template
}

// Compare is asked about random policies and operations, and random requests of
// these are sent: what it says of routes and operations must be true of them.
func agreesWithRequests(t *testing.T, seed uint64) {
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	src := d.policy()
	p := load(t, src)
	op := Operation{Method: d.pick("GET", "POST", "HEAD"), Path: d.template(), Servers: []Server{{Host: d.pick("", "", "a.io", "b.a.io", "x.a.io", "e.io")}}}
	about := &Description{File: "a.yaml", Operations: []Operation{op}, source: newSource("a.yaml", "", jsonBreaks())}
	found := Compare(p, about)
	unused := func(r *policy.Route) bool {
		return slices.ContainsFunc(found.Routes, func(q policy.Problem) bool { return q.Pos == r.Pos })
	}
	covered, refused := false, false
	for range 60 {
		unlikely := d.IntN(2) == 0
		raw := d.request(op.Path, unlikely)
		for _, s := range settingsOfRequests(op.Servers[0].Host) {
			r, why := ask(t, p, op.Method, raw, s)
			if r != nil && unused(r) {
				t.Fatalf("%s %s in %v goes to %s, which has an operation, with\n%s", op.Method, raw, s, r.Name, src)
			}
			if unlikely {
				covered = covered || r != nil && !r.CatchAll()
				refused = refused || why != ""
			}
		}
	}
	if said := len(found.Operations) == 0; said != covered {
		t.Fatalf("%s %s on %v: covered is %v, want %v (%v), with\n%s", op.Method, op.Path, op.Servers, said, covered, refused, src)
	}
}

// settingsOfRequests are those in which the random routes differ.
func settingsOfRequests(host string) []setting {
	hosts := []string{host}
	if host == "" {
		hosts = []string{"a.io", "b.a.io", "x.a.io", "c.io", "e.io"}
	}
	var out []setting
	for _, h := range hosts {
		for _, tier := range []string{"gold", "silver", "bronze"} {
			out = append(out, setting{h, map[string]string{"tier": tier}})
		}
	}
	return out
}

func ask(t *testing.T, p *policy.Policy, method, raw string, s setting) (*policy.Route, string) {
	t.Helper()
	path, err := p.ReadPath(raw)
	if err != nil {
		return nil, err.Error()
	}
	m, err := p.Match(&policy.Request{Method: method, Host: s.host, Path: path, Context: s.context})
	if err != nil {
		return nil, err.Error()
	}
	return m.Route, ""
}

func TestCompareAgreesWithRequests(t *testing.T) {
	for seed := range uint64(4000) {
		agreesWithRequests(t, seed)
	}
}

func FuzzCompareAgreesWithRequests(f *testing.F) {
	f.Add(uint64(1 << 60))
	f.Fuzz(agreesWithRequests)
}
