package policy

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Upper bounds of durations. Beyond them a unit was mistaken: a clock that is
// further off accepts tokens that lived out many times over (they live a
// minute), keys fetched less than daily outlive their rotation.
const (
	maxClockSkew = 5 * time.Minute
	maxRefresh   = 24 * time.Hour
	maxCooldown  = time.Hour
	maxStale     = 30 * 24 * time.Hour
)

// clerk reads the Clerk instances, or takes one from the environment.
func (l *loader) clerk(p *Policy, root *object) {
	n, there := root.fields["clerk"]
	switch {
	case !there:
		l.clerkFromEnv(p, root.pos)
		return
	case l.broken[n]:
		return
	case n.Kind != yaml.SequenceNode:
		l.fail(place(n), "clerk is a list, not "+kind(n), "begin the first entry with a dash: - publishableKey: …")
		return
	}
	keys := map[string]Pos{}
	for _, item := range n.Content {
		o := l.object(item, inClerk)
		if o == nil {
			continue
		}
		c := l.instance(o)
		key := c.PublishableKey
		if first, twice := keys[key.Value]; twice && key.Value != "" {
			l.fail(key.Pos, "two entries have the same publishableKey", fmt.Sprintf("the first is on line %d", first.Line))
		} else {
			keys[key.Value] = key.Pos
		}
		p.Clerk = append(p.Clerk, c)
	}
	if len(n.Content) > 1 {
		l.cookielessEntries(p.Clerk)
	}
}

// cookielessEntries warns of entries whose cookies nobody can attribute.
func (l *loader) cookielessEntries(entries []Clerk) {
	for _, c := range entries {
		if c.Cookies && c.Hosts == nil {
			l.warn(c.Pos, "of several clerk entries one without hosts has its cookies never read",
				"name the hosts whose cookies belong to it, or write cookies: false")
		}
	}
}

func (l *loader) warnAzp(pos Pos) {
	l.warn(pos, "authorizedParties is not set, so azp is not checked: a token that any site of this Clerk instance obtained is accepted",
		"list the origins of your front ends: authorizedParties: [https://app.example.com]")
}

func newClerk() Clerk {
	return Clerk{
		ClockSkew: defaultClockSkew,
		Keys:      Keys{Refresh: defaultRefresh, Cooldown: defaultCooldown, Stale: defaultStale},
		Cookies:   true,
		Handshake: true,
	}
}

// instance reads one entry of clerk.
func (l *loader) instance(o *object) Clerk {
	c := newClerk()
	c.Pos = o.pos
	if key, ok := o.text("publishableKey"); ok {
		c.PublishableKey = l.judgedKey("publishableKey", key, checkPublishableKey)
	} else if _, there := o.fields["publishableKey"]; !there {
		l.fail(o.pos, "publishableKey is missing", "write publishableKey: ${CLERK_PUBLISHABLE_KEY}")
	}
	l.parties(&c, o)
	c.Issuers = l.checked(o.texts("issuers"), checkIssuer)
	c.Audiences = l.checked(o.texts("audiences"), nil)
	c.ClockSkew, c.ClockSkewSet = o.duration("clockSkew", 0, maxClockSkew, defaultClockSkew)
	if t, ok := o.text("jwksUrl"); ok {
		c.JWKSURL = l.judged(t, checkJWKSURL)
	}
	if t, ok := o.text("jwtKey"); ok {
		c.JWTKey = t.Text
	}
	l.keyTimes(&c, o)
	l.secretKeys(&c, o)
	c.Hosts = l.hosts(o)
	l.browserSessions(&c, o)
	return c
}

// parties reads what azp may be.
func (l *loader) parties(c *Clerk, o *object) {
	_, there := o.fields["authorizedParties"]
	c.AuthorizedParties = l.checked(o.texts("authorizedParties"), checkOrigin)
	c.MissingAzp = choose(o, "missingAzp", MissingAzpDeny, []choice[MissingAzp]{
		{"deny", MissingAzpDeny}, {"allow-cookie", MissingAzpAllowCookie}, {"allow", MissingAzpAllow},
	})
	n, ok := o.fields["missingAzp"]
	c.MissingAzpSet = ok
	if there {
		return
	}
	if ok {
		l.fail(place(n), "missingAzp needs authorizedParties: without them azp is not checked at all", "add authorizedParties, or leave missingAzp out")
		return
	}
	l.warnAzp(o.pos)
}

