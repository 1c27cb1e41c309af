package clerk

import (
	"fmt"
	"strings"
	"testing"
)

// instances of each kind, with the names that their suffixed cookies have.
func kinds(t *testing.T) map[string]*Instance {
	return map[string]*Instance{
		"live": instance(t, nil),
		"test": instance(t, func(s *Settings) { s.PublishableKey = testKey }),
	}
}

func TestCookies(t *testing.T) {
	const (
		none     = "session-token-and-uat-missing"
		noUAT    = "session-token-but-no-client-uat"
		noToken  = "client-uat-but-no-session-token"
		before   = "session-token-iat-before-client-uat"
		noDev    = "dev-browser-missing"
		noRef    = "session-token-expired-refresh-non-eligible-no-refresh-cookie"
		document = "document"
	)
	at := issuedAt.Unix()
	for _, c := range []struct {
		name       string
		cookies    string // S, U, D, R, N, H, C: session, uat, dev browser, refresh, nonce, handshake, redirect count; ' for suffixed
		query      string
		live, test string
	}{
		{"nothing", "", "", none, noDev},
		{"dev browser only", "D=d", "", none, none},
		{"signed out", "D=d U=0", "", none, none},
		{"session", "D=d U=1 S=good", "", "signed-in", "signed-in"},
		{"session, no dev browser", "U=1 S=good", "", "signed-in", noDev},
		{"session, empty dev browser", "D= U=1 S=good", "", "signed-in", noDev},
		{"session, dev browser with suffix only", "D'=d U=1 S=good", "", "signed-in", noDev},
		{"session without uat", "D=d S=good", "", noUAT, noUAT},
		{"session, signed out", "D=d U=0 S=good", "", noUAT, noUAT},
		{"uat without session", "D=d U=1", "", noToken, noToken},
		{"uat without session, empty", "D=d U=1 S=", "", noToken, noToken},
		{"garbage", "D=d U=1 S=garbage", "", "token-invalid", "token-invalid"},
		{"of another class", "D=d U=1 S=machine", "", "token-type-mismatch", "token-type-mismatch"},
		{"template", "D=d U=1 S=template", "", "token-type-mismatch", "token-type-mismatch"},
		{"as old as uat", fmt.Sprintf("D=d U=%d S=good", at), "", "signed-in", "signed-in"},
		{"older than uat", fmt.Sprintf("D=d U=%d S=good", at+1), "", before, before},
		{"another class goes before age", fmt.Sprintf("D=d U=%d S=machine", at+1), "", "token-type-mismatch", "token-type-mismatch"},
		{"age goes before signature", fmt.Sprintf("D=d U=%d S=forged", at+1), "", before, before},
		{"forged", "D=d U=1 S=forged", "", "token-invalid-signature", "token-invalid-signature"},
		{"expired", "D=d U=1 S=expired", "", noRef, noRef},
		{"early", "D=d U=1 S=early", "", "session-token-nbf", "session-token-nbf"},
		{"no iat", "D=d U=1 S=no-iat", "", "signed-in", "signed-in"},
		{"null iat", "D=d U=1 S=null-iat", "", before, before},
		{"false iat", "D=d U=1 S=false-iat", "", before, before},
		{"true iat", "D=d U=1 S=true-iat", "", "token-verification-failed", "token-verification-failed"},
		{"true iat, later uat", "D=d U=2 S=true-iat", "", before, before},
		{"foreign issuer", "D=d U=1 S=foreign", "", none, noDev}, // the suffixed cookies count, and there are none

		{"nonce", "N=n D=d U=1 S=good", "", "session-token-missing", "session-token-missing"},
		{"handshake of somebody else", "H=h D=d U=1 S=good", "", "signed-in", "token-invalid"},
		{"nonce in the query", "D=d U=1 S=good", "a=b&__clerk_handshake_nonce=n", "session-token-missing", "session-token-missing"},
		{"handshake of somebody else in the query", "D=d U=1 S=good", "__clerk%5Fhandshake=h", "signed-in", "token-invalid"},
		{"handshake, empty", "D=d U=1 S=good", "__clerk_handshake=&__clerk_handshake=h", "signed-in", "signed-in"},
		{"handshake goes before all", "", "__clerk_handshake_nonce=n&__clerk_redirect_url=x", "session-token-missing", "session-token-missing"},
		{"nonce goes before handshake", "N=n H=h D=d U=1 S=good", "", "session-token-missing", "session-token-missing"},
		{"in a fragment", "D=d U=1 S=good", "a#&__clerk_handshake=h", "signed-in", "signed-in"},
		{"syncing", "U=1 S=good", "__clerk_redirect_url=https://x", "signed-in", "primary-responds-to-syncing"},
		{"syncing, empty", "D=d U=1 S=good", "__clerk_redirect_url=", "signed-in", "signed-in"},
		{"dev browser sync", "U=1 S=good", "__clerk_db_jwt=x", "signed-in", "dev-browser-sync"},
		{"dev browser sync, no value", "U=1 S=good", "__clerk_db_jwt", "signed-in", "dev-browser-sync"},
		{"syncing goes before dev browser", "", "__clerk_db_jwt=x&__clerk_redirect_url=x", none, "primary-responds-to-syncing"},
		{"synced says nothing to a primary", "D=d U=1 S=good", "__clerk_synced=false", "signed-in", "signed-in"},

		{"with suffix", "D'=d U'=1 S'=good", "", "signed-in", "signed-in"},
		{"with suffix, dev browser without", "D=d U'=1 S'=good", "", "signed-in", noDev},
		{"refresh cookie", "D=d U=1 S=expired R'=r", "", "session-token-expired-refresh-missing-api-client", "session-token-expired-refresh-missing-api-client"},
	} {
		for kind, in := range kinds(t) {
			want := c.live
			if kind == "test" {
				want = c.test
			}
			r := &Request{Method: "GET", Scheme: "https", Host: "app.example.com", Query: c.query, Cookie: spell(t, in, c.cookies), CookieInstance: in, SecFetchDest: document}
			s := Instances{in}.Authenticate(r, nil, issuedAt)
			if got := outcome(s); got != want {
				t.Errorf("%s, %s: got %s, want %s", c.name, kind, got, want)
			}
			if s.SignedIn && (s.Carrier != CarrierCookie || !s.Presented || s.Instance != in) {
				t.Errorf("%s, %s: %+v", c.name, kind, s)
			}
		}
	}
}

