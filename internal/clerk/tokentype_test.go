package clerk

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/jwks"
)

const anyToken = SessionTokens | TemplateTokens | M2MTokens | APIKeys | OAuthTokens

const thisMachine = "mch_this"

// tokenWorld is an instance with which every type of token can sign in.
func tokenWorld(t testing.TB, change func(*Settings)) *Instance {
	t.Helper()
	return instance(t, func(s *Settings) {
		s.SecretKey, s.MachineID, s.Audiences = true, thisMachine, []string{"billing"}
		if change != nil {
			change(s)
		}
	})
}

// and makes one change of two; the second wins.
func (c claims) and(more claims) claims {
	out := maps.Clone(c)
	maps.Copy(out, more)
	return out
}

// mintM2M signs a machine's token with the changes given; so do the other two.
func mintM2M(t testing.TB, header, payload claims) string {
	t.Helper()
	return mint(t, claims{"cat": categoryM2M}.and(header),
		claims{"sub": "mch_1", "sid": gone{}, "jti": "mt_1", "scopes": thisMachine}.and(payload))
}

func mintOAuth(t testing.TB, header, payload claims) string {
	t.Helper()
	return mint(t, claims{"typ": "at+jwt", "cat": gone{}}.and(header),
		claims{"sid": gone{}, "jti": "oat_1", "client_id": "client_1", "aud": "billing", "scp": []string{"read"}}.and(payload))
}

func mintTemplate(t testing.TB, header, payload claims) string {
	t.Helper()
	return mint(t, claims{"cat": categoryTemplate}.and(header), claims{"sid": gone{}, "aud": "billing"}.and(payload))
}

// typed authenticates a bearer token where these types are accepted.
func typed(in *Instance, accepts TokenTypes, token string) State {
	r := &Request{Method: "GET", Accepts: accepts}
	if token != "" {
		r.Authorization = "Bearer " + token
	}
	return Instances{in}.Authenticate(r, nil, issuedAt)
}

// decision is the type of the token that signed in, the call that has to be
// made, or the reason for not being signed in. It finds half a sign-in.
func decision(s State) string {
	session := s.TokenType == TypeSession || s.TokenType == TypeTemplate
	machine := s.TokenType == TypeM2M || s.TokenType == TypeAPIKey || s.TokenType == TypeOAuth
	nothingElse := s.Reason == "" && s.Err == nil && s.Call == nil && s.Presented && s.Carrier != "" && s.Instance != nil
	switch {
	case session != (s.Session != nil), machine != (s.Machine != nil), s.SignedIn != (session || machine), s.SignedIn && !nothingElse:
		return fmt.Sprintf("half signed in: %+v", s)
	case s.Code != plainCode(s.Reason):
		return fmt.Sprintf("reason %q with code %q", s.Reason, s.Code)
	case s.SignedIn:
		return s.TokenType
	case s.Call != nil:
		return s.Call.Kind.String() + " " + s.Call.Secret
	case s.Err != nil:
		return s.Err.Error()
	}
	return s.Reason
}

