package clerk

// SignInURL is where a document goes to sign in and come back (the SDK's
// redirectToSignIn), or with pending to the tasks that its session has left. It
// is empty if the instance has no sign-in page, and where its cookies are not
// read: signing in gives the browser nothing else, so that it would be sent there
// for ever.
func (in *Instance) SignInURL(r *Request, pending bool) string {
	if in != r.CookieInstance || !in.settings.Cookies {
		return ""
	}
	target := in.settings.SignInURL
	if target == "" {
		if in.portal == "" {
			return ""
		}
		target = in.portal + "/sign-in"
	}
	if pending {
		target += "/tasks"
	}
	here := publicURL(r)
	if here == nil {
		return ""
	}
	page, err := here.resolve(target)
	if err != nil {
		return ""
	}
	elsewhere := page.Host() != here.base.Host()
	back := in.returnURL(here, elsewhere)
	p := queryOf(page).set("redirect_url", back)
	if browser := in.devBrowserOf(r); elsewhere && browser != "" {
		p = p.set(cookieDevBrowser, browser)
	}
	return withFragment(page, p)
}

// returnURL is the page to come back to. A handshake's answer that did not sign
// in is left out of it, where the SDK repeats it: it can be used once only, and
// the next visit would fail by it again.
func (in *Instance) returnURL(here *webURL, elsewhere bool) string {
	p := here.parameters()
	kept := p.without(cookieHandshake, cookieNonce, parameterHelp)
	changed := len(kept) != len(p)
	if elsewhere && in.settings.Satellite != nil {
		kept, changed = kept.set(parameterSynced, syncedNeeded), true
	}
	if !changed {
		return here.href() // as it was spelled
	}
	return here.hrefWith(kept)
}

// devBrowserOf is the token of the request's development browser; empty if it
// has none, and on production instances.
func (in *Instance) devBrowserOf(r *Request) string {
	if !in.key.Development {
		return ""
	}
	a := attempt{request: r, instance: in, query: readQuery(r.Query)}
	_ = a.takeCookies() // without cookies the query may still have it
	return a.devBrowser()
}

// PublicURL resolves a URL of the configuration, absolute or a path, as seen
// from the public origin of the request. It is empty if there is no such origin.
func (r *Request) PublicURL(ref string) string {
	here := publicURL(r)
	if here == nil {
		return ""
	}
	u, err := here.resolve(ref)
	if err != nil {
		return ""
	}
	return u.Href(false)
}
