package e2e_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
)

// seenSecrets collects the values of Clerk's cookies and query parameters that
// went over the browser's network, by the name of the cookie or parameter.
type seenSecrets struct {
	mu     sync.Mutex
	values map[string]map[string]bool
}

func newSeenSecrets() *seenSecrets { return &seenSecrets{values: map[string]map[string]bool{}} }

// leastSecret is the length below which a value is none: a counter, a time, a
// word.
const leastSecret = 16

// secretNames begin the names of Clerk's cookies and parameters that speak for a
// person or a browser.
var secretNames = []string{"__session", "__refresh", "__client", "__clerk_db_jwt", "__clerk_handshake", "__dev_session"}

// addCookie keeps the value of a cookie or parameter if it is a secret and, of a
// token, each of its parts.
func (s *seenSecrets) addCookie(name, value string) {
	if slices.ContainsFunc(secretNames, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		s.add(name, value)
	}
}

func (s *seenSecrets) add(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range append(strings.Split(value, "."), value) {
		if len(part) < leastSecret {
			continue
		}
		if s.values[name] == nil {
			s.values[name] = map[string]bool{}
		}
		s.values[name][part] = true
	}
}

// addURL looks through a URL's query, and through the URLs that are in it.
func (s *seenSecrets) addURL(text string) {
	u, err := url.Parse(text)
	if err != nil {
		return
	}
	for name, values := range u.Query() {
		for _, value := range values {
			s.addCookie(name, value)
			if strings.Contains(value, "?") {
				s.addURL(value)
			}
		}
	}
}

// addPairs takes the cookies of a Cookie header, or of Set-Cookie lines.
func (s *seenSecrets) addPairs(text string) {
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		s.addCookie(name, value)
	}
}

// watch takes what an event of the network shows.
func (s *seenSecrets) watch(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		s.addURL(e.Request.URL)
	case *network.EventRequestWillBeSentExtraInfo:
		s.addHeaders(e.Headers)
	case *network.EventResponseReceivedExtraInfo:
		s.addHeaders(e.Headers)
	}
}

func (s *seenSecrets) addHeaders(headers network.Headers) {
	for name, value := range headers {
		text, _ := value.(string)
		switch strings.ToLower(name) {
		case "cookie", "set-cookie":
			s.addPairs(text)
		case "location":
			s.addURL(text)
		}
	}
}

// absent checks that no value is in a text.
func (s *seenSecrets) absent(t *testing.T, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, values := range s.values {
		for value := range values {
			if strings.Contains(text, value) {
				t.Errorf("a value of %s is in what a sidecar printed: %s", name, value)
			}
		}
	}
}

// seen checks that there were values of each kind, so that their absence from
// something proves a thing.
func (s *seenSecrets) seen(t *testing.T, prefixes ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, prefix := range prefixes {
		found := false
		for name := range s.values {
			found = found || strings.HasPrefix(name, prefix)
		}
		if !found {
			t.Errorf("no value of %s went over the network", prefix)
		}
	}
}

func (s *seenSecrets) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.values) > 0
}

// printedLogs is everything that the sidecars of the suite have printed.
type printedLogs struct {
	mu   sync.Mutex
	text strings.Builder
}

// keep adds what a sidecar has printed by the end of the test; its last words
// count, too, so it must be called before the sidecar is started.
func (l *printedLogs) keep(t *testing.T, s func() *sidecar) {
	t.Helper()
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s := s(); s != nil {
			l.text.WriteString(s.log())
		}
	})
}

func (l *printedLogs) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
