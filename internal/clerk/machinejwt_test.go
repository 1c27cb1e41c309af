package clerk

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

func TestMachineJWTIdentity(t *testing.T) {
	in := tokenWorld(t, nil)
	for _, c := range []struct{ name, token, want string }{
		{"machine", mintM2M(t, nil, nil),
			`{"Claims":{"scopes":"mch_this"},"ExpiresAt":"2023-11-14T22:14:20Z","ID":"mt_1","MachineID":"mch_1","Scopes":["mch_this"],"Subject":"mch_1"}`},
		{"machine for several, with claims", mintM2M(t, nil, claims{"scopes": "mch_2  mch_this", "plan": "pro", "nested": claims{"a": "<b>"}}),
			`{"Claims":{"nested":{"a":"\u003cb\u003e"},"plan":"pro","scopes":"mch_2  mch_this"},"ExpiresAt":"2023-11-14T22:14:20Z","ID":"mt_1","MachineID":"mch_1","Scopes":["mch_2","mch_this"],"Subject":"mch_1"}`},
		{"machine by aud, from before there were categories", mintM2M(t, claims{"cat": gone{}}, claims{"scopes": gone{}, "jti": gone{}, "aud": []string{"mch_this", "mch_2"}}),
			`{"Audiences":["mch_this","mch_2"],"Claims":{"aud":["mch_this","mch_2"]},"ExpiresAt":"2023-11-14T22:14:20Z","MachineID":"mch_1","Scopes":["mch_this","mch_2"],"Subject":"mch_1"}`},
		{"machine, audiences of others", mintM2M(t, claims{"typ": gone{}}, claims{"aud": "ledger", "azp": "https://evil.com"}),
			`{"Audiences":["ledger"],"Claims":{"aud":"ledger","azp":"https://evil.com","scopes":"mch_this"},"ExpiresAt":"2023-11-14T22:14:20Z","ID":"mt_1","MachineID":"mch_1","Scopes":["mch_this"],"Subject":"mch_1"}`},
		{"grant", mintOAuth(t, nil, nil),
			`{"Audiences":["billing"],"ClientID":"client_1","ExpiresAt":"2023-11-14T22:14:20Z","ID":"oat_1","Scopes":["read"],"Subject":"user_1","UserID":"user_1"}`},
		{"grant with scope, an actor, no ids", mintOAuth(t, claims{"typ": "application/at+jwt", "cat": categoryTemplate}, claims{"scp": gone{}, "scope": "read write", "jti": gone{}, "client_id": gone{}, "aud": []string{"x", "billing"}, "act": claims{"sub": "user_2", "iss": "x"}}),
			`{"ActorID":"user_2","Audiences":["x","billing"],"ExpiresAt":"2023-11-14T22:14:20Z","Scopes":["read","write"],"Subject":"user_1","UserID":"user_1"}`},
		{"grant for nothing", mintOAuth(t, nil, claims{"scp": gone{}}),
			`{"Audiences":["billing"],"ClientID":"client_1","ExpiresAt":"2023-11-14T22:14:20Z","ID":"oat_1","Subject":"user_1","UserID":"user_1"}`},
		{"scp counts", mintOAuth(t, nil, claims{"scp": []string{}, "scope": 1}),
			`{"Audiences":["billing"],"ClientID":"client_1","ExpiresAt":"2023-11-14T22:14:20Z","ID":"oat_1","Subject":"user_1","UserID":"user_1"}`},
	} {
		s := typed(in, anyToken, c.token)
		if got := machineText(t, s.Machine); got != c.want {
			t.Errorf("%s (%s):\n got %s\nwant %s", c.name, decision(s), got, c.want)
		}
		if s.Machine != nil && (s.Machine.Key == nil || s.Instance != in) {
			t.Errorf("%s: key %v, instance %v", c.name, s.Machine.Key, s.Instance)
		}
	}
}