// spell writes a cookie header out of the short names that the tables use.
func spell(t *testing.T, in *Instance, short string) string {
	t.Helper()
	names := map[string]string{
		"S": cookieSession, "U": cookieClientUAT, "D": cookieDevBrowser, "N": cookieNonce, "H": cookieHandshake, "C": cookieRedirectCount,
		"S'": in.cookies.session, "U'": in.cookies.clientUAT, "D'": in.cookies.devBrowser, "R'": in.cookies.refresh,
	}
	var out []string
	for _, pair := range strings.Fields(short) {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "S") {
			value = sessionNamed(t, in, value)
		}
		out = append(out, names[name]+"="+value)
	}
	return strings.Join(out, "; ")
}

// sessionNamed mints the session tokens of the tables.
func sessionNamed(t *testing.T, in *Instance, name string) string {
	t.Helper()
	at := issuedAt.Unix()
	header, payload := goodHeader, goodPayload("https://"+in.key.Host)
	signer := signers()["ins_live"]
	switch name {
	case "", "garbage":
		return name
	case "good":
	case "newer":
		payload = payload.with(claims{"iat": at + 1, "sub": "user_newer"})
	case "expired":
		payload = payload.with(claims{"exp": at - 60})
	case "just-expired": // for the choice of cookies, which knows no skew
		payload = payload.with(claims{"exp": at})
	case "early":
		payload = payload.with(claims{"nbf": at + 60})
	case "machine":
		payload = payload.with(claims{"sub": "mch_1"})
	case "template":
		header = header.with(claims{"cat": "cl_B7d4PD222AAA"})
	case "forged":
		signer = signers()["ins_new"]
	case "foreign":
		payload = payload.with(claims{"iss": "https://clerk.other.com"})
	case "no-iss":
		payload = payload.with(claims{"iss": gone{}})
	case "no-iat":
		payload = payload.with(claims{"iat": gone{}})
	case "null-iat":
		payload = payload.with(claims{"iat": nil})
	case "false-iat":
		payload = payload.with(claims{"iat": false})
	case "true-iat":
		payload = payload.with(claims{"iat": true})
	case "text-iat":
		payload = payload.with(claims{"iat": "1"})
	case "number-iss":
		payload = payload.with(claims{"iss": 1})
	case "null-payload":
		return mintRaw(string(header.json(t)), "null")
	case "padded":
		return signer.Sign(header.json(t), payload.json(t)) + "=="
	default:
		t.Fatalf("no session %q", name)
	}
	return signer.Sign(header.json(t), payload.json(t))
}

