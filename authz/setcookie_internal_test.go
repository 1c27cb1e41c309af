package authz

import (
	"strings"
	"testing"
)

func TestCookiesAfterSetCookie(t *testing.T) {
	for _, tt := range []struct {
		name, cookie string
		directives   string // separated by |
		want         string
	}{
		{"nothing to nothing", "", "", ""},
		{"a new one", "a=1", "b=2; Path=/; Secure; HttpOnly; SameSite=Lax", "a=1; b=2"},
		{"one anew", "a=1; __session=old; b=2", "__session=new; Path=/", "a=1; __session=new; b=2"},
		{"one that was there twice", "s=1; a=1; s=2", "s=3", "s=3; a=1"},
		{"the last of two directives", "", "s=1|s=2", "s=2"},
		{"set, then deleted", "s=0", "s=1|s=; Max-Age=0", ""},
		{"deleted, then set", "s=0; a=1", "s=; Max-Age=0|s=1", "a=1; s=1"},
		{"deleted by Max-Age 0", "s=1; a=1", "s=; Max-Age=0", "a=1"},
		{"deleted by a negative Max-Age", "s=1; a=1", "s=x; max-age=-5", "a=1"},
		{"deleted by a Max-Age beyond numbers", "s=1", "s=x; Max-Age=-99999999999999999999", ""},
		{"kept by a Max-Age beyond numbers", "s=1", "s=2; Max-Age=99999999999999999999", "s=2"},
		{"kept by a Max-Age that is no number", "s=1", "s=2; Max-Age=soon", "s=2"},
		{"kept by an empty Max-Age", "s=1", "s=2; Max-Age=-", "s=2"},
		{"deleted by Expires in the past", "s=1; a=1", "s=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=1"},
		{"with dashes", "s=1", "s=; Expires=Thu, 01-Jan-1970 00:00:00 GMT", ""},
		{"of RFC 850", "s=1", "s=; Expires=Thursday, 01-Jan-70 00:00:00 GMT", ""},
		{"of asctime", "s=1", "s=; Expires=Thu Jan  1 00:00:00 1970", ""},
		{"expires this very second", "s=1", "s=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT", ""},
		{"kept by Expires in the future", "s=1", "s=2; Expires=Thu, 01 Jan 2026 00:00:01 GMT", "s=2"},
		{"kept by a date that is none", "s=1", "s=2; Expires=yesterday", "s=2"},
		{"Max-Age beats Expires before it", "s=1", "s=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", "s=2"},
		{"Max-Age beats Expires after it", "s=1", "s=2; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "s=2"},
		{"an empty value is a value", "s=1", "s=; Path=/", "s="},
		{"a value with = in it", "", "s=a=b==; Path=/", "s=a=b=="},
		{"white space around", " a = 1 ;b=2", "\ta\t=\t3\t; Path=/", "a=3; b=2"},
		{"names are exact", "S=1; s_2=1", "s=2", "S=1; s_2=1; s=2"},
		{"a cookie without =", "flag; a=1", "a=2", "flag; a=2"},
		{"never split at a comma", "a=1,s=2; s=3", "s=4", "a=1,s=2; s=4"},
		{"a directive without a name", "a=1", "=x; Path=/", "a=1"},
		{"what is not ASCII is left out", "a=é; b=1; c=\x01", "s=2", "b=1; s=2"},
		{"a value with spaces stays", "a=b c; s=1", "s=2", "a=b c; s=2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var directives []string
			if tt.directives != "" {
				directives = strings.Split(tt.directives, "|")
			}
			if got := applySetCookies(tt.cookie, directives, stageTime); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzCookies: whatever comes in, what goes out is one line of text, and the
// deleted cookie is in none of its pairs.
func FuzzCookies(f *testing.F) {
	f.Add("a=1; s=2", "s=3; Path=/")
	f.Add("s=\r\nx: y", "s=1; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
	f.Fuzz(func(t *testing.T, cookie, directive string) {
		got := applySetCookies(cookie, []string{directive, "__session=gone; Max-Age=0"}, stageTime)
		if got != "" && !writableText(got) {
			t.Fatalf("%q cannot be a header value", got)
		}
		for _, c := range splitCookies(got) {
			if c.name == "__session" {
				t.Fatalf("%q still has the cookie", got)
			}
		}
	})
}

// TestTheServiceSeesTheNewSession through the whole pipeline, on every pass.
func TestTheServiceSeesTheNewSession(t *testing.T) {
	refreshed := signedInAs("user_1")
	refreshed.SetCookies = []string{"__session=new; Path=/", "__clerk_handshake=; Max-Age=0"}
	gone := signedOut("session-token-missing")
	gone.SetCookies = []string{"__session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}
	received := []string{"cookie: __session=old; theme=dark", "cookie: __clerk_handshake=h"}

	a := newStage(t, "", "", saying(refreshed)).get(received...)
	if got := brief(a); got != "pass x-user-id=user_1 cookie=__session=new; theme=dark" {
		t.Error(got)
	}
	if got := header(a.AddResponse, "set-cookie"); got != "__session=new; Path=/|__clerk_handshake=; Max-Age=0" {
		t.Errorf("set-cookie %q", got)
	}
	a = newStage(t, "", ", access: optional", saying(gone)).get(received[0])
	if got := brief(a); got != "pass cookie=theme=dark" || header(a.AddResponse, "set-cookie") == "" {
		t.Errorf("optional: %s %v", got, a.AddResponse)
	}
	a = newStage(t, "", ", access: optional", saying(gone)).get("cookie: __session=old")
	if got := brief(a); got != "pass" || !listed(a.Remove, "cookie") {
		t.Errorf("optional, nothing left: %s, removed %v", got, a.Remove)
	}
	a = newStage(t, "", "", saying(gone)).get(received...)
	if got := header(a.ResponseHeaders, "set-cookie"); a.Status != 401 || got != gone.SetCookies[0] {
		t.Errorf("denied with %d, set-cookie %q", a.Status, got)
	}
}
