package clerk

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// handshakeToken signs directives as the Frontend API does.
func handshakeToken(t *testing.T, header claims, directives any) string {
	t.Helper()
	return signers()["ins_live"].Sign(goodHeader.with(header).json(t), claims{"handshake": directives}.json(t))
}

func jsonReply(t *testing.T, status int, body any) *Reply {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return &Reply{Status: status, ContentType: "application/json", Body: text}
}

// TestHandshakeResult: the nonce and the token stand for the same directives.
func TestHandshakeResult(t *testing.T) {
	const back = "https://app.example.com/p?a=+"
	at := issuedAt.Unix()
	session := func(more claims) string { return "__session=" + mint(t, nil, more) + "; Path=/" }
	for _, c := range []struct {
		name       string
		directives any
		live, test string
		cookies    bool
	}{
		{"a session", []string{"foo=bar; Path=/", session(nil)}, "signed-in", "signed-in", true},
		{"the last session counts", []string{"__session=x", "__session_abc=" + mint(t, nil, nil)}, "signed-in", "signed-in", true},
		{"a session without azp", []string{session(claims{"azp": gone{}})}, "signed-in", "signed-in", true},
		{"none", []string{"__client_uat=0; Path=/"}, "session-token-missing", "session-token-missing", true},
		{"a cleared one", []string{session(nil), "__session=; Max-Age=0"}, "session-token-missing", "session-token-missing", true},
		{"no directives", []string{}, "session-token-missing", "session-token-missing", false},
		{"not an array", "foo=bar", "session-token-missing", "session-token-missing", false},
		{"clock behind", []string{session(claims{"nbf": at + 3600, "iat": at + 3600, "exp": at + 3660})}, "go on", "signed-in", true},
		{"clock ahead", []string{session(claims{"exp": at - 3600})}, "go on", "signed-in", true},
		{"clock a day off", []string{session(claims{"exp": at - 86401})}, "go on", "go on", false},
		{"a session in a form that only the SDK reads", []string{session(claims{"exp": raw("17e8")})}, "token-invalid", "token-invalid", false},
		{"a bad session", []string{"__session=garbage"}, "go on", "go on", false},
		{"no value", []string{"__session"}, "go on", "go on", false},
		{"no text", []any{"__session=x", 1}, "go on", "go on", false},
		{"unusable, a line break", []string{session(nil), "a=b\r\nx-user-id: user_root"}, "session-token-missing", "session-token-missing", false},
		{"unusable, too many", slices.Repeat([]string{"a=b"}, 65), "session-token-missing", "session-token-missing", false},
		{"unusable, not ASCII", []string{session(nil), "a=é"}, "session-token-missing", "session-token-missing", false},
		// Entry 7: the SDK signs these in.
		{"a template's token", []string{"__session=" + mint(t, claims{"cat": "cl_B7d4PD222AAA"}, nil)}, "token-type-mismatch", "token-type-mismatch", false},
		{"a machine's token", []string{"__session=" + mint(t, claims{"cat": gone{}}, claims{"sub": "mch_1"})}, "token-type-mismatch", "token-type-mismatch", false},
		{"an OAuth token", []string{"__session=" + mint(t, claims{"typ": "at+jwt"}, nil)}, "token-type-mismatch", "token-type-mismatch", false},
		{"nobody's token", []string{session(claims{"sub": "client_1"})}, "token-verification-failed", "token-verification-failed", false},
	} {
		for kind, change := range map[string]func(*Settings){"live": nil, "test": developing} {
			in := instance(t, func(s *Settings) {
				if change != nil {
					change(s)
				}
				s.SecretKey, s.Issuers = true, []string{liveIssuer}
			})
			want := c.live
			if kind == "test" {
				want = c.test
			}
			// What a request without any other cookie is, if the SDK goes on.
			if want == "go on" {
				want = map[string]string{"live": "session-token-and-uat-missing", "test": "dev-browser-missing"}[kind]
			}
			for carrier, r := range handshakeCarriers(t, in, c.directives) {
				s := authenticate(in, r)
				want := want
				if want == "dev-browser-missing" && strings.Contains(r.Query, cookieDevBrowser) {
					want = "dev-browser-sync"
				}
				name := c.name + ", " + kind + ", by " + carrier
				if s.Call != nil || outcome(s) != want {
					t.Errorf("%s: got %s (%+v), want %s", name, outcome(s), s, want)
				}
				done := want == "signed-in" || want == "session-token-missing"
				if got := len(s.SetCookies) > 0; got != (c.cookies && done) {
					t.Errorf("%s: set-cookie %q", name, s.SetCookies)
				}
				location := ""
				if done && kind == "test" && !strings.Contains(c.name, "unusable") {
					location = back
				}
				if s.Location != location {
					t.Errorf("%s: location %q, want %q", name, s.Location, location)
				}
			}
		}
	}
}

