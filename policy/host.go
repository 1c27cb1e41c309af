package policy

import (
	"errors"
	"fmt"
	"strings"
)

// maxHost is the longest host name there is (RFC 1035, section 2.3.4). Longer
// ones are not looked up, so that a client cannot make the look-up slow.
const maxHost = 253

// Hosts is a set of host patterns: exact names, and "*." for one or more
// labels. The zero Hosts matches nothing.
type Hosts struct {
	exact    map[string]bool
	wildcard map[string]bool // what follows "*."
}

// ParseHosts reads host patterns. Case, port and trailing dot are ignored.
func ParseHosts(patterns []string) (*Hosts, error) {
	h := &Hosts{}
	for _, p := range patterns {
		normal, err := parseHost(p)
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", p, err)
		}
		h.add(normal)
	}
	return h, nil
}

func (h *Hosts) add(normal string) {
	if h.exact == nil {
		h.exact, h.wildcard = map[string]bool{}, map[string]bool{}
	}
	if suffix, ok := strings.CutPrefix(normal, "*."); ok {
		h.wildcard[suffix] = true
		return
	}
	h.exact[normal] = true
}

// Match reports whether a host, as [NormalHost] gives it, is in the set.
func (h *Hosts) Match(host string) bool {
	if h == nil || len(host) > maxHost {
		return false
	}
	if h.exact[host] {
		return true
	}
	for rest := host; ; {
		label, suffix, more := strings.Cut(rest, ".")
		if !more || label == "" {
			return false
		}
		if h.wildcard[suffix] {
			return true
		}
		rest = suffix
	}
}

// NormalHost returns the host of an authority (RFC 9110, section 7.2) in the
// form that is compared: ASCII lower case, without port and without one
// trailing dot. An IPv6 address keeps its brackets. What is not an authority is
// returned as it is, in lower case; no pattern matches it.
func NormalHost(authority string) string {
	host := authority
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 && isPort(host[end+1:]) {
			host = host[:end+1]
		}
		return lowerASCII(host)
	}
	if colon := strings.IndexByte(host, ':'); colon >= 0 && isPort(host[colon:]) {
		host = host[:colon]
	}
	return lowerASCII(strings.TrimSuffix(host, "."))
}

// isPort reports whether s is empty, or a colon and digits.
func isPort(s string) bool {
	return s == "" || s[0] == ':' && strings.Trim(s[1:], "0123456789") == ""
}

// parseHost checks one pattern and returns it in normal form.
func parseHost(p string) (string, error) {
	if strings.Contains(p, "://") {
		return "", errors.New("has a scheme; only the host is compared")
	}
	if strings.ContainsAny(p, "/?#@") {
		return "", errors.New("has more than a host in it")
	}
	normal := NormalHost(p)
	name := strings.TrimPrefix(normal, "*.")
	switch {
	case strings.HasPrefix(p, "["):
		return normal, checkIPv6(normal)
	case normal == "*" || name == "":
		return "", errors.New("names no host; leave hosts out to match every host")
	case strings.Contains(name, "*"):
		return "", errors.New("has a * that is not a leading *.")
	case strings.Contains(name, ":"):
		return "", errors.New("has a port that is not a number")
	case len(normal) > maxHost:
		return "", errors.New("is longer than a host name can be")
	}
	return normal, checkName(name)
}

func checkName(name string) error {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return errors.New("has an empty label")
		}
		for i, c := range label {
			if c >= 0x80 {
				return errors.New("has a letter beyond ASCII; write its punycode form (xn--…)")
			}
			if !isWord(label[i]) && c != '-' {
				return fmt.Errorf("has the character %q, which no host name has", c)
			}
		}
	}
	return nil
}

func checkIPv6(normal string) error {
	inner := strings.TrimSuffix(strings.TrimPrefix(normal, "["), "]")
	if len(inner)+2 != len(normal) || !strings.Contains(inner, ":") || strings.Trim(inner, "0123456789abcdef:.") != "" {
		return errors.New("is not an IPv6 address in brackets")
	}
	return nil
}

// isWord reports letters, digits and the underscore.
func isWord(c byte) bool {
	return isLetter(c) || '0' <= c && c <= '9'
}

// isLetter reports letters and the underscore.
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}
