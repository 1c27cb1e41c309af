package clerktest

import (
	"crypto/rand"
	"net/http"
	"time"
)

// Session is someone signed in at an instance, in one browser.
type Session struct {
	// ID is the claim sid.
	ID string
	// User is the claim sub.
	User string
	// Browser is the value of the cookie by which the instance knows the browser:
	// __clerk_db_jwt, or __client at the Frontend API of a production instance.
	Browser string
	// RefreshToken is the value of the cookie __refresh_<suffix>.
	RefreshToken string

	instance *Instance
	live     *session
}

// SignIn signs a user in with a browser of their own, as the sign-in page does.
// user and org are named as in [TokenRequest]; without org the personal account
// is active. Its errors are of the type [*Error].
func (i *Instance) SignIn(user, org string) (Session, error) {
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	s, refused := i.signIn(i.state.newBrowser(), user, org)
	if refused != nil {
		return Session{}, refused
	}
	return Session{
		ID: s.id, User: s.user.ID, Browser: s.browser.id, RefreshToken: s.refresh,
		instance: i, live: s,
	}, nil
}

// signIn needs the lock. A session that the browser had ends.
func (i *Instance) signIn(b *browser, user, org string) (*session, *Error) {
	u, refused := i.user(user)
	if refused != nil {
		return nil, refused
	}
	active, refused := i.org(TokenRequest{Org: org}, u)
	if refused != nil {
		return nil, refused
	}
	s := &session{
		id: sessionPrefix + rand.Text(), refresh: "rt_" + rand.Text(), user: u,
		org: active.ID, pending: u.Pending, browser: b,
	}
	i.signOut(b)
	i.state.sessions[s.id], b.session = s, s
	i.changed(b)
	return s, nil
}

// signOut needs the lock.
func (i *Instance) signOut(b *browser) {
	if b.session != nil {
		delete(i.state.sessions, b.session.id)
	}
	b.session = nil
	i.changed(b)
}

// activate makes an organisation the active one, or none. It needs the lock.
func (i *Instance) activate(s *session, org string) *Error {
	active, refused := i.org(TokenRequest{Org: org}, s.user)
	if refused != nil {
		return refused
	}
	if s.org != active.ID {
		s.org = active.ID
		i.changed(s.browser)
	}
	return nil
}

// mint signs a fresh session token. It needs the lock.
func (i *Instance) mint(s *session) string {
	return i.mintAt(s, time.Unix(max(i.now().Unix(), s.browser.updated), 0), i.state.lifetime)
}

func (i *Instance) mintAt(s *session, issued time.Time, lifetime time.Duration) string {
	org, refused := i.org(TokenRequest{Org: s.org}, s.user)
	if refused != nil {
		org = Org{} // it was there at sign-in, and the directory does not change
	}
	c := Claims{User: s.user.ID, Session: s.id, Org: org, IssuedAt: issued, ExpiresIn: lifetime, Status: "active"}
	if s.pending {
		c.Status = "pending"
	}
	s.browser.minted = max(s.browser.minted, issued.Unix())
	return i.Token(c)
}

// Token is a fresh session token, as a handshake mints it: without azp. It is
// signed also if the session has ended: only Clerk would know.
func (s Session) Token() string {
	s.instance.state.mu.Lock()
	defer s.instance.state.mu.Unlock()
	return s.instance.mint(s.live)
}

// ExpiredToken is a token of the session that expired nine minutes ago. Put it
// into cookies with [Session.Cookies] to have them renewed.
func (s Session) ExpiredToken() string {
	s.instance.state.mu.Lock()
	defer s.instance.state.mu.Unlock()
	return s.instance.mintAt(s.live, s.instance.now().Add(-10*time.Minute), time.Minute)
}

// Cookies is what [Instance.Cookies] is, for the browser of this session and with
// its refresh token.
func (s Session) Cookies(token string) string {
	updated, ok := issuedAt(token)
	if !ok {
		updated = s.instance.now().Unix()
	}
	return s.instance.cookieHeader(token, updated, s.Browser) + "; " +
		s.instance.suffixed(cookieRefresh) + "=" + s.RefreshToken
}

// SetOrganization makes an organisation the active one; empty: the personal
// account. Tokens that were minted before keep theirs. Its errors are of the type
// [*Error].
func (s Session) SetOrganization(org string) error {
	s.instance.state.mu.Lock()
	defer s.instance.state.mu.Unlock()
	if refused := s.instance.activate(s.live, org); refused != nil {
		return refused
	}
	return nil
}

// End signs the browser out: the session can be refreshed no more.
func (s Session) End() {
	s.instance.state.mu.Lock()
	defer s.instance.state.mu.Unlock()
	if s.live.active() {
		s.instance.signOut(s.live.browser)
	}
}

// SetTokenLifetime changes how long the session tokens live that are minted from
// now on, in whole seconds; a negative one makes them expired from the start. 0
// is DefaultExpiresIn.
func (i *Instance) SetTokenLifetime(d time.Duration) {
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	i.state.lifetime = d
}

// Revoke revokes the machine token with this id, as the Backend API's revoke
// does. Its errors are of the type [*Error].
func (i *Instance) Revoke(id string) error {
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	t := i.state.token(id)
	if t == nil {
		return refuse(http.StatusNotFound, "", "there is no machine token %q", id)
	}
	t.revoke(i.now(), "")
	return nil
}
