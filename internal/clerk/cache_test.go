package clerk

import (
	"crypto"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// Nothing that is remembered of a token outlives a reason to refuse it.
func TestCacheNeverPassesWhatIsRefused(t *testing.T) {
	good := mint(t, nil, claims{"azp": "https://app.example.com", "aud": "billing"})
	const none = "session-token-and-uat-missing"
	type world struct {
		settings Settings
		keys     keyring
		now      time.Time
		several  bool
	}
	for _, c := range []struct {
		name   string
		change func(*world)
		header string
		cookie string
	}{
		{"nothing changes", func(*world) {}, "signed-in", "signed-in"},
		{"key rotated under its id", func(w *world) { w.keys["ins_live"] = keyOf("ins_new", "RS256") }, "token-invalid-signature", "token-invalid-signature"},
		{"key vanished", func(w *world) { delete(w.keys, "ins_live") }, "jwk-kid-mismatch", "jwk-kid-mismatch"},
		{"keys unavailable", func(w *world) { w.settings.Keys = failing{jwks.ErrUnavailable} }, jwks.ErrUnavailable.Error(), jwks.ErrUnavailable.Error()},
		{"key fetched anew, unchanged", func(w *world) { w.keys["ins_live"] = keyOf("ins_live", "RS256") }, "signed-in", "signed-in"},
		{"key for another algorithm", func(w *world) { w.keys["ins_live"] = keyOf("ins_live", "RS512") }, "token-verification-failed", "token-verification-failed"},
		{"another instance, same keys", func(w *world) { w.settings.PublishableKey = otherKey }, "token-invalid-issuer", none},
		{"another instance among several", func(w *world) { w.settings.PublishableKey, w.several = otherKey, true }, "token-invalid-issuer", none},
		{"issuers changed", func(w *world) { w.settings.Issuers = []string{"https://x.example.com"} }, "token-invalid-issuer", "token-invalid-issuer"},
		{"parties changed", func(w *world) { w.settings.AuthorizedParties = []string{"https://b.example.com"} }, "token-invalid-authorized-parties", "token-invalid-authorized-parties"},
		{"audiences changed", func(w *world) { w.settings.Audiences = []string{"ledger"} }, "token-verification-failed", "token-verification-failed"},
		{"expired since", func(w *world) { w.now = w.now.Add(65 * time.Second) }, "session-token-expired-refresh-non-eligible-no-refresh-cookie", "session-token-expired-refresh-non-eligible-no-refresh-cookie"},
		{"clock set back", func(w *world) { w.now = w.now.Add(-time.Hour) }, "session-token-nbf", "session-token-nbf"},
		{"cookies turned off", func(w *world) { w.settings.Cookies = false }, "signed-in", none},
	} {
		cache := NewCache(100)
		w := world{keys: ring(), now: issuedAt}
		w.settings = Settings{PublishableKey: liveKey, Keys: w.keys, Cookies: true, ClockSkew: 5 * time.Second}
		ask := func() (header, cookie string) {
			in, err := NewInstance(w.settings)
			if err != nil {
				t.Fatal(err)
			}
			all := Instances{in}
			if w.several {
				all = append(all, instance(t, func(s *Settings) { s.PublishableKey = testKey }))
			}
			byHeader := all.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + good}, cache, w.now)
			byCookie := all.Authenticate(&Request{Method: "GET", Cookie: "__session=" + good + "; __client_uat=1", CookieInstance: in}, cache, w.now)
			return outcome(byHeader), outcome(byCookie)
		}
		if header, cookie := ask(); header != "signed-in" || cookie != "signed-in" {
			t.Fatalf("%s: before: %s, %s", c.name, header, cookie)
		}
		if s := cache.Stats(); s != (CacheStats{Hits: 1, Misses: 1, Entries: 1}) {
			t.Fatalf("%s: before: %+v", c.name, s)
		}
		c.change(&w)
		for range 2 { // the second time what was just refused is remembered
			if header, cookie := ask(); header != c.header || cookie != c.cookie {
				t.Errorf("%s: got %s and %s, want %s and %s", c.name, header, cookie, c.header, c.cookie)
			}
		}
	}
}

func TestCacheSparesArithmetic(t *testing.T) {
	in, cache := instance(t, nil), NewCache(2)
	now := issuedAt
	ask := func(token string) string {
		return outcome(Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + token}, cache, now))
	}
	forged := signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).json(t))
	for range 5 {
		if got := ask(forged); got != "token-invalid-signature" {
			t.Fatalf("forged: %s", got)
		}
		if got := ask(mint(t, nil, nil)); got != "signed-in" {
			t.Fatalf("good: %s", got)
		}
	}
	if s := cache.Stats(); s != (CacheStats{Hits: 8, Misses: 2, Entries: 1}) {
		t.Errorf("five of each: %+v", s)
	}
	now = now.Add(refutedFor)
	if ask(forged); cache.Stats().Misses != 3 {
		t.Errorf("a bad signature is remembered for longer than %v", refutedFor)
	}
	// A key that comes later may be the one that signed it.
	in = instance(t, func(s *Settings) { s.Keys = keyring{"ins_live": keyOf("ins_new", "RS256")} })
	if got := ask(forged); got != "signed-in" {
		t.Errorf("forged, with the key that signed it: %s", got)
	}
	for i := range 10 {
		ask(signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).with(claims{"jti": fmt.Sprint(i)}).json(t)))
	}
	if s := cache.Stats(); s.Entries != 2 {
		t.Errorf("the cache is not bounded: %+v", s)
	}
}