// Each check that the SDK makes of a machine's JWT, with its reason.
func TestMachineJWTRefused(t *testing.T) {
	in := tokenWorld(t, nil)
	const failed = "token-verification-failed"
	now := issuedAt.Unix()
	for _, c := range []struct {
		name            string
		header, payload claims
		want            string
	}{
		{"unknown key", claims{"kid": "ins_other"}, nil, failed},
		{"no key id", claims{"kid": gone{}}, nil, failed},
		{"algorithm", claims{"alg": "HS256"}, nil, failed},
		{"no algorithm", claims{"alg": "none"}, nil, failed},
		{"an algorithm not the key's", claims{"alg": "RS512"}, nil, failed},
		{"expired", nil, claims{"exp": now - 5}, failed},
		{"no end", nil, claims{"exp": gone{}}, failed},
		{"end in words", nil, claims{"exp": "1700000060"}, failed},
		{"not yet", nil, claims{"nbf": now + 6}, failed},
		{"nbf null", nil, claims{"nbf": nil}, failed},
		{"issued later", nil, claims{"iat": now + 6}, failed},
		{"iat null", nil, claims{"iat": nil}, failed},
		{"expired and of another issuer", nil, claims{"exp": now - 5, "iss": "https://x"}, failed},
		{"without end and of another issuer", nil, claims{"exp": nil, "iss": "https://x"}, failed},
		{"issuer", nil, claims{"iss": "https://clerk.evil.com"}, "token-invalid-issuer"},
		{"no issuer", nil, claims{"iss": gone{}}, "token-invalid-issuer"},
		{"issuer null", nil, claims{"iss": nil}, "token-invalid-issuer"},
	} {
		for kind, token := range map[string]string{"m2m": mintM2M(t, c.header, c.payload), "oauth": mintOAuth(t, c.header, c.payload)} {
			for _, accepts := range []TokenTypes{M2MTokens | OAuthTokens, anyToken} {
				if got := decision(typed(in, accepts, token)); got != c.want {
					t.Errorf("%s, %s: got %s, want %s", c.name, kind, got, c.want)
				}
			}
		}
	}
	if got := decision(typed(in, OAuthTokens, mintOAuth(t, nil, claims{"sub": nil, "iss": "https://x"}))); got != failed {
		t.Errorf("nobody's and of another issuer: got %s", got)
	}
	forged := strings.Split(mintM2M(t, nil, nil), ".")
	forged[1] = strings.Split(mintM2M(t, nil, claims{"sub": "mch_2"}), ".")[1]
	if got := decision(typed(in, M2MTokens, strings.Join(forged, "."))); got != failed {
		t.Errorf("forged: got %s", got)
	}
}

