package suite

import (
	"fmt"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// Anonymous is the name of the identity that every file has: nobody, who shows no
// credential but what the request itself has.
const Anonymous = "anonymous"

// File is a file of policy tests. Create it with [Read].
type File struct {
	// Name is the name that Read was given.
	Name string
	// Policy is the policy's file: as the test file has it if that is absolute, else
	// relative to where Name is relative to.
	Policy string
	// Now is the clock of the tests; zero: that of the system.
	Now time.Time
	// Identities are those of the file, and [Anonymous], by name.
	Identities map[string]*Identity
	// Cases are the tests, one for each identity, in the order of the file.
	Cases []Case

	document  *document
	policyPos policy.Pos
}

// Case is a request of one identity, with what is expected of it.
type Case struct {
	Name string
	// As is the name of the identity.
	As string
	// Pos is the place of the test in its file.
	Pos      policy.Pos
	Request  *authz.Request
	Identity *Identity
	Want     Expectation

	routePos policy.Pos // of the route that is expected
}

// Title is the name with the identity.
func (c *Case) Title() string { return c.Name + " [" + c.As + "]" }

// Read reads a test file. name is its path, from which that of the policy follows.
// It reports everything that is wrong at once, in the order of the file. The file
// is nil if, and only if, a problem is an error.
func Read(name string, src []byte) (*File, policy.Problems) {
	d := newDocument(name, src)
	f := &File{Name: name, document: d, Identities: map[string]*Identity{Anonymous: {Name: Anonymous}}}
	if root := d.parse(trimBOM(src)); root != nil {
		f.read(root)
	}
	problems := policy.Merge(d.problems, nil)
	if problems.Err() != nil {
		return nil, problems
	}
	return f, problems
}

// Problem describes something wrong with the policy that the file names, at the
// place where it does.
func (f *File) Problem(message, hint string) policy.Problem {
	return f.document.problem(f.policyPos, message, hint)
}

func (f *File) read(root *yaml.Node) {
	o := f.document.fields(root, "a test file", "policy", "now", "identities", "tests")
	if o == nil {
		return
	}
	if o.require("policy", "name the policy that is tested, relative to this file: policy: policy.yaml") {
		f.Policy, f.policyPos = o.text("policy"), o.at("policy")
		if f.Policy != "" && !filepath.IsAbs(f.Policy) {
			f.Policy = filepath.Join(filepath.Dir(f.Name), filepath.FromSlash(f.Policy))
		}
	}
	f.Now = o.time("now")
	for _, p := range o.pairs("identities") {
		f.identity(p)
	}
	if !o.require("tests", "a file without tests proves nothing") {
		return
	}
	names := map[string]*yaml.Node{}
	for _, n := range o.list("tests") {
		f.test(n, names)
	}
}

// identity reads one identity.
func (f *File) identity(p pair) {
	if p.name == Anonymous {
		f.document.fail(place(p.key), "anonymous is nobody, in every file", "choose another name")
		return
	}
	id := readIdentity(f.document, p)
	f.Identities[p.name] = id // also if it is broken: its tests are not wrong
}

// test reads one test; names are those so far.
func (f *File) test(n *yaml.Node, names map[string]*yaml.Node) {
	o := f.document.fields(n, "a test", "name", "request", "as", "expect")
	if o == nil {
		return
	}
	c := Case{Pos: o.pos}
	if o.require("name", "say what is expected: name: an admin reads invoices") {
		c.Name = o.text("name")
		if first := names[c.Name]; first != nil && c.Name != "" {
			o.fail(o.at("name"), fmt.Sprintf("another test is called %s", brief(c.Name)), firstOn(first))
		}
		names[c.Name] = o.values["name"]
	}
	if o.require("request", "write request: {method: GET, url: https://api.example.com/}") {
		c.Request = readRequest(o.fields("request", "method", "url", "headers", "context"))
	}
	if o.require("expect", "a test that expects nothing proves nothing: write expect: {outcome: deny}") {
		c.Want, c.routePos = readExpectation(o.fields("expect", "outcome", "status", "code", "route", "headers", "removed", "redirect"))
	}
	for _, as := range f.callers(o) {
		c.As, c.Identity = as, f.Identities[as]
		f.Cases = append(f.Cases, c)
	}
}

// callers reads as whom a test is run: nobody, unless it says.
func (f *File) callers(o *fields) []string {
	if !o.has("as") {
		return []string{Anonymous}
	}
	var known []string
	for _, i := range o.texts("as", true) {
		if f.Identities[i.value] == nil {
			o.fail(place(i.node), fmt.Sprintf("no identity is called %s", brief(i.value)), didYouMean(i.value, sorted(f.Identities), "there are "))
			continue
		}
		known = append(known, i.value)
	}
	return known
}

// time reads a point in time below a key; zero if there is none.
func (f *fields) time(key string) time.Time {
	n := f.values[key]
	if n == nil || f.broken[n] {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		f.fail(place(n), key+" is a time", "write it like 2026-01-01T00:00:00Z (RFC 3339)")
	}
	return at
}
