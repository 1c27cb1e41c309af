package parity_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// generator builds one case. Two generators of the same seed and index build the
// same case on every machine.
type generator struct {
	r *rand.Rand
	c *testCase

	key    clerk.PublishableKey
	sec    int64  // Now in seconds
	issuer string // what iss should be
	pinned bool   // the SDK is told the issuers, too
	party  string // what azp should be
	scheme string
	host   string
}

// generate builds case number index of a seed.
func generate(seed, index uint64) *testCase {
	g := &generator{r: rand.New(rand.NewPCG(seed, index)), c: &testCase{Headers: map[string]string{}, Backend: map[string]backendAnswer{}}}
	g.clock()
	g.instance()
	g.options()
	g.request()
	g.pickScenario()
	return g.c
}

// n returns a number from 0 to below limit.
func (g *generator) n(limit int) int { return g.r.IntN(limit) }

// one reports true once in so many times.
func (g *generator) one(in int) bool { return g.r.IntN(in) == 0 }

func (g *generator) pick(from ...string) string { return from[g.r.IntN(len(from))] }

func (g *generator) pickAny(from ...any) any { return from[g.r.IntN(len(from))] }

// choose picks by weight.
func choose[T any](g *generator, from []T, weight func(T) int) T {
	total := 0
	for _, f := range from {
		total += weight(f)
	}
	at := g.n(total)
	for _, f := range from {
		if at -= weight(f); at < 0 {
			return f
		}
	}
	panic("no weights")
}

func (g *generator) tell(format string, args ...any) {
	g.c.story = append(g.c.story, fmt.Sprintf(format, args...))
}

func (g *generator) clock() {
	g.sec = 1_700_000_000
	g.c.Now = g.sec*1000 + int64(g.pickAny(0, 0, 0, 1, -1, 500, 999).(int))
}

// The instances' publishable keys.
const (
	liveKey   = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"                 // clerk.example.com
	testKey   = "pk_test_Zm9vLWJhci0xMy5jbGVyay5hY2NvdW50cy5kZXYk" // foo-bar-13.clerk.accounts.dev
	legacyKey = "pk_test_Y2xlcmsuaW5zcGlyZWQucHVtYS03NC5sY2wuZGV2JA"
	otherKey  = "pk_live_Y2xlcmsuY2xlcmsuZGV2JA" // clerk.clerk.dev
)

func (g *generator) instance() {
	key, err := clerk.ParsePublishableKey(g.pick(liveKey, liveKey, liveKey, testKey, testKey, legacyKey, otherKey))
	if err != nil {
		panic(err)
	}
	g.key = key
	o := &g.c.Options
	o.PublishableKey = key.Raw
	keys := keysGood
	switch g.n(60) {
	case 0:
		keys = keysSwapped
		g.tell("swapped keys")
	case 1:
		keys = keysEmpty
		g.c.odd(entryOutage, false)
		g.tell("no keys")
	case 2, 3, 4, 5:
		keys = keysOpen
		g.tell("a key for every algorithm")
	}
	o.SecretKey = map[bool]string{true: "sk_test_", false: "sk_live_"}[key.Development] + keys
	if keys == keysGood && g.one(12) {
		o.JWTKey = signer().PEM()
		g.tell("pinned key")
		if g.one(8) {
			o.JWTKey = stranger().PEM()
			g.tell("of a stranger")
		}
	}
	if g.pinned = !g.one(8); !g.pinned {
		g.tell("issuer not pinned in the SDK")
	}
	g.issuer, g.party = "https://"+key.Host, "https://app.example.com"
	g.trust(g.issuer)
}

// trust adds an issuer to the instance's, and to what the SDK is told unless it
// is told none.
func (g *generator) trust(issuer string) {
	g.c.ours.issuers = append(g.c.ours.issuers, issuer)
	if g.pinned {
		g.c.Options.Issuer = g.c.ours.issuers
	}
}

