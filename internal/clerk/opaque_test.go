package clerk

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// replied authenticates an opaque token about which the Backend API has said
// this, as soon as it is asked.
func replied(t testing.TB, in *Instance, token string, reply Reply) State {
	t.Helper()
	r := &Request{Method: "GET", Authorization: "Bearer " + token, Accepts: anyToken}
	s := Instances{in}.Authenticate(r, nil, issuedAt)
	if s.Call == nil {
		t.Fatalf("%s: nothing was asked: %s", token, decision(s))
	}
	r.Replies.Add(s.Call.Kind, reply)
	return Instances{in}.Authenticate(r, nil, issuedAt)
}

// goldenReply is one case of testdata/replies.txt.
type goldenReply struct {
	title, token, want string
	reply              Reply
}

func goldenReplies(t testing.TB) []goldenReply {
	t.Helper()
	text, err := os.ReadFile("testdata/replies.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []goldenReply
	for _, part := range strings.Split(string(text), "\n== ")[1:] {
		var g goldenReply
		head, rest, _ := strings.Cut(part, "\n")
		line, rest, _ := strings.Cut(rest, "\n")
		body, want, ok := strings.Cut(rest, "\n----\n")
		if !ok {
			t.Fatalf("%s: no dashes", head)
		}
		g.title, g.want = head, strings.TrimSpace(want)
		g.reply.Body = []byte(body)
		if _, err = fmt.Sscan(line, &g.token, &g.reply.Status); err != nil {
			t.Fatalf("%s: %v", head, err)
		}
		g.reply.ContentType = strings.Join(strings.Fields(line)[2:], " ")
		out = append(out, g)
	}
	return out
}

func TestReplies(t *testing.T) {
	in := tokenWorld(t, nil)
	types := map[string]string{"ak_1": TypeAPIKey, "mt_1": TypeM2M, "oat_1": TypeOAuth}
	for _, g := range goldenReplies(t) {
		s := replied(t, in, g.token, g.reply)
		got := decision(s)
		if s.SignedIn {
			if got != types[g.token] {
				t.Errorf("%s: %s signs in as %s", g.title, g.token, got)
			}
			got = machineText(t, s.Machine)
		}
		if got != g.want {
			t.Errorf("%s:\n got %s\nwant %s", g.title, got, g.want)
		}
		if unavailable := strings.HasPrefix(g.want, "the Backend API"); unavailable != errors.Is(s.Err, ErrBackendUnavailable) {
			t.Errorf("%s: error %v", g.title, s.Err)
		}
	}
}

// No answer is neither a yes nor a no.
func TestNoReply(t *testing.T) {
	in := tokenWorld(t, nil)
	good := goldenReplies(t)[0].reply
	reset := errors.New("connection reset")
	for _, reply := range []Reply{
		{},
		{Err: reset},
		{Err: reset, Status: good.Status, ContentType: good.ContentType, Body: good.Body},
		{Err: reset, Status: 404},
		{Status: 429, RetryAfter: 7 * time.Second},
	} {
		s := replied(t, in, "ak_1", reply)
		if !errors.Is(s.Err, ErrBackendUnavailable) || s.SignedIn || s.Call != nil || s.RetryAfter != reply.RetryAfter || s.Instance != in {
			t.Errorf("%+v: %+v", reply, s)
		}
		if reply.Err != nil && !errors.Is(s.Err, reset) {
			t.Errorf("%+v: the cause is lost: %v", reply, s.Err)
		}
	}
}

func TestOversizeReply(t *testing.T) {
	in := tokenWorld(t, nil)
	reply := func(size int) Reply {
		const before, after = `{"object":"api_key","id":"ak_2","subject":"user_1","claims":{"x":"`, `"}}`
		body := before + strings.Repeat("x", size-len(before)-len(after)) + after
		return Reply{Status: 200, ContentType: "application/json", Body: []byte(body)}
	}
	if got := decision(replied(t, in, "ak_1", reply(maxReply))); got != TypeAPIKey {
		t.Errorf("the largest: got %s", got)
	}
	if got := decision(replied(t, in, "ak_1", reply(maxReply+1))); got != "token-verification-failed" {
		t.Errorf("larger: got %s", got)
	}
}

// Each type is asked about in its own way, and only where there is a key to ask
// with.
func TestCalls(t *testing.T) {
	both := func(s *Settings) { s.MachineSecretKey = true }
	machine := func(s *Settings) { s.SecretKey, s.MachineSecretKey = false, true }
	none := func(s *Settings) { s.SecretKey = false }
	long := "ak_" + strings.Repeat("x", maxToken-3)
	for _, c := range []struct {
		token, want string
		change      func(*Settings)
	}{
		{"mt_1", "verify_m2m_token mt_1", nil},
		{"mt_1", "verify_m2m_token mt_1", both},
		{"mt_1", "verify_m2m_token mt_1", machine},
		{"mt_1", "token-invalid", none},
		{"ak_1", "verify_api_key ak_1", nil},
		{"ak_1", "token-invalid", machine},
		{"ak_1", "token-invalid", none},
		{"oat_1", "verify_oauth_token oat_1", nil},
		{"oat_1", "token-invalid", machine},
		{"oat_a.b", "verify_oauth_token oat_a.b", nil},
		{long, "verify_api_key " + long, nil},

		{"ak_", "token-invalid", nil},
		{"mt_a.b.c", "token-invalid", nil},
		{"oat_é", "token-invalid", nil},
		{"ak_\x01", "token-invalid", nil},
		{"ak_\xff", "token-invalid", nil},
		{" ak_1", "token-invalid", nil}, // the SDK takes the word "Bearer" for the token
		{"xak_1", "token-invalid", nil},
		{"Ak_1", "token-invalid", nil},
		{"ak1", "token-invalid", nil},
	} {
		in := tokenWorld(t, c.change)
		s := typed(in, anyToken, c.token)
		if got := decision(s); got != c.want || !s.Presented || s.Carrier != CarrierHeader || s.Instance != in {
			t.Errorf("%.20q: got %.40s, want %.40s", c.token, got, c.want)
		}
		if s.Call != nil && (s.Call.Refresh != nil || s.SignedIn || s.Location != "") {
			t.Errorf("%.20q: %+v", c.token, s)
		}
	}
	scheme := &Request{Method: "GET", Authorization: "ak_1", Accepts: APIKeys}
	if got := decision(Instances{tokenWorld(t, nil)}.Authenticate(scheme, nil, issuedAt)); got != "verify_api_key ak_1" {
		t.Errorf("without scheme: got %s", got)
	}
	scheme.Authorization = "Basic ak_1"
	if got := decision(Instances{tokenWorld(t, nil)}.Authenticate(scheme, nil, issuedAt)); got != "No token in header" {
		t.Errorf("another scheme: got %s", got)
	}
}

// An audience that cannot be read is refused, also where none is wanted.
func TestOpaqueAudience(t *testing.T) {
	in := tokenWorld(t, func(s *Settings) { s.Audiences = nil })
	for aud, want := range map[string]string{
		`["ledger"]`: TypeOAuth, `"ledger"`: TypeOAuth, `[]`: TypeOAuth, `null`: TypeOAuth, `""`: TypeOAuth,
		`{}`: "token-verification-failed", `["a",1]`: "token-verification-failed", `1`: "token-verification-failed", `false`: "token-verification-failed",
	} {
		body := `{"object":"clerk_idp_oauth_access_token","id":"oat_2","subject":"user_1","aud":` + aud + `}`
		s := replied(t, in, "oat_1", Reply{Status: 200, ContentType: "application/json", Body: []byte(body)})
		if got := decision(s); got != want {
			t.Errorf("%s: got %s, want %s", aud, got, want)
		}
	}
}

// Without keys to verify JWTs with, an opaque token is still asked about.
func TestOpaqueNeedsNoKeys(t *testing.T) {
	in := tokenWorld(t, func(s *Settings) { s.Keys = keyring{} })
	if got := decision(replied(t, in, "ak_1", goldenReplies(t)[0].reply)); got != TypeAPIKey {
		t.Errorf("got %s", got)
	}
}

// An opaque token names no instance: the host does or, failing that, there is
// only one.
func TestOpaqueOfSeveralInstances(t *testing.T) {
	live := tokenWorld(t, nil)
	test := tokenWorld(t, func(s *Settings) { s.PublishableKey = testKey })
	poor := tokenWorld(t, func(s *Settings) { s.PublishableKey, s.SecretKey = otherKey, false })
	for _, c := range []struct {
		name    string
		all     Instances
		host    *Instance
		want    string
		belongs *Instance
	}{
		{"the only one", Instances{live}, nil, "verify_api_key ak_1", live},
		{"the only one, named", Instances{live}, live, "verify_api_key ak_1", live},
		{"named", Instances{live, test}, test, "verify_api_key ak_1", test},
		{"named, without a key", Instances{live, poor}, poor, "token-invalid", poor},
		{"nobody's", Instances{live, test}, nil, "token-invalid", nil},
		{"none", nil, nil, "token-invalid", nil},
	} {
		r := &Request{Method: "GET", Authorization: "ak_1", Accepts: APIKeys, CookieInstance: c.host}
		s := c.all.Authenticate(r, nil, issuedAt)
		if got := decision(s); got != c.want || s.Instance != c.belongs {
			t.Errorf("%s: got %s of %v", c.name, got, s.Instance)
		}
	}
}

// A verdict on a token must not be found by its type alone: the reply is the
// request's own, and what is not accepted is not even looked at.
func TestReplyWithoutQuestion(t *testing.T) {
	in := tokenWorld(t, nil)
	good := goldenReplies(t)[0].reply
	for _, c := range []struct {
		token   string
		accepts TokenTypes
		want    string
	}{
		{"ak_1", SessionTokens, "token-invalid"},
		{"ak_1", SessionTokens | M2MTokens, "token-type-mismatch"},
		{"ak_1", M2MTokens, "token-type-mismatch"},
		{"mt_1", M2MTokens, "token-type-mismatch"}, // the answer is about another type
		{"", APIKeys, "No token in header"},
		{"garbage", anyToken, "token-invalid"},
		{mintM2M(t, nil, claims{"exp": 1}), anyToken, "token-verification-failed"},
	} {
		r := &Request{Method: "GET", Authorization: c.token, Accepts: c.accepts, Replies: Replies{Verify: &good, Handshake: &good, Refresh: &good}}
		if got := decision(Instances{in}.Authenticate(r, nil, issuedAt)); got != c.want {
			t.Errorf("%.10s where %05b: got %s, want %s", c.token, c.accepts, got, c.want)
		}
	}
}

// FuzzReply: whatever the Backend API answers, somebody signs in only if the
// answer says so plainly, by another reading of the same text.
func FuzzReply(f *testing.F) {
	for _, g := range goldenReplies(f) {
		f.Add(g.token[0], g.reply.Status, g.reply.ContentType, g.reply.Body)
	}
	in := tokenWorld(f, nil)
	tokens := map[byte]string{'a': "ak_1", 'm': "mt_1", 'o': "oat_1"}
	f.Fuzz(func(t *testing.T, kind byte, status int, contentType string, body []byte) {
		token := tokens[kind]
		if token == "" {
			return
		}
		s := replied(t, in, token, Reply{Status: status, ContentType: contentType, Body: body})
		if got := decision(s); strings.HasPrefix(got, "half") || got == "" {
			t.Fatal(got)
		}
		if !s.SignedIn {
			return
		}
		if status != 200 || contentType != "application/json" {
			t.Errorf("status %d, %q signs in", status, contentType)
		}
		if why := plainlyGood(token, body, s.Machine); why != "" {
			t.Errorf("%s: %s\n%s", token, why, body)
		}
	})
}
