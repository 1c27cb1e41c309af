package clerk

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// PublishableKey is what a Clerk publishable key says about its instance.
type PublishableKey struct {
	// Host is the Frontend API host, such as clerk.example.com; local
	// instances add a port.
	Host string
	// Development says that the instance is one (pk_test_), not a production
	// instance (pk_live_).
	Development bool
	// Suffix is what the names of the instance's suffixed cookies end with:
	// the first eight characters of the base64url SHA-1 of Raw. Clerk chose
	// SHA-1; nothing secret hangs on it.
	Suffix string
	// Raw is the key as it was given. The suffix depends on its every byte.
	Raw string
}

// ParsePublishableKey reads a publishable key: "pk_live_" or "pk_test_", then
// the standard base64 of the Frontend API host and "$". Padding is optional.
func ParsePublishableKey(key string) (PublishableKey, error) {
	encoded, live := strings.CutPrefix(key, "pk_live_")
	if !live {
		var test bool
		if encoded, test = strings.CutPrefix(key, "pk_test_"); !test {
			if strings.HasPrefix(key, "sk_") {
				return PublishableKey{}, errors.New("this is a secret key, not a publishable key")
			}
			return PublishableKey{}, errors.New("a publishable key begins with pk_live_ or pk_test_")
		}
	}
	host, err := decodeHost(encoded)
	if err != nil {
		return PublishableKey{}, fmt.Errorf("not a publishable key: %w", err)
	}
	sum := sha1.Sum([]byte(key))
	return PublishableKey{
		Host:        host,
		Development: !live,
		Suffix:      base64.RawURLEncoding.EncodeToString(sum[:])[:8],
		Raw:         key,
	}, nil
}

func decodeHost(encoded string) (string, error) {
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(encoded, "=") {
		encoding = base64.StdEncoding
	}
	// The decoder skips line breaks; the cookie suffix would not.
	if strings.ContainsAny(encoded, "\r\n") {
		return "", errors.New("it holds a line break")
	}
	text, err := encoding.DecodeString(encoded)
	if err != nil {
		return "", errors.New("what follows the prefix is not base64")
	}
	host, ended := strings.CutSuffix(string(text), "$")
	if !ended {
		return "", errors.New("it does not end as one; was it cut short?")
	}
	if !plainHost(host) {
		return "", errors.New("it holds no host name")
	}
	return host, nil
}

// plainHost reports whether host can stand in a URL as it is: a dotted name or
// IPv4 address, with or without a port.
func plainHost(host string) bool {
	name, port, hasPort := strings.Cut(host, ":")
	if hasPort && (port == "" || len(port) > 5 || strings.Trim(port, digits) != "") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '.' {
			return false
		}
	}
	return strings.Contains(name, ".")
}

const digits = "0123456789"

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
