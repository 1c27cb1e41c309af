package backend_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend"
)

func TestConfig(t *testing.T) {
	key := func(url string) backend.Config { return backend.Config{URL: url, SecretKey: secretKey} }
	for _, tt := range []struct {
		name string
		c    backend.Config
		want string
	}{
		{"a key is enough", key(""), ""},
		{"a machine's key is enough", backend.Config{MachineSecretKey: machineKey}, ""},
		{"https", key("https://clerk-proxy.example.com/api/"), ""},
		{"loopback name", key("http://localhost:9010"), ""},
		{"loopback IPv4", key("http://127.1.2.3"), ""},
		{"loopback IPv6", key("http://[::1]:9010"), ""},
		{"the most", backend.Config{SecretKey: secretKey, Timeout: time.Minute, PositiveTTL: 30 * time.Second, NegativeTTL: 10 * time.Second}, ""},
		{"nothing", backend.Config{}, "secretKey is missing: write the instance's secret key (sk_live_… or sk_test_…, in the Clerk dashboard under API keys)"},
		{"plain http", key("http://api.clerk.com"), `apiUrl "http://api.clerk.com" is plain http, which shows the secret key to anyone on the way: write https`},
		{"almost loopback", key("http://localhost.example.com"), `apiUrl "http://localhost.example.com" is plain http, which shows the secret key to anyone on the way: write https`},
		{"a file", key("file://host/x"), `apiUrl "file://host/x" is not https: write a URL like https://api.clerk.com`},
		{"no scheme", key("api.clerk.com"), `apiUrl "api.clerk.com" has no host: write a URL like https://api.clerk.com`},
		{"a query", key("https://api.clerk.com?" + upstream), "apiUrl holds a query or a fragment: leave that out, as in https://api.clerk.com"},
		{"an empty query", key("https://api.clerk.com?"), "apiUrl holds a query or a fragment: leave that out, as in https://api.clerk.com"},
		{"a fragment", key("https://api.clerk.com#" + upstream), "apiUrl holds a query or a fragment: leave that out, as in https://api.clerk.com"},
		{"a password", key("https://me:" + upstream + "@api.clerk.com"), "apiUrl holds a user name or password: leave that out, as in https://api.clerk.com"},
		{"no URL", key("https://cl erk/%zz"), "apiUrl is not a URL: write one like https://api.clerk.com"},
		{"a key with its line end", backend.Config{SecretKey: secretKey + "\n"}, "secretKey holds a space, a line end or a character that is not ASCII: write the key and nothing else"},
		{"a publishable key", backend.Config{SecretKey: "pk_test_" + upstream}, "secretKey is a publishable key: write the secret key, which begins with sk_"},
		{"a machine's key", backend.Config{SecretKey: machineKey}, "secretKey is a machine's: write that as machineSecretKey, and here the instance's, which begins with sk_"},
		{"a machine's key with a dash", backend.Config{MachineSecretKey: machineKey + "–"}, "machineSecretKey holds a space, a line end or a character that is not ASCII: write the key and nothing else"},
		{"the instance's key for the machine", backend.Config{MachineSecretKey: secretKey}, "machineSecretKey is a key of the instance: write the machine's, which begins with ak_"},
		{"negative timeout", backend.Config{SecretKey: secretKey, Timeout: -1}, "Timeout is -1ns: write a time up to 1m0s, or 0 for 2s"},
		{"a timeout for the patient", backend.Config{SecretKey: secretKey, Timeout: time.Hour}, "Timeout is 1h0m0s: write a time up to 1m0s, or 0 for 2s"},
		{"good answers for too long", backend.Config{SecretKey: secretKey, PositiveTTL: time.Minute}, "PositiveTTL is 1m0s: write a time up to 30s, or 0 for 30s"},
		{"bad answers for too long", backend.Config{SecretKey: secretKey, NegativeTTL: time.Minute}, "NegativeTTL is 1m0s: write a time up to 10s, or 0 for 10s"},
		{"fewer than none", backend.Config{SecretKey: secretKey, MaxConcurrent: -1}, "MaxConcurrent is -1: write a positive number, or 0 for 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := backend.New(tt.c)
			switch {
			case tt.want == "" && (err != nil || client == nil):
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || client != nil || err.Error() != tt.want):
				t.Errorf("got %v, want %s", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "SECRET"):
				t.Errorf("this must not be told: %v", err)
			}
		})
	}
}
