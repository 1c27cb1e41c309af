package clerktest

import (
	"io"
	"net/http"
	"net/url"
)

// maxForm bounds what a page of the instance sends.
const maxForm = 64 << 10

// visit is one request for a page, by a browser.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	browser *browser
	target  *url.URL // where the browser wants to go; nil: nowhere
}

// view is what a page shows.
type view struct {
	Title, Problem string
	Redirect       string // the parameter redirect_url
	Users          []User // nil: any user
	User           User   // who is signed in
	Org            string // id of the active organisation
	Choices        []choice
	Free           bool // any organisation exists
}

// choice is an organisation that a user can make active; without an ID it is the
// personal account.
type choice struct {
	User, ID, Label string
	Active          bool
}

// servePages adds the pages of the Frontend API and of the account portal.
func (i *Instance) servePages(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/client/handshake", i.serveHandshake)
	mux.Handle("GET /sign-in", i.page(i.showSignIn))
	mux.Handle("POST /sign-in", i.page(i.postSignIn))
	mux.Handle("GET /account", i.page(i.showAccount))
	mux.Handle("POST /account", i.page(i.postAccount))
	mux.Handle("GET /sign-in/tasks", i.page(i.showTasks))
	mux.Handle("POST /sign-in/tasks", i.page(i.postTasks))
	mux.Handle("GET /sign-out", i.page(i.showSignOut))
	mux.Handle("POST /sign-out", i.page(i.postSignOut))
}

// page answers browsers, with the lock held.
func (i *Instance) page(answer func(visit)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setPageHeaders(w.Header())
		v := visit{w: w, r: r}
		if err := i.checkVisitor(r); err != nil {
			i.problem(v, http.StatusForbidden, err)
			return
		}
		if r.Method == http.MethodPost {
			if err := checkForm(r); err != nil {
				i.problem(v, http.StatusForbidden, err)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		}
		if err := r.ParseForm(); err != nil {
			i.problem(v, http.StatusBadRequest, err)
			return
		}
		if raw := r.Form.Get("redirect_url"); raw != "" {
			target, err := i.target(raw)
			if err != nil {
				i.problem(v, http.StatusBadRequest, err)
				return
			}
			v.target = target
		}
		i.state.mu.Lock()
		defer i.state.mu.Unlock()
		v.browser = i.browserOf(w, r)
		answer(v)
	})
}

// setPageHeaders keeps pages out of frames, where a click could be stolen, and
// out of caches. There is no script in them. form-action is left open: a form may
// end at the application.
func setPageHeaders(h http.Header) {
	h.Set("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("x-frame-options", "DENY")
	h.Set("referrer-policy", "same-origin")
	h.Set("cache-control", "no-store")
	h.Set("content-type", "text/html; charset=utf-8")
	h.Set("x-content-type-options", "nosniff")
}

// show writes a page.
func (i *Instance) show(v visit, status int, content func(*markup, view), shown view) {
	if v.target != nil {
		shown.Redirect = v.target.String()
	}
	v.w.WriteHeader(status)
	_, _ = io.WriteString(v.w, render(shown, content))
}

func (i *Instance) problem(v visit, status int, err error) {
	i.show(v, status, problemPage, view{Title: "That is not possible", Problem: err.Error()})
}

// onwards sends the browser to another page of the instance, which then knows
// where the browser wanted to go.
func (i *Instance) onwards(v visit, path string) {
	if v.target != nil {
		path += "?redirect_url=" + url.QueryEscape(v.target.String())
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
}

// announce tells the applications of a production instance that something
// changed. Those of a development instance learn it when the browser comes back.
func (i *Instance) announce(v visit) {
	if i.key.Development {
		return
	}
	for _, c := range i.updatedCookies(v.browser, v.r.Host) {
		http.SetCookie(v.w, &c)
	}
}

// back sends the browser to where it wanted to go, or else to a page of the
// instance, after a change.
func (i *Instance) back(v visit, otherwise string) {
	i.announce(v)
	if v.target == nil {
		i.onwards(v, otherwise)
		return
	}
	http.Redirect(v.w, v.r, i.returnTo(v.browser, v.target), http.StatusSeeOther)
}

func (i *Instance) showSignIn(v visit) {
	if v.browser.session != nil {
		i.showAccount(v) // no redirect: an application that does not take the session would send it back at once
		return
	}
	content := view{Title: "Sign in", Free: i.directory == nil}
	if i.directory != nil {
		content.Users = i.directory.Users
		for _, u := range i.directory.Users {
			content.Choices = append(content.Choices, i.choices(u)...)
		}
	}
	i.show(v, http.StatusOK, signInPage, content)
}

// choices are the personal account and the organisations of a user.
func (i *Instance) choices(u User) []choice {
	all := []choice{{User: u.ID, Label: "personal account"}}
	for _, m := range u.Memberships {
		if o, ok := i.directory.organization(m.Org); ok {
			label := either(o.Name, either(o.Slug, o.ID)) + " (" + m.Role + ")"
			all = append(all, choice{User: u.ID, ID: o.ID, Label: label})
		}
	}
	return all
}

func (i *Instance) postSignIn(v visit) {
	s, refused := i.signIn(v.browser, v.r.PostForm.Get("user"), v.r.PostForm.Get("organization"))
	switch {
	case refused != nil:
		i.problem(v, refused.Status, refused)
	case s.pending:
		i.announce(v)
		i.onwards(v, "/sign-in/tasks")
	default:
		i.back(v, "/account")
	}
}

func (i *Instance) showAccount(v visit) {
	s := v.browser.session
	switch {
	case s == nil:
		i.onwards(v, "/sign-in")
		return
	case s.pending:
		i.onwards(v, "/sign-in/tasks")
		return
	}
	content := view{Title: "Signed in", User: s.user, Org: s.org, Free: i.directory == nil}
	if i.directory != nil {
		content.Choices = i.choices(s.user)
	}
	for n := range content.Choices {
		content.Choices[n].Active = content.Choices[n].ID == s.org
	}
	i.show(v, http.StatusOK, accountPage, content)
}

// postAccount switches the organisation, or with nothing to switch goes on to the
// application.
func (i *Instance) postAccount(v visit) {
	s := v.browser.session
	if s == nil {
		i.onwards(v, "/sign-in")
		return
	}
	if v.r.PostForm.Has("organization") {
		if refused := i.activate(s, v.r.PostForm.Get("organization")); refused != nil {
			i.problem(v, refused.Status, refused)
			return
		}
	}
	i.back(v, "/account")
}

func (i *Instance) showTasks(v visit) {
	switch s := v.browser.session; {
	case s == nil:
		i.onwards(v, "/sign-in")
	case !s.pending:
		i.onwards(v, "/account")
	default:
		i.show(v, http.StatusOK, tasksPage, view{Title: "One more task", User: s.user})
	}
}

func (i *Instance) postTasks(v visit) {
	s := v.browser.session
	if s == nil {
		i.onwards(v, "/sign-in")
		return
	}
	if s.pending {
		s.pending = false
		i.changed(v.browser)
	}
	i.back(v, "/account")
}

func (i *Instance) showSignOut(v visit) {
	if v.browser.session == nil {
		i.onwards(v, "/sign-in")
		return
	}
	i.show(v, http.StatusOK, signOutPage, view{Title: "Sign out", User: v.browser.session.user})
}

func (i *Instance) postSignOut(v visit) {
	i.signOut(v.browser)
	i.back(v, "/sign-in")
}
