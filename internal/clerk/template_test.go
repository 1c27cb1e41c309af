package clerk

import (
	"slices"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	parties := func(s *Settings) { s.AuthorizedParties = []string{"https://app.example.com"} }
	const failed = "token-verification-failed"
	now := issuedAt.Unix()
	for _, c := range []struct {
		name            string
		change          func(*Settings)
		header, payload claims
		want            string
	}{
		{"good", nil, nil, nil, TypeTemplate},
		{"no type", nil, claims{"typ": gone{}}, nil, TypeTemplate},
		{"audience among others", nil, nil, claims{"aud": []string{"x", "billing"}}, TypeTemplate},
		{"party", parties, nil, claims{"azp": "https://app.example.com"}, TypeTemplate},
		{"no end of its own", nil, nil, claims{"exp": now + 86400*365, "iat": gone{}, "nbf": gone{}}, TypeTemplate},

		{"no audience", nil, nil, claims{"aud": gone{}}, failed},
		{"another audience", nil, nil, claims{"aud": "ledger"}, failed},
		{"empty audience", nil, nil, claims{"aud": ""}, failed},
		{"no audience in a list", nil, nil, claims{"aud": []string{}}, failed},
		{"an empty one among them", nil, nil, claims{"aud": []string{"billing", ""}}, failed},
		{"mixed audience", nil, nil, claims{"aud": []any{"billing", 1}}, failed},
		{"audience an object", nil, nil, claims{"aud": claims{"billing": true}}, failed},
		{"none wanted", func(s *Settings) { s.Audiences = nil }, nil, nil, failed},
		{"none wanted, none there", func(s *Settings) { s.Audiences = nil }, nil, claims{"aud": gone{}}, failed},

		{"party of others", parties, nil, claims{"azp": "https://evil.com"}, "token-invalid-authorized-parties"},
		{"no party", parties, nil, nil, "token-invalid-authorized-parties"},
		{"no party, as cookies may", func(s *Settings) { parties(s); s.MissingAzp = MissingAzpAllowCookie }, nil, nil, "token-invalid-authorized-parties"},
		{"issuer", nil, nil, claims{"iss": "https://clerk.evil.com"}, "token-invalid-issuer"},
		{"expired", nil, nil, claims{"exp": now - 5}, "token-expired"},
		{"not yet", nil, nil, claims{"nbf": now + 6}, "token-not-active-yet"},
		{"issued later", nil, nil, claims{"iat": now + 6}, "token-iat-in-the-future"},
		{"no end", nil, nil, claims{"exp": gone{}}, failed},
		{"type", nil, claims{"typ": "jwt"}, nil, "token-invalid"},
		{"algorithm", nil, claims{"alg": "none"}, nil, "token-invalid-algorithm"},
		{"unknown key", nil, claims{"kid": "ins_other"}, nil, "jwk-kid-mismatch"},
		{"an organisation", nil, nil, claims{"sub": "org_1"}, failed},
		{"nobody", nil, nil, claims{"sub": "user_"}, failed},
		{"two users", nil, nil, claims{"sub": "user_1,user_2"}, failed},
		{"subject null", nil, nil, claims{"sub": nil}, failed},

		// Other classes, however much they look like it.
		{"a machine", nil, nil, claims{"sub": "mch_1"}, "token-type-mismatch"},
		{"a grant", nil, claims{"typ": "at+jwt"}, nil, "token-type-mismatch"},
		{"a session", nil, claims{"cat": categorySession}, nil, "token-type-mismatch"},
		{"no category", nil, claims{"cat": gone{}}, nil, "token-type-mismatch"},
		{"no class", nil, claims{"cat": categoryIgnore}, nil, "token-type-mismatch"},
		{"another case", nil, claims{"cat": strings.ToLower(categoryTemplate)}, nil, "token-type-mismatch"},
		{"category in a list", nil, claims{"cat": []string{categoryTemplate}}, nil, "token-type-mismatch"},
	} {
		in, token := tokenWorld(t, c.change), mintTemplate(t, c.header, c.payload)
		// A refresh cookie and a document: neither may start anything.
		r := &Request{
			Method: "GET", Authorization: "Bearer " + token, Accepts: TemplateTokens, SecFetchDest: "document",
			Cookie: "__refresh_" + liveSuffix + "=r", CookieInstance: in,
		}
		s := Instances{in}.Authenticate(r, NewCache(1), issuedAt)
		if got := decision(s); got != c.want || s.Handshake || s.Location != "" || s.SetCookies != nil || !s.Presented {
			t.Errorf("%s: got %s, want %s (%+v)", c.name, got, c.want, s)
		}
	}
	forged := strings.Split(mintTemplate(t, nil, nil), ".")
	forged[1] = strings.Split(mintTemplate(t, nil, claims{"sub": "user_2"}), ".")[1]
	if got := decision(typed(tokenWorld(t, nil), TemplateTokens, strings.Join(forged, "."))); got != "token-invalid-signature" {
		t.Errorf("forged: got %s", got)
	}
}

// A template's author may write any claim. None of them makes a session, an
// organisation or a role.
func TestTemplateIsAUserOnly(t *testing.T) {
	s := typed(tokenWorld(t, nil), TemplateTokens, mintTemplate(t, nil, claims{
		"sid": "sess_1", "v": 2, "sts": "pending", "fva": []int{0, 0}, "fea": "o:a", "pla": "o:pro", "plan": "pro", "act": claims{"sub": "user_9"},
		"o":      claims{"id": "org_1", "slg": "acme", "rol": "admin", "per": "read", "fpm": "1"},
		"org_id": "org_2", "org_role": "org:admin", "org_slug": "x", "org_permissions": []string{"org:a:b"},
	}))
	if decision(s) != TypeTemplate {
		t.Fatal(decision(s))
	}
	got := *s.Session
	if !strings.Contains(string(s.Claims()), `"plan":"pro"`) || got.Key == nil || !got.ExpiresAt.After(issuedAt) {
		t.Errorf("claims, key or times are missing: %+v", got)
	}
	got.Key, got.ExpiresAt, got.NotBefore, got.IssuedAt = nil, issuedAt, issuedAt, issuedAt
	if got.OrgPermissions != nil || got.UserID != "user_1" || got.Issuer != liveIssuer {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Audiences, []string{"billing"}) {
		t.Errorf("audiences %q", got.Audiences)
	}
	if got.SessionID+got.OrgID+got.OrgSlug+got.OrgRole+got.ActorID != "" || got.Pending || got.MasksDiffer || got.Actor {
		t.Errorf("more than a user: %+v", got)
	}
	odd := mintTemplate(t, nil, claims{"o": "text", "fea": 1, "sts": nil, "sid": 1})
	if got := decision(typed(tokenWorld(t, nil), TemplateTokens, odd)); got != TypeTemplate {
		t.Errorf("claims of the author's own: got %s", got)
	}
}