func TestM2MClass(t *testing.T) {
	in := tokenWorld(t, nil)
	for _, c := range []struct {
		name, want      string
		header, payload claims
	}{
		{"session category", "token-invalid", claims{"cat": categorySession}, nil},
		{"template category", "token-invalid", claims{"cat": categoryTemplate}, nil},
		{"no class", "token-invalid", claims{"cat": categoryIgnore}, nil},
		{"category null", "token-invalid", claims{"cat": nil}, nil},
		{"category before key", "token-invalid", claims{"cat": "", "kid": "ins_other"}, nil},
		{"type of a grant", "token-verification-failed", claims{"typ": "at+jwt"}, nil},
		{"type in lower case", "token-verification-failed", claims{"typ": "jwt"}, nil},
		{"type null", "token-verification-failed", claims{"typ": nil}, nil},
		// What it means is M2M's; what it says of itself is no other machine's.
		{"a user's subject", "token-type-mismatch", nil, claims{"sub": "user_1"}},
		{"another case", "token-type-mismatch", nil, claims{"sub": "MCH_1"}},
	} {
		if got := decision(typed(in, M2MTokens|OAuthTokens, mintM2M(t, c.header, c.payload))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// A machine's JWT must be for this machine: its scopes say so or, only if there
// are none, its audience. With any instance's key anybody's machine could
// otherwise call anybody's.
func TestM2MAddress(t *testing.T) {
	for _, c := range []struct {
		name, want string
		payload    claims
	}{
		{"scopes", TypeM2M, claims{"scopes": "mch_this"}},
		{"scopes for several", TypeM2M, claims{"scopes": "mch_2 mch_this mch_3"}},
		{"aud", TypeM2M, claims{"scopes": gone{}, "aud": "mch_this"}},
		{"aud of several", TypeM2M, claims{"scopes": gone{}, "aud": []string{"mch_2", "mch_this"}}},

		{"another machine", "", claims{"scopes": "mch_2"}},
		{"part of a name", "", claims{"scopes": "mch_this2 xmch_this"}},
		{"another case", "", claims{"scopes": "MCH_THIS"}},
		{"nobody", "", claims{"scopes": ""}},
		{"nothing said", "", claims{"scopes": gone{}}},
		{"scopes beat aud", "", claims{"scopes": "mch_2", "aud": "mch_this"}},
		{"nobody beats aud", "", claims{"scopes": "", "aud": "mch_this"}},
		{"aud is another's", "", claims{"scopes": gone{}, "aud": "mch_2"}},
		{"empty aud", "", claims{"scopes": gone{}, "aud": []string{}}},
		{"the audience of users", "", claims{"scopes": gone{}, "aud": "billing"}},
	} {
		want := c.want
		if want == "" {
			want = "token-verification-failed"
		}
		token := mintM2M(t, nil, c.payload)
		if got := decision(typed(tokenWorld(t, nil), M2MTokens, token)); got != want {
			t.Errorf("%s: got %s, want %s", c.name, got, want)
		}
		nameless := tokenWorld(t, func(s *Settings) { s.MachineID = "" })
		if got := decision(typed(nameless, M2MTokens, token)); got != "token-verification-failed" {
			t.Errorf("%s, without a machine id: got %s", c.name, got)
		}
	}
}

func TestOAuthAudience(t *testing.T) {
	strict := tokenWorld(t, func(s *Settings) { s.Audiences = []string{"billing", "ledger"} })
	open := tokenWorld(t, func(s *Settings) { s.Audiences = nil })
	const failed = "token-verification-failed"
	for _, c := range []struct {
		name           string
		aud            any
		strictly, open string
	}{
		{"one of them", "ledger", TypeOAuth, TypeOAuth},
		{"among others", []string{"x", "billing"}, TypeOAuth, TypeOAuth},
		{"another", "x", failed, TypeOAuth},
		{"others", []string{"x", "y"}, failed, TypeOAuth},
		{"none", gone{}, failed, TypeOAuth},
		{"empty", "", failed, TypeOAuth},
		{"empty list", []string{}, failed, TypeOAuth},
		{"an empty one among them", []string{"", "billing"}, failed, TypeOAuth},
		{"null", nil, failed, failed},
		{"object", claims{"billing": "billing"}, failed, failed},
		{"mixed", []any{"billing", 1}, failed, failed},
		{"number", 0, failed, failed},
	} {
		token := mintOAuth(t, nil, claims{"aud": c.aud})
		if got := decision(typed(strict, OAuthTokens, token)); got != c.strictly {
			t.Errorf("%s: got %s, want %s", c.name, got, c.strictly)
		}
		if got := decision(typed(open, OAuthTokens, token)); got != c.open {
			t.Errorf("%s, none wanted: got %s, want %s", c.name, got, c.open)
		}
	}
}

// The entries of the package documentation's list, for the JWTs of machines.
// The SDK signs all of these in, or throws over them.
func TestStricterMachineJWT(t *testing.T) {
	const failed, invalid = "token-verification-failed", "token-invalid"
	m2m := func(payload claims) string { return mintM2M(t, nil, payload) }
	oauth := func(payload claims) string { return mintOAuth(t, nil, payload) }
	in := tokenWorld(t, nil)
	for _, c := range []strictCase{
		{"2 crit", mintM2M(t, claims{"crit": []string{"b64"}}, nil), invalid},
		{"2 key id in an array", mintOAuth(t, claims{"kid": []string{"ins_live"}}, nil), invalid},
		{"2 exponent", m2m(claims{"exp": raw("17e8"), "nbf": 0, "iat": 0}), invalid},
		{"2 after 9999", oauth(claims{"exp": raw("253402300800")}), invalid},
		{"2 before 1970", oauth(claims{"nbf": -1}), invalid},
		{"2 duplicate key", mintRaw(`{"alg":"RS256","kid":"ins_live"}`, `{"sub":"user_1","sub":"mch_1","scopes":"mch_this","iss":"`+liveIssuer+`","exp":1700000060}`), invalid},
		{"2 byte-order mark", mintRaw("\ufeff"+`{"alg":"RS256","kid":"ins_live","typ":"at+jwt"}`, `{"sub":"user_1","iss":"`+liveIssuer+`","exp":1700000060}`), invalid},
		{"2 payload null", mintRaw(`{"alg":"RS256","kid":"ins_live","typ":"at+jwt"}`, "null"), invalid},

		{"3 a machine without id", m2m(claims{"sub": "mch_"}), failed},
		{"3 a machine with a comma", m2m(claims{"sub": "mch_1,mch_2"}), failed},
		{"3 a machine with a line break", m2m(claims{"sub": "mch_1\r\nx-user-id: user_1"}), failed},
		{"3 a user without id", oauth(claims{"sub": "user_"}), failed},
		{"3 nobody", oauth(claims{"sub": ""}), failed},
		{"3 an organisation", oauth(claims{"sub": "org_1"}), failed},
		{"3 a user with a space", oauth(claims{"sub": "user_1 x"}), failed},
		{"3 id", m2m(claims{"jti": "a b"}), failed},
		{"3 id of a grant", oauth(claims{"jti": "é"}), failed},
		{"3 client", oauth(claims{"client_id": "a,b"}), failed},
		{"3 scope", oauth(claims{"scp": []string{"a,admin"}}), failed},
		{"3 scope that is empty", oauth(claims{"scp": []string{""}}), failed},
		{"3 scopes", oauth(claims{"scp": gone{}, "scope": "read a,admin"}), failed},
		{"3 scopes with a tab", oauth(claims{"scp": gone{}, "scope": "read\twrite"}), failed},
		{"3 machines", m2m(claims{"scopes": "mch_this mch_2,x"}), failed},
		{"3 machines in aud", m2m(claims{"scopes": gone{}, "aud": []string{"mch_this", "a b"}}), failed},
		{"3 actor", oauth(claims{"act": claims{"sub": "user_2\n"}}), failed},

		{"4 id", m2m(claims{"jti": 1}), failed},
		{"4 id null", oauth(claims{"jti": nil}), failed},
		{"4 client", oauth(claims{"client_id": []string{"client_1"}}), failed},
		{"4 client null", oauth(claims{"client_id": nil}), failed},
		{"4 scopes an array", m2m(claims{"scopes": []string{"mch_this"}}), failed},
		{"4 scopes null", m2m(claims{"scopes": nil, "aud": "mch_this"}), failed},
		{"4 scopes a number", m2m(claims{"scopes": 1}), failed},
		{"4 scp a string", oauth(claims{"scp": "read"}), failed},
		{"4 scp null", oauth(claims{"scp": nil, "scope": "read"}), failed},
		{"4 scp mixed", oauth(claims{"scp": []any{"read", 1}}), failed},
		{"4 scp an object", oauth(claims{"scp": claims{"read": true}}), failed},
		{"4 scope a number", oauth(claims{"scp": gone{}, "scope": 1}), failed},
		{"4 scope an array", oauth(claims{"scp": gone{}, "scope": []string{"read"}}), failed},
		{"4 scope null", oauth(claims{"scp": gone{}, "scope": nil}), failed},
		{"4 act a string", oauth(claims{"act": "user_2"}), failed},
		{"4 act null", oauth(claims{"act": nil}), failed},
		{"4 act without sub", oauth(claims{"act": claims{"iss": "x"}}), failed},

		{"5 audience an object", m2m(claims{"aud": claims{}}), failed},
		{"5 audience mixed", m2m(claims{"aud": []any{"mch_this", 1}}), failed},
		{"5 audience null", m2m(claims{"aud": nil}), failed},
	} {
		for _, cache := range []*Cache{nil, NewCache(4)} {
			for range 2 {
				r := &Request{Method: "GET", Authorization: c.token, Accepts: M2MTokens | OAuthTokens}
				if got := decision(Instances{in}.Authenticate(r, cache, issuedAt)); got != c.want {
					t.Errorf("%s: got %s, want %s", c.entry, got, c.want)
				}
			}
		}
	}
}

// Without a key nothing is known about a token, whatever its type.
func TestKeysOfOtherTypes(t *testing.T) {
	tokens := map[string]string{"m2m": mintM2M(t, nil, nil), "oauth": mintOAuth(t, nil, nil), "template": mintTemplate(t, nil, nil)}
	for kind, token := range tokens {
		for _, failure := range []error{jwks.ErrUnavailable, jwks.ErrFetchNeeded, errors.New("strange")} {
			in := tokenWorld(t, func(s *Settings) { s.Keys = failing{failure} })
			s := typed(in, anyToken, token)
			if !errors.Is(s.Err, failure) || s.KeyID != "ins_live" || s.Instance != in || decision(s) != failure.Error() {
				t.Errorf("%s, %v: %+v", kind, failure, s)
			}
			r := &Request{Method: "GET", Authorization: token, Accepts: anyToken, UnknownKey: "ins_live"}
			want := "token-verification-failed"
			if kind == "template" {
				want = "jwk-kid-mismatch"
			}
			if got := decision(Instances{in}.Authenticate(r, nil, issuedAt)); got != want {
				t.Errorf("%s, %v, settled: got %s, want %s", kind, failure, got, want)
			}
			r.UnknownKey = "ins_other"
			if got := decision(Instances{in}.Authenticate(r, nil, issuedAt)); got != failure.Error() {
				t.Errorf("%s, %v, another settled: got %s", kind, failure, got)
			}
		}
		if got := decision(typed(tokenWorld(t, func(s *Settings) { s.Keys = failing{} }), anyToken, token)); got != jwks.ErrUnavailable.Error() {
			t.Errorf("%s, no key and no error: got %s", kind, got)
		}
	}
	// What can never pass needs no key, and so no fetch.
	closed := tokenWorld(t, func(s *Settings) { s.Keys, s.MachineID, s.Audiences = failing{jwks.ErrFetchNeeded}, "", nil })
	for _, kind := range []string{"m2m", "template"} {
		if got := decision(typed(closed, anyToken, tokens[kind])); got != "token-verification-failed" {
			t.Errorf("%s, where none is accepted: got %s", kind, got)
		}
	}
	s := typed(tokenWorld(t, func(s *Settings) { s.Keys = failing{jwks.ErrFetchNeeded} }), anyToken, mintM2M(t, claims{"kid": gone{}}, nil))
	if !errors.Is(s.Err, jwks.ErrFetchNeeded) {
		t.Errorf("no key id is not a settled one: %+v", s)
	}
}

// The times of a machine's JWT are judged on every use, and so is the rest that
// is not the token's own.
func TestMachineJWTCached(t *testing.T) {
	cache := NewCache(8)
	m2m, oauth := mintM2M(t, nil, nil), mintOAuth(t, nil, nil)
	const failed = "token-verification-failed"
	for _, c := range []struct {
		name       string
		change     func(*Settings)
		after      time.Duration
		m2m, oauth string
	}{
		{"fresh", nil, 0, TypeM2M, TypeOAuth},
		{"again", nil, 0, TypeM2M, TypeOAuth},
		{"at the end", nil, 64*time.Second + 999*time.Millisecond, TypeM2M, TypeOAuth},
		{"expired", nil, 65 * time.Second, failed, failed},
		{"clock set back", nil, -time.Hour, failed, failed},
		{"another machine", func(s *Settings) { s.MachineID = "mch_2" }, 0, failed, TypeOAuth},
		{"other audiences", func(s *Settings) { s.Audiences = []string{"x"} }, 0, TypeM2M, failed},
		{"other issuers", func(s *Settings) { s.Issuers = []string{"https://x"} }, 0, "token-invalid-issuer", "token-invalid-issuer"},
		{"other keys", func(s *Settings) { s.Keys = keyring{"ins_live": keyOf("ins_new", "RS256")} }, 0, failed, failed},
		{"no keys", func(s *Settings) { s.Keys = keyring{} }, 0, failed, failed},
		{"parties", func(s *Settings) { s.AuthorizedParties = []string{"https://x"} }, 0, TypeM2M, TypeOAuth},
	} {
		in := tokenWorld(t, c.change)
		for token, want := range map[string]string{m2m: c.m2m, oauth: c.oauth} {
			r := &Request{Method: "GET", Authorization: token, Accepts: anyToken}
			if got := decision(Instances{in}.Authenticate(r, cache, issuedAt.Add(c.after))); got != want {
				t.Errorf("%s: got %s, want %s", c.name, got, want)
			}
		}
	}
}

func TestMachineJWTOfSeveralInstances(t *testing.T) {
	live := tokenWorld(t, nil)
	test := tokenWorld(t, func(s *Settings) {
		s.PublishableKey, s.Keys = testKey, keyring{"ins_live": keyOf("ins_new", "RS256")}
	})
	for _, c := range []struct {
		name, token, want string
		belongs           *Instance
	}{
		{"first", mintM2M(t, nil, nil), TypeM2M, live},
		{"the first's key for the second", mintM2M(t, nil, claims{"iss": testIssuer}), "token-verification-failed", test},
		{"nobody's", mintOAuth(t, nil, claims{"iss": "https://x"}), "token-invalid-issuer", nil},
		{"a template of nobody's", mintTemplate(t, nil, claims{"iss": gone{}}), "token-invalid-issuer", nil},
	} {
		r := &Request{Method: "GET", Authorization: c.token, Accepts: anyToken, CookieInstance: test}
		s := Instances{live, test}.Authenticate(r, nil, issuedAt)
		if got := decision(s); got != c.want || s.Instance != c.belongs {
			t.Errorf("%s: got %s of %v, want %s of %v", c.name, got, s.Instance, c.want, c.belongs)
		}
	}
}

// Whatever a single member is replaced by, the result is a decision, and a
// sign-in only for whom and by which type was signed.
func TestStrangeMembersOfMachines(t *testing.T) {
	in := tokenWorld(t, nil)
	values := []any{nil, true, false, 0, -1, 1.5, "", "x", "user_2", "mch_2", "at+jwt", "JWT", categorySession, categoryTemplate, []any{}, []any{"a", 1}, claims{}, gone{}}
	for _, name := range []string{"alg", "typ", "cat", "kid", "iss", "sub", "exp", "nbf", "iat", "aud", "scopes", "scp", "scope", "jti", "client_id", "act", "azp"} {
		for _, v := range values {
			for _, make := range []func(testing.TB, claims, claims) string{mintM2M, mintOAuth, mintTemplate} {
				header, payload := claims{name: v}, claims(nil)
				if !strings.Contains("alg typ cat kid", name) {
					header, payload = nil, header
				}
				s := typed(in, anyToken, make(t, header, payload))
				if got := decision(s); strings.HasPrefix(got, "half") || got == "" {
					t.Errorf("%s %v: %s", name, v, got)
				}
				if s.Machine != nil && name == "sub" && s.Machine.Subject != v {
					t.Errorf("sub %v became %q", v, s.Machine.Subject)
				}
			}
		}
	}
}
