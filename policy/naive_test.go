package policy

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// naiveRoute is a route as a first-match interpreter sees it that knows nothing
// of the compiled matcher: texts and regular expressions.
type naiveRoute struct {
	name                   string
	hosts, paths, methods  []string
	contextKey, contextVal string
	param                  string // used by require
}

// yaml writes the route in the policy language.
func (r naiveRoute) yaml() string {
	fields := []string{fmt.Sprintf("name: %s", r.name), fmt.Sprintf("path: [%s]", quoted(r.paths))}
	if r.hosts != nil {
		fields = append(fields, fmt.Sprintf("hosts: [%s]", quoted(r.hosts)))
	}
	if r.methods != nil {
		fields = append(fields, fmt.Sprintf("methods: [%s]", quoted(r.methods)))
	}
	if r.contextKey != "" {
		fields = append(fields, fmt.Sprintf("context: {%s: %s}", r.contextKey, r.contextVal))
	}
	if r.param != "" {
		fields = append(fields, fmt.Sprintf("require: {org: '{%s}'}", r.param))
	}
	return "  - {" + strings.Join(fields, ", ") + "}\n"
}

func quoted(items []string) string {
	var out []string
	for _, s := range items {
		out = append(out, "'"+s+"'")
	}
	return strings.Join(out, ", ")
}

// naiveRequest is a request in decoded text.
type naiveRequest struct {
	method, host, text string
	context            map[string]string
}

// first returns the first route that matches, and where its pattern has the
// parameter that require uses.
func first(routes []naiveRoute, req naiveRequest, fold func(string) string) (name string, param int) {
	for _, r := range routes {
		if !r.takes(req) {
			continue
		}
		for _, pattern := range r.paths {
			if !naivePattern(pattern, fold).MatchString(naiveText(pattern, fold(req.text))) {
				continue
			}
			return r.name, slices.IndexFunc(strings.Split(pattern, "/"), func(s string) bool {
				return r.param != "" && (s == "{"+r.param+"}" || s == ":"+r.param)
			})
		}
	}
	return "-", -1
}

func (r naiveRoute) takes(req naiveRequest) bool {
	host := r.hosts == nil || slices.ContainsFunc(r.hosts, func(h string) bool {
		if strings.HasPrefix(h, "*") {
			// A host that begins with a dot is none.
			return strings.HasSuffix(req.host, h[1:]) && req.host[0] != '.'
		}
		return h == req.host
	})
	method := r.methods == nil || slices.Contains(r.methods, req.method) || req.method == "HEAD" && slices.Contains(r.methods, "GET")
	context := r.contextKey == "" || req.context[r.contextKey] == r.contextVal
	return host && method && context
}

// naiveText drops the trailing slash, which only (.*) sees.
func naiveText(pattern, text string) string {
	if strings.HasSuffix(pattern, "(.*)") {
		return text
	}
	return strings.TrimSuffix(text, "/")
}

func naivePattern(pattern string, fold func(string) string) *regexp.Regexp {
	expr := ""
	for _, s := range strings.Split(pattern, "/")[1:] {
		prefix, open := strings.CutSuffix(s, "(.*)")
		switch {
		case open:
			expr += "/" + regexp.QuoteMeta(fold(prefix)) + ".*"
		case s == "**":
			expr += "(/.*)?"
		case s == "*" || strings.HasPrefix(s, "{") || strings.HasPrefix(s, ":"):
			expr += "/[^/]+"
		case s != "":
			expr += "/" + regexp.QuoteMeta(fold(s))
		}
	}
	return regexp.MustCompile("(?s)^" + expr + "$")
}

// naiveMatch decides about case by the rule itself: all three or none.
func naiveMatch(routes []naiveRoute, req naiveRequest, mode string) string {
	ascii := func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 32
			}
			return r
		}, s)
	}
	written, at := first(routes, req, func(s string) string { return s })
	folded, at2 := first(routes, req, ascii)
	unicode, at3 := first(routes, req, func(s string) string { return strings.ToLower(strings.ToUpper(s)) })
	switch {
	case mode == "sensitive":
		return written
	case mode == "insensitive":
		return folded
	case written != folded || written != unicode || at != at2 || at != at3:
		return "ambiguous"
	}
	return written
}

