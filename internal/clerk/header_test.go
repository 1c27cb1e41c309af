package clerk

import (
	"errors"
	"strings"
	"testing"
)

func TestAuthorization(t *testing.T) {
	in := instance(t, nil)
	good := mint(t, nil, nil)
	const (
		comma = "malformed credential: authorization holds a comma"
		more  = "malformed credential: authorization holds more than one token"
		long  = "malformed credential: the token in authorization is too long"
		none  = "session-token-and-uat-missing"
	)
	for _, c := range []struct{ value, want string }{
		{"Bearer " + good, "signed-in"},
		{" Bearer " + good + " ", "signed-in"},
		{"bearer " + good, "signed-in"},
		{"BEARER " + good, "signed-in"},
		{good, "signed-in"},

		{"", none},
		{"  ", none},
		{"Basic dXNlcjpwYXNz", none},
		{"Basic two words", none},
		{"bear\u212aer x", none}, // folds to nothing: only ASCII does
		{"Token " + good, none},
		{"Basic " + strings.Repeat("x", 20000), none},

		{"Bearer", "token-invalid"},
		{"Bearer ", "token-invalid"},
		{"Bearer  " + good, "token-invalid"}, // the SDK takes the word "Bearer" for the token
		{"Basic  x", "token-invalid"},
		{"Bearer\t" + good, "token-invalid"},
		{"Bearer ak_123", "token-invalid"},
		{"Bearer mt_123", "token-invalid"},
		{"Bearer garbage", "token-invalid"},
		{"Bearer a.b.c", "token-invalid"},
		{`Bearer "` + good + `"`, "token-invalid"},

		{"Bearer " + good + " more", more},
		{"bearer " + good + " more", more},
		{"Bearer " + good + "\tmore", more},
		{"Bearer " + good + ", Bearer " + good, comma},
		{"Bearer " + good + ",Basic x", comma},
		{"Basic x, Bearer " + good, comma},
		{"Bearer " + strings.Repeat("x", maxToken), "token-invalid"},
		{"Bearer " + strings.Repeat("x", maxToken+1), long},
		{strings.Repeat("x", maxToken+1), long},
	} {
		s := Instances{in}.Authenticate(&Request{Method: "GET", Authorization: c.value, CookieInstance: in}, nil, issuedAt)
		if got := outcome(s); got != c.want {
			t.Errorf("%.40q: got %s, want %s", c.value, got, c.want)
		}
		if malformed := strings.HasPrefix(c.want, "malformed"); malformed != errors.Is(s.Err, ErrMalformed) || malformed && s.Code != "request-malformed" {
			t.Errorf("%.40q: error %v, code %s", c.value, s.Err, s.Code)
		}
		if presented := c.want != none; s.Presented != presented || (s.Carrier == CarrierHeader) != presented {
			t.Errorf("%.40q: presented %v by %q", c.value, s.Presented, s.Carrier)
		}
	}
}

func TestHeaderBeatsCookie(t *testing.T) {
	in := instance(t, nil)
	good := mint(t, nil, nil)
	cookie := "__session=" + good + "; __client_uat=1"
	for value, want := range map[string]string{
		"":               "signed-in",
		"Basic dXNlcjo=": "signed-in",
		"Bearer garbage": "token-invalid",
		"garbage":        "token-invalid",
		"Bearer " + mint(t, nil, claims{"exp": 0}): "session-token-expired-refresh-non-eligible-no-refresh-cookie",
	} {
		r := &Request{Method: "GET", Authorization: value, Cookie: cookie, CookieInstance: in}
		if got := outcome(Instances{in}.Authenticate(r, nil, issuedAt)); got != want {
			t.Errorf("%.20q: got %s, want %s", value, got, want)
		}
	}
}

