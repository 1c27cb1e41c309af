package jwks

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What a [Config] means where it is silent. Five minutes is how long Clerk's SDK
// keeps keys. The others are our judgement: ten seconds are short for a user
// after a rotation and long for an endpoint under a flood; a day is a long outage,
// and a key that leaked should not outlive it by much; five seconds and one
// mebibyte are far beyond any honest answer, which takes milliseconds and has a
// kilobyte.
const (
	DefaultRefresh  = 5 * time.Minute
	DefaultCooldown = 10 * time.Second
	DefaultStale    = 24 * time.Hour
	DefaultTimeout  = 5 * time.Second
	DefaultMaxBytes = 1 << 20
)

// Config describes a key set endpoint and how to treat it. Only URL is required.
type Config struct {
	// URL of the key set: https, or http if the host is a loopback address or
	// localhost.
	URL string
	// Refresh is the time between fetches in the background, give or take a
	// tenth. Zero is DefaultRefresh.
	Refresh time.Duration
	// Cooldown is the time after a fetch for an unknown key id in which no other
	// unknown id causes one. Zero is DefaultCooldown.
	Cooldown time.Duration
	// Stale is the age at which keys that could not be refreshed stop working. It
	// must not be less than Refresh. Zero is DefaultStale.
	Stale time.Duration
	// Timeout bounds one fetch from the first lookup to the last byte. Zero is
	// DefaultTimeout.
	Timeout time.Duration
	// MaxBytes bounds the body of an answer. Zero is DefaultMaxBytes.
	MaxBytes int64
	// Transport carries the requests; it must heed their contexts. Nil is a
	// transport of the source's own that honours HTTPS_PROXY and the like.
	Transport http.RoundTripper
	// Logger gets a warning for each failed fetch and a line when keys arrive or
	// change. Nil discards them.
	Logger *slog.Logger

	// Now is the clock that ages and cool-downs are measured with. Nil is
	// time.Now.
	Now func() time.Time
	// After is the timer behind refreshes, retries and the timeout of a fetch. Nil
	// is time.After.
	After func(time.Duration) <-chan time.Time
	// Jitter returns a number from 0 up to 1, exclusive, that spreads the fetches
	// of a fleet. Nil is a random one.
	Jitter func() float64
}

// complete fills the gaps and refuses what makes no sense.
func (c *Config) complete() error {
	if err := checkURL(c.URL); err != nil {
		return err
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
	}{
		{"refresh", &c.Refresh, DefaultRefresh},
		{"cooldown", &c.Cooldown, DefaultCooldown},
		{"stale", &c.Stale, DefaultStale},
		{"timeout", &c.Timeout, DefaultTimeout},
	} {
		if *d.value < 0 {
			return fmt.Errorf("%s is negative", d.name)
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if c.Stale < c.Refresh {
		return fmt.Errorf("stale (%v) is less than refresh (%v): keys would stop working before they are fetched again", c.Stale, c.Refresh)
	}
	if c.MaxBytes < 0 {
		return errors.New("the size limit is negative")
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	c.completeSeams()
	return nil
}

func (c *Config) completeSeams() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Jitter == nil {
		c.Jitter = randomFraction
	}
}

// randomFraction needs no secrecy, but crypto/rand needs no seed.
func randomFraction() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// checkURL quotes the text only where it cannot hold a password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("no key set URL")
	case err != nil:
		return errors.New("the key set URL is not a URL")
	case u.User != nil:
		return errors.New("the key set URL holds a user name or password; key sets are public")
	case u.Hostname() == "":
		return fmt.Errorf("the key set URL %q has no host", text)
	case u.Fragment != "":
		return fmt.Errorf("the key set URL %q has a fragment", text)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("the key set URL %q is plain http, which anyone on the way can forge; use https", text)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the key set URL %q is not https", text)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// NewSource checks the configuration. It does no I/O: that begins with
// [Source.Run].
func NewSource(c Config) (*Source, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Source{config: c, ready: make(chan struct{})}
	s.client, s.release = newClient(c.Transport)
	s.base, s.stop = context.WithCancel(context.Background())
	s.state.Store(&state{})
	return s, nil
}