// dice makes policies and requests out of few words, so that they meet.
type dice struct{ *rand.Rand }

func (d dice) pick(words ...string) string { return words[d.IntN(len(words))] }

func (d dice) word() string {
	return d.pick("a", "a", "b", "ab", "A", "k", "\u212a", "s", "\u017f", "I", "\u0131", "\u00e9", "\u00c9", "a b")
}

func (d dice) pattern(param string) string {
	var segments []string
	for range d.IntN(4) {
		segments = append(segments, d.pick(d.word(), d.word(), "*"))
	}
	if param != "" {
		segments = slices.Insert(segments, d.IntN(len(segments)+1), d.pick("{"+param+"}", ":"+param))
	}
	switch d.IntN(5) {
	case 0:
		segments = append(segments, "**")
	case 1:
		segments = append(segments, d.pick("", d.word())+"(.*)")
	}
	return "/" + strings.Join(segments, "/")
}

func (d dice) routes() []naiveRoute {
	var out []naiveRoute
	for i := range 1 + d.IntN(12) {
		r := naiveRoute{name: fmt.Sprintf("r%d", i)}
		if d.IntN(4) == 0 {
			r.param = "p"
		}
		for range 1 + d.IntN(3) {
			if p := d.pattern(r.param); !slices.Contains(r.paths, p) {
				r.paths = append(r.paths, p)
			}
		}
		if d.IntN(3) == 0 {
			r.hosts = []string{d.pick("a.io", "b.a.io", "*.a.io", "*.b.a.io", "*.io")}
		}
		if d.IntN(3) == 0 {
			r.methods = [][]string{{"GET"}, {"HEAD"}, {"POST"}, {"GET", "POST"}, {"HEAD", "GET"}}[d.IntN(5)]
		}
		if d.IntN(4) == 0 {
			r.contextKey, r.contextVal = "tier", d.pick("gold", "silver")
		}
		out = append(out, r)
	}
	return out
}

func (d dice) request() (req naiveRequest, raw string) {
	req = naiveRequest{
		method:  d.pick("GET", "HEAD", "POST", "PUT"),
		host:    d.pick("a.io", "b.a.io", "c.b.a.io", "io", ".a.io", ""),
		context: map[string]string{"tier": d.pick("gold", "silver", "bronze")},
	}
	for range d.IntN(5) {
		w := d.word()
		req.text += "/" + w
		raw += "/" + d.pick(url.PathEscape(w), escapeUnreserved(url.PathEscape(w)))
	}
	if req.text == "" || d.IntN(3) == 0 {
		req.text, raw = req.text+"/", raw+"/"
	}
	return req, raw
}

// agreesWithNaive compares the compiled matcher with the interpreter on one
// policy and many requests.
func agreesWithNaive(t *testing.T, seed uint64) {
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	routes, mode := d.routes(), d.pick("agree", "agree", "sensitive", "insensitive")
	src := "version: 1\npaths: {case: " + mode + "}\nroutes:\n"
	for _, r := range routes {
		src += r.yaml()
	}
	p := load(t, src)
	for range 40 {
		req, raw := d.request()
		want := naiveMatch(routes, req, mode)
		got, m := ask(t, p, req.method, req.host, raw, req.context)
		if got != want {
			t.Fatalf("%s %s%s %v: %s, want %s, with\n%s", req.method, req.host, raw, req.context, got, want, src)
		}
		if m.Route != nil && m.Route.params != nil {
			_, at := first(routes, req, map[bool]func(string) string{true: lowerASCII, false: asWritten}[mode == "insensitive"])
			if text := strings.Split(req.text, "/")[at]; m.Param("p") != text {
				t.Fatalf("%s: p is %q, want %q, with\n%s", raw, m.Param("p"), text, src)
			}
		}
	}
}

func TestMatcherAgreesWithNaiveInterpreter(t *testing.T) {
	for seed := range uint64(300) {
		agreesWithNaive(t, seed)
	}
}

func FuzzMatcherAgreesWithNaiveInterpreter(f *testing.F) {
	f.Add(uint64(1 << 60))
	f.Fuzz(agreesWithNaive)
}