// The choice between cookies with and without suffix.
func TestSuffixChoice(t *testing.T) {
	for _, c := range []struct {
		rule, cookies, live, test string // plain, suffixed, or the reason to refuse for doubt
	}{
		{"1 undecodable", "S=garbage S'=good U'=1", "plain", "plain"},
		{"1 no issuer", "S=no-iss S'=good U'=1", "plain", "plain"},
		{"2 foreign", "S=foreign U=1", "suffixed", "suffixed"},
		{"2 foreign, both", "S=foreign U=1 S'=good U'=1", "suffixed", "suffixed"},
		{"3 no suffixed ones", "S=good U=1", "plain", "plain"},
		{"3 none at all", "", "plain", "plain"},
		{"4 plain is newer", "S=newer U=1 S'=good U'=1", "plain", "plain"},
		{"4 plain is newer than nothing", "S=good U=1 U'=1", "plain", "plain"},
		{"4 plain is newer, no uat", "S=newer S'=good U'=1", "plain", "plain"},
		{"4 same age", "S=good U=1 S'=good U'=1", "suffixed", "suffixed"},
		{"4 suffixed is newer", "S=good U=1 S'=newer U'=1", "suffixed", "suffixed"},
		{"4 suffixed undecodable", "S=good U=1 S'=garbage U'=1", "plain", "plain"},
		{"4 null iat is 0", "S=null-iat U=1 S'=no-iat U'=1", "suffixed", "suffixed"},
		{"5 signed out with suffix only", "S=good U=1 S'=newer U'=0", "plain", "plain"},
		{"5 signed out with suffix, no other uat", "S=good S'=newer U'=0", "plain", "plain"},
		{"5 signed out in both", "S=good U=0 S'=newer U'=0", "suffixed", "suffixed"},
		{"6 stale after a downgrade", "U=0 S'=just-expired U'=1", "suffixed", "plain"},
		{"6 not stale", "U=0 S'=good U'=1", "suffixed", "suffixed"},
		{"6 no token", "U=0 U'=1", "suffixed", "suffixed"},
		{"7 no suffixed uat", "S'=good", "plain", "plain"},
		{"7 no suffixed uat, other uat 0", "S=good U=0 S'=newer", "plain", "plain"},
		{"8 suffixed", "S'=good U'=1", "suffixed", "suffixed"},

		{"doubt: issuer", "S=number-iss S'=good U'=1", "token-verification-failed", "token-verification-failed"},
		{"doubt: iat", "S=text-iat U=1 S'=good U'=1", "token-verification-failed", "token-verification-failed"},
		{"doubt: suffixed iat", "S=good U=1 S'=text-iat U'=1", "token-verification-failed", "token-verification-failed"},
		{"doubt: form", "S=padded S'=good U'=1", "token-invalid", "token-invalid"},
		{"doubt: suffixed form", "S=good U=1 S'=padded U'=1", "token-invalid", "token-invalid"},
		{"doubt: suffixed form, without effect", "S=good U=1 S'=padded", "plain", "plain"},
		{"doubt: the SDK throws", "S=good U=1 S'=null-payload", "token-invalid", "token-invalid"},
	} {
		for kind, in := range kinds(t) {
			want := c.live
			if kind == "test" {
				want = c.test
			}
			j, err := in.readCookies(spell(t, in, c.cookies))
			if err != nil {
				t.Fatal(err)
			}
			choice := j.choose(in, new(opener), issuedAt)
			got := choice.doubt
			if got == "" {
				got = map[bool]string{false: "plain", true: "suffixed"}[choice.suffixed]
			}
			if got != want {
				t.Errorf("%s, %s: got %s, want %s", c.rule, kind, got, want)
			}
		}
	}
}

