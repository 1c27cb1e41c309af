package policy

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// browserSessions reads how the sessions of browsers are handled.
func (l *loader) browserSessions(c *Clerk, o *object) {
	c.Cookies = o.boolean("cookies", true)
	c.Handshake = o.boolean("handshake", true)
	if t, ok := o.text("signInUrl"); ok {
		c.SignInURL = l.judged(t, checkPage)
	}
	if t, ok := o.text("proxyUrl"); ok {
		c.ProxyURL = l.judged(t, checkProxyURL)
	}
	l.satellite(c, o)
	l.organizationSync(c, o)
	for _, key := range []string{"cookies", "handshake", "signInUrl", "proxyUrl", "satellite", "organizationSync"} {
		if _, there := o.fields[key]; there {
			c.ForBrowsers = true
		}
	}
	if !c.Cookies {
		l.needsCookies(o)
	}
}

// needsCookies warns of keys that are about cookies which are not read.
func (l *loader) needsCookies(o *object) {
	for _, key := range []string{"handshake", "organizationSync"} {
		n, there := o.fields[key]
		if there && !l.broken[n] && !isFalse(n) {
			l.warn(place(n), key+" is not used: with cookies: false, only tokens in headers are read", "leave one of them out")
		}
	}
}

func isFalse(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" && strings.EqualFold(n.Value, "false")
}

// satellite reads of which satellite domain requests are.
func (l *loader) satellite(c *Clerk, o *object) {
	s := o.object("satellite", inSatellite)
	if s == nil {
		return
	}
	c.Satellite = &Satellite{Pos: s.pos, AutoSync: s.boolean("autoSync", false)}
	if t, ok := s.text("domain"); ok {
		c.Satellite.Domain = l.judged(t, checkDomain)
		if !t.Unset {
			c.Satellite.Domain.Value = NormalHost(t.Value)
		}
	} else if _, there := s.fields["domain"]; !there {
		l.fail(s.pos, "a satellite needs its domain", "write domain: and the host that it is served on, like example.dev")
	}
	if _, there := o.fields["signInUrl"]; !there || c.SignInURL.Value != "" {
		l.satelliteSignIn(c, s.pos)
	}
}

// satelliteSignIn applies what Clerk's SDK asserts of satellites.
func (l *loader) satelliteSignIn(c *Clerk, pos Pos) {
	const hint = "write signInUrl: and the primary's sign-in page, like https://app.example.com/sign-in"
	signIn := c.SignInURL
	switch {
	case signIn.Unset:
	case isPath(signIn.Value):
		l.fail(orElse(signIn.Pos, pos), "the signInUrl of a satellite is a path, but users sign in on the primary domain only", hint)
	case signIn.Value == "" && strings.HasPrefix(c.PublishableKey.Value, developmentKey):
		l.fail(pos, "a satellite of a development instance needs signInUrl: it syncs through the primary's sign-in page", hint)
	}
}

func orElse(pos, otherwise Pos) Pos {
	if pos == (Pos{}) {
		return otherwise
	}
	return pos
}

// checkDomain wants a host name that clerk. can be put before.
func checkDomain(s string) *problemWithHint {
	const example = "a domain is like example.dev, without scheme and port"
	_, err := parseHost(s)
	switch {
	case err != nil:
		return &problemWithHint{"is not a domain: it " + err.Error(), example}
	case strings.ContainsAny(s, "*:["):
		return &problemWithHint{"is not a domain", example}
	}
	return nil
}

// organizationSync reads which paths activate an organisation.
func (l *loader) organizationSync(c *Clerk, o *object) {
	s := o.object("organizationSync", inOrganizationSync)
	if s == nil {
		return
	}
	c.OrganizationSync = OrganizationSync{
		OrganizationPatterns:    l.checked(s.texts("organizationPatterns"), checkOrganizationPattern),
		PersonalAccountPatterns: l.checked(s.texts("personalAccountPatterns"), checkSyncPattern),
	}
}

func checkOrganizationPattern(s string) *problemWithHint {
	if p := checkSyncPattern(s); p != nil {
		return p
	}
	if !hasParam(s, "id") && !hasParam(s, "slug") {
		return &problemWithHint{"has neither :id nor :slug, so it names no organisation", "write it like /orgs/:slug, or /orgs/:slug/(.*) for all below"}
	}
	return nil
}

func checkSyncPattern(s string) *problemWithHint {
	if !strings.HasPrefix(s, "/") {
		return &problemWithHint{"is not a path pattern", "a pattern begins with a /"}
	}
	return nil
}

// hasParam reports whether a pattern has :name, and not only :nameandmore.
func hasParam(pattern, name string) bool {
	for rest := pattern; ; {
		_, after, found := strings.Cut(rest, ":"+name)
		if !found {
			return false
		}
		if after == "" || !isWord(after[0]) {
			return true
		}
		rest = after
	}
}