// handshakeCarriers are the requests that bring the answer of a handshake.
func handshakeCarriers(t *testing.T, in *Instance, directives any) map[string]*Request {
	t.Helper()
	token := handshakeToken(t, nil, directives)
	payload := jsonReply(t, 200, claims{"directives": directives})
	request := func(query, cookies string, reply *Reply) *Request {
		r := page(t, in, "")
		r.Query, r.Cookie, r.Replies.Handshake = "a=%20"+query, cookies, reply
		return r
	}
	return map[string]*Request{
		"token in the query":  request("&__clerk_handshake="+token+"&__clerk_help=1&__clerk_db_jwt=x", "", nil),
		"token in a cookie":   request("", "__clerk_handshake="+token, nil),
		"nonce in the query":  request("&__clerk_handshake_nonce=n", "", payload),
		"nonce in a cookie":   request("", "__clerk_handshake_nonce=n", payload),
		"nonce before token":  request("&__clerk_handshake=garbage", "__clerk_handshake_nonce=n", payload),
		"query before cookie": request("&__clerk_handshake="+token, "__clerk_handshake=garbage", nil),
	}
}

// TestHandshakeToken: only a token of the right class and key is an answer.
func TestHandshakeToken(t *testing.T) {
	good := []string{"__session=" + mint(t, nil, nil)}
	for _, c := range []struct{ name, token, test string }{
		{"another key", signers()["ins_new"].Sign(goodHeader.json(t), claims{"handshake": good}.json(t)), "token-invalid-signature"},
		{"an unknown key", handshakeToken(t, claims{"kid": "ins_x"}, good), "jwk-kid-mismatch"},
		{"a template's", handshakeToken(t, claims{"cat": "cl_B7d4PD222AAA"}, good), "token-invalid"},
		{"another type", handshakeToken(t, claims{"typ": "at+jwt"}, good), "token-invalid"},
		{"another algorithm", handshakeToken(t, claims{"alg": "HS256"}, good), "token-invalid-algorithm"},
		{"garbage", "garbage", "token-invalid"},
		{"a form that only the SDK reads", handshakeToken(t, nil, good) + "=", "token-invalid"},
		{"a payload that is null", mintRaw(string(goodHeader.json(t)), "null"), "token-invalid"},
		{"longer than a token", handshakeToken(t, nil, []string{strings.Repeat("a=b; ", 4000)}), "token-invalid"},
		{"deeper than a token", mintRaw(string(goodHeader.json(t)), `{"handshake":`+strings.Repeat("[", 11000)+strings.Repeat("]", 11000)+"}"), "token-invalid"},
	} {
		live, test := instance(t, nil), instance(t, developing)
		request := func(in *Instance) *Request {
			r := page(t, in, "")
			r.Cookie = "__clerk_handshake=" + c.token
			return r
		}
		want := "session-token-and-uat-missing"
		if strings.HasPrefix(c.name, "a form") || strings.HasPrefix(c.name, "a payload") || strings.Contains(c.name, "er than") {
			want = "token-invalid" // it is not for us to say what the SDK would go on with
		}
		if s := authenticate(live, request(live)); outcome(s) != want || s.SetCookies != nil {
			t.Errorf("%s, live: %+v", c.name, s)
		}
		s := authenticate(test, request(test))
		if outcome(s) != c.test || !s.NoRedirect || s.Location != "" || s.SetCookies != nil {
			t.Errorf("%s, test: %+v, want %s", c.name, s, c.test)
		}
	}
}