// A token that only we refuse is refused again when it is remembered.
func TestCacheRemembersStrictness(t *testing.T) {
	in, cache := instance(t, nil), NewCache(8)
	token := mint(t, nil, claims{"sub": "client_1"})
	for range 3 {
		s := Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + token}, cache, issuedAt)
		if got := outcome(s); got != "token-verification-failed" {
			t.Errorf("got %s", got)
		}
	}
}

// TestOneComputesForAll: of several requests with a token that is new, one verifies
// it, and the others have the result; unless they go by another key.
func TestOneComputesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance(t, nil)
		forged := signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).json(t))
		sum := digestOf(forged)
		key := in.settings.Keys.(keyring)["ins_live"]
		for name, tt := range map[string]struct {
			found finding
			want  string
			stats CacheStats
		}{
			"this key":          {finding{key, crypto.SHA256, true}, "signed-in", CacheStats{Hits: 3, Entries: 1}},
			"another key":       {finding{keyOf("ins_new", "RS256"), crypto.SHA256, true}, "token-invalid-signature", CacheStats{Misses: 3}},
			"another algorithm": {finding{key, crypto.SHA512, true}, "token-invalid-signature", CacheStats{Misses: 3}},
		} {
			cache := NewCache(8)
			answer := make(chan struct{})
			go func() {
				_, _, _ = cache.flights.Do(string(sum[:]), func() (any, error) { <-answer; return tt.found, nil })
			}()
			synctest.Wait()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					s := Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + forged}, cache, issuedAt)
					if got := outcome(s); got != tt.want {
						t.Errorf("%s: %s", name, got)
					}
				})
			}
			synctest.Wait()
			close(answer)
			wg.Wait()
			if got := cache.Stats(); got != tt.stats {
				t.Errorf("%s: %+v", name, got)
			}
		}
	})
}

// TestRefutedByAnotherKey: what a token says is not lost when a key did not sign it,
// and the next one did.
func TestRefutedByAnotherKey(t *testing.T) {
	before, after := instance(t, func(s *Settings) { s.PublishableKey, s.Issuers = testKey, []string{liveIssuer} }), keyring{"ins_live": keyOf("ins_new", "RS256")}
	signed := func(c claims) string {
		return signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).with(c).json(t))
	}
	session := signed(claims{"sts": "pending", "org_id": "org_1"})
	cache := NewCache(10)
	byHeader := func(in *Instance) State {
		return Instances{in}.Authenticate(&Request{Method: "GET", Authorization: session}, cache, issuedAt)
	}
	handshake := signed(claims{"handshake": []string{"__session=" + session}})
	byHandshake := func(in *Instance) State {
		return Instances{in}.Authenticate(&Request{Method: "GET", Scheme: "https", Host: "app.example.com", CookieInstance: in, Cookie: "__clerk_handshake=" + handshake}, cache, issuedAt)
	}
	for range 3 {
		if a, b := outcome(byHeader(before)), byHandshake(before); a != "token-invalid-signature" || b.SignedIn {
			t.Fatalf("before: %s, %+v", a, b)
		}
	}
	next := instance(t, func(s *Settings) { s.PublishableKey, s.Issuers, s.Keys = testKey, []string{liveIssuer}, after })
	for name, s := range map[string]State{"header": byHeader(next), "handshake": byHandshake(next)} {
		if !s.SignedIn || !s.Session.Pending || s.Session.OrgID != "org_1" {
			t.Errorf("%s: %+v %+v", name, s, s.Session)
		}
	}
	broken := &presented{raw: "x", token: newToken(), bare: true}
	if p := broken.prove(after["ins_live"]); p.strict == nil || p.session != nil {
		t.Errorf("read without its claims: %+v", p)
	}
}

