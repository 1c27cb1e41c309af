package e2e_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

// forgeOf makes tokens of another class than session tokens: these changes make
// a good one of it.
func forgeOf(c *clerk, header, payload members) *forge {
	f := newForge(c)
	for _, name := range []string{"sid", "azp", "v", "fva"} {
		delete(f.payload, name)
	}
	maps.Copy(f.header, header)
	maps.Copy(f.payload, payload)
	return f
}

// Categories of tokens, in the JOSE header.
const (
	sessionCat  = `"cl_B7d4PD111AAA"`
	templateCat = `"cl_B7d4PD222AAA"`
	machineCat  = `"cl_B7d4PD333AAA"`
)

// machineCase is a token that no instance would mint, or would not mint for this
// service. Without a reason it is good.
type machineCase struct{ name, token, reason string }

// runMachineCases shows each token on a route for its class, and on one for all of them.
func (s *site) runMachineCases(t *testing.T, path, user string, cases []machineCase) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			v := s.send(t, call{target: path, headers: []string{bearer(tt.token)}})
			anybody := s.send(t, call{target: "/any/", headers: []string{bearer(tt.token)}})
			if tt.reason == "" {
				v.wantPass(t, user, "")
				anybody.wantPass(t, user, "")
				return
			}
			v.wantDenied(t, http.StatusUnauthorized, tt.reason, tt.reason)
			v.wantChallenge(t, http.StatusUnauthorized)
			if tt.reason == otherType {
				return // elsewhere it is another class, which other tests judge
			}
			anybody.wantDenied(t, http.StatusUnauthorized, tt.reason, tt.reason)
		})
	}
}

const (
	notVerified = "token-verification-failed"
	otherType   = "token-type-mismatch"
)

// TestMachineJWTs: a machine's token must be for this machine. The SDK does not
// look at that.
func TestMachineJWTs(t *testing.T) {
	t.Parallel()
	s := newMachineSite(t, variants[0])
	f := forgeOf(s.clerk, members{"cat": machineCat}, members{
		"sub": `"mch_reports"`, "jti": `"mt_1"`, "scopes": `"mch_mail mch_billing"`, "aud": `["mch_mail","mch_billing"]`,
	})
	with := func(header, payload members) string { return f.signed(header, payload) }
	to := func(scopes, aud string) string { return with(nil, members{"scopes": scopes, "aud": aud}) }
	s.runMachineCases(t, "/m2m/", "", []machineCase{
		{"good", with(nil, nil), ""},
		{"without category", with(members{"cat": ""}, nil), ""},
		{"without type", with(members{"typ": ""}, nil), ""},
		{"addressed by scopes alone", to(`"mch_billing"`, ""), ""},
		{"addressed by aud alone", to("", `["mch_billing"]`), ""},
		{"to one machine by aud", to("", `"mch_billing"`), ""},
		{"to another machine", to(`"mch_mail"`, `["mch_mail"]`), notVerified},
		{"to another machine by aud", to("", `["mch_mail"]`), notVerified},
		{"to nobody", to("", ""), notVerified},
		{"to nobody by scopes", to(`""`, `["mch_billing"]`), notVerified},
		{"to a machine of a longer name", to(`"mch_billing2"`, ""), notVerified},
		{"to a machine of a shorter name", to(`"mch_bill"`, ""), notVerified},
		{"to this machine in other letters", to(`"MCH_BILLING"`, ""), notVerified},
		{"to this machine behind a comma", to(`"mch_mail,mch_billing"`, ""), notVerified},
		{"to an object", to("", `{"mch_billing":true}`), notVerified},
		{"category of sessions", with(members{"cat": sessionCat}, nil), "token-invalid"},
		{"category of templates", with(members{"cat": templateCat}, nil), "token-invalid"},
		{"an empty category", with(members{"cat": `""`}, nil), "token-invalid"},
		{"null for a category", with(members{"cat": `null`}, nil), "token-invalid"},
		{"an access token by type", with(members{"typ": `"at+jwt"`}, nil), notVerified},
		{"nobody's machine", with(nil, members{"sub": `"mch_"`}), notVerified},
		{"a machine with a space", with(nil, members{"sub": `"mch_reports x"`}), notVerified},
		{"a machine with a line end", with(nil, members{"sub": `"mch_a\r\nx-user-id: user_root"`}), notVerified},
		{"a user", with(nil, members{"sub": `"user_ada"`}), otherType},
		{"an organisation", with(nil, members{"sub": `"org_acme"`}), otherType},
		{"expired", with(nil, members{"exp": "1000000000"}), notVerified},
		{"without expiry", with(nil, members{"exp": ""}), notVerified},
		{"not yet", with(nil, members{"nbf": "4000000000"}), notVerified},
		{"another issuer", with(nil, members{"iss": `"https://clerk.evil.example"`}), "token-invalid-issuer"},
		{"without issuer", with(nil, members{"iss": ""}), "token-invalid-issuer"},
		{"another key", f.stranger.Sign([]byte(f.header.object(nil)), []byte(f.payload.object(nil))), notVerified},
	})
	t.Run("padded", func(t *testing.T) {
		v := s.send(t, call{target: "/any/", headers: []string{bearer(with(members{"cat": ""}, nil) + "=")}})
		v.wantDenied(t, http.StatusUnauthorized, "token-invalid", "token-invalid")
	})
}

