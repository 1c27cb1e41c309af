package clerk

import (
	"encoding/json"
	"strings"
	"testing"
)

// strictCase is a token that the SDK would sign in, by the entry of the list
// that refuses it.
type strictCase struct{ entry, token, want string }

// TestStricter walks the list of the package documentation. What it refuses
// here is what the SDK would sign in; entries 7 and 8 have nothing to refuse yet.
func TestStricter(t *testing.T) {
	for _, c := range append(strictForms(t), strictClaims(t)...) {
		in := instance(t, nil)
		for _, s := range []State{byHeader(in, c.token), byCookie(in, c.token)} {
			got := outcome(s)
			// Without cookies to fall back on, a foreign session cookie is none.
			if s.Carrier != CarrierHeader && strings.Contains(c.entry, "issuer") {
				continue
			}
			if got != c.want {
				t.Errorf("%s, by %s: got %s, want %s", c.entry, s.Carrier, got, c.want)
			}
			if s.Session != nil || s.SignedIn || !s.Presented {
				t.Errorf("%s, by %s: %+v", c.entry, s.Carrier, s)
			}
		}
	}
}

// strictForms are the tokens of entry 2.
func strictForms(t *testing.T) []strictCase {
	const invalid = "token-invalid"
	header, payload := string(goodHeader.json(t)), string(goodPayload(liveIssuer).json(t))
	more := func(text, member string) string { return text[:len(text)-1] + "," + member + "}" }
	return []strictCase{
		{"2 padding", mint(t, nil, nil) + "==", invalid},
		{"2 padding hides the class", mint(t, claims{"cat": gone{}}, claims{"sub": "mch_1"}) + "==", invalid},
		{"2 byte-order mark", mintRaw(header, "\ufeff"+payload), invalid},
		{"2 byte-order mark in the header", mintRaw("\ufeff"+header, payload), invalid},
		{"2 not UTF-8", mintRaw(header, more(payload, "\"x\":\"\xff\"")), invalid},
		{"2 half a surrogate pair", mintRaw(header, more(payload, `"x":"\ud800"`)), invalid},
		{"2 duplicate key", mintRaw(header, more(payload, `"sub":"user_2"`)), invalid},
		{"2 duplicate key, escaped", mintRaw(header, more(payload, `"\u0073ub":"user_2"`)), invalid},
		{"2 duplicate key below", mintRaw(header, more(payload, `"x":[{"a":1,"a":1}]`)), invalid},
		{"2 duplicate key in the header", mintRaw(more(header, `"alg":"RS256"`), payload), invalid},
		{"2 too deep", mintRaw(header, more(payload, `"x":`+strings.Repeat("[", 33)+strings.Repeat("]", 33))), invalid},
		{"2 too deep to tell", mintRaw(header, more(payload, `"x":`+strings.Repeat("[", 5100)+strings.Repeat("]", 5100))), invalid},
		{"2 exponent", mint(t, nil, claims{"exp": raw("17e8"), "nbf": 0, "iat": 0}), invalid},
		{"2 fraction", mint(t, nil, claims{"exp": raw("1700000060.5")}), invalid},
		{"2 minus zero", mint(t, nil, claims{"iat": raw("-0")}), invalid},
		{"2 before 1970", mint(t, nil, claims{"nbf": raw("-1")}), invalid},
		{"2 after 9999", mint(t, nil, claims{"exp": raw("253402300800")}), invalid},
		{"2 without end", mint(t, nil, claims{"exp": raw("1e300")}), invalid},
		{"2 version in other words", mint(t, nil, claims{"v": raw("2.0")}), invalid},
		{"2 age with exponent", mint(t, nil, claims{"fva": []any{raw("1e0"), -1}}), invalid},
		{"2 key id in an array", mint(t, claims{"kid": []string{"ins_live"}}, nil), invalid},
		{"2 crit", mint(t, claims{"crit": []string{"b64"}, "b64": true}, nil), invalid},
	}
}

