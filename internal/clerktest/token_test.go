package clerktest_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

var acme = clerktest.Org{
	ID: "org_acme", Slug: "acme", Role: "org:admin",
	Permissions: []string{"org:invoices:manage", "org:invoices:read", "org:billing:read"},
}

// The shapes of session tokens, as Clerk sends them. jti is random and is looked
// at apart.
func TestTokenShapes(t *testing.T) {
	tests := []struct {
		name   string
		claims clerktest.Claims
		want   string
	}{
		{"a user", clerktest.Claims{User: "user_ada"}, `{
			"iss": "https://127.0.0.1:9010", "sub": "user_ada", "sid": "sess_ada", "v": 2, "fva": [0, -1],
			"iat": 1767323045, "nbf": 1767323035, "exp": 1767323105}`},
		{"an active organisation", clerktest.Claims{User: "user_ada", Org: acme}, `{
			"iss": "https://127.0.0.1:9010", "sub": "user_ada", "sid": "sess_ada", "v": 2, "fva": [0, -1],
			"iat": 1767323045, "nbf": 1767323035, "exp": 1767323105,
			"fea": "o:billing,o:invoices",
			"o": {"id": "org_acme", "slg": "acme", "rol": "admin", "per": "manage,read", "fpm": "2,3"}}`},
		{"an organisation that grants nothing", clerktest.Claims{User: "user_bob", Org: clerktest.Org{ID: "org_acme", Role: "member"}}, `{
			"iss": "https://127.0.0.1:9010", "sub": "user_bob", "sid": "sess_bob", "v": 2, "fva": [0, -1],
			"iat": 1767323045, "nbf": 1767323035, "exp": 1767323105,
			"o": {"id": "org_acme", "rol": "member"}}`},
		{"version 1", clerktest.Claims{User: "user_ada", Version: 1, Org: acme}, `{
			"iss": "https://127.0.0.1:9010", "sub": "user_ada", "sid": "sess_ada", "fva": [0, -1],
			"iat": 1767323045, "nbf": 1767323035, "exp": 1767323105,
			"org_id": "org_acme", "org_slug": "acme", "org_role": "org:admin",
			"org_permissions": ["org:invoices:manage", "org:invoices:read", "org:billing:read"]}`},
		{"version 1 without permissions", clerktest.Claims{User: "user_bob", Version: 1, Org: clerktest.Org{ID: "org_acme", Role: "admin"}}, `{
			"iss": "https://127.0.0.1:9010", "sub": "user_bob", "sid": "sess_bob", "fva": [0, -1],
			"iat": 1767323045, "nbf": 1767323035, "exp": 1767323105,
			"org_id": "org_acme", "org_role": "admin", "org_permissions": []}`},
		{"version 1 without organisation", clerktest.Claims{User: "user_bob", Version: 1}, `{
			"iss": "https://127.0.0.1:9010", "sub": "user_bob", "sid": "sess_bob", "fva": [0, -1],
			"iat": 1767323045, "nbf": 1767323035, "exp": 1767323105}`},
		{"everything that can be asked for", clerktest.Claims{
			User: "user_ada", Session: "sess_9", AuthorizedParty: "https://app.acme.com", Issuer: "https://clerk.acme.com",
			IssuedAt: now.Add(time.Hour), ExpiresIn: 5 * time.Minute, Status: "pending", FactorAges: []int{3, 4},
			Plan: "u:pro", Features: []string{"u:beta", "u:alpha"}, Extra: map[string]any{"metadata": map[string]any{"plan": "gold"}},
		}, `{
			"iss": "https://clerk.acme.com", "sub": "user_ada", "sid": "sess_9", "v": 2, "fva": [3, 4],
			"iat": 1767326645, "nbf": 1767326635, "exp": 1767326945, "azp": "https://app.acme.com", "sts": "pending",
			"pla": "u:pro", "fea": "u:alpha,u:beta", "metadata": {"plan": "gold"}}`},
		{"bent for a hostile test", clerktest.Claims{
			User: "user_ada", ExpiresIn: -time.Minute,
			Extra: map[string]any{"sub": "mch_1", "v": "2", "nbf": nil}, Remove: []string{"sid", "fva", "iat"},
		}, `{
			"iss": "https://127.0.0.1:9010", "sub": "mch_1", "v": "2", "nbf": null, "exp": 1767322985}`},
	}
	i := instance()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, claims := read(t, i.Token(tt.claims))
			if diff := cmp.Diff(map[string]any{"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_test", "typ": "JWT"}, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			id, hasID := claims["jti"].(string)
			if hasID == (tt.claims.Version == 1) || hasID && !regexp.MustCompile(`^[0-9a-f]{20}$`).MatchString(id) {
				t.Errorf("jti is %q", id)
			}
			delete(claims, "jti")
			if diff := cmp.Diff(decode(t, []byte(tt.want)), claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokenHeader(t *testing.T) {
	header, _ := read(t, instance().Token(clerktest.Claims{
		User:         "user_ada",
		Header:       map[string]any{"alg": "none", "typ": nil, "crit": []string{"b64"}},
		RemoveHeader: []string{"cat"},
	}))
	want := map[string]any{"alg": "none", "typ": nil, "crit": []any{"b64"}, "kid": "ins_test"}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTokenIDsAreUnique(t *testing.T) {
	i := instance()
	_, a := read(t, i.Token(clerktest.Claims{User: "user_ada"}))
	_, b := read(t, i.Token(clerktest.Claims{User: "user_ada"}))
	if a["jti"] == b["jti"] {
		t.Errorf("two tokens share the id %v", a["jti"])
	}
}

// What cannot be written down is a mistake of the caller's.
func TestTokenPanics(t *testing.T) {
	tests := []struct {
		name   string
		claims clerktest.Claims
		want   string
	}{
		{"version", clerktest.Claims{Version: 3}, "clerktest: version 3: there are session tokens of version 1 and 2"},
		{"permission", clerktest.Claims{Org: clerktest.Org{ID: "org_a", Permissions: []string{"invoices:manage"}}}, `clerktest: "invoices:manage" is not a permission of the form org:feature:permission`},
		{"permission with a comma", clerktest.Claims{Org: clerktest.Org{ID: "org_a", Permissions: []string{"org:a:b,c"}}}, `clerktest: "org:a:b,c" is not a permission of the form org:feature:permission`},
		{"feature", clerktest.Claims{Features: []string{"beta"}}, `clerktest: "beta" is not a feature of the form o:slug or u:slug`},
		{"claim", clerktest.Claims{Extra: map[string]any{"f": func() {}}}, "clerktest: claims: json: unsupported type: func()"},
		{"header", clerktest.Claims{Header: map[string]any{"f": func() {}}}, "clerktest: header: json: unsupported type: func()"},
	}
	i := instance()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("panic %v\nwant  %v", got, tt.want)
				}
			}()
			i.Token(tt.claims)
		})
	}
}