// What the SDK says of a refresh that it cannot try.
func TestExpired(t *testing.T) {
	in := instance(t, nil)
	expired := mint(t, nil, claims{"exp": issuedAt.Unix() - 60})
	refresh := "__refresh_" + liveSuffix + "=r"
	for _, c := range []struct{ method, cookie, want string }{
		{"GET", refresh, "missing-api-client"},
		{"get", refresh, "missing-api-client"},
		{"GET", "", "non-eligible-no-refresh-cookie"},
		{"GET", "__refresh=r", "non-eligible-no-refresh-cookie"},
		{"GET", "__refresh_" + liveSuffix + "=; " + refresh, "non-eligible-no-refresh-cookie"},
		{"HEAD", refresh, "non-eligible-non-get"},
		{"POST", "", "non-eligible-non-get"},
	} {
		want := "session-token-expired-refresh-" + c.want
		byHeader := &Request{Method: c.method, Authorization: expired, Cookie: c.cookie, CookieInstance: in}
		byCookie := &Request{Method: c.method, Cookie: "__session=" + expired + "; __client_uat=1; " + c.cookie, CookieInstance: in}
		for _, r := range []*Request{byHeader, byCookie} {
			s := Instances{in}.Authenticate(r, nil, issuedAt)
			if s.Reason != want || s.Code != "token-expired" {
				t.Errorf("%s %q: got %s, code %s, want %s", c.method, c.cookie, s.Reason, s.Code, want)
			}
		}
	}
	r := &Request{Method: "GET", Authorization: expired, Cookie: refresh}
	if got := outcome(Instances{in}.Authenticate(r, nil, issuedAt)); !strings.HasSuffix(got, "no-refresh-cookie") {
		t.Errorf("a refresh cookie that may not be read: got %s", got)
	}
	test := instance(t, func(s *Settings) { s.PublishableKey = testKey })
	r.CookieInstance = test
	if got := outcome(Instances{in, test}.Authenticate(r, nil, issuedAt)); !strings.HasSuffix(got, "no-refresh-cookie") {
		t.Errorf("a refresh cookie on another instance's host: got %s", got)
	}
}

func TestSeveralInstances(t *testing.T) {
	live := instance(t, nil)
	test := instance(t, func(s *Settings) { s.PublishableKey, s.Keys = testKey, keyring{"ins_live": keyOf("ins_new", "RS256")} })
	both := Instances{live, test}
	byNew := func(payload claims) string {
		return signers()["ins_new"].Sign(goodHeader.json(t), goodPayload(testIssuer).with(payload).json(t))
	}
	for _, c := range []struct {
		name, token, want string
		belongs           *Instance
	}{
		{"first", mint(t, nil, nil), "signed-in", live},
		{"second", byNew(nil), "signed-in", test},
		{"nobody's", mint(t, nil, claims{"iss": "https://clerk.evil.com"}), "token-invalid-issuer", nil},
		{"no issuer", mint(t, nil, claims{"iss": gone{}}), "token-invalid-issuer", nil},
		{"issuer of another type", mint(t, nil, claims{"iss": []string{liveIssuer}}), "token-invalid-issuer", nil},
		{"the first's key for the second", mint(t, nil, claims{"iss": testIssuer}), "token-invalid-signature", test},
		{"the second's key for the first", byNew(claims{"iss": liveIssuer}), "token-invalid-signature", live},
		{"another class, nobody's", mint(t, claims{"typ": "at+jwt"}, claims{"iss": "x"}), "token-type-mismatch", nil},
		{"garbage", "garbage", "token-invalid", nil},
	} {
		s := both.Authenticate(&Request{Method: "GET", Authorization: "Bearer " + c.token}, nil, issuedAt)
		if got := outcome(s); got != c.want || s.Instance != c.belongs {
			t.Errorf("%s: got %s of %v, want %s of %v", c.name, got, s.Instance, c.want, c.belongs)
		}
	}
	if got := outcome(Instances(nil).Authenticate(&Request{Authorization: "Bearer " + mint(t, nil, nil)}, nil, issuedAt)); got != "token-invalid-issuer" {
		t.Errorf("without instances: got %s", got)
	}
}

// Cookies are read for the named instance only, whatever their issuer says.
func TestCookieInstance(t *testing.T) {
	live := instance(t, nil)
	silent := instance(t, func(s *Settings) { s.Cookies = false })
	other := instance(t, func(s *Settings) { s.PublishableKey = otherKey })
	cookie := "__session=" + mint(t, nil, nil) + "; __client_uat=1"
	for _, c := range []struct {
		name     string
		instance *Instance
		want     string
	}{
		{"named", live, "signed-in"},
		{"none", nil, "session-token-and-uat-missing"},
		{"off", silent, "session-token-and-uat-missing"},
		{"another", other, "session-token-and-uat-missing"},
	} {
		s := Instances{live, silent, other}.Authenticate(&Request{Method: "GET", Cookie: cookie, CookieInstance: c.instance}, nil, issuedAt)
		if got := outcome(s); got != c.want || s.Presented != (c.instance == live) {
			t.Errorf("%s: got %s, presented %v, want %s", c.name, got, s.Presented, c.want)
		}
	}
}