// strictClaims are the tokens of entries 3 to 5.
func strictClaims(t *testing.T) []strictCase {
	const failed = "token-verification-failed"
	org2 := func(o claims) claims { return claims{"v": 2, "fea": "o:a", "o": claims{"id": "org_1"}.with(o)} }
	return []strictCase{
		{"3 empty sub", mint(t, nil, claims{"sub": ""}), failed},
		{"3 sub of another kind", mint(t, nil, claims{"sub": "client_1"}), failed},
		{"3 sub without id", mint(t, nil, claims{"sub": "user_"}), failed},
		{"3 sub with a line break", mint(t, nil, claims{"sub": "user_1\r\nx-org-id: org_2"}), failed},
		{"3 sub with a comma", mint(t, nil, claims{"sub": "user_1,user_2"}), failed},
		{"3 sub not ASCII", mint(t, nil, claims{"sub": "user_é"}), failed},
		{"3 sub with a NUL", mint(t, nil, claims{"sub": "user_\x00"}), failed},
		{"3 sid with a space", mint(t, nil, claims{"sid": "sess 1"}), failed},
		{"3 organisation", mint(t, nil, org2(claims{"id": "org_1 "})), failed},
		{"3 slug", mint(t, nil, org2(claims{"slg": "a,b"})), failed},
		{"3 role", mint(t, nil, org2(claims{"rol": "é"})), failed},
		{"3 organisation, version 1", mint(t, nil, claims{"org_id": "org 1"}), failed},
		{"3 slug, version 1", mint(t, nil, claims{"org_id": "org_1", "org_slug": "a b"}), failed},
		{"3 role, version 1", mint(t, nil, claims{"org_id": "org_1", "org_role": "org:a\tb"}), failed},
		{"3 permission, version 1", mint(t, nil, claims{"org_id": "org_1", "org_permissions": []string{"a,b"}}), failed},
		{"3 issuer", mint(t, nil, claims{"iss": "https://clerk.evil.com"}), "token-invalid-issuer"},

		{"4 sid", mint(t, nil, claims{"sid": 1}), failed},
		{"4 sid null", mint(t, nil, claims{"sid": nil}), failed},
		{"4 version", mint(t, nil, claims{"v": "2"}), failed},
		{"4 version null", mint(t, nil, claims{"v": nil}), failed},
		{"4 status", mint(t, nil, claims{"sts": "ended"}), failed},
		{"4 status null", mint(t, nil, claims{"sts": nil}), failed},
		{"4 status of another type", mint(t, nil, claims{"sts": []string{"active"}}), failed},
		{"4 o null", mint(t, nil, claims{"v": 2, "o": nil}), failed},
		{"4 o a string", mint(t, nil, claims{"v": 2, "o": "org_1"}), failed},
		{"4 o an array", mint(t, nil, claims{"v": 2, "o": []string{"org_1"}}), failed},
		{"4 o.id", mint(t, nil, org2(claims{"id": 1})), failed},
		{"4 o.slg", mint(t, nil, org2(claims{"slg": nil})), failed},
		{"4 o.rol", mint(t, nil, org2(claims{"rol": []string{"admin"}})), failed},
		{"4 o.per", mint(t, nil, org2(claims{"per": []string{"read"}})), failed},
		{"4 o.per null", mint(t, nil, org2(claims{"per": nil})), failed},
		{"4 o.per with a gap", mint(t, nil, org2(claims{"per": "read,,write"})), failed},
		{"4 o.per with a space", mint(t, nil, org2(claims{"per": "re ad"})), failed},
		{"4 o.fpm", mint(t, nil, org2(claims{"fpm": 1})), failed},
		{"4 o.fpm negative", mint(t, nil, org2(claims{"per": "read", "fpm": "-1"})), failed},
		{"4 o.fpm fraction", mint(t, nil, org2(claims{"per": "read", "fpm": "1.5"})), failed},
		{"4 o.fpm with a letter", mint(t, nil, org2(claims{"per": "read", "fpm": "1x"})), failed},
		{"4 o.fpm with a gap", mint(t, nil, org2(claims{"per": "read", "fpm": "1,"})), failed},
		{"4 o.fpm underscore", mint(t, nil, org2(claims{"per": "read", "fpm": "1_0"})), failed},
		{"4 o.fpm, no per", mint(t, nil, org2(claims{"fpm": "x"})), failed},
		{"4 fea", mint(t, nil, claims{"v": 2, "fea": []string{"o:a"}}), failed},
		{"4 fea null", mint(t, nil, claims{"v": 2, "fea": nil}), failed},
		{"4 fea without scope", mint(t, nil, claims{"v": 2, "fea": "bad", "o": claims{"id": "org_1"}}), failed},
		{"4 fea without scope, no organisation", mint(t, nil, claims{"v": 2, "fea": "bad"}), failed},
		{"4 fea without scope, version 1", mint(t, nil, claims{"fea": "bad"}), failed},
		{"4 fea with a gap", mint(t, nil, claims{"v": 2, "fea": "o:a,"}), failed},
		{"4 fea without name", mint(t, nil, claims{"v": 2, "fea": "o:"}), failed},
		{"4 organisation, version 1", mint(t, nil, claims{"org_id": 1}), failed},
		{"4 organisation null, version 1", mint(t, nil, claims{"org_id": nil}), failed},
		{"4 permissions, version 1", mint(t, nil, claims{"org_permissions": "org:a:b"}), failed},
		{"4 permissions null, version 1", mint(t, nil, claims{"org_permissions": nil}), failed},
		{"4 permissions mixed, version 1", mint(t, nil, claims{"org_permissions": []any{"org:a:b", 1}}), failed},

		{"5 audience an object", mint(t, nil, claims{"aud": claims{}}), failed},
		{"5 audience mixed", mint(t, nil, claims{"aud": []any{"a", 1}}), failed},
	}
}

