package parity_test

import (
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// scenario is a kind of request that is meant to get somewhere. What is spoiled
// about it afterwards decides whether it does.
type scenario struct {
	name   string
	weight int
	build  func(*generator)
}

func scenarios() []scenario {
	return []scenario{
		{"session by header", 13, (*generator).byHeader},
		{"session by cookie", 20, (*generator).byCookie},
		{"refresh", 40, (*generator).refreshing},
		{"handshake return", 18, (*generator).returning},
		{"cookies without session", 6, (*generator).withoutSession},
		{"satellite", 5, (*generator).syncing},
		{"development sync", 4, (*generator).developmentSync},
		{"organisation sync", 6, (*generator).organisationSync},
		{"cross origin", 4, (*generator).crossOrigin},
		{"machine JWT", 9, (*generator).m2mByHeader},
		{"OAuth JWT", 9, (*generator).oauthByHeader},
		{"opaque token", 18, (*generator).opaque},
		{"template JWT", 5, (*generator).templateByHeader},
		{"token of another class", 4, (*generator).wrongClass},
		{"garbage", 3, (*generator).garbage},
	}
}

func (g *generator) pickScenario() {
	s := choose(g, scenarios(), func(s scenario) int { return s.weight })
	g.tell("%s", s.name)
	s.build(g)
}

// spoil makes none, one or two changes to a token.
func (g *generator) spoil(d *draft) *draft {
	for range g.pickAny(0, 0, 0, 0, 0, 1, 1, 1, 2).(int) {
		from := breaks()
		if g.one(3) {
			from = odds()
		}
		c := choose(g, from, func(c change) int { return c.weight })
		where := ""
		if d.inner {
			where = " (in an answer)"
		}
		g.tell("%s%s", c.name, where)
		c.do(d)
	}
	return d
}

// acceptSessions sets types that mostly include sessions.
func (g *generator) acceptSessions() {
	switch g.n(20) {
	case 0:
		g.setAccepts(g.pick(clerk.TypeM2M, clerk.TypeAPIKey, clerk.TypeOAuth))
	case 1:
		g.setAccepts(clerk.TypeM2M, clerk.TypeAPIKey)
	case 2, 3, 4:
		g.setAccepts(g.someTypes(clerk.TypeSession)...)
	case 5:
		g.setAccepts(clerk.TypeSession)
	}
}

// document makes the request a browser's visit, nearly always.
func (g *generator) document() {
	if g.one(6) {
		return
	}
	g.c.Method = "GET"
	g.c.Headers["sec-fetch-dest"] = g.pick("document", "document", "document", "iframe")
}

// bearer shows a token in the Authorization header.
func (g *generator) bearer(token string) {
	h := g.c.Headers
	h["authorization"] = "Bearer " + token
	switch g.n(40) {
	case 0:
		h["authorization"] = token
		g.tell("no scheme")
	case 1, 2, 3:
		g.c.ours.authorization = g.pick("bearer ", "BEARER ", "bEaReR ") + token
		g.c.odd(entryBearer, false)
		g.tell("bearer in another case")
	case 4:
		h["authorization"] = g.pick("Basic ", "Token ", "DPoP ") + token
		g.tell("another scheme")
	case 5:
		h["authorization"] = "Bearer  " + token
		g.tell("two spaces")
	case 6:
		h["authorization"] = "Bearer " + token + g.pick(" more", ", Bearer x", ",", " x y")
		g.c.odd(entryRequest, false)
		g.tell("more than a token")
	case 7:
		h["authorization"] = g.pick("Bearer", "Basic", "x", "Bearer "+token[:len(token)/2])
		g.c.odd(entryMachine, false) // perhaps a bare prefix is left of it
		g.tell("half a header")
	}
}

func (g *generator) byHeader() {
	g.acceptSessions()
	if g.one(8) {
		g.jar(g.spoil(g.session()))
		g.c.odd(entryClasses, true) // the SDK would refresh the cookie's session
	}
	g.bearer(g.spoil(g.session()).sign())
}

func (g *generator) byCookie() {
	g.acceptSessions()
	g.jar(g.spoil(g.session()))
}

// withoutSession has some of the cookies, and rarely the session's.
func (g *generator) withoutSession() {
	g.acceptSessions()
	g.document()
	if g.one(4) {
		delete(g.c.Headers, "cookie")
		return
	}
	g.jar(nil)
}

func (g *generator) crossOrigin() {
	g.document()
	g.c.Options.IsSatellite, g.c.Options.Domain = false, ""
	g.issuer = "https://" + g.key.Host
	g.c.Headers["referer"] = g.referer()
	g.jar(g.session())
}

// syncing is a visit of a satellite.
func (g *generator) syncing() {
	o := &g.c.Options
	if !o.IsSatellite {
		g.satellite(o)
	}
	g.document()
	switch g.n(4) {
	case 0:
		g.addQuery("__clerk_synced", "false")
	case 1:
		g.addQuery("__clerk_synced", "true")
	}
	switch g.n(3) {
	case 0:
		g.jar(g.spoil(g.session()))
	case 1:
		g.jar(nil)
	}
}

// developmentSync is a development instance that is asked by a satellite, or
// handed a browser token.
func (g *generator) developmentSync() {
	g.document()
	switch g.n(4) {
	case 0:
		g.addQuery("__clerk_db_jwt", g.pick("dvb_2", "", "a b&c=d", "dvb_é"))
	case 1:
		g.c.URL += map[bool]string{true: "&", false: "?"}[strings.Contains(g.c.URL, "?")] + g.pick("__clerk%5Fdb_jwt=x", "__clerk_db_jwt", "__clerk_db_jwt=1&__clerk_db_jwt=2", "__dev_session=1&__clerk_db_jwt=%zz")
	default:
		g.addQuery("__clerk_redirect_url", g.pick("https://satellite.dev/p?q=1", "https://satellite.dev", "https://satellite.dev/?__clerk_synced=false&a=b", "", "/relative", "nonsense", "https://satellite.dev/a b?c d#frag", "http://localhost:3001/x?__clerk_db_jwt=old", "HTTPS://Satellite.dev:443/%7Ea/../b"))
	}
	if g.one(2) {
		g.jar(g.spoil(g.session()))
	} else {
		g.jar(nil)
	}
}

func (g *generator) organisationSync() {
	g.acceptSessions()
	g.document()
	sync := &organizationSync{}
	if !g.one(8) {
		sync.Organization = [][]string{
			{"/orgs/:slug", "/orgs/:slug/(.*)"}, {"/orgs/:id", "/orgs/:id/(.*)"}, {"/by-id/:id", "/orgs/:slug", "/orgs/:slug/(.*)"}, {"/orgs/:slug"}, {"/orgs/acme"}, {"/orgs/:name", "/orgs/:slug"},
		}[g.n(6)]
	}
	if g.one(2) {
		sync.Personal = [][]string{{"/me", "/me/(.*)"}, {"/me"}, {"/orgs/:any"}, {"/(.*)"}}[g.n(4)]
	}
	g.c.Options.OrganizationSync = sync
	g.setURL(g.pick("/orgs/acme", "/orgs/acme", "/orgs/bcorp/settings", "/orgs/org_1", "/orgs/org_2/", "/ORGS/ACME", "/by-id/org_2", "/me", "/me/x", "/me/", "/orgs", "/orgs/a%20b", "/orgs/acme/x/y", "/orgs/caf%C3%A9"), g.query())
	g.jar(g.session())
	if g.one(8) {
		g.c.Headers["cookie"] += "; __clerk_redirect_count=" + g.pick("2", "3", "4")
		if strings.HasSuffix(g.c.Headers["cookie"], "4") {
			g.c.odd(entryCounters, false)
		}
	}
}

func (g *generator) garbage() {
	if g.one(2) {
		g.acceptSessions()
	} else {
		g.setAccepts(g.someTypes()...)
	}
	token := g.pick("garbage", "a.b.c", "a.b.c.d", "...", "..", "null", "ak", "mt-1", "OAT_1", "eyJhbGciOiJub25lIn0.e30.", "é", "{}", "e30.e30.e30", strings.Repeat("a", 17<<10))
	if len(token) > 16<<10 {
		g.c.odd(entryForm, false)
	}
	if g.one(3) {
		g.c.Headers["cookie"] = "__session=" + token + "; __client_uat=1; __clerk_db_jwt=d"
		return
	}
	g.bearer(token)
}