func TestNoCache(t *testing.T) {
	for _, cache := range []*Cache{nil, NewCache(0), NewCache(-1)} {
		s := Instances{instance(t, nil)}.Authenticate(&Request{Authorization: mint(t, nil, nil)}, cache, issuedAt)
		if outcome(s) != "signed-in" || cache.Stats() != (CacheStats{}) {
			t.Errorf("got %s, %+v", outcome(s), cache.Stats())
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	in, cache := instance(t, nil), NewCache(4)
	tokens := map[string]string{}
	for i := range 8 {
		sub := fmt.Sprintf("user_%d", i)
		tokens[sub] = mint(t, nil, claims{"sub": sub})
	}
	var wg sync.WaitGroup
	for sub, token := range tokens {
		wg.Go(func() {
			for range 50 {
				s := Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + token}, cache, issuedAt)
				if outcome(s) != "signed-in" || s.Session.UserID != sub {
					t.Errorf("%s: got %s", sub, outcome(s))
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	in := instance(b, func(s *Settings) { s.AuthorizedParties = []string{"https://app.example.com"} })
	token := mint(b, nil, claims{"azp": "https://app.example.com", "v": 2, "fea": "o:a,o:b,o:c", "o": claims{"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,write,manage", "fpm": "7,3,1"}})
	forged := token[:strings.LastIndex(token, ".")] + ".AAAA"
	for _, c := range []struct {
		name  string
		cache *Cache
		r     Request
	}{
		{"header/cached", NewCache(10), Request{Authorization: "Bearer " + token}},
		{"header/uncached", nil, Request{Authorization: "Bearer " + token}},
		{"header/forged", NewCache(10), Request{Authorization: "Bearer " + forged}},
		{"cookie/cached", NewCache(10), Request{Cookie: "a=b; __client_uat=1; __session=" + token, CookieInstance: in}},
	} {
		c.r.Method = "GET"
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Instances{in}.Authenticate(&c.r, c.cache, issuedAt)
			}
		})
	}
}

// TestPendingByAnotherKey: a policy that is loaded again brings key sources of its
// own, with equal keys that are not the same. What a token says does not change
// with that: a pending session stays pending.
func TestPendingByAnotherKey(t *testing.T) {
	cache := NewCache(10)
	token := mint(t, nil, claims{"sts": "pending", "org_id": "org_1"})
	for range 3 {
		in := instance(t, func(s *Settings) { s.Keys = keyring{"ins_live": keyOf("ins_live", "RS256")} })
		s := Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + token}, cache, issuedAt)
		if !s.SignedIn || !s.Session.Pending || s.Session.OrgID != "org_1" || s.Session.SessionID != "sess_1" {
			t.Fatalf("%+v", s.Session)
		}
		if want := in.settings.Keys.(keyring)["ins_live"]; s.Session.Key != want {
			t.Errorf("proven by another key")
		}
	}
}

// TestProofWithinAnotherSkew: the session of a handshake may be judged twice.
func TestProofWithinAnotherSkew(t *testing.T) {
	in := instance(t, func(s *Settings) { s.PublishableKey, s.Issuers = testKey, []string{liveIssuer} })
	cache := NewCache(10)
	token := mint(t, nil, claims{"sts": "pending", "exp": issuedAt.Unix() - 3600})
	for range 2 {
		r := &Request{Method: "GET", Scheme: "https", Host: "app.example.com", CookieInstance: in,
			Cookie: "__clerk_handshake=" + handshakeToken(t, nil, []string{"__session=" + token})}
		if s := (Instances{in}).Authenticate(r, cache, issuedAt); !s.SignedIn || !s.Session.Pending {
			t.Fatalf("%+v", s)
		}
	}
}

// TestBeside: a cache beside another one knows what that one has verified, good
// and bad, and leaves it as it is, though the same tokens are verified by keys that
// are others to it.
func TestBeside(t *testing.T) {
	live, cache := instance(t, nil), NewCache(2)
	other := instance(t, func(s *Settings) { s.Keys = keyring{"ins_live": keyOf("ins_live", "RS256")} })
	beside := cache.Beside()
	good, more := mint(t, nil, nil), mint(t, nil, claims{"jti": "more"})
	forged := signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).json(t))
	ask := func(in *Instance, c *Cache, token, want string) {
		t.Helper()
		if got := outcome(Instances{in}.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + token}, c, issuedAt)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	stats := func(what string, c *Cache, want CacheStats) {
		t.Helper()
		if got := c.Stats(); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	ask(live, cache, good, "signed-in")
	ask(live, cache, forged, "token-invalid-signature")
	ask(live, beside, good, "signed-in")
	ask(live, beside, forged, "token-invalid-signature")
	stats("with the same keys, beside", beside, CacheStats{Hits: 2})
	for range 3 {
		ask(other, beside, good, "signed-in")
		ask(other, beside, forged, "token-invalid-signature")
		ask(live, cache, good, "signed-in")
		ask(live, cache, forged, "token-invalid-signature")
	}
	stats("with other keys, beside", beside, CacheStats{Hits: 6, Misses: 2, Entries: 1})
	for i := range 5 {
		ask(other, beside, mint(t, nil, claims{"jti": fmt.Sprint(i)}), "signed-in")
	}
	stats("full, beside", beside, CacheStats{Hits: 6, Misses: 7, Entries: 2})
	ask(live, cache, more, "signed-in")
	stats("itself", cache, CacheStats{Hits: 6, Misses: 3, Entries: 2})
	// Being asked about beside makes nothing younger: the next goes, as if it had not been.
	ask(live, beside, good, "signed-in")
	ask(live, cache, mint(t, nil, claims{"jti": "last"}), "signed-in")
	ask(live, cache, more, "signed-in")
	stats("itself, after one was evicted", cache, CacheStats{Hits: 7, Misses: 4, Entries: 2})
	if (*Cache)(nil).Beside() != nil {
		t.Error("there is a cache beside none")
	}
}
