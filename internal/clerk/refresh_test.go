package clerk

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const expiredRefresh = "session-token-expired-refresh-"

// refreshing is an instance that can refresh sessions.
func refreshing(t *testing.T) *Instance {
	t.Helper()
	return withHandshake(t, func(s *Settings) { s.SecretKey = true })
}

func TestRefreshCall(t *testing.T) {
	in := refreshing(t)
	expired := sessionNamed(t, in, "expired")
	r := page(t, in, "U=1 R'=ref S=expired")
	r.SecFetchDest, r.ForwardedHost = "empty", "public.example:8443"
	s := authenticate(in, r)
	want := &Call{Kind: CallRefresh, Refresh: &Refresh{SessionID: "sess_1", ExpiredToken: expired, RefreshToken: "ref", RequestOrigin: "https://public.example:8443"}}
	if diff := cmp.Diff(want, s.Call); diff != "" || s.SignedIn {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	s = authenticate(in, page(t, in, "U'=1 R'=ref S'=expired"))
	if s.Call == nil || !s.Call.Refresh.SuffixedCookies {
		t.Errorf("with suffix: %+v", s)
	}
}

// TestRefresh: a fresh session of the same user goes on, and its cookies with it.
func TestRefresh(t *testing.T) {
	in := refreshing(t)
	fresh := mint(t, nil, nil)
	for _, c := range []struct {
		name  string
		reply *Reply
		want  string // "signed-in", a whole reason, or what follows …-refresh-
	}{
		{"refreshed", jsonReply(t, 200, claims{"object": "cookies", "cookies": []string{"__client_uat=1", "__session=" + fresh}}), "signed-in"},
		{"still expired", jsonReply(t, 200, claims{"cookies": []string{"__session=" + sessionNamed(t, in, "expired")}}), "invalid-session-token"},
		{"no session", jsonReply(t, 200, claims{"cookies": []string{"a=b"}}), "invalid-session-token"},
		{"nothing to set", jsonReply(t, 200, claims{"cookies": []string{}}), "unexpected-sdk-error"},
		{"no cookies", jsonReply(t, 200, claims{}), "unexpected-sdk-error"},
		{"a line break", jsonReply(t, 200, claims{"cookies": []string{"__session=" + fresh, "a=b\nc"}}), "unexpected-sdk-error"},
		{"HTML", &Reply{Status: 200, ContentType: "text/html", Body: []byte("<p>")}, "unexpected-sdk-error"},
		{"an error", jsonReply(t, 401, claims{"errors": []any{claims{"code": "refresh_token_invalid"}}}), "refresh_token_invalid"},
		{"an error in odd words", jsonReply(t, 401, claims{"errors": []any{claims{"code": "Ünknown\r\n"}}}), "unexpected-bapi-error"},
		{"unexpected error", jsonReply(t, 500, claims{"errors": []any{claims{"code": "unexpected_error"}}}), "fetch-error"},
		{"no errors", jsonReply(t, 500, claims{"errors": []any{}}), "unexpected-bapi-error"},
		{"a bad gateway", &Reply{Status: 502, ContentType: "text/html"}, "unexpected-bapi-error"},
		{"no answer", &Reply{}, "fetch-error"},
		// Entry 7: the SDK signs these in.
		{"another user", jsonReply(t, 200, claims{"cookies": []string{"__session=" + mint(t, nil, claims{"sub": "user_2"})}}), "invalid-session-token"},
		{"another session", jsonReply(t, 200, claims{"cookies": []string{"__session=" + mint(t, nil, claims{"sid": "sess_2"})}}), "invalid-session-token"},
		{"no session id", jsonReply(t, 200, claims{"cookies": []string{"__session=" + mint(t, nil, claims{"sid": gone{}})}}), "invalid-session-token"},
		{"another class", jsonReply(t, 200, claims{"cookies": []string{"__session=" + mint(t, claims{"cat": "cl_B7d4PD222AAA"}, nil)}}), "token-type-mismatch"},
	} {
		r := page(t, in, "U=1 R'=ref S=expired")
		r.Replies.Refresh = c.reply
		s := authenticate(in, r)
		want := c.want
		if !slices.Contains([]string{"signed-in", "token-type-mismatch"}, want) {
			want = expiredRefresh + want
		}
		if outcome(s) != want || s.Call != nil {
			t.Errorf("%s: %s (%+v), want %s", c.name, outcome(s), s, want)
		}
		if s.SignedIn != slices.Contains(s.SetCookies, "__session="+fresh) || s.SignedIn && s.Location != "" {
			t.Errorf("%s: %+v", c.name, s)
		}
		if strings.HasPrefix(want, expiredRefresh) && (!s.Handshake || s.Code != "token-expired") {
			t.Errorf("%s: a document goes on to a handshake: %+v", c.name, s)
		}
	}
}

func TestWhatIsNotRefreshed(t *testing.T) {
	in := refreshing(t)
	bearer := func(more claims) func(*Request) {
		return func(r *Request) {
			r.Authorization = "Bearer " + mint(t, nil, claims{"exp": issuedAt.Unix() - 60}.with(more))
		}
	}
	for _, c := range []struct {
		name, cookies, want string
		change              func(*Request)
	}{
		{"no refresh cookie", "U=1 S=expired", "non-eligible-no-refresh-cookie", nil},
		{"not GET", "U=1 S=expired R'=ref", "non-eligible-non-get", func(r *Request) { r.Method = "POST" }},
		{"header token, no cookie", "R'=ref", "", bearer(nil)}, // this one is
		{"header token of the cookie's session", "R'=ref S=expired", "", bearer(nil)},
		{"header token of another user than the cookie", "R'=ref S=expired", "invalid-session-token", bearer(claims{"sub": "user_2"})},
		{"header token of another session than the cookie", "R'=ref S=expired", "invalid-session-token", bearer(claims{"sid": "sess_2"})},
		{"header token without session", "R'=ref", "expired-session-token-missing-sid-claim", bearer(claims{"sid": ""})},
		{"header token beside a bad cookie", "R'=ref S=garbage", "expired-session-token-decode-failed", bearer(nil)},
		{"header token on somebody's host", "R'=ref", "non-eligible-no-refresh-cookie", func(r *Request) { bearer(nil)(r); r.CookieInstance = nil }},
	} {
		r := page(t, in, c.cookies)
		if c.change != nil {
			c.change(r)
		}
		s := authenticate(in, r)
		if c.want == "" {
			if s.Call == nil || s.Call.Kind != CallRefresh {
				t.Errorf("%s: %+v, want a call", c.name, s)
			}
			continue
		}
		if s.Reason != expiredRefresh+c.want || s.Call != nil || s.SignedIn {
			t.Errorf("%s: %+v, want %s", c.name, s, c.want)
		}
	}
}
