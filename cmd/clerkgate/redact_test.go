package main

import (
	"testing"

	"github.com/clerkgate/clerkgate/authz"
)

func TestRedactURL(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"https://app.example.com/page", "https://app.example.com/page"},
		{"https://app.example.com/?a=b&c", "https://app.example.com/?a=b&c"},
		{"https://c/v1/client/handshake?format=nonce&__session=S&__clerk_db_jwt=S", "https://c/v1/client/handshake?format=nonce&__session=…&__clerk_db_jwt=…"},
		{"https://c/?__session_1Z8AzTQD=S&__clerk_handshake=S&__clerk_handshake_nonce=S#top", "https://c/?__session_1Z8AzTQD=…&__clerk_handshake=…&__clerk_handshake_nonce=…#top"},
		{"https://c/?%5F_session=S", "https://c/?%5F_session=…"},
		{"https://c/?redirect_url=https%3A%2F%2Fapp%2F%3Fa%3D1%26__clerk_db_jwt%3DS&b=1", "https://c/?redirect_url=https%3A%2F%2Fapp%2F%3Fa%3D1%26__clerk_db_jwt%3D…&b=1"},
		{"https://c/?redirect_url=https%3a%2f%2fapp%2f%3f__session%3dS", "https://c/?redirect_url=https%3A%2F%2Fapp%2F%3F__session%3D…"},
		{"https://c/?redirect_url=https%3A%2F%2Fapp%2F%3Fa%3D1", "https://c/?redirect_url=https%3A%2F%2Fapp%2F%3Fa%3D1"},
		{"https://c/?a=%3F%zz", "https://c/?a=…"},
	} {
		if got := redactURL(tt.in); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

func TestCookiesAreNotShown(t *testing.T) {
	if got := shown(authz.Header{Name: "cookie", Value: "__session=S"}); got != "…" {
		t.Errorf("%q", got)
	}
	if got := shown(authz.Header{Name: "x-user-id", Value: "user_1"}); got != "user_1" {
		t.Errorf("%q", got)
	}
}