func (g *generator) options() {
	o := &g.c.Options
	g.place(o)
	if g.one(4) {
		o.AuthorizedParties = [][]string{{g.party}, {"https://other.example", g.party}}[g.n(2)]
		if g.one(10) {
			o.AuthorizedParties = []string{"https://other.example"}
		}
	}
	if g.one(5) {
		o.Audience = [][]string{{"a"}, {"z", "a"}}[g.n(2)]
	}
	g.c.ours.audiences = o.Audience
	if g.one(6) {
		skew := []int{0, 1, 1000, 5001, 60000}[g.n(5)]
		o.ClockSkew = &skew
	}
	if !o.IsSatellite && g.one(3) {
		o.SignInURL = g.pick("https://accounts.example.com/sign-in", "https://primary.example.org/sign-in?a=b c", "/sign-in")
	}
	g.c.NoClient = g.one(25)
	g.c.ours.machineID = "mch_me"
	g.c.ours.implied = g.one(2)
}

// place says how the application and the Frontend API are reached.
func (g *generator) place(o *options) {
	switch g.n(14) {
	case 0, 1:
		o.ProxyURL = g.pick("https://app.example.com/__clerk", "https://app.example.com/__clerk/", "http://proxy.example.net:8080/a//", "https://PROXY.example.net")
		g.trust(o.ProxyURL)
		g.tell("proxy")
	case 2:
		o.ProxyURL = g.pick("/__clerk", "/", "/a b/")
		g.tell("relative proxy")
	case 3, 4:
		g.satellite(o)
	case 5:
		o.Domain = g.pick("example.org", "localhost:3000")
		g.tell("domain, no satellite")
	}
}

func (g *generator) satellite(o *options) {
	o.IsSatellite, o.AutoSync = true, g.one(2)
	o.Domain = g.pick("example.org", "satellite.dev")
	if g.one(5) {
		o.ProxyURL = g.pick("https://"+o.Domain+"/__clerk", "/__clerk")
	}
	own := "https://clerk." + o.Domain
	g.trust(own)
	if !g.key.Development && !g.one(4) {
		g.issuer = own
	}
	o.SignInURL = g.pick("https://primary.example.org/sign-in", "https://primary.example.org/sign-in?a=b%20c&d", "https://Primary.example.org", "https://accounts.example.com/sign-in#top")
	if !g.key.Development && g.one(3) {
		o.SignInURL = ""
	}
	g.tell("satellite, auto sync %v", o.AutoSync)
}

