package backend

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// What a [Config] means where it is silent. All of it is our judgement: an
// honest answer takes a tenth of a second, and a proxy that waits for ours has
// rarely more than a second or two. Clerk allows 1000 calls in ten seconds, which 32 at
// a time reach. A revoked key goes on working for as long as a good answer is
// kept, so thirty seconds are the most; a key that was made just after it was
// tried works ten seconds later.
const (
	DefaultURL           = "https://api.clerk.com"
	DefaultTimeout       = 2 * time.Second
	DefaultMaxConcurrent = 32
	DefaultPositiveTTL   = 30 * time.Second
	DefaultNegativeTTL   = 10 * time.Second
)

// waitingPerCall is how many calls may wait for each one that is under way: with
// answers of a tenth of a second the last of them waits four tenths, which is
// about as long as anybody waits for us.
const waitingPerCall = 4

// Config describes the Backend API and how to treat it. One of the two keys is
// required, the rest has defaults.
type Config struct {
	// URL is Clerk's apiUrl, without /v1: https, or http if the host is a
	// loopback address or localhost. Empty is DefaultURL.
	URL string
	// SecretKey is the secret key of the instance (sk_…). Without it only
	// machine-to-machine tokens can be verified.
	SecretKey string
	// MachineSecretKey is the secret key of this service's machine (ak_…).
	// Machine-to-machine tokens are then verified with it, so that Clerk checks
	// that they were made for this machine; without it with SecretKey.
	MachineSecretKey string
	// Timeout bounds one call from the first look-up to the last byte, and one
	// [Client.Do]. Zero is DefaultTimeout.
	Timeout time.Duration
	// MaxConcurrent is how many calls may be under way; four times as many more
	// may wait for their turn. Zero is DefaultMaxConcurrent.
	MaxConcurrent int
	// PositiveTTL and NegativeTTL are how long answers to verifications are kept,
	// good and bad ones, at most as long as their defaults. Zero is
	// DefaultPositiveTTL and DefaultNegativeTTL.
	PositiveTTL, NegativeTTL time.Duration
	// Transport carries the calls; it must heed their contexts. Nil is a
	// transport of the client's own that honours HTTPS_PROXY and the like.
	Transport http.RoundTripper
	// Now is the clock that ages and pauses are measured with. Nil is time.Now.
	Now func() time.Time
	// Logger is told when the Backend API fails, limits us or refuses our key, at
	// most once a minute each, and when calls are suspended and resumed. Nil
	// discards it.
	Logger *slog.Logger
}

// complete fills the gaps and refuses what makes no sense.
func (c *Config) complete() error {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	for _, check := range []func() error{c.checkURL, c.checkKeys, c.completeLimits} {
		if err := check(); err != nil {
			return err
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Transport == nil {
		c.Transport = newTransport(c.MaxConcurrent)
	}
	return nil
}

// checkURL quotes the text only where it cannot hold a password.
func (c *Config) checkURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return fmt.Errorf("apiUrl is not a URL: write one like %s", DefaultURL)
	case u.User != nil:
		return fmt.Errorf("apiUrl holds a user name or password: leave that out, as in %s", DefaultURL)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("apiUrl holds a query or a fragment: leave that out, as in %s", DefaultURL)
	case u.Hostname() == "":
		return fmt.Errorf("apiUrl %q has no host: write a URL like %s", c.URL, DefaultURL)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("apiUrl %q is plain http, which shows the secret key to anyone on the way: write https", c.URL)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("apiUrl %q is not https: write a URL like %s", c.URL, DefaultURL)
	}
	c.URL = strings.TrimRight(u.String(), "/")
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// checkKeys knows the mix-ups that happen; Clerk itself knows the rest.
func (c *Config) checkKeys() error {
	switch {
	case c.SecretKey == "" && c.MachineSecretKey == "":
		return errors.New("secretKey is missing: write the instance's secret key (sk_live_… or sk_test_…, in the Clerk dashboard under API keys)")
	case c.SecretKey != "" && !isVisible(c.SecretKey):
		return errors.New("secretKey holds a space, a line end or a character that is not ASCII: write the key and nothing else")
	case strings.HasPrefix(c.SecretKey, "pk_"):
		return errors.New("secretKey is a publishable key: write the secret key, which begins with sk_")
	case strings.HasPrefix(c.SecretKey, "ak_"):
		return errors.New("secretKey is a machine's: write that as machineSecretKey, and here the instance's, which begins with sk_")
	case c.MachineSecretKey != "" && !isVisible(c.MachineSecretKey):
		return errors.New("machineSecretKey holds a space, a line end or a character that is not ASCII: write the key and nothing else")
	case strings.HasPrefix(c.MachineSecretKey, "sk_"), strings.HasPrefix(c.MachineSecretKey, "pk_"):
		return errors.New("machineSecretKey is a key of the instance: write the machine's, which begins with ak_")
	}
	return nil
}

// isVisible reports whether text is visible ASCII and nothing else, which is
// what keys and tokens are made of.
func isVisible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func (c *Config) completeLimits() error {
	for _, d := range []struct {
		name           string
		value          *time.Duration
		standard, most time.Duration
	}{
		{"Timeout", &c.Timeout, DefaultTimeout, time.Minute},
		{"PositiveTTL", &c.PositiveTTL, DefaultPositiveTTL, DefaultPositiveTTL},
		{"NegativeTTL", &c.NegativeTTL, DefaultNegativeTTL, DefaultNegativeTTL},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < 0 || *d.value > d.most {
			return fmt.Errorf("%s is %v: write a time up to %v, or 0 for %v", d.name, *d.value, d.most, d.standard)
		}
	}
	if c.MaxConcurrent < 0 {
		return fmt.Errorf("MaxConcurrent is %d: write a positive number, or 0 for %d", c.MaxConcurrent, DefaultMaxConcurrent)
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = DefaultMaxConcurrent
	}
	return nil
}

// keyFor returns the key that a call is made with, and the name of its setting.
func (c *Config) keyFor(kind clerk.CallKind) (key, setting string) {
	if kind == clerk.CallVerifyM2M && c.MachineSecretKey != "" {
		return c.MachineSecretKey, "machineSecretKey"
	}
	return c.SecretKey, "secretKey"
}
