package clerk

import (
	_ "embed"
	"strings"
	"testing"
	"time"
)

//go:embed testdata/publishable_keys.txt
var publishableKeys string

func TestPublishableKeys(t *testing.T) {
	for _, line := range table(publishableKeys) {
		f := strings.Fields(line)
		key, err := ParsePublishableKey(f[0])
		want := PublishableKey{Host: f[1], Development: f[2] == "development", Suffix: f[3], Raw: f[0]}
		if err != nil || key != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", f[0], key, err, want)
		}
	}
}

func TestPublishableKeyThatIsNone(t *testing.T) {
	for _, c := range []struct{ key, want string }{
		{"", "a publishable key begins with pk_live_ or pk_test_"},
		{"pk_prod_Y2xlcmsuZXhhbXBsZS5jb20k", "a publishable key begins with pk_live_ or pk_test_"},
		{"sk_live_abc", "this is a secret key, not a publishable key"},
		{"pk_live_", "not a publishable key: it does not end as one; was it cut short?"},
		{"pk_live_Y2xlcmsuZXhhbXBsZS5jb20", "not a publishable key: it does not end as one; was it cut short?"},
		{"pk_live_Y2xlcmsuZXhhbXBsZS5jb20k\n", "not a publishable key: it holds a line break"},
		{"pk_live_Y2xlcmsuZXhhbXBsZS5jb20k=", "not a publishable key: what follows the prefix is not base64"},
		{"pk_live_Y2xlcmsuZXhhbXBsZS5jb20k_x", "not a publishable key: what follows the prefix is not base64"},
		{"pk_live_Y2xlcmskLmNvbSQ", "not a publishable key: it holds no host name"}, // clerk$.com$
		{"pk_live_bG9jYWxob3N0JA", "not a publishable key: it holds no host name"},  // localhost$
		{"pk_live_YS5iL2Mk", "not a publishable key: it holds no host name"},        // a.b/c$
		{"pk_live_YS5iOmMk", "not a publishable key: it holds no host name"},        // a.b:c$
	} {
		if _, err := ParsePublishableKey(c.key); err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.key, err, c.want)
		}
	}
}

func TestPublishableKeyOfALocalInstance(t *testing.T) {
	key, err := ParsePublishableKey("pk_test_MTI3LjAuMC4xOjQwMDAk") // 127.0.0.1:4000$
	if err != nil || key.Host != "127.0.0.1:4000" {
		t.Errorf("host %q, %v", key.Host, err)
	}
}

func TestSettingsThatCannotBeRight(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"a publishable key begins with pk_live_ or pk_test_": func(s *Settings) { s.PublishableKey = "x" },
		"the instance has no keys to verify tokens with":     func(s *Settings) { s.Keys = nil },
		"the clock skew is negative":                         func(s *Settings) { s.ClockSkew = -time.Second },
		"an issuer is empty":                                 func(s *Settings) { s.Issuers = []string{""} },
		"an authorised party is empty":                       func(s *Settings) { s.AuthorizedParties = []string{"a", ""} },
		"an audience is empty":                               func(s *Settings) { s.Audiences = []string{""} },
	} {
		s := Settings{PublishableKey: liveKey, Keys: ring()}
		change(&s)
		if _, err := NewInstance(s); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
