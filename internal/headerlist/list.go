// Package headerlist writes down which request headers Envoy has to send along
// with a check: the field allowed_headers of its ext_authz filter.
//
// Call [New] with what authz.NeededHeaders says of each policy that decides, and
// print the [List], or what [List.Short] makes of it, as YAML ([List.YAML]) or JSON.
//
// Guaranteed is that the list matches each name that a policy reads, and each
// spelling of the names that it takes away, whatever they are called. It matches
// nothing else, except where a name is so long that Envoy would not take the
// expression for it: then also names with the same beginning, which changes
// nothing but how much is sent. A short list matches more, for the same reason.
//
// The form is a ListStringMatcher (envoy.type.matcher.v3). Envoy compares names in
// lower case, and every header that matches no entry is left out of the check.
package headerlist

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
)

// Matcher is one StringMatcher. One of its fields is set.
type Matcher struct {
	// Exact is the whole name.
	Exact string `json:"exact,omitempty"`
	// Prefix is what the name begins with.
	Prefix string `json:"prefix,omitempty"`
	// Regex is an expression for the whole name.
	Regex *Regex `json:"safe_regex,omitempty"`

	covers []Matcher // that it stands for in a short list
}

// Regex is a RegexMatcher: an RE2 expression.
type Regex struct {
	// Text is the expression.
	Text string `json:"regex"`
}

// List is a list of matchers, of which one has to match.
type List struct {
	// Read match the headers whose values matter, Strip those that must not reach
	// the service. Both, of a short list, match some of either.
	Both, Read, Strip []Matcher
}

// New returns the list that serves all these needs, of which none may be for any
// header.
func New(needs ...authz.HeaderNeeds) List {
	var l List
	for _, n := range needs {
		for _, name := range n.Read {
			if receivable(name) {
				l.Read = add(l.Read, Matcher{Exact: name})
			}
		}
	}
	for _, n := range needs {
		for _, name := range n.Strip {
			l.strip(spellings(name, func(s string) Matcher { return Matcher{Exact: s} }, "")...)
		}
		for _, prefix := range n.StripPrefixes {
			l.strip(spellings(prefix, func(s string) Matcher { return Matcher{Prefix: s} }, anything)...)
		}
	}
	return l
}

func (l *List) strip(matchers ...Matcher) {
	for _, m := range matchers {
		if !slices.ContainsFunc(l.Read, m.same) {
			l.Strip = add(l.Strip, m)
		}
	}
}

func add(list []Matcher, m Matcher) []Matcher {
	if slices.ContainsFunc(list, m.same) {
		return list
	}
	return append(list, m)
}

func (m Matcher) same(other Matcher) bool {
	return other.Exact == m.Exact && other.Prefix == m.Prefix && other.regex() == m.regex()
}

// usualPrefixes are what most names on a list begin with.
var usualPrefixes = [...]string{":", "x-", "x_"}

// fewNames is how many names are no reason for a prefix: it would send more headers
// than it spares comparisons.
const fewNames = 2

// Short returns a list of fewer matchers, which matches all that l matches and more:
// every name that begins as many of l do. To Envoy comparing a header with one matcher
// costs as much as sending it (internal/bench/RESULTS.md), so that a list of every
// name would cost more than it saves.
func (l List) Short() List {
	short := List{Read: slices.Clone(l.Read), Strip: slices.Clone(l.Strip)}
	for _, prefix := range usualPrefixes {
		m := Matcher{Prefix: prefix}
		for _, name := range slices.Concat(short.Read, short.Strip) {
			if strings.HasPrefix(name.Exact+name.Prefix, prefix) {
				m.covers = append(m.covers, name)
			}
		}
		if len(m.covers) > fewNames {
			short.replace(m, func(name Matcher) bool { return slices.ContainsFunc(m.covers, name.same) })
		}
	}
	if n := len(short.Both); n > 1 && short.Both[n-2].Prefix == "x-" && short.Both[n-1].Prefix == "x_" {
		short.dropExpressions(&short.Both[n-2])
	}
	return short
}

// dropExpressions drops those that both spellings of "x-" stand for, and notes them
// with the one.
func (l *List) dropExpressions(with *Matcher) {
	l.Strip = slices.DeleteFunc(l.Strip, func(m Matcher) bool {
		covered := strings.HasPrefix(m.regex(), "x"+separator)
		if covered {
			with.covers = append(with.covers, m)
		}
		return covered
	})
}

// replace puts a matcher in the place of others.
func (l *List) replace(m Matcher, others func(Matcher) bool) {
	l.Both = append(l.Both, m)
	l.Read, l.Strip = slices.DeleteFunc(l.Read, others), slices.DeleteFunc(l.Strip, others)
}

// receivable reports whether a header can have this name when Envoy compares it: a
// token (RFC 9110 section 5.6.2) in lower case, after ":" that of a pseudo-header. A
// condition may name others, in vain.
func receivable(name string) bool {
	name = strings.TrimPrefix(name, ":")
	return name != "" && strings.Trim(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// Matches reports whether Envoy sends a header of this name.
func (l List) Matches(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(l.patterns(), func(m Matcher) bool { return m.matches(name) })
}

func (m Matcher) matches(name string) bool {
	switch {
	case m.Exact != "":
		return name == m.Exact
	case m.Prefix != "":
		return strings.HasPrefix(name, m.Prefix)
	}
	matched, err := regexp.MatchString("^(?:"+m.regex()+")$", name)
	return err == nil && matched
}

func (m Matcher) regex() string {
	if m.Regex == nil {
		return ""
	}
	return m.Regex.Text
}

func (l List) patterns() []Matcher { return slices.Concat(l.Both, l.Read, l.Strip) }

// MarshalJSON implements json.Marshaler: it writes a ListStringMatcher.
func (l List) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Patterns []Matcher `json:"patterns"`
	}{l.patterns()})
}

// YAML returns the list as an entry of the filter's configuration, with comments
// that say what is there for what.
func (l List) YAML() string {
	var b strings.Builder
	b.WriteString("allowed_headers:\n  patterns:\n")
	for _, part := range []struct {
		title    string
		matchers []Matcher
	}{
		{"", l.Both},
		{"read", l.Read},
		{"kept from the service, in every spelling", l.Strip},
	} {
		if part.title != "" && len(part.matchers) > 0 {
			b.WriteString("  # " + part.title + "\n")
		}
		for _, m := range part.matchers {
			m.explain(&b)
			b.WriteString("  - " + m.yaml() + "\n")
		}
	}
	return b.String()
}

// explain writes a comment that says what the matcher stands for.
func (m Matcher) explain(b *strings.Builder) {
	const width = 100
	line := "  #"
	for i, name := range m.covers {
		word := " " + name.Exact + name.regex()
		if name.Prefix != "" {
			word = " " + name.Prefix + "…"
		}
		if i < len(m.covers)-1 {
			word += ","
		}
		if len(line)+len(word) > width {
			b.WriteString(line + "\n")
			line = "  #"
		}
		line += word
	}
	if len(m.covers) > 0 {
		b.WriteString(line + "\n")
	}
}

func (m Matcher) yaml() string {
	switch {
	case m.Exact != "":
		return "exact: " + scalar(m.Exact)
	case m.Prefix != "":
		return "prefix: " + scalar(m.Prefix)
	}
	return "safe_regex: {regex: '" + m.regex() + "'}" // which holds no quote
}
