package clerktest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
)

// oneKey answers every key id with the key of these tests.
type oneKey struct{ key *jwks.Key }

func (k oneKey) Key(string) (*jwks.Key, error) { return k.key, nil }

// The sidecar signs the users in, by header and by cookie, in both versions and
// on both kinds of instance, and reads back what went in.
func TestSidecarAcceptsTokens(t *testing.T) {
	keys := oneKey{&jwks.Key{ID: "ins_test", Algorithm: "RS256", Public: &signer().Private.PublicKey}}
	for _, live := range []bool{false, true} {
		i := instance(withUsers, func(o *clerktest.Options) { o.Live = live })
		sidecar, err := clerk.NewInstance(clerk.Settings{PublishableKey: i.PublishableKey(), Cookies: true, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []int{1, 2} {
			response, err := i.Mint(clerktest.TokenRequest{
				User: "ada", Org: "acme", Version: version, Format: "cookie",
				Permissions: []string{"org:invoices:manage", "org:invoices:read", "org:billing:read"},
			})
			if err != nil {
				t.Fatal(err)
			}
			requests := map[string]*clerk.Request{
				"header": {Method: "GET", Scheme: "https", Host: "app.example.com", Authorization: "Bearer " + response.Token},
				"cookie": {Method: "GET", Scheme: "https", Host: "app.example.com", Cookie: response.Cookie, CookieInstance: sidecar},
			}
			for carrier, request := range requests {
				state := clerk.Instances{sidecar}.Authenticate(request, nil, now.Add(30*time.Second))
				if !state.SignedIn || state.Carrier != carrier {
					t.Errorf("live %v, version %d, %s: not signed in: %s %v", live, version, carrier, state.Reason, state.Err)
					continue
				}
				s := state.Session
				got := []any{s.Version, s.UserID, s.SessionID, s.OrgID, s.OrgSlug, s.OrgRole, s.MasksDiffer, slices.Sorted(slices.Values(s.OrgPermissions))}
				want := []any{version, "user_ada", "sess_ada", "org_acme", "acme", "org:admin", false, []string{"org:billing:read", "org:invoices:manage", "org:invoices:read"}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("live %v, version %d, %s (-want +got):\n%s", live, version, carrier, diff)
				}
			}
		}
	}
}

// A token that was minted expired is refused from the first second.
func TestSidecarRefusesExpired(t *testing.T) {
	keys := oneKey{&jwks.Key{ID: "ins_test", Algorithm: "RS256", Public: &signer().Private.PublicKey}}
	i := instance()
	sidecar, err := clerk.NewInstance(clerk.Settings{PublishableKey: i.PublishableKey(), Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	request := &clerk.Request{Method: "GET", Authorization: "Bearer " + i.Token(clerktest.Claims{User: "user_ada", ExpiresIn: -time.Minute})}
	if state := (clerk.Instances{sidecar}).Authenticate(request, nil, now); state.SignedIn || state.Code != "token-expired" {
		t.Errorf("signed in %v, code %q", state.SignedIn, state.Code)
	}
}