// TestNonce: a nonce can be used once, and by nobody who cannot ask.
func TestNonce(t *testing.T) {
	in := instance(t, func(s *Settings) { s.SecretKey = true })
	r := page(t, in, "N=n%20once U=1 S=good")
	s := authenticate(in, r)
	if s.Call == nil || *s.Call != (Call{Kind: CallHandshake, Secret: "n once"}) || s.SignedIn || s.Instance != in {
		t.Fatalf("%+v, want a call", s)
	}
	unavailable := ErrBackendUnavailable.Error()
	for _, c := range []struct {
		name  string
		reply Reply
		want  string
	}{
		{"not found", *jsonReply(t, 404, claims{"errors": []any{}}), "session-token-missing"},
		{"used up", *jsonReply(t, 400, claims{"errors": []any{}}), "session-token-missing"},
		{"not JSON", Reply{Status: 200, ContentType: "text/html", Body: []byte("<p>")}, "session-token-missing"},
		{"another type", Reply{Status: 200, ContentType: "application/json; charset=utf-8", Body: []byte(`{"directives":["__session=x"]}`)}, "session-token-missing"},
		{"not an object", *jsonReply(t, 200, []string{"a"}), "session-token-missing"},
		{"no directives", *jsonReply(t, 200, claims{}), "session-token-missing"},
		{"no content", Reply{Status: 204}, "session-token-missing"},
		{"no answer", Reply{Err: errors.New("no route")}, unavailable},
		{"nothing", Reply{}, unavailable},
		{"failing", Reply{Status: 502}, unavailable},
		{"overloaded", Reply{Status: 429, RetryAfter: 7 * time.Second}, unavailable},
		{"our key is bad", Reply{Status: 401}, unavailable},
	} {
		r.Replies = Replies{}
		r.Replies.Add(CallHandshake, c.reply)
		s := authenticate(in, r)
		if got := outcome(s); got != c.want && (c.want != unavailable || !errors.Is(s.Err, ErrBackendUnavailable)) || s.SetCookies != nil || s.Call != nil || s.RetryAfter != c.reply.RetryAfter {
			t.Errorf("%s: %s (%+v), want %s", c.name, outcome(s), s, c.want)
		}
	}
	without := instance(t, nil)
	if s := authenticate(without, page(t, without, "N=n U=1 S=good")); outcome(s) != "session-token-missing" {
		t.Errorf("without a secret key: %+v", s)
	}
}

// TestHandshakeWaitsForKeys: a new key may arrive with the handshake.
func TestHandshakeWaitsForKeys(t *testing.T) {
	in := instance(t, func(s *Settings) { s.Keys = failing{jwks.ErrFetchNeeded} })
	for carrier, r := range handshakeCarriers(t, in, []string{"__session=" + mint(t, nil, nil)}) {
		if carrier == "nonce in the query" || carrier == "nonce in a cookie" || carrier == "nonce before token" {
			continue // without a secret key there is no call
		}
		s := authenticate(in, r)
		if !errors.Is(s.Err, jwks.ErrFetchNeeded) || s.KeyID != "ins_live" || s.SignedIn {
			t.Errorf("by %s: %+v", carrier, s)
		}
		r.UnknownKey = "ins_live"
		if s = authenticate(in, r); s.Err != nil || s.SignedIn {
			t.Errorf("by %s, key not found: %+v", carrier, s)
		}
	}
}

// TestDirectivesAreBounded: each would become a header.
func TestDirectivesAreBounded(t *testing.T) {
	in := instance(t, func(s *Settings) { s.SecretKey = true })
	r := page(t, in, "N=n")
	session := "__session=" + mint(t, nil, nil)
	for count, want := range map[int]string{4: "signed-in", 28: "session-token-missing"} {
		large := slices.Repeat([]string{"a=" + strings.Repeat("b", 1200)}, count)
		r.Replies.Handshake = jsonReply(t, 200, claims{"directives": append(large, session)})
		if got := outcome(authenticate(in, r)); got != want {
			t.Errorf("%d large ones: %s, want %s", count, got, want)
		}
	}
}

// TestNoHandshakeHelpsWhereTheSDKThrows: it looks at the cookies first.
func TestNoHandshakeHelpsWhereTheSDKThrows(t *testing.T) {
	in := instance(t, nil)
	r := page(t, in, "S=null-payload")
	r.Cookie += "; __clerk_handshake=" + handshakeToken(t, nil, []string{"__session=" + mint(t, nil, nil)})
	if got := outcome(authenticate(in, r)); got != "token-invalid" {
		t.Errorf("got %s", got)
	}
	r.Cookie = strings.Replace(r.Cookie, "__session=", "__other=", 1)
	if got := outcome(authenticate(in, r)); got != "signed-in" {
		t.Errorf("without that cookie: %s", got)
	}
}

func TestDirective(t *testing.T) {
	for d, want := range map[string][2]string{
		"a=b; Path=/": {"a", "b"}, "a=b=c": {"a", "b"}, "a=; Max-Age=0": {"a", ""}, "a": {"a", "undefined"}, "; x": {"", "undefined"}, "=b": {"", "b"},
	} {
		name, value := directive(d)
		if !slices.Equal([]string{name, value}, want[:]) {
			t.Errorf("%q: %q, %q", d, name, value)
		}
	}
}
