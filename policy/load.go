package policy

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Options changes how Load reads a policy.
type Options struct {
	// Env looks up the variables of ${NAME}. Nil: none is set.
	Env func(name string) (value string, ok bool)
	// AllowUnset lets unset variables pass: a text that has one is not judged.
	// For checks where secrets are not at hand; such a policy must not serve.
	AllowUnset bool
}

// Load reads a policy. file is only a name, for problems. It reports everything
// that is wrong at once, sorted by place. The policy is nil if, and only if, a
// problem is an error.
func Load(file string, src []byte, opt Options) (*Policy, Problems) {
	p, l := readPolicy(file, src, opt)
	if l.problems.Err() != nil {
		return nil, Merge(l.problems, nil)
	}
	l.lint(p)
	return p, Merge(l.problems, nil)
}

// readPolicy reads a policy. It can be used if the loader has no error.
func readPolicy(file string, src []byte, opt Options) (*Policy, *loader) {
	l := &loader{source: newSource(file, src), options: opt, broken: map[*yaml.Node]bool{}}
	p := &Policy{File: file, Hash: hash(src), source: l.source}
	if root := l.parse(src); root != nil {
		l.policy(p, root)
	}
	if l.problems.Err() == nil {
		p.index = newMatcher(p.Routes)
	}
	return p, l
}

// loader collects the problems of one policy file.
type loader struct {
	source   *source
	options  Options
	problems Problems
	broken   map[*yaml.Node]bool // nodes whose problem is already reported
	tokens   []tokenUse          // the types of tokens that routes ask for

	preflightPass bool // of routes that do not say

	whole      *object     // the document
	routeTexts []routeText // what Policy.Routes was read from

	vouched    []IdentityHeader // headers of the policy whose values are verified
	conditions *environment     // nil until there is a condition
	reads      Reads            // of all conditions
	assumed    []Pos            // where choices are that are not known
}

func (l *loader) report(sev Severity, pos Pos, message, hint string) {
	l.problems = append(l.problems, l.source.problem(sev, pos, message, hint))
}

func (l *loader) fail(pos Pos, message, hint string) { l.report(Error, pos, message, hint) }

func (l *loader) warn(pos Pos, message, hint string) { l.report(Warning, pos, message, hint) }

// policy reads the whole document.
func (l *loader) policy(p *Policy, root *yaml.Node) {
	o := l.object(root, inPolicy)
	if o == nil {
		return
	}
	l.version(o)
	before := l.problems.Count(Error)
	l.clerk(p, o)
	clerkSound := l.problems.Count(Error) == before
	l.paths(p, o.object("paths", inPaths))
	l.identity(p, o.object("identity", inIdentity))
	l.vouched = p.IdentityHeaders
	if denials := o.object("denials", inDenials); denials != nil {
		p.Denials.Detail = denials.boolean("detail", false)
		if t, ok := denials.text("selectOrgUrl"); ok {
			p.Denials.SelectOrgURL = l.judged(t, checkPage)
		}
	}
	p.Shadow, l.preflightPass = modes(o, false, false)
	if p.Shadow {
		l.report(Note, place(o.fields["mode"]), "mode: shadow enforces nothing: who would be denied passes", "write enforce, or drop the line, when it is to count")
	}
	l.routes(p, o)
	p.reads, p.assumed = l.reads, l.assumed
	if clerkSound {
		l.tokenRules(p)
	}
}

// version reads the key that says which language the rest is written in.
func (l *loader) version(o *object) {
	n, ok := o.fields["version"]
	switch {
	case !ok:
		l.fail(o.pos, "version is missing", "the first line of a policy is version: 1")
	case l.broken[n]:
	case n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int":
		l.fail(place(n), "version is a number", "write version: 1")
	case n.Value != "1":
		l.fail(place(n), fmt.Sprintf("version %s is not known", brief(n.Value)), "this release reads version: 1")
	}
}

// paths reads how paths are compared.
func (l *loader) paths(p *Policy, o *object) {
	if o == nil {
		return
	}
	p.folding = choose(o, "case", foldAgree, []choice[folding]{
		{"agree", foldAgree}, {"sensitive", foldSensitive}, {"insensitive", foldInsensitive},
	})
	for _, t := range o.texts("insecureAllow") {
		class := pick(l, t, []choice[*bool]{
			{"encoded-slash", &p.open.encodedSlash},
			{"matrix-parameters", &p.open.matrixParameters},
			{"duplicate-slashes", &p.open.duplicateSlashes},
			{"double-encoding", &p.open.doubleEncoding},
		}, nil)
		if class == nil {
			continue
		}
		*class = true
		l.warn(t.Pos, "insecureAllow lets through paths with "+insecureMeaning(t.Value),
			"leave it out unless every service behind reads such paths as the policy does")
	}
}

func insecureMeaning(class string) string {
	switch class {
	case "encoded-slash":
		return "%2f, which some services take for a /"
	case "matrix-parameters":
		return "a ;, after which some services ignore the rest of the segment and others do not"
	case "duplicate-slashes":
		return "//, which some services take for a / and others do not"
	}
	return "escapes that are themselves escaped, which some services decode twice"
}
