package clerktest

import (
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"
)

// nonceLifetime is how long the outcome of a handshake waits to be fetched. A
// redirect takes a moment; Clerk's own limit is not known.
const nonceLifetime = time.Minute

// state is what an instance remembers between requests. The lock guards all of
// it, also what the pointers point to.
type state struct {
	mu       sync.Mutex
	browsers map[string]*browser // by id
	sessions map[string]*session // by id
	outcomes map[string]outcome  // of handshakes, by nonce
	tokens   map[string]*issued  // machine tokens, by the token
	machines map[string]Machine  // by id, each with its secret key
	lifetime time.Duration       // of session tokens
	failing  int                 // status that the Backend API fails with, or 0
	calls    int                 // of the Backend API
}

// browser is what Clerk calls a client. Development instances know it by
// __clerk_db_jwt, production instances by __client.
type browser struct {
	id      string
	session *session // nil: signed out
	updated int64    // seconds since the epoch: __client_uat while signed in
	minted  int64    // iat of the newest session token
}

type session struct {
	id, refresh string
	user        User
	org         string // id of the active organisation, or empty
	pending     bool
	browser     *browser
}

// active tells whether the session is the one that its browser is signed in with.
func (s *session) active() bool { return s.browser.session == s }

type outcome struct {
	directives []string
	until      time.Time
}

func newState(machines []Machine, lifetime time.Duration) *state {
	s := &state{
		browsers: map[string]*browser{}, sessions: map[string]*session{}, outcomes: map[string]outcome{},
		tokens: map[string]*issued{}, machines: map[string]Machine{}, lifetime: lifetime,
	}
	for _, m := range machines {
		if m.SecretKey == "" {
			m.SecretKey = apiKeyPrefix + rand.Text()
		}
		s.machines[m.ID] = m
	}
	return s
}

// newBrowser needs the lock.
func (s *state) newBrowser() *browser {
	b := &browser{id: "dvb_" + rand.Text()}
	s.browsers[b.id] = b
	return b
}

// newNonce keeps the directives of a handshake. It needs the lock.
func (s *state) newNonce(directives []string, now time.Time) string {
	maps.DeleteFunc(s.outcomes, func(_ string, o outcome) bool { return now.After(o.until) })
	nonce := rand.Text()
	s.outcomes[nonce] = outcome{directives, now.Add(nonceLifetime)}
	return nonce
}

// listMachines are the machines of the directory, each with its secret key.
func (i *Instance) listMachines() []Machine {
	if i.directory == nil {
		return nil
	}
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	list := slices.Clone(i.directory.Machines)
	for n, m := range list {
		list[n] = i.state.machines[m.ID]
	}
	return list
}

// changed notes that who is signed in, and as what, is different from now on. On
// a production instance only __client_uat tells the application so: it must be
// newer than each token that was minted before, and clocks have whole seconds.
func (i *Instance) changed(b *browser) {
	b.updated = i.now().Unix()
	if !i.key.Development {
		b.updated = max(b.updated, b.minted+1)
	}
}