func (g *generator) request() {
	c := g.c
	c.Method = g.pick("GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "POST", "HEAD", "get", "PUT", "OPTIONS")
	g.scheme = g.pick("https", "https", "https", "http")
	g.host = g.pick("app.example.com", "app.example.com", "app.example.com", "APP.example.com:8443", "localhost:3000", "127.0.0.1:8080", "[::1]:3000", "xn--bcher-kva.example", "app.example.com:443")
	c.Headers["host"] = g.host
	g.setURL(g.pick("/", "/p", "/hello/world", "/orgs/acme/settings", "/orgs/org_1", "/me", "/a%20b", "/caf%C3%A9", `/a'b"<>|^{}`+"`", "/a:b@c!$&()*+,=~", "/trailing/", "/A%2cb"), g.query())
	g.metadata()
	g.forwarded()
}

func (g *generator) setURL(path, query string) {
	g.c.URL = g.scheme + "://" + g.host + path
	if query != "" {
		g.c.URL += "?" + query
	}
}

// addQuery puts a parameter into the URL.
func (g *generator) addQuery(name, value string) {
	sep := "?"
	if strings.Contains(g.c.URL, "?") {
		sep = "&"
	}
	g.c.URL += sep + name + "=" + url.QueryEscape(value)
}

func (g *generator) query() string {
	if !g.one(2) {
		return ""
	}
	return g.pick("a=b", "foo=bar&x=1", "a", "a&b=", "q=hello%20world", "q=a+b", "q=%zz&r=%", "q=caf%C3%A9", "x='\"<>", "a=b&&c", "a[]=1&a[]=2", "__clerk_synced=true", "__clerk_synced=false", "__clerk_help=1", "__dev_session=x&a=b",
		"__clerk%5Fsynced=false", "redirect_url=https://evil.example/", "a=b=c", "=x", "&", "q=%ff", "q=%F0%9F%98%80", "a=1;b=2", "x=a%26b", "x=%00", "x={}|^`\\", "q=~*-._!()", "__clerk_handshake=", "__clerk_handshake_nonce=&a=b", "__clerk_synced=true&__clerk_synced=false", "__clerk%5fhandshake=a.b.c")
}

func (g *generator) metadata() {
	h := g.c.Headers
	if dest := g.pick("document", "document", "document", "document", "document", "iframe", "", "", "empty", "Document"); dest != "" {
		h["sec-fetch-dest"] = dest
	}
	if accept := g.pick("", "text/html,application/xhtml+xml", "text/html", "*/*", "application/json", "application/json,text/html", "TEXT/HTML", "text/htmlx"); accept != "" {
		h["accept"] = accept
	}
	if g.one(4) {
		h["referer"] = g.referer()
	}
	if g.one(6) {
		h["origin"] = g.pick("https://app.example.com", "null", "https://evil.example", "https://primary.example.org", "https://primary.example.org")
	}
}

func (g *generator) referer() string {
	own := g.scheme + "://" + g.host
	return g.pick(own+"/x", own, "https://google.com/", "https://google.com/", "https://clerk.example.com/", "https://accounts.example.com/x", "http://accounts.example.com/x", "https://accounts.evil.example/", "about:blank", "android-app://com.google",
		"nonsense", "https://", "https://foo-bar-13.accounts.dev/a", "https://foo-bar-13.clerk.accounts.dev", "https://x.clerk.accounts.dev", "https://u:p@app.example.com/", "https:app.example.com", "https://app.example.com:99999/",
		"https://ex%61mple.com/", "https://accounts.x.lcl.dev", `https://app.example.com\@evil.example/`, "https://public.example.org/", "HTTPS://APP.EXAMPLE.COM:443/", "https://app.example.com./", "https://127.1:8080/", "http://0x7f.1:8080/")
}

func (g *generator) forwarded() {
	h := g.c.Headers
	if g.one(8) {
		h["x-forwarded-host"] = g.pick("public.example.org", "public.example.org:3213", "public.example.org, proxy", "a,b", "bad host", "google.com", ",x", "PUBLIC.example.org", "public.example.org/path", "user@public.example.org", "public.example.org:99999", "[::1]", "a%41.example", "xn--a")
		g.tell("forwarded host")
	}
	if g.one(8) {
		h["x-forwarded-proto"] = g.pick("https", "http", "https,http", "ftp", "bad scheme", "HTTPS", ",https", "https://", "javascript", "ws")
		g.tell("forwarded proto")
	}
}

// setAccepts sets the types of tokens that are accepted.
func (g *generator) setAccepts(names ...string) {
	var set clerk.TokenTypes
	for _, name := range names {
		set |= tokenTypes()[name]
	}
	g.c.ours.accepts = set
	switch len(names) {
	case 0:
	case 1:
		g.c.Options.AcceptsToken = names[0]
	default:
		g.c.Options.AcceptsToken = names
		if len(names) == len(tokenTypes()) && g.one(2) {
			g.c.Options.AcceptsToken = "any"
		}
	}
}

func tokenTypes() map[string]clerk.TokenTypes {
	return map[string]clerk.TokenTypes{
		clerk.TypeSession: clerk.SessionTokens, clerk.TypeM2M: clerk.M2MTokens,
		clerk.TypeAPIKey: clerk.APIKeys, clerk.TypeOAuth: clerk.OAuthTokens,
	}
}

// someTypes picks a list of distinct types that has all of must.
func (g *generator) someTypes(must ...string) []string {
	set := map[string]bool{}
	for _, name := range must {
		set[name] = true
	}
	all := []string{clerk.TypeSession, clerk.TypeM2M, clerk.TypeAPIKey, clerk.TypeOAuth}
	for len(set) < 2 || len(set) < 4 && g.one(2) {
		set[all[g.n(4)]] = true
	}
	var out []string
	for _, name := range all {
		if set[name] {
			out = append(out, name)
		}
	}
	return out
}

// answers sets what the Backend API says to a kind of call.
func (g *generator) answers(kind string, a backendAnswer) { g.c.Backend[kind] = a }

func (g *generator) with(base, more object) object {
	out := maps.Clone(base)
	maps.Copy(out, more)
	return out
}
