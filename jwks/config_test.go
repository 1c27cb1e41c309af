package jwks_test

import (
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

func TestConfig(t *testing.T) {
	const url = "https://clerk.example.com/.well-known/jwks.json"
	for _, tt := range []struct {
		name string
		c    jwks.Config
		want string
	}{
		{"https", jwks.Config{URL: url}, ""},
		{"loopback name", jwks.Config{URL: "http://localhost:8080/jwks.json"}, ""},
		{"loopback IPv4", jwks.Config{URL: "http://127.1.2.3/jwks.json"}, ""},
		{"loopback IPv6", jwks.Config{URL: "http://[::1]:8080/jwks.json"}, ""},
		{"stale as long as refresh", jwks.Config{URL: url, Refresh: time.Hour, Stale: time.Hour}, ""},
		{"nothing", jwks.Config{}, "no key set URL"},
		{"plain http", jwks.Config{URL: "http://clerk.example.com/"}, `the key set URL "http://clerk.example.com/" is plain http, which anyone on the way can forge; use https`},
		{"almost loopback", jwks.Config{URL: "http://localhost.example.com/"}, `the key set URL "http://localhost.example.com/" is plain http, which anyone on the way can forge; use https`},
		{"a file", jwks.Config{URL: "file://host/jwks.json"}, `the key set URL "file://host/jwks.json" is not https`},
		{"no scheme", jwks.Config{URL: "clerk.example.com"}, `the key set URL "clerk.example.com" has no host`},
		{"no host", jwks.Config{URL: "https:///jwks.json"}, `the key set URL "https:///jwks.json" has no host`},
		{"a fragment", jwks.Config{URL: "https://clerk.example.com/#keys"}, `the key set URL "https://clerk.example.com/#keys" has a fragment`},
		{"a password", jwks.Config{URL: "https://me:" + upstream + "@clerk.example.com/"}, "the key set URL holds a user name or password; key sets are public"},
		{"no URL", jwks.Config{URL: "https://cl erk/%zz"}, "the key set URL is not a URL"},
		{"negative refresh", jwks.Config{URL: url, Refresh: -1}, "refresh is negative"},
		{"negative cooldown", jwks.Config{URL: url, Cooldown: -1}, "cooldown is negative"},
		{"negative stale", jwks.Config{URL: url, Stale: -1}, "stale is negative"},
		{"negative timeout", jwks.Config{URL: url, Timeout: -1}, "timeout is negative"},
		{"negative size", jwks.Config{URL: url, MaxBytes: -1}, "the size limit is negative"},
		{"stale before refreshed", jwks.Config{URL: url, Stale: time.Minute}, "stale (1m0s) is less than refresh (5m0s): keys would stop working before they are fetched again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source, err := jwks.NewSource(tt.c)
			switch {
			case tt.want == "" && (err != nil || source == nil):
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || source != nil || err.Error() != tt.want):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
