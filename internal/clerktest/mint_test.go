package clerktest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

func TestMint(t *testing.T) {
	const manage = "org:invoices:manage"
	tests := []struct {
		name    string
		request clerktest.TokenRequest
		want    string // sub, organisation, slug, role, permissions
	}{
		{"by id", clerktest.TokenRequest{User: "user_ada"}, "user_ada"},
		{"by the rest of the id", clerktest.TokenRequest{User: "ada"}, "user_ada"},
		{"by name", clerktest.TokenRequest{User: "CLEO"}, "user_cleo"},
		{"organisation by slug", clerktest.TokenRequest{User: "ada", Org: "acme"}, "user_ada org_acme acme org:admin " + manage},
		{"organisation by id", clerktest.TokenRequest{User: "ada", Org: "org_acme"}, "user_ada org_acme acme org:admin " + manage},
		{"no permissions", clerktest.TokenRequest{User: "bob", Org: "acme"}, "user_bob org_acme acme org:member"},
		{"its own role", clerktest.TokenRequest{User: "ada", Org: "acme", Role: "admin"}, "user_ada org_acme acme org:admin " + manage},
		{"a lesser role has none of the permissions", clerktest.TokenRequest{User: "ada", Org: "acme", Role: "org:member"}, "user_ada org_acme acme org:member"},
		{"permissions taken away", clerktest.TokenRequest{User: "ada", Org: "acme", Permissions: []string{}}, "user_ada org_acme acme org:admin"},
		{"permissions given", clerktest.TokenRequest{User: "bob", Org: "acme", Permissions: []string{"org:a:b"}}, "user_bob org_acme acme org:member org:a:b"},
		{"a role where not a member", clerktest.TokenRequest{User: "bob", Org: "globex", Role: "org:admin"}, "user_bob org_globex globex org:admin"},
	}
	i := instance(withUsers)
	for _, tt := range tests {
		for _, version := range []int{0, 1, 2} {
			tt.request.Version = version
			response, err := i.Mint(tt.request)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if got := identity(t, response.Token); got != tt.want {
				t.Errorf("%s, version %d: %q, want %q", tt.name, version, got, tt.want)
			}
		}
	}
}

// identity sums up a token of either version.
func identity(t *testing.T, token string) string {
	t.Helper()
	_, claims := read(t, token)
	words := []string{claims["sub"].(string)}
	if claims["v"] == nil {
		for _, name := range []string{"org_id", "org_slug", "org_role"} {
			if text, ok := claims[name].(string); ok {
				words = append(words, text)
			}
		}
		permissions, _ := claims["org_permissions"].([]any)
		for _, p := range permissions {
			words = append(words, p.(string))
		}
		return strings.Join(words, " ")
	}
	if o, ok := claims["o"].(map[string]any); ok {
		words = append(words, o["id"].(string))
		if slug, ok := o["slg"].(string); ok {
			words = append(words, slug)
		}
		words = append(words, "org:"+o["rol"].(string))
		words = append(words, decodePermissions(t, claims, true)...)
	}
	return strings.Join(words, " ")
}

func TestMintWithoutDirectory(t *testing.T) {
	tests := []struct {
		request clerktest.TokenRequest
		want    string
	}{
		{clerktest.TokenRequest{User: "user_anyone"}, "user_anyone"},
		{clerktest.TokenRequest{User: "user_1", Org: "org_1"}, "user_1 org_1 org:member"},
		{clerktest.TokenRequest{User: "user_1", Org: "acme-eu"}, "user_1 org_acme-eu acme-eu org:member"},
		{clerktest.TokenRequest{User: "user_1", Org: "org_1", Role: "org:admin", Permissions: []string{"org:a:b"}}, "user_1 org_1 org:admin org:a:b"},
	}
	for _, tt := range tests {
		response, err := instance().Mint(tt.request)
		if err != nil {
			t.Errorf("%+v: %v", tt.request, err)
			continue
		}
		if got := identity(t, response.Token); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.request, got, tt.want)
		}
	}
}

func TestMintResponse(t *testing.T) {
	i := instance(withUsers)
	got, err := i.Mint(clerktest.TokenRequest{User: "ada", AuthorizedParty: "https://app.acme.com", ExpiresIn: 90, Format: "cookie"})
	if err != nil {
		t.Fatal(err)
	}
	_, claims := read(t, got.Token)
	if diff := cmp.Diff(claims, decode(t, got.Claims)); diff != "" {
		t.Errorf("claims of the token and of the answer differ:\n%s", diff)
	}
	if claims["azp"] != "https://app.acme.com" {
		t.Errorf("azp %v", claims["azp"])
	}
	if want := time.Unix(int64(claims["exp"].(float64)), 0).UTC(); !got.ExpiresAt.Equal(want) || want.Sub(now) > 90*time.Second {
		t.Errorf("expires at %s, the token at %s", got.ExpiresAt, want)
	}
	if got.Cookie != i.Cookies(got.Token) {
		t.Errorf("cookie %q", got.Cookie)
	}
	if plain, err := i.Mint(clerktest.TokenRequest{User: "ada", Format: "token"}); err != nil || plain.Cookie != "" {
		t.Errorf("a cookie that was not asked for: %q (%v)", plain.Cookie, err)
	}
	if past, err := i.Mint(clerktest.TokenRequest{User: "ada", ExpiresIn: -60}); err != nil || !past.ExpiresAt.Before(now) {
		t.Errorf("not expired: %s (%v)", past.ExpiresAt, err)
	}
}

