package clerktest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Lifetimes of cookies. The session cookie outlives its token, so that an
// application sees that it was signed in and asks again.
const (
	sessionCookieAge = 365 * 24 * time.Hour
	updatedCookieAge = 10 * 365 * 24 * time.Hour
)

// serveHandshake is GET /v1/client/handshake: it sends the browser back with what
// to set its cookies to. __clerk_api_version and __clerk_hs_reason change
// nothing, nor does __session: a browser has one session here.
func (i *Instance) serveHandshake(w http.ResponseWriter, r *http.Request) {
	if err := i.checkVisitor(r); err != nil {
		badParameter("%s", err).write(w)
		return
	}
	query := r.URL.Query()
	if !query.Has("redirect_url") {
		missingParameter("redirect_url").write(w)
		return
	}
	target, err := i.target(query.Get("redirect_url"))
	if err != nil {
		badParameter("%s", err).write(w)
		return
	}
	if !i.key.Development && !sharesCookies(r.Host, target) {
		badParameter("A production instance at %s has no cookies in common with %s.", r.Host, target.Host).write(w)
		return
	}
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	b := i.browserOf(w, r)
	if s := b.session; s != nil && query.Has("organization_id") {
		if i.activate(s, query.Get("organization_id")) != nil {
			_ = i.activate(s, "") // Clerk gives back no organisation for one that there is not; none is always possible
		}
	}
	i.finishHandshake(w, r, target, i.directives(b, r.Host, target.Scheme == "https"))
}

// finishHandshake hands the directives over: in the URL on development instances,
// in a cookie on production instances.
func (i *Instance) finishHandshake(w http.ResponseWriter, r *http.Request, target *url.URL, directives []string) {
	var name, value string
	if r.URL.Query().Get("format") == "nonce" && !i.tokenHandshake {
		name, value = cookieNonce, i.state.newNonce(directives, i.now())
	} else {
		name, value = cookieHandshake, i.handshakeToken(directives)
	}
	if i.key.Development {
		target = withParameter(target, name, value, cookieHandshake, cookieNonce)
	} else {
		http.SetCookie(w, &http.Cookie{
			Name: name, Value: value, Path: "/", Domain: cookieDomain(r.Host), MaxAge: int(nonceLifetime / time.Second),
			HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	w.Header().Set("cache-control", "no-store")
	http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect)
}

// handshakeToken signs directives as Clerk does: there is no exp in it.
func (i *Instance) handshakeToken(directives []string) string {
	token, err := i.signJWT(Claims{}.header(i.signer.ID, i.signer.Algorithm), map[string]any{"handshake": directives})
	if err != nil {
		panic("clerktest: " + err.Error()) // not for strings
	}
	return token
}

// browserOf finds the browser of a request, or welcomes a new one. It needs the
// lock.
func (i *Instance) browserOf(w http.ResponseWriter, r *http.Request) *browser {
	own := cookieClient
	var named []string
	if i.key.Development {
		own = i.suffixed(cookieBrowser)
		named = append(named, r.URL.Query().Get(cookieBrowser))
	}
	for _, name := range []string{own, cookieBrowser} {
		if c, err := r.Cookie(name); err == nil && (name == own || i.key.Development) {
			named = append(named, c.Value)
		}
	}
	var b *browser
	for _, id := range named {
		if b = i.state.browsers[id]; b != nil {
			break
		}
	}
	if b == nil {
		b = i.state.newBrowser()
	}
	http.SetCookie(w, &http.Cookie{
		Name: own, Value: b.id, Path: "/", MaxAge: int(sessionCookieAge / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return b
}

// directives are the Set-Cookie lines that bring an application up to date. Both
// names of each cookie are set, whatever suffixed_cookies says: pages without
// Clerk's JavaScript would never get the suffixed ones otherwise.
func (i *Instance) directives(b *browser, host string, secure bool) []string {
	var lines []string
	add := func(c http.Cookie, names ...string) {
		c.Path, c.SameSite, c.Secure = "/", http.SameSiteLaxMode, secure
		for _, c.Name = range names {
			lines = append(lines, c.String())
		}
	}
	gone := http.Cookie{MaxAge: -1, Expires: time.Unix(0, 0)}
	shared := gone
	if !i.key.Development {
		shared.Domain = cookieDomain(host)
	}
	add(shared, cookieHandshake, cookieNonce)
	for _, c := range i.updatedCookies(b, host) {
		add(c, c.Name)
	}
	if i.key.Development {
		add(http.Cookie{Value: b.id, MaxAge: int(sessionCookieAge / time.Second)}, cookieBrowser, i.suffixed(cookieBrowser))
	}
	if b.session == nil {
		add(gone, cookieSession, i.suffixed(cookieSession), i.suffixed(cookieRefresh))
		return lines
	}
	age := int(sessionCookieAge / time.Second)
	add(http.Cookie{Value: b.session.refresh, MaxAge: age, HttpOnly: true}, i.suffixed(cookieRefresh))
	token := i.mint(b.session)
	for _, name := range []string{cookieSession, i.suffixed(cookieSession)} {
		lines = append(lines, i.sessionCookie(name, token, secure))
	}
	return lines
}

// sessionCookie is the Set-Cookie line of a session token.
func (i *Instance) sessionCookie(name, token string, secure bool) string {
	c := http.Cookie{
		Name: name, Value: token, Path: "/", MaxAge: int(sessionCookieAge / time.Second),
		Secure: secure, SameSite: http.SameSiteLaxMode,
	}
	return c.String()
}

// updatedCookies are __client_uat under both its names: when the browser's
// session changed, or 0 if it is signed out.
func (i *Instance) updatedCookies(b *browser, host string) []http.Cookie {
	c := http.Cookie{Name: cookieUpdated, Value: "0", Path: "/", MaxAge: int(updatedCookieAge / time.Second), SameSite: http.SameSiteLaxMode}
	if b.session != nil {
		c.Value = strconv.FormatInt(b.updated, 10)
	}
	if !i.key.Development {
		c.Domain = cookieDomain(host)
	}
	suffixed := c
	suffixed.Name = i.suffixed(cookieUpdated)
	return []http.Cookie{c, suffixed}
}

// returnTo is where the browser goes after signing in or out: on development
// instances with the browser's id, which makes the application ask at once.
func (i *Instance) returnTo(b *browser, target *url.URL) string {
	if !i.key.Development || strings.EqualFold(target.Host, i.host) {
		return target.String()
	}
	return withParameter(target, cookieBrowser, b.id).String()
}