// TestOAuthJWTs: an access token must be for this service.
func TestOAuthJWTs(t *testing.T) {
	t.Parallel()
	s := newMachineSite(t, variants[0])
	f := forgeOf(s.clerk, members{"typ": `"at+jwt"`, "cat": ""}, members{
		"jti": `"oat_1"`, "client_id": `"client_1"`, "scope": `"read write"`, "aud": quoted(thisAudience),
	})
	with := func(header, payload members) string { return f.signed(header, payload) }
	aud := func(aud string) string { return with(nil, members{"aud": aud}) }
	s.runMachineCases(t, "/oauth/", "user_ada", []machineCase{
		{"good", with(nil, nil), ""},
		{"by its long type", with(members{"typ": `"application/at+jwt"`}, nil), ""},
		{"one of several audiences", aud(`["https://a.example",` + quoted(thisAudience) + `]`), ""},
		{"another audience", aud(`"https://a.example"`), notVerified},
		{"a longer audience", aud(quoted(thisAudience + "/")), notVerified},
		{"without audience", aud(""), notVerified},
		{"no audience in the list", aud(`[]`), notVerified},
		{"an empty audience beside it", aud(`["",` + quoted(thisAudience) + `]`), notVerified},
		{"a number beside it", aud(`[1,` + quoted(thisAudience) + `]`), notVerified},
		{"an object", aud(`{}`), notVerified},
		{"no access token by type", with(members{"typ": `"JWT"`}, nil), otherType},
		{"without type", with(members{"typ": ""}, nil), otherType},
		{"its type in other letters", with(members{"typ": `"AT+JWT"`}, nil), otherType},
		{"an organisation", with(nil, members{"sub": `"org_acme"`}), notVerified},
		{"without subject", with(nil, members{"sub": ""}), notVerified},
		{"nobody", with(nil, members{"sub": `"user_"`}), notVerified},
		{"scopes that are a number", with(nil, members{"scope": "5"}), notVerified},
		{"expired", with(nil, members{"exp": "1000000000"}), notVerified},
		{"another issuer", with(nil, members{"iss": `"https://clerk.evil.example"`}), "token-invalid-issuer"},
	})
}

// TestTemplateTokens: the author of a template writes every claim of its tokens,
// so that nothing but the user is believed.
func TestTemplateTokens(t *testing.T) {
	t.Parallel()
	s := newMachineSite(t, variants[0])
	f := forgeOf(s.clerk, members{"cat": templateCat}, members{"aud": quoted(thisAudience)})
	with := func(header, payload members) string { return f.signed(header, payload) }
	aud := func(aud string) string { return with(nil, members{"aud": aud}) }
	s.runMachineCases(t, "/template/", "user_ada", []machineCase{
		{"good", with(nil, nil), ""},
		{"one of several audiences", aud(`["https://a.example",` + quoted(thisAudience) + `]`), ""},
		{"with claims of an organisation", with(nil, members{"org_id": `"org_root"`, "org_role": `"org:admin"`, "o": `{"id":"org_root","rol":"admin"}`, "v": "2"}), ""},
		{"another audience", aud(`"https://a.example"`), notVerified},
		{"without audience", aud(""), notVerified},
		{"no audience in the list", aud(`[]`), notVerified},
		{"a number beside it", aud(`[1,` + quoted(thisAudience) + `]`), notVerified},
		{"of a session", with(members{"cat": sessionCat}, nil), otherType},
		{"without category", with(members{"cat": ""}, nil), otherType},
		{"an organisation", with(nil, members{"sub": `"org_acme"`}), notVerified},
		{"without subject", with(nil, members{"sub": ""}), notVerified},
		{"expired", with(nil, members{"exp": "1000000000"}), "token-expired"},
		{"another issuer", with(nil, members{"iss": `"https://clerk.evil.example"`}), "token-invalid-issuer"},
	})
	t.Run("in a cookie", func(t *testing.T) {
		v := s.send(t, call{target: "/template/", headers: []string{"Cookie: " + s.Cookies(with(nil, nil))}})
		v.wantDenied(t, http.StatusUnauthorized, noToken, noToken)
	})
	t.Run("in a cookie, with a session beside it", func(t *testing.T) {
		v := s.send(t, call{target: "/any/", headers: []string{"Cookie: " + s.Cookies(with(nil, nil))}})
		v.wantDenied(t, http.StatusUnauthorized, otherType, otherType)
	})
	t.Run("an expired document", func(t *testing.T) {
		expired := bearer(with(nil, members{"exp": "1000000000"}))
		v := s.send(t, call{target: "/template/", headers: []string{document, expired}})
		v.wantDenied(t, http.StatusUnauthorized, "token-expired", "token-expired")
		v.wantCookies(t)
	})
}

// TestForgedIdentityBesideMachineTokens: what a machine's token does not say, its
// bearer cannot say either.
func TestForgedIdentityBesideMachineTokens(t *testing.T) {
	t.Parallel()
	for _, v := range []variant{variants[0], variants[3]} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := newMachineSite(t, v)
			w := newWallet(t, s.clerk)
			for _, forgery := range forgeries() {
				lines := []string{}
				for _, field := range forgery.fields {
					if !strings.Contains(field.Name, "_") { // Envoy refuses those by itself
						lines = append(lines, field.Name+": "+field.Value)
					}
				}
				for path, kind := range map[string]string{"/m2m/": "m2m", "/programs/": "m2m JWT", "/key/": "apiKey org", "/oauth/": "oauth", "/maybe/": ""} {
					t.Run(forgery.name+" beside "+kind, func(t *testing.T) {
						headers, user, org := lines, "", ""
						if kind != "" {
							headers = append([]string{bearer(w[kind])}, lines...)
							user, org = told(kind)
						}
						s.send(t, call{target: path, headers: headers}).wantPass(t, user, org)
					})
				}
			}
		})
	}
}
