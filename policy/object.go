package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// section is a kind of mapping that the language has.
type section int

const (
	inPolicy section = iota
	inClerk
	inKeys
	inSatellite
	inOrganizationSync
	inIdentity
	inHeader
	inPaths
	inDenials
	inRoute
	inOnDeny
	inWebhook
	inRequire
	inReverification
	inAnyOf
	inAllOf
	inNot
	sections // how many there are
)

// name is how problems call the section, and keys are what may be in it.
func (s section) describe() (name string, keys []string) {
	switch s {
	case inPolicy:
		return "a policy", []string{"version", "clerk", "identity", "paths", "denials", "mode", "preflight", "routes"}
	case inClerk:
		return "a clerk entry", []string{"publishableKey", "authorizedParties", "missingAzp", "issuers", "audiences",
			"clockSkew", "jwksUrl", "keys", "jwtKey", "secretKey", "secretKeyFile", "machineId", "machineSecretKey",
			"machineSecretKeyFile", "apiUrl", "hosts", "cookies", "handshake", "signInUrl", "proxyUrl", "satellite",
			"organizationSync"}
	case inKeys:
		return "keys", []string{"refresh", "cooldown", "stale"}
	case inSatellite:
		return "satellite", []string{"domain", "autoSync"}
	case inOrganizationSync:
		return "organizationSync", []string{"organizationPatterns", "personalAccountPatterns"}
	case inIdentity:
		return "identity", []string{"headers", "forwardAuthorization", "forwardSessionCookies"}
	case inHeader:
		return "a header", []string{"claim", "encode"}
	case inPaths:
		return "paths", []string{"case", "insecureAllow"}
	case inDenials:
		return "denials", []string{"detail", "selectOrgUrl"}
	case inRoute:
		return "a route", []string{"name", "hosts", "path", "methods", "context", "access", "tokens", "require", "webhook",
			"onDeny", "mode", "preflight"}
	case inOnDeny:
		return "onDeny", []string{"status", "redirect"}
	case inWebhook:
		return "webhook", []string{"secret"}
	case inReverification:
		return "reverification", []string{"level", "afterMinutes"}
	case inAnyOf:
		return "an item of anyOf", lineNames()
	case inAllOf:
		return "an item of allOf", lineNames()
	case inNot:
		return "not", lineNames()
	}
	return "require", lineNames()
}

// lineNames are the keys of require, and of every nest in it.
func lineNames() []string {
	return []string{"org", "role", "permission", "feature", "plan", "user", "scope", "audience", "actor",
		"when", "anyOf", "allOf", "not", "reverification"}
}

// object is a mapping with the keys that its section knows.
type object struct {
	*loader
	pos    Pos
	fields map[string]*yaml.Node
}

// object reads a mapping. The result is nil if the node is none.
func (l *loader) object(n *yaml.Node, s section) *object {
	if l.broken[n] {
		return nil
	}
	name, keys := s.describe()
	if n.Kind != yaml.MappingNode {
		l.fail(place(n), fmt.Sprintf("%s is a mapping, not %s", name, kind(n)), "its keys are "+strings.Join(keys, ", "))
		return nil
	}
	o := &object{loader: l, pos: place(n), fields: map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case l.broken[key]:
		case !slices.Contains(keys, key.Value):
			l.fail(place(key), fmt.Sprintf("%s has no key %s", name, brief(key.Value)), unknownHint(key.Value, s, keys))
		default:
			o.fields[key.Value] = n.Content[i+1]
		}
	}
	return o
}

// object reads a mapping below a key; nil if there is none.
func (o *object) object(key string, s section) *object {
	n, ok := o.fields[key]
	if !ok {
		return nil
	}
	return o.loader.object(n, s)
}

func unknownHint(key string, s section, keys []string) string {
	if near := nearest(key, keys); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	for other := range sections {
		name, there := other.describe()
		if other != s && slices.Contains(there, key) {
			return fmt.Sprintf("%s is a key of %s", key, name)
		}
	}
	return "its keys are " + strings.Join(keys, ", ")
}

// nearest returns the word that was probably meant, or "".
func nearest(word string, words []string) string {
	best, least := "", 3
	for _, w := range words {
		d := distance(plain(word), plain(w))
		if d < least && d*2 < len(w) {
			best, least = w, d
		}
	}
	return best
}

// plain drops what spellings of one word differ in.
func plain(word string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return r
	}, lowerASCII(word))
}

// distance is Levenshtein's edit distance, in bytes. Words too different in
// length to be the same are not compared, so that a huge key costs nothing.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