// keyTimes reads how keys are fetched.
func (l *loader) keyTimes(c *Clerk, o *object) {
	if n, both := o.fields["jwksUrl"]; both && c.JWTKey.Value != "" {
		l.warn(place(n), "jwksUrl is not used: jwtKey is the only key", "leave one of them out")
	}
	keys := o.object("keys", inKeys)
	if keys == nil {
		return
	}
	if c.JWTKey.Value != "" {
		l.warn(keys.pos, "keys is not used: jwtKey is never fetched", "leave one of them out")
	}
	c.Keys.Refresh, _ = keys.duration("refresh", 1, maxRefresh, defaultRefresh)
	c.Keys.Cooldown, _ = keys.duration("cooldown", 1, maxCooldown, defaultCooldown)
	c.Keys.Stale, _ = keys.duration("stale", 1, maxStale, defaultStale)
	if c.Keys.Stale < c.Keys.Refresh {
		l.fail(keys.pos, fmt.Sprintf("keys go stale after %s and are refreshed only every %s", short(c.Keys.Stale), short(c.Keys.Refresh)),
			"make stale several times as long as refresh")
	}
}

// hosts reads a list of host patterns; nil if there is none.
func (l *loader) hosts(o *object) *Hosts {
	var hosts *Hosts
	for _, normal := range l.hostList(o) {
		if hosts == nil {
			hosts = &Hosts{}
		}
		hosts.add(normal)
	}
	return hosts
}

// hostList reads a list of host patterns in normal form.
func (l *loader) hostList(o *object) []string {
	var out []string
	var good []scalar
	for _, t := range o.texts("hosts") {
		normal, err := parseHost(t.Value)
		switch {
		case t.Unset:
			out = append(out, t.Value) // matches nothing
		case err != nil:
			l.fail(t.Pos, fmt.Sprintf("the host %s %s", brief(t.raw), err), "a host is app.example.com, or *.example.com for all below it")
		default:
			out = append(out, normal)
			good = append(good, t)
		}
	}
	l.once("hosts", distinct(good), func(t scalar) string { return NormalHost(t.Value) })
	return out
}

// distinct drops items that were reported as the same text before.
func distinct(items []scalar) []scalar {
	seen := map[string]bool{}
	var out []scalar
	for _, t := range items {
		if !seen[t.Value] {
			out = append(out, t)
		}
		seen[t.Value] = true
	}
	return out
}

// problemWithHint is an error with the likely repair.
type problemWithHint struct{ message, hint string }

// checked judges every text of a list.
func (l *loader) checked(items []scalar, check func(string) *problemWithHint) []Text {
	var out []Text
	for _, t := range items {
		out = append(out, l.judged(t, check))
	}
	return out
}

func (l *loader) judged(t scalar, check func(string) *problemWithHint) Text {
	if t.Unset || check == nil {
		return t.Text
	}
	if p := check(t.Value); p != nil {
		l.fail(t.Pos, fmt.Sprintf("%s %s", brief(t.raw), p.message), t.safe(p.hint))
	}
	return t.Text
}

// checkOrigin wants what browsers send as Origin (RFC 6454, section 6.2), which
// is what Clerk puts into azp and what is compared exactly.
func checkOrigin(s string) *problemWithHint {
	const example = "write it like https://app.example.com"
	scheme, rest, ok := strings.Cut(s, "://")
	u, err := url.Parse(s)
	switch {
	case !ok || scheme == "" || rest == "" || err != nil && !strings.Contains(s, "*"):
		return &problemWithHint{"is not an origin", example}
	case strings.Contains(s, "*"):
		return &problemWithHint{"has a *, and azp is compared exactly", "list every origin"}
	case strings.ContainsAny(rest, "/?#"):
		return &problemWithHint{"has more than an origin in it", "write " + scheme + "://" + u.Host}
	case lowerASCII(s) != s:
		return &problemWithHint{"has upper case, and browsers send origins in lower case", "write " + lowerASCII(s)}
	case u.User != nil || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || !isASCII(s):
		return &problemWithHint{"is not an origin", example}
	case scheme == "https" && u.Port() == "443", scheme == "http" && u.Port() == "80":
		return &problemWithHint{"has the default port, which browsers leave out", "write " + strings.TrimSuffix(s, ":"+u.Port())}
	}
	return nil
}

func checkIssuer(s string) *problemWithHint {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(s, "?# ") {
		return &problemWithHint{"is not an issuer", "write it like https://clerk.example.com, exactly as iss has it"}
	}
	return nil
}