// machineText shows a machine without its key and claims, as JSON.
func machineText(t testing.TB, m *Machine) string {
	t.Helper()
	if m == nil {
		return "none"
	}
	shown := *m
	shown.Key = nil
	fields := map[string]any{}
	b, err := json.Marshal(shown)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	fields["Claims"] = json.RawMessage(m.Claims)
	if m.Claims == nil {
		fields["Claims"] = nil
	}
	for name, v := range fields {
		if v == nil || v == "" || v == "0001-01-01T00:00:00Z" {
			delete(fields, name)
		}
	}
	b, err = json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Which types may be shown is decided before anything is verified, and as the
// SDK decides it for a string and for an array.
func TestAcceptedTypes(t *testing.T) {
	in := tokenWorld(t, nil)
	const mismatch = "token-type-mismatch"
	tokens := map[string]string{
		"":         "",
		"session":  mint(t, nil, claims{"aud": "billing"}),
		"template": mintTemplate(t, nil, nil),
		"m2m":      mintM2M(t, nil, nil),
		"oauth":    mintOAuth(t, nil, nil),
		"future":   mint(t, claims{"cat": "cl_B7d4PD444AAA"}, nil),
		"opaque":   "mt_1", "key": "ak_1", "grant": "oat_1",
		"key like a JWT": "ak_a.b.c", "upper case": "AK_1", "garbage": "garbage", "dots": "a.b.c",
		"unsigned":     strings.Join(strings.Split(mintM2M(t, nil, nil), ".")[:2], ".") + ".",
		"hidden class": mintM2M(t, claims{"cat": gone{}}, nil) + "=",
		"odd":          mintM2M(t, nil, claims{"exp": raw("17e8")}),
	}
	for _, c := range []struct {
		accepts TokenTypes
		want    map[string]string
	}{
		{SessionTokens, map[string]string{
			"": "session-token-and-uat-missing", "session": TypeSession,
			// A single session token has no prefix to look at.
			"opaque": "token-invalid", "key": "token-invalid", "grant": "token-invalid", "key like a JWT": "token-invalid",
			"upper case": "token-invalid", "garbage": "token-invalid", "dots": "token-invalid", "hidden class": "token-invalid", "odd": "token-invalid",
			"unsigned": mismatch,
		}},
		{0, map[string]string{
			"": "session-token-and-uat-missing", "session": TypeSession,
			"opaque": "token-invalid", "key": "token-invalid", "grant": "token-invalid", "key like a JWT": "token-invalid",
			"upper case": "token-invalid", "garbage": "token-invalid", "dots": "token-invalid", "hidden class": "token-invalid", "odd": "token-invalid",
		}},
		{TemplateTokens, map[string]string{"": "No token in header", "template": TypeTemplate, "odd": "token-invalid"}},
		{M2MTokens, map[string]string{
			"": "No token in header", "m2m": TypeM2M, "opaque": "verify_m2m_token mt_1", "odd": "token-invalid",
		}},
		{OAuthTokens, map[string]string{
			"": "No token in header", "oauth": TypeOAuth, "grant": "verify_oauth_token oat_1", "odd": "token-invalid",
		}},
		{APIKeys, map[string]string{
			"": "No token in header", "key": "verify_api_key ak_1", "key like a JWT": "token-invalid", "odd": "token-invalid",
		}},
		{SessionTokens | APIKeys, map[string]string{
			"": "session-token-and-uat-missing", "session": TypeSession, "key": "verify_api_key ak_1", "key like a JWT": "token-invalid",
			"upper case": "token-invalid", "garbage": "token-invalid", "dots": "token-invalid", "hidden class": "token-invalid", "odd": "token-invalid",
		}},
		{M2MTokens | OAuthTokens, map[string]string{
			"m2m": TypeM2M, "oauth": TypeOAuth, "opaque": "verify_m2m_token mt_1", "grant": "verify_oauth_token oat_1", "odd": "token-invalid",
		}},
		{SessionTokens | TemplateTokens, map[string]string{
			"": "session-token-and-uat-missing", "session": TypeSession, "template": TypeTemplate,
			"upper case": "token-invalid", "garbage": "token-invalid", "dots": "token-invalid", "hidden class": "token-invalid", "odd": "token-invalid",
		}},
		{anyToken, map[string]string{
			"": "session-token-and-uat-missing", "session": TypeSession, "template": TypeTemplate, "m2m": TypeM2M, "oauth": TypeOAuth,
			"opaque": "verify_m2m_token mt_1", "key": "verify_api_key ak_1", "grant": "verify_oauth_token oat_1", "key like a JWT": "token-invalid",
			"upper case": "token-invalid", "garbage": "token-invalid", "dots": "token-invalid", "hidden class": "token-invalid", "odd": "token-invalid",
		}},
	} {
		for name, token := range tokens {
			want := c.want[name]
			if want == "" {
				want = mismatch
			}
			s := typed(in, c.accepts, token)
			if got := decision(s); got != want {
				t.Errorf("%05b, %s: got %s, want %s", c.accepts, name, got, want)
			}
			if presented := token != ""; s.Presented != presented || (s.Carrier == CarrierHeader) != presented {
				t.Errorf("%05b, %s: presented %v by %q", c.accepts, name, s.Presented, s.Carrier)
			}
		}
	}
}

// Cookies prove nothing where session tokens are not accepted, and a cookie
// never holds anything else.
func TestCookiesAreForSessions(t *testing.T) {
	in := tokenWorld(t, nil)
	for _, c := range []struct {
		accepts     TokenTypes
		token, want string
	}{
		{SessionTokens | APIKeys, mint(t, nil, nil), TypeSession},
		{M2MTokens, mint(t, nil, nil), "No token in header"},
		{M2MTokens | APIKeys, mint(t, nil, nil), "token-type-mismatch"},
		{TemplateTokens, mintTemplate(t, nil, nil), "No token in header"},
		{anyToken, mintTemplate(t, nil, nil), "token-type-mismatch"},
		{anyToken, mintM2M(t, nil, nil), "token-type-mismatch"},
		{anyToken, mintOAuth(t, nil, nil), "token-type-mismatch"},
		{anyToken, "ak_1", "token-invalid"},
	} {
		r := &Request{Method: "GET", Cookie: "__session=" + c.token + "; __client_uat=1", CookieInstance: in, Accepts: c.accepts}
		s := Instances{in}.Authenticate(r, nil, issuedAt)
		if got := decision(s); got != c.want {
			t.Errorf("%05b: got %s, want %s", c.accepts, got, c.want)
		}
		if !c.accepts.Has(SessionTokens) && s.Presented {
			t.Errorf("%05b: a cookie that was not read counts as shown", c.accepts)
		}
	}
}

// A token that was proven as one type is never another, whatever is accepted
// next and in whatever order.
func TestClassOutlivesCache(t *testing.T) {
	in, cache := tokenWorld(t, nil), NewCache(16)
	tokens := map[TokenTypes]string{
		SessionTokens:  mint(t, nil, nil),
		TemplateTokens: mintTemplate(t, nil, nil),
		M2MTokens:      mintM2M(t, nil, nil),
		OAuthTokens:    mintOAuth(t, nil, nil),
	}
	for range 2 {
		for class, token := range tokens {
			for accepts := TokenTypes(1); accepts <= anyToken; accepts++ {
				s := Instances{in}.Authenticate(&Request{Method: "GET", Authorization: token, Accepts: accepts}, cache, issuedAt)
				want := "token-type-mismatch"
				if accepts&class != 0 {
					want = class.name()
				}
				if got := decision(s); got != want {
					t.Fatalf("%s where %05b: got %s, want %s", class.name(), accepts, got, want)
				}
			}
		}
	}
	if s := cache.Stats(); s.Misses != 4 || s.Entries != 4 {
		t.Errorf("%+v", s)
	}
}

// What was read of a token is not lost when its key comes back as another one,
// as after a reload of the policy.
func TestProofByAnotherKey(t *testing.T) {
	in, cache := tokenWorld(t, nil), NewCache(16)
	for name, token := range map[string]string{
		"session": mint(t, nil, claims{"sts": "pending", "org_id": "org_1"}),
		"m2m":     mintM2M(t, nil, claims{"plan": "pro"}),
		"oauth":   mintOAuth(t, nil, nil),
	} {
		ask := func() State {
			return Instances{in}.Authenticate(&Request{Method: "GET", Authorization: token, Accepts: anyToken}, cache, issuedAt)
		}
		before := ask()
		in.settings.Keys = ring() // the same key, as another
		known := cache.Stats()
		after := ask()
		if ask(); cache.Stats() != (CacheStats{Hits: known.Hits + 1, Misses: known.Misses + 1, Entries: known.Entries}) {
			t.Errorf("%s: the new proof is not remembered: %+v, then %+v", name, known, cache.Stats())
		}
		key := in.settings.Keys.(keyring)["ins_live"]
		if after.Session != nil {
			if after.Session.Key != key || before.Session.Key == key {
				t.Errorf("%s: the key is not the one that verified", name)
			}
			after.Session.Key, before.Session.Key = nil, nil
		}
		if after.Machine != nil {
			if after.Machine.Key != key || before.Machine.Key == key {
				t.Errorf("%s: the key is not the one that verified", name)
			}
			after.Machine.Key, before.Machine.Key = nil, nil
		}
		got, _ := json.Marshal([]any{after.Session, after.Machine})
		want, _ := json.Marshal([]any{before.Session, before.Machine})
		if !after.SignedIn || string(got) != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// The last gate asks again, so that no way to a sign-in can forget to.
func TestSignedInAsksAgain(t *testing.T) {
	session, machine := new(Session), new(Machine)
	for _, p := range []*proof{
		{},
		{session: session},
		{machine: machine},
		{class: M2MTokens, machine: machine},
		{class: TemplateTokens, session: session},
		{class: SessionTokens, session: session, strict: jwks.ErrUnavailable},
	} {
		a := attempt{request: new(Request)}
		if s := a.signedIn(p, ""); s.SignedIn || s.Session != nil || s.Machine != nil {
			t.Errorf("%+v signs in", p)
		}
	}
}

func TestJWTShape(t *testing.T) {
	for raw, want := range map[string]bool{
		"a.b.c": true, "a-_9.b.c": true,
		"": false, "a.b": false, "a.b.": false, ".b.c": false, "a..c": false, "a.b.c.d": false,
		"a.b.c=": false, "a.b.c\n": false, "a.b.ç": false, "a+.b.c": false, "...": false,
	} {
		if got := jwtShaped(raw); got != want {
			t.Errorf("%q: got %v", raw, got)
		}
	}
}