func TestIssuerWithoutScheme(t *testing.T) {
	for iss, want := range map[string]string{
		"https://a.b":        "a.b",
		"HTTP://a.b":         "a.b",
		"a.b":                "a.b",
		"https://https://a":  "a",
		"ahttps://b":         "ab",
		"hhttp://ttp://a":    "http://a",
		"http\u017f://a":     "http\u017f://a", // a long s is no s
		"https:/a":           "https:/a",
		"https://a.b/http:/": "a.b/http:/",
	} {
		if got := withoutScheme(iss); got != want {
			t.Errorf("%q: got %q, want %q", iss, got, want)
		}
	}
}

func TestCookieHeader(t *testing.T) {
	for header, want := range map[string]string{
		"":                           "",
		"a=1; b=2":                   "a:1 b:2",
		"a=1;b=2":                    "a:1 b:2",
		"a=1,b=2":                    "a:1,b=2",
		" a = 1 ;\tb\t=\t2\t":        "a:1 b:2",
		"a; b=2; c":                  "b:2",
		"a=b=c":                      "a:b=c",
		`a="1"`:                      `a:"1"`,
		"=1; a=":                     ":1 a:",
		"a=%3B%3D%20b":               "a:;= b",
		"a=%C3%A9":                   "a:é",
		"a=%zz%41":                   "a:%zz%41",
		"a=%4":                       "a:%4",
		"a=x%":                       "a:x%",
		"a=%C3":                      "a:%C3",
		"a=%ED%A0%80":                "a:%ED%A0%80",
		"a=\xc3%A9":                  "a:\xc3%A9",
		"a=\xff%41":                  "a:\xffA",
		"a=%C3\xa9":                  "a:%C3\xa9",
		"a=+":                        "a:+",
		"a=1; a=2":                   "a:1 a:2",
		"a=eyJ%2Eb; __session%3D1=2": "a:eyJ.b __session%3D1:2",
	} {
		var got []string
		eachCookie(header, func(name, value string) { got = append(got, name+":"+percentDecode(value)) })
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", header, strings.Join(got, " "), want)
		}
	}
}

func TestFirstCookieOfANameCounts(t *testing.T) {
	in := instance(t, nil)
	good := mint(t, nil, nil)
	for cookie, want := range map[string]string{
		"__session=" + good + "; __session=garbage; __client_uat=1":              "signed-in",
		"__session=garbage; __session=" + good + "; __client_uat=1":              "token-invalid",
		"__session=; __session=" + good + "; __client_uat=1":                     "client-uat-but-no-session-token",
		"__session=" + good + "; __client_uat=0; __client_uat=1":                 "session-token-but-no-client-uat",
		"a=1, __session=" + good + "; __client_uat=1":                            "client-uat-but-no-session-token",
		`__session="` + good + `"; __client_uat=1`:                               "token-invalid",
		"__session=" + strings.ReplaceAll(good, ".", "%2E") + "; __client_uat=1": "signed-in",
	} {
		s := Instances{in}.Authenticate(&Request{Method: "GET", Cookie: cookie, CookieInstance: in}, nil, issuedAt)
		if got := outcome(s); got != want {
			t.Errorf("%.60s…: got %s, want %s", cookie, got, want)
		}
	}
}

// FuzzCookies holds that no cookie header fails, that what is found in it was
// in it, and that no escape makes a further cookie.
func FuzzCookies(f *testing.F) {
	for _, s := range []string{"a=1; b=2", "a=%3B%20b=2", ";;=;", "a=%C3%A9%", "a", "%=%;=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		n := 0
		eachCookie(header, func(name, value string) {
			n++
			if !strings.Contains(header, name) || !strings.Contains(header, value) || strings.ContainsAny(name, "=;") || strings.Contains(value, ";") {
				t.Errorf("%q: cookie %q=%q is not in it", header, name, value)
			}
			if decoded := percentDecode(value); decoded != value && !strings.Contains(value, "%") {
				t.Errorf("%q became %q", value, decoded)
			}
		})
		if want := strings.Count(header, ";") + 1; n > want {
			t.Errorf("%q: %d cookies", header, n)
		}
	})
}