// Entry 1, the request, is TestAuthorization; what follows is its cookie half
// and that of entry 2.
func TestStricterOversizeCookie(t *testing.T) {
	in := instance(t, nil)
	long := strings.Repeat("x", maxToken+1)
	for cookie, want := range map[string]string{
		"__session=" + long[1:] + "; __client_uat=1":         "token-invalid",
		"__session=" + long + "; __client_uat=1":             "malformed credential: a session cookie is too long",
		"__session_" + liveSuffix + "=" + long:               "malformed credential: a session cookie is too long",
		"__session_" + testSuffix + "=" + long:               "session-token-and-uat-missing",
		"other=" + long + "; __clerk_redirect_count=" + long: "session-token-and-uat-missing",
	} {
		s := Instances{in}.Authenticate(&Request{Method: "GET", Cookie: cookie, CookieInstance: in}, nil, issuedAt)
		if got := outcome(s); got != want {
			t.Errorf("%.30s…: got %s, want %s", cookie, got, want)
		}
	}
}

// Entry 6: TestPermissions and FuzzPermissions. Entry 9:
func TestStricterCounters(t *testing.T) {
	in := instance(t, nil)
	for uat, want := range map[string]string{
		"1":                    "signed-in",
		"%31":                  "signed-in",
		"1abc":                 "session-token-but-no-client-uat",
		"0x10":                 "session-token-but-no-client-uat",
		"1.5":                  "session-token-but-no-client-uat",
		"-1":                   "session-token-but-no-client-uat",
		"+1":                   "session-token-but-no-client-uat",
		"01":                   "session-token-but-no-client-uat",
		"%201":                 "session-token-but-no-client-uat",
		`"1"`:                  "session-token-but-no-client-uat",
		"99999999999999999999": "session-token-but-no-client-uat",
	} {
		cookie := "__session=" + mint(t, nil, nil) + "; __client_uat=" + uat
		s := Instances{in}.Authenticate(&Request{Method: "GET", Cookie: cookie, CookieInstance: in}, nil, issuedAt)
		if got := outcome(s); got != want {
			t.Errorf("client_uat %s: got %s, want %s", uat, got, want)
		}
		s = Instances{in}.Authenticate(&Request{Method: "GET", Cookie: "__client_uat=" + uat, CookieInstance: in}, nil, issuedAt)
		if s.SignedIn || s.Presented {
			t.Errorf("client_uat %s alone: %+v", uat, s)
		}
	}
	// The redirect counter is in TestCrossOriginNavigation.
}

// Whatever a single member is replaced by, the result is a decision, and a
// sign-in only with the identity that was signed.
func TestStrangeMembers(t *testing.T) {
	in := instance(t, nil)
	values := []any{nil, true, false, 0, -1, 2, 1.5, "", "x", "user_2", []any{}, []any{"a", 1}, claims{}, gone{}}
	for name := range goodPayload(liveIssuer).with(claims{"v": 0, "o": 0, "fea": 0, "sts": 0, "azp": 0, "aud": 0, "org_id": 0, "org_role": 0, "fva": 0}) {
		for _, v := range values {
			for _, s := range []State{byHeader(in, mint(t, nil, claims{name: v})), byCookie(in, mint(t, nil, claims{name: v}))} {
				text, _ := json.Marshal(v)
				if s.SignedIn != (s.Session != nil) || s.SignedIn == (s.Reason != "") || s.Code != plainCode(s.Reason) {
					t.Errorf("%s %s: %+v", name, text, s)
				}
				if s.SignedIn && name == "sub" && s.Session.UserID != v {
					t.Errorf("sub %s became %q", text, s.Session.UserID)
				}
			}
		}
	}
}
