package openapi

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/policy"
)

// Findings is what Compare finds. All are warnings, sorted by place.
type Findings struct {
	// Routes are about the policy: routes that no operation has.
	Routes policy.Problems
	// Operations are about the descriptions, one after the other: operations that
	// no route but a catch-all covers.
	Operations policy.Problems
}

// Compare compares a policy with all operations of the descriptions together.
// Routes that deny are not asked for an operation.
func Compare(p *policy.Policy, descriptions ...*Description) Findings {
	c := newComparison(p)
	var found Findings
	var names []string
	for _, d := range descriptions {
		var about policy.Problems
		names = append(names, d.File)
		for i := range d.Operations {
			if problem, ok := c.operation(d, &d.Operations[i]); ok {
				about = append(about, problem)
			}
		}
		found.Operations = append(found.Operations, policy.Merge(about, nil)...)
	}
	for _, r := range c.routes {
		if problem, ok := c.route(r, strings.Join(names, ", ")); ok {
			found.Routes = append(found.Routes, problem)
		}
	}
	return found
}

// comparison is a policy that is asked about operations.
type comparison struct {
	policy   *policy.Policy
	routes   []*route
	settings []setting // in which requests can come: that of every route, and the plainest
	hosts    *policy.Hosts
	hosted   bool                   // some route is not for every host
	anyHost  bool                   // some route may be for every host
	value    string                 // of a parameter, as a request has it: it stands in no pattern
	reached  map[*policy.Route]bool // by an operation
	calls    []call
}

// route is a route with what its requests look like.
type route struct {
	*policy.Route
	patterns []pattern
	methods  []string
	settings []setting
}

// setting is what a request has beside method and path.
type setting struct {
	host    string
	context map[string]string
}

// call is an operation at one of its servers.
type call struct {
	op       *Operation
	server   Server
	template template
	general  string // the path for values that no pattern has
}

func newComparison(p *policy.Policy) *comparison {
	c := &comparison{policy: p, hosts: &policy.Hosts{}, reached: map[*policy.Route]bool{}}
	var names, patterns []string
	for _, r := range p.Routes {
		hosts := r.Hosts()
		c.anyHost = c.anyHost || len(hosts) == 0 || slices.ContainsFunc(hosts, isUnset)
		names, patterns = append(names, hosts...), append(patterns, r.Patterns()...)
	}
	c.value = unusedValue(patterns)
	if all, err := policy.ParseHosts(names); err == nil {
		c.hosts = all
	}
	c.hosted = len(names) > 0
	label := unusedLabel(names)
	c.settings = []setting{{host: label}}
	for _, r := range p.Routes {
		known := &route{Route: r, methods: r.Methods(), settings: settingsOf(r, label)}
		for _, text := range r.Patterns() {
			known.patterns = append(known.patterns, parsePattern(text))
		}
		c.routes = append(c.routes, known)
		for _, s := range known.settings {
			if !slices.ContainsFunc(c.settings, s.equal) {
				c.settings = append(c.settings, s)
			}
		}
	}
	return c
}

// settingsOf returns the settings in which the fewest other routes match a
// request of the route: the hosts that it names, and no context but its own.
func settingsOf(r *policy.Route, label string) []setting {
	hosts := r.Hosts()
	if len(hosts) == 0 {
		return []setting{{label, r.Context()}}
	}
	var out []setting
	for _, h := range hosts {
		if suffix, ok := strings.CutPrefix(h, "*"); ok {
			h = label + suffix
		}
		out = append(out, setting{h, r.Context()})
	}
	return out
}

func (s setting) equal(t setting) bool {
	return s.host == t.host && maps.Equal(s.context, t.context)
}

// isUnset reports a host that holds a variable which is not set, which policies
// may have that are only checked. What it will be is not known.
func isUnset(host string) bool { return strings.Contains(host, "$") }

// unusedLabel returns a label that begins no host of the policy.
func unusedLabel(hosts []string) string {
	for i := 0; ; i++ {
		label := fmt.Sprintf("h%d", i)
		if !slices.ContainsFunc(hosts, func(h string) bool { return h == label || strings.HasPrefix(h, label+".") }) {
			return label
		}
	}
}

// unusedValue returns a character that no pattern has. It is one that has no
// upper or lower case, so that it stays unlike them all however texts are compared.
func unusedValue(patterns []string) string {
	used := map[rune]bool{}
	for _, text := range patterns {
		for _, r := range text {
			used[r] = true
		}
	}
	value := '\U000F0000' // for private use
	for used[value] && value < '\U0010FFFD' {
		value++
	}
	return url.PathEscape(string(value))
}

// inSettings returns the settings in which requests for a server can come.
func (c *comparison) inSettings(server Server, all []setting) []setting {
	if server.Host == "" {
		return all
	}
	var out []setting
	for _, s := range all {
		if !isUnset(s.host) {
			s.host = server.Host
		}
		if !slices.ContainsFunc(out, s.equal) {
			out = append(out, s)
		}
	}
	return out
}

// first returns the route that takes a request, or why there can be none.
func (c *comparison) first(method, raw string, s setting) (r *policy.Route, refused string) {
	path, err := c.policy.ReadPath(raw)
	if err != nil {
		return nil, err.Error()
	}
	m, err := c.policy.Match(&policy.Request{Method: method, Host: s.host, Path: path, Context: s.context})
	if err != nil {
		return nil, err.Error()
	}
	return m.Route, ""
}
