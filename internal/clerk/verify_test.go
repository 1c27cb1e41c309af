package clerk

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

func TestHeaderToken(t *testing.T) {
	in := instance(t, nil)
	at := issuedAt.Unix()
	for _, c := range []struct {
		name            string
		header, payload claims
		want            string
	}{
		{"as minted", nil, nil, "signed-in"},
		{"old token without category", claims{"cat": gone{}}, nil, "signed-in"},
		{"category that tells nothing", claims{"cat": categoryIgnore}, nil, "signed-in"},
		{"without typ", claims{"typ": gone{}}, nil, "signed-in"},
		{"unknown header parameters", claims{"oiat": 1, "jku": "https://evil.com", "x5c": []string{"x"}}, nil, "signed-in"},
		{"a key of its own", claims{"jwk": jwkstest.NewSigner("evil").JWK(), "kid": "evil"}, nil, "jwk-kid-mismatch"},
		{"without session id", nil, claims{"sid": gone{}}, "signed-in"},

		{"template token", claims{"cat": "cl_B7d4PD222AAA"}, nil, "token-type-mismatch"},
		{"machine category", claims{"cat": "cl_B7d4PD333AAA"}, nil, "token-type-mismatch"},
		{"category of the future", claims{"cat": "cl_B7d4PD444AAA"}, nil, "token-type-mismatch"},
		{"empty category", claims{"cat": ""}, nil, "token-type-mismatch"},
		{"null category", claims{"cat": nil}, nil, "token-type-mismatch"},
		{"access token", claims{"typ": "at+jwt"}, nil, "token-type-mismatch"},
		{"access token, long", claims{"typ": "application/at+jwt"}, nil, "token-type-mismatch"},
		{"machine", nil, claims{"sub": "mch_1"}, "token-type-mismatch"},
		{"another class goes before the key", claims{"typ": "at+jwt", "kid": "nobody"}, nil, "token-type-mismatch"},

		{"unknown key", claims{"kid": "ins_other"}, nil, "jwk-kid-mismatch"},
		{"empty key id", claims{"kid": ""}, nil, "jwk-kid-mismatch"},
		{"no key id", claims{"kid": gone{}}, nil, "jwk-kid-mismatch"},
		{"unknown key goes before typ and alg", claims{"kid": "ins_other", "typ": "x", "alg": "none"}, nil, "jwk-kid-mismatch"},
		{"typ in lower case", claims{"typ": "jwt"}, nil, "token-invalid"},
		{"typ empty", claims{"typ": ""}, nil, "token-invalid"},
		{"typ null", claims{"typ": nil}, nil, "token-invalid"},
		{"typ goes before alg", claims{"typ": "x", "alg": "none"}, nil, "token-invalid"},
		{"alg none", claims{"alg": "none"}, nil, "token-invalid-algorithm"},
		{"alg HS256", claims{"alg": "HS256"}, nil, "token-invalid-algorithm"},
		{"alg PS256", claims{"alg": "PS256"}, nil, "token-invalid-algorithm"},
		{"alg ES256", claims{"alg": "ES256"}, nil, "token-invalid-algorithm"},
		{"alg lower case", claims{"alg": "rs256"}, nil, "token-invalid-algorithm"},
		{"alg missing", claims{"alg": gone{}}, nil, "token-invalid-algorithm"},
		{"alg null", claims{"alg": nil}, nil, "token-invalid-algorithm"},
		{"alg not the key's", claims{"alg": "RS512"}, nil, "token-verification-failed"},

		{"sub missing", nil, claims{"sub": gone{}}, "token-verification-failed"},
		{"sub null", nil, claims{"sub": nil}, "token-verification-failed"},
		{"sub goes before iss and exp", nil, claims{"sub": 1, "iss": "x", "exp": 0}, "token-verification-failed"},
		{"foreign issuer", nil, claims{"iss": "https://clerk.evil.com"}, "token-invalid-issuer"},
		{"issuer with slash", nil, claims{"iss": liveIssuer + "/"}, "token-invalid-issuer"},
		{"issuer missing", nil, claims{"iss": gone{}}, "token-invalid-issuer"},
		{"issuer goes before exp", nil, claims{"iss": "x", "exp": 0}, "token-invalid-issuer"},
		{"exp missing", nil, claims{"exp": gone{}}, "token-verification-failed"},
		{"exp null", nil, claims{"exp": nil}, "token-verification-failed"},
		{"exp a string", nil, claims{"exp": "1700000060"}, "token-verification-failed"},
		{"expired", nil, claims{"exp": at - 60}, "session-token-expired-refresh-non-eligible-no-refresh-cookie"},
		{"expired goes before nbf", nil, claims{"exp": at - 60, "nbf": "x"}, "session-token-expired-refresh-non-eligible-no-refresh-cookie"},
		{"nbf missing", nil, claims{"nbf": gone{}}, "signed-in"},
		{"nbf null", nil, claims{"nbf": nil}, "token-verification-failed"},
		{"nbf a string", nil, claims{"nbf": "0"}, "token-verification-failed"},
		{"early", nil, claims{"nbf": at + 60}, "session-token-nbf"},
		{"iat missing", nil, claims{"iat": gone{}}, "signed-in"},
		{"iat null", nil, claims{"iat": nil}, "token-verification-failed"},
		{"iat in the future", nil, claims{"iat": at + 60}, "session-token-iat-in-the-future"},
	} {
		if got := outcome(byHeader(in, mint(t, c.header, c.payload))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSignature(t *testing.T) {
	in := instance(t, nil)
	good := mint(t, nil, nil)
	head := good[:strings.LastIndex(good, ".")+1]
	for name, token := range map[string]string{
		"by another key":   signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).json(t)),
		"of another token": head + strings.Split(mint(t, nil, claims{"sub": "user_2"}), ".")[2],
		"empty":            head,
		"short":            good[:len(good)-2],
		// Not classified without a signature part, as in the SDK, and refused for it.
		"empty, of a machine": func() string {
			m := mint(t, nil, claims{"sub": "mch_1"})
			return m[:strings.LastIndex(m, ".")+1]
		}(),
	} {
		if got := outcome(byHeader(in, token)); got != "token-invalid-signature" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	for _, alg := range []string{"RS256", "RS384", "RS512"} {
		s := &jwkstest.Signer{ID: "ins_live", Algorithm: alg, Private: signers()["ins_live"].Private}
		token := s.Sign(goodHeader.with(claims{"alg": alg}).json(t), goodPayload(liveIssuer).json(t))
		for _, pinned := range []string{alg, ""} {
			in := instance(t, func(s *Settings) { s.Keys = keyring{"ins_live": keyOf("ins_live", pinned)} })
			if got := outcome(byHeader(in, token)); got != "signed-in" {
				t.Errorf("%s with a key for %q: got %s", alg, pinned, got)
			}
		}
	}
}

// The boundaries of the SDK, to the millisecond.
func TestClockSkew(t *testing.T) {
	const (
		expired = "session-token-expired-refresh-non-eligible-no-refresh-cookie"
		early   = "session-token-nbf"
		future  = "session-token-iat-in-the-future"
	)
	at := issuedAt.Unix()
	for _, skew := range []time.Duration{0, time.Millisecond, 5 * time.Second, 90 * time.Minute} {
		in := instance(t, func(s *Settings) { s.ClockSkew = skew })
		for _, c := range []struct {
			claim string
			off   time.Duration // of now from the claim
			want  string
		}{
			{"exp", skew - time.Millisecond, "signed-in"},
			{"exp", skew, expired},
			{"nbf", -skew, "signed-in"},
			{"nbf", -skew - time.Millisecond, early},
			{"iat", -skew, "signed-in"},
			{"iat", -skew - time.Millisecond, future},
		} {
			far := claims{"exp": at + 90000, "nbf": at - 90000, "iat": at - 90000}
			token := mint(t, nil, far.with(claims{c.claim: at}))
			r := &Request{Method: "GET", Authorization: "Bearer " + token}
			if got := outcome(Instances{in}.Authenticate(r, nil, issuedAt.Add(c.off))); got != c.want {
				t.Errorf("skew %v, now is %s%+v: got %s, want %s", skew, c.claim, c.off, got, c.want)
			}
		}
	}
}

func TestAuthorizedParties(t *testing.T) {
	const refused = "token-invalid-authorized-parties"
	for _, c := range []struct {
		missing      MissingAzp
		azp          any
		header, want string // by header and by cookie
	}{
		{MissingAzpDeny, "https://app.example.com", "signed-in", "signed-in"},
		{MissingAzpDeny, "https://b.example.com", "signed-in", "signed-in"},
		{MissingAzpDeny, "https://app.example.com/", refused, refused},
		{MissingAzpDeny, "https://APP.example.com", refused, refused},
		{MissingAzpDeny, "https://evil.com", refused, refused},
		{MissingAzpDeny, gone{}, refused, refused},
		{MissingAzpAllowCookie, gone{}, refused, "signed-in"},
		{MissingAzpAllow, gone{}, "signed-in", "signed-in"},
		{MissingAzpAllow, "", refused, refused},
		{MissingAzpAllow, nil, refused, refused},
		{MissingAzpAllow, 1, refused, refused},
		{MissingAzpAllow, []string{"https://app.example.com"}, refused, refused},
		{MissingAzpAllow, "https://evil.com", refused, refused},
		{MissingAzp(9), gone{}, refused, refused},
	} {
		in := instance(t, func(s *Settings) {
			s.AuthorizedParties, s.MissingAzp = []string{"https://app.example.com", "https://b.example.com"}, c.missing
		})
		token := mint(t, nil, claims{"azp": c.azp})
		if got := outcome(byHeader(in, token)); got != c.header {
			t.Errorf("missing %d, azp %v by header: got %s, want %s", c.missing, c.azp, got, c.header)
		}
		if got := outcome(byCookie(in, token)); got != c.want {
			t.Errorf("missing %d, azp %v by cookie: got %s, want %s", c.missing, c.azp, got, c.want)
		}
	}
	if got := outcome(byHeader(instance(t, nil), mint(t, nil, claims{"azp": 1}))); got != "signed-in" {
		t.Errorf("azp is read though no parties are configured: %s", got)
	}
}

func TestAudience(t *testing.T) {
	const refused = "token-verification-failed"
	for _, c := range []struct {
		aud          any
		asked, never string // with audiences configured, and without
	}{
		{gone{}, "signed-in", "signed-in"},
		{"", "signed-in", "signed-in"},
		{[]string{}, "signed-in", "signed-in"},
		{[]string{""}, "signed-in", "signed-in"},
		{"billing", "signed-in", "signed-in"},
		{[]string{"x", "billing"}, "signed-in", "signed-in"},
		{"Billing", refused, "signed-in"},
		{[]string{"x"}, refused, "signed-in"},
		{[]string{"", "x"}, refused, "signed-in"},
		// The SDK accepts these, whatever is configured.
		{claims{"billing": true}, refused, refused},
		{[]any{"billing", 1}, refused, refused},
		{[]any{[]string{"billing"}}, refused, refused},
		{nil, refused, refused},
		{0, refused, refused},
	} {
		token := mint(t, nil, claims{"aud": c.aud})
		asking := instance(t, func(s *Settings) { s.Audiences = []string{"billing", "ledger"} })
		if got := outcome(byHeader(asking, token)); got != c.asked {
			t.Errorf("aud %v with audiences: got %s, want %s", c.aud, got, c.asked)
		}
		if got := outcome(byHeader(instance(t, nil), token)); got != c.never {
			t.Errorf("aud %v without audiences: got %s, want %s", c.aud, got, c.never)
		}
	}
}

func TestIssuers(t *testing.T) {
	in := instance(t, func(s *Settings) { s.Issuers = []string{"https://app.example.com/__clerk", liveIssuer} })
	for iss, want := range map[string]string{
		liveIssuer:                        "signed-in",
		"https://app.example.com/__clerk": "signed-in",
		"https://app.example.com":         "token-invalid-issuer",
	} {
		if got := outcome(byHeader(in, mint(t, nil, claims{"iss": iss}))); got != want {
			t.Errorf("iss %s: got %s, want %s", iss, got, want)
		}
	}
}

// Without a key nothing is known about a token, and the caller is told which
// key is missing.
func TestKeysThatCannotBeHad(t *testing.T) {
	odd := errors.New("disk on fire")
	for _, want := range []error{jwks.ErrFetchNeeded, jwks.ErrUnavailable, odd} {
		in := instance(t, func(s *Settings) { s.Keys = failing{want} })
		for _, s := range []State{byHeader(in, mint(t, nil, nil)), byCookie(in, mint(t, nil, nil))} {
			if s.SignedIn || s.Session != nil || !errors.Is(s.Err, want) || s.KeyID != "ins_live" || s.Instance != in || !s.Presented {
				t.Errorf("%v: got %+v", want, s)
			}
		}
	}
	in := instance(t, func(s *Settings) { s.Keys = failing{nil} })
	if s := byHeader(in, mint(t, nil, nil)); s.SignedIn || !errors.Is(s.Err, jwks.ErrUnavailable) {
		t.Errorf("no key and no error: got %+v", s)
	}
}

// A pinned key has no id; the token's is not looked at.
func TestPinnedKeyIgnoresKeyID(t *testing.T) {
	in := instance(t, func(s *Settings) { s.Keys = anyID{keyOf("ins_live", "RS256")} })
	for _, kid := range []any{"ins_live", "other", "", gone{}} {
		if got := outcome(byHeader(in, mint(t, claims{"kid": kid}, nil))); got != "signed-in" {
			t.Errorf("kid %v: got %s", kid, got)
		}
	}
}

type anyID struct{ key *jwks.Key }

func (a anyID) Key(string) (*jwks.Key, error) { return a.key, nil }

func TestInsecureUnverified(t *testing.T) {
	in := instance(t, func(s *Settings) { s.Keys, s.InsecureUnverified = nil, true })
	cache := NewCache(8)
	unsigned := signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(liveIssuer).json(t))
	r := &Request{Method: "GET", Authorization: "Bearer " + unsigned}
	s := Instances{in}.Authenticate(r, cache, issuedAt)
	if got := outcome(s); got != "signed-in" || s.Session.Key != nil {
		t.Errorf("unverified: got %s, key %v", got, s.Session.Key)
	}
	if got := outcome(Instances{instance(t, nil)}.Authenticate(r, cache, issuedAt)); got != "token-invalid-signature" {
		t.Errorf("verified after that, with the same cache: got %s", got)
	}
	if got := outcome(byHeader(in, mint(t, nil, claims{"exp": 0}))); !strings.HasPrefix(got, "session-token-expired") {
		t.Errorf("unverified and expired: got %s", got)
	}
}
