package clerktest_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// decodePermissions reads fea, o.per and o.fpm as Clerk's SDKs do. They disagree
// about which feature a mask belongs to: the one in JavaScript counts the
// features of the organisation only, the others count all.
func decodePermissions(t *testing.T, claims map[string]any, countAll bool) []string {
	t.Helper()
	split := func(v any) []string {
		if text, _ := v.(string); text != "" {
			return strings.Split(text, ",")
		}
		return nil
	}
	o, _ := claims["o"].(map[string]any)
	names, masks := split(o["per"]), split(o["fpm"])
	found := []string{}
	index := 0
	for _, element := range split(claims["fea"]) {
		scope, slug, ok := strings.Cut(element, ":")
		if !ok {
			t.Fatalf("fea holds %q", element)
		}
		if !strings.Contains(scope, "o") {
			if countAll {
				index++
			}
			continue
		}
		if index < len(masks) {
			mask, ok := new(big.Int).SetString(masks[index], 10)
			if !ok || mask.BitLen() > len(names) {
				t.Fatalf("mask %q with %d names", masks[index], len(names))
			}
			for j, name := range names {
				if mask.Bit(j) == 1 {
					found = append(found, "org:"+slug+":"+name)
				}
			}
		}
		index++
	}
	slices.Sort(found)
	return found
}

func TestPermissionsInVersion2(t *testing.T) {
	many := []string{}
	for i := range 70 {
		many = append(many, fmt.Sprintf("org:reports:p%02d", i))
	}
	tests := []struct {
		name        string
		permissions []string
		features    []string
		fea, fpm    string
	}{
		{"none", nil, nil, "", ""},
		{"one", []string{"org:invoices:manage"}, nil, "o:invoices", "1"},
		{"twice the same", []string{"org:a:read", "org:a:read"}, nil, "o:a", "1"},
		{
			"those of a real admin",
			[]string{
				"org:billing:manage", "org:billing:read", "org:impersonation:manage", "org:impersonation:read",
				"org:magic_links:create", "org:magic_links:read", "org:posts:delete", "org:posts:manage", "org:posts:read",
			}, nil,
			"o:billing,o:impersonation,o:magic_links,o:posts", "12,12,9,14",
		},
		{"a feature without permissions", []string{"org:a:read"}, []string{"o:b"}, "o:a,o:b", "1,0"},
		{"features but no permissions", nil, []string{"o:b", "u:a"}, "o:b,u:a", ""},
		{"the user's features come last", []string{"org:z:read"}, []string{"u:a", "u:z"}, "o:z,u:a,u:z", "1,0,0"},
		{"a feature of both", []string{"org:b:read", "org:a:write"}, []string{"uo:b"}, "o:a,uo:b", "2,1"},
		{"a feature that is named twice", []string{"org:a:read"}, []string{"o:a", "o:a"}, "o:a", "1"},
		{"more than 64 names", many, nil, "o:reports", "1180591620717411303423"},
	}
	i := instance()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, claims := read(t, i.Token(clerktest.Claims{
				User: "user_ada", Features: tt.features,
				Org: clerktest.Org{ID: "org_acme", Role: "org:admin", Permissions: tt.permissions},
			}))
			o := claims["o"].(map[string]any)
			if fea, _ := claims["fea"].(string); fea != tt.fea {
				t.Errorf("fea %q, want %q", fea, tt.fea)
			}
			if fpm, _ := o["fpm"].(string); fpm != tt.fpm {
				t.Errorf("fpm %q, want %q", fpm, tt.fpm)
			}
			want := slices.Compact(slices.Sorted(slices.Values(append([]string{}, tt.permissions...))))
			for _, countAll := range []bool{false, true} {
				if diff := cmp.Diff(append([]string{}, want...), decodePermissions(t, claims, countAll)); diff != "" {
					t.Errorf("counting all features: %v (-want +got):\n%s", countAll, diff)
				}
			}
		})
	}
}

// Without an organisation nothing is granted by it.
func TestPermissionsWithoutOrganization(t *testing.T) {
	_, claims := read(t, instance().Token(clerktest.Claims{User: "user_ada", Org: clerktest.Org{Role: "org:admin", Permissions: []string{"org:a:read"}}}))
	if claims["o"] != nil || claims["fea"] != nil {
		t.Errorf("claims %v", claims)
	}
}

// Any permissions come back as they went in, whichever way they are read.
func FuzzPermissions(f *testing.F) {
	f.Add("org:a:read org:b:write org:a:write", "u:x o:y uo:b")
	f.Add("org:a:b", "")
	f.Add("org:sys_a:read", "o:a o:a")
	i := instance()
	f.Fuzz(func(t *testing.T, permissions, features string) {
		c := clerktest.Claims{
			User: "user_ada", Features: strings.Fields(features),
			Org: clerktest.Org{ID: "org_acme", Permissions: strings.Fields(permissions)},
		}
		token, ok := tryToken(i, c)
		if !ok {
			return
		}
		_, claims := read(t, token)
		want := slices.Compact(slices.Sorted(slices.Values(strings.Fields(permissions))))
		for _, countAll := range []bool{false, true} {
			if diff := cmp.Diff(append([]string{}, want...), decodePermissions(t, claims, countAll)); diff != "" {
				t.Errorf("counting all features: %v (-want +got):\n%s", countAll, diff)
			}
		}
	})
}

// tryToken tells refused claims from a token.
func tryToken(i *clerktest.Instance, c clerktest.Claims) (token string, ok bool) {
	defer func() { ok = recover() == nil }()
	return i.Token(c), true
}
