package policy

import (
	"fmt"
	"slices"
	"strings"
)

// preflights notes, once, that a browser's question whether it may call from another
// origin (the Fetch standard, section 3.2.3) will be answered with 401, because it
// never shows who asks. Most policies are for pages and services of one origin, so
// it is said only where something in the policy shows that browsers do call from
// another one, and where preflight does not say what is meant.
func (l *linter) preflights(p *Policy) {
	if _, said := l.whole.fields["preflight"]; said {
		return
	}
	for _, t := range l.routeTexts {
		pos, sign := l.crossOrigin(t, p)
		if sign == "" || !l.asksWho(t) {
			continue
		}
		c := l.probe(l.coarse, sampleHost(t.hostList()[0]), "OPTIONS", t.context, t.patterns[0].shortest(l.coarse.fold))
		if c.route == nil || !l.asksWho(l.text(c.route)) {
			continue
		}
		l.report(Note, pos, fmt.Sprintf("%s: their preflights (OPTIONS) show no credentials, and get 401 from route %s", sign, strings.TrimPrefix(l.other(c.route), "route ")),
			"write preflight: pass, unless Envoy's CORS filter answers them before they get here; preflight: check says that it is meant")
		return
	}
}

// asksWho reports whether a route is for sessions only, of browsers too, and does
// not say what becomes of preflights.
func (l *linter) asksWho(t routeText) bool {
	_, said := t.object.fields["preflight"]
	return !said && t.Access == AccessAuthenticated && accepted(t.Route)&TokenSession != 0
}

// crossOrigin returns what shows that browsers call a route from another origin,
// and where: it names the method that they ask with, or it is for hosts of which
// none is one that users sign in on.
func (l *linter) crossOrigin(t routeText, p *Policy) (pos Pos, sign string) {
	if i := slices.Index(t.methods, "OPTIONS"); i >= 0 {
		return t.item("methods", i), t.name() + " is for calls from other origins"
	}
	if len(t.hosts) == 0 {
		return Pos{}, ""
	}
	var own Hosts
	for _, h := range t.hosts {
		own.add(h)
	}
	var origin Text
	for _, c := range p.Clerk {
		if c.Hosts != nil && !c.Hosts.Match(sampleHost(t.hosts[0])) {
			continue // its users are on other hosts
		}
		for _, party := range c.AuthorizedParties {
			_, host, _ := strings.Cut(party.Value, "://")
			if party.Unset || own.Match(NormalHost(host)) {
				return Pos{}, ""
			}
			origin = party
		}
	}
	if origin.Value == "" {
		return Pos{}, ""
	}
	return t.item("hosts", 0), fmt.Sprintf("browsers call %s from the origins in authorizedParties", t.name())
}