func TestCookies(t *testing.T) {
	// The suffixes are known answers for these keys.
	tests := []struct {
		host, suffix string
		live         bool
	}{
		{"clerk.clerk.dev", "1Z8AzTQD", true},
		{"clerk.clerk.dev", "QvfNY2dr", false},
		{"clerk.inspired.puma-74.lcl.dev", "MqCvchyS", true},
		{"clerk.inspired.puma-74.lcl.dev", "vWCgMp3A", false},
	}
	browser := regexp.MustCompile(`dvb_[A-Z2-7]+`)
	for _, tt := range tests {
		i := instance(func(o *clerktest.Options) { o.FrontendAPI, o.Live = tt.host, tt.live })
		token := i.Token(clerktest.Claims{User: "user_ada"})
		want := "__session=T; __session_S=T; __client_uat=1767323045; __client_uat_S=1767323045"
		if !tt.live {
			want += "; __clerk_db_jwt=B; __clerk_db_jwt_S=B"
		}
		got := strings.ReplaceAll(browser.ReplaceAllString(i.Cookies(token), "B"), token, "T")
		if want := strings.ReplaceAll(want, "_S=", "_"+tt.suffix+"="); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", i.PublishableKey(), got, want)
		}
		if i.Development() == tt.live {
			t.Errorf("%s: development is %v", i.PublishableKey(), i.Development())
		}
	}
}

// The client was updated when the token was minted; failing that, now.
func TestCookiesClientUpdatedAt(t *testing.T) {
	i := instance()
	tests := []struct{ name, token, want string }{
		{"minted earlier", i.Token(clerktest.Claims{User: "user_ada", IssuedAt: now.Add(-time.Minute)}), "1767322985"},
		{"no iat", i.Token(clerktest.Claims{User: "user_ada", Remove: []string{"iat"}}), "1767323045"},
		{"not a whole number", i.Token(clerktest.Claims{User: "user_ada", Extra: map[string]any{"iat": 1.5}}), "1767323045"},
		{"no token at all", "garbage", "1767323045"},
		{"no object", "e30.!.x", "1767323045"},
	}
	for _, tt := range tests {
		if got := i.Cookies(tt.token); !strings.Contains(got, "; __client_uat="+tt.want+"; ") {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

func TestInstance(t *testing.T) {
	i := instance()
	got := []string{i.PublishableKey(), i.Issuer(), i.URL(), i.JWKSURL(), i.Signer().ID}
	want := []string{
		"pk_test_MTI3LjAuMC4xOjkwMTAk", "https://127.0.0.1:9010", "http://127.0.0.1:9010",
		"http://127.0.0.1:9010/.well-known/jwks.json", "ins_test",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Without options the keys are fresh, so that nothing can be signed with a key
// that somebody else has.
func TestInstanceMakesItsOwnKeys(t *testing.T) {
	a := clerktest.New(clerktest.Options{FrontendAPI: host})
	b := clerktest.New(clerktest.Options{FrontendAPI: host})
	for _, i := range []*clerktest.Instance{a, b} {
		if bits := i.Signer().Private.N.BitLen(); bits != 2048 || !strings.HasPrefix(i.Signer().ID, "ins_") {
			t.Errorf("key %s of %d bits", i.Signer().ID, bits)
		}
	}
	if a.Signer().ID == b.Signer().ID || a.Signer().Private.Equal(b.Signer().Private) {
		t.Error("two instances share a key or its id")
	}
	before := time.Now().Unix()
	payload, err := a.Mint(clerktest.TokenRequest{User: "user_1"})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iat int64 }
	if err := json.Unmarshal(payload.Claims, &claims); err != nil || claims.Iat < before {
		t.Errorf("iat %d is before %d (%v)", claims.Iat, before, err)
	}
}

func TestNewRefusesHosts(t *testing.T) {
	for _, bad := range []string{"", "localhost:9010", "[::1]:9010", "a.b$c", "UPPER.example.com/x"} {
		if key, err := clerktest.PublishableKey(bad, false); err == nil {
			t.Errorf("%q: %s", bad, key)
		}
		func() {
			defer func() {
				if got, _ := recover().(string); !strings.HasPrefix(got, "clerktest: ") {
					t.Errorf("%q: panic %q", bad, got)
				}
			}()
			clerktest.New(clerktest.Options{FrontendAPI: bad, Signer: signer()})
		}()
	}
}