func TestMintRefuses(t *testing.T) {
	known := "known users: user_ada (Ada), user_bob (Bob), user_cleo (Cleo), user_ada2 (ada), user_4"
	tests := []struct {
		name    string
		request clerktest.TokenRequest
		status  int
		message string
		hint    string
	}{
		{"nobody", clerktest.TokenRequest{}, 400, "no user is named", known},
		{"an unknown user", clerktest.TokenRequest{User: "dan"}, 404, `there is no user "dan"`, known},
		{"an unknown id", clerktest.TokenRequest{User: "user_dan"}, 404, `there is no user "user_dan"`, known},
		{"a name of two", clerktest.TokenRequest{User: "Ada"}, 400, `"Ada" is the name of several users`, "name one by id: user_ada, user_ada2"},
		{"an unknown organisation", clerktest.TokenRequest{User: "bob", Org: "initech"}, 404, `there is no organisation "initech"`, "known organisations: acme, globex"},
		{"and with a role", clerktest.TokenRequest{User: "bob", Org: "org_x", Role: "org:admin"}, 404, `there is no organisation "org_x"`, "known organisations: acme, globex"},
		{"not a member", clerktest.TokenRequest{User: "bob", Org: "globex"}, 403, "user_bob is not a member of globex", "member of org_acme; a role makes an exception"},
		{"a member of nothing", clerktest.TokenRequest{User: "user_4", Org: "acme"}, 403, "user_4 is not a member of acme", "member of no organisation; a role makes an exception"},
		{"a role in no organisation", clerktest.TokenRequest{User: "bob", Role: "admin"}, 400, "a role or permission without an organisation", "name the organisation, too"},
		{"a permission in no organisation", clerktest.TokenRequest{User: "bob", Permissions: []string{"org:a:b"}}, 400, "a role or permission without an organisation", "name the organisation, too"},
		{"no role", clerktest.TokenRequest{User: "bob", Org: "acme", Role: "a b"}, 400, `"org:a b" is not a role of the form org:admin`, ""},
		{"no permission", clerktest.TokenRequest{User: "bob", Org: "acme", Permissions: []string{"manage"}}, 400, `"manage" is not a permission of the form org:feature:permission`, ""},
		{"a system permission", clerktest.TokenRequest{User: "bob", Org: "acme", Permissions: []string{"org:sys_memberships:manage"}}, 400, `"org:sys_memberships:manage" is a system permission: Clerk never puts these into a session token`, ""},
		{"no version", clerktest.TokenRequest{User: "bob", Version: 3}, 400, "version 3: there are session tokens of version 1 and 2", "leave it out for 2, the current one"},
		{"no format", clerktest.TokenRequest{User: "bob", Format: "header"}, 400, `format "header": it is token or cookie`, ""},
		{"for ever", clerktest.TokenRequest{User: "bob", ExpiresIn: 1 << 62}, 400, "expiresIn 4611686018427387904: it is more than ten years", "give seconds, such as 3600"},
		{"expired for ever", clerktest.TokenRequest{User: "bob", ExpiresIn: -1 << 62}, 400, "expiresIn -4611686018427387904: it is more than ten years", "give seconds, such as 3600"},
	}
	i := instance(func(o *clerktest.Options) {
		o.Directory = users()
		o.Directory.Users = append(o.Directory.Users, clerktest.User{ID: "user_ada2", Name: "ada"}, clerktest.User{ID: "user_4"})
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, err := i.Mint(tt.request)
			var refused *clerktest.Error
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, token %q", err, response.Token)
			}
			want := &clerktest.Error{Status: tt.status, Message: tt.message, Hint: tt.hint}
			if diff := cmp.Diff(want, refused); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if response.Token != "" {
				t.Errorf("an error and a token: %s", response.Token)
			}
		})
	}
}

func TestMintRefusesWithoutDirectory(t *testing.T) {
	tests := []struct {
		request clerktest.TokenRequest
		want    string
	}{
		{clerktest.TokenRequest{}, "no user is named"},
		{clerktest.TokenRequest{User: "ada"}, `user: "ada" is not an id of the form user_…`},
		{clerktest.TokenRequest{User: "user_1", Org: "A B"}, `organisation "A B" is neither an id of the form org_… nor a slug`},
	}
	for _, tt := range tests {
		if _, err := instance().Mint(tt.request); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: %v, want %s", tt.request, err, tt.want)
		}
	}
}
