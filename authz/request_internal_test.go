package authz

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRepeatedHeadersHaveOneReading: what Clerk's rules see must not depend on
// whether the proxy sends lines apart, and is what the SDK's Headers.get gives.
func TestRepeatedHeadersHaveOneReading(t *testing.T) {
	r := &Request{Method: "GET", Path: "/", Host: "h", Headers: []Header{
		{"sec-fetch-dest", "document"}, {"Sec-Fetch-Dest", "empty"},
		{"accept", "text/html"}, {"accept", ""}, {"accept", "*/*"},
		{"referer", "https://a/"}, {"origin", "https://a"}, {"origin", "null"},
		{"x-forwarded-host", "a"}, {"x-forwarded-host", "b"}, {"x-forwarded-proto", "https"}, {"x-forwarded-proto", "http"},
		{"cookie", "a=1"}, {"cookie", ""}, {"cookie", "b=2"},
		{"x-request-id", "not printable"}, {"x-request-id", "one"}, {"x-request-id", "two"},
		{"authorization", ""}, {"authorization", "Bearer a"},
	}}
	got, malformed := read(r, &stripper{})
	want := reading{
		secFetchDest: "document, empty", accept: "text/html, */*", referer: "https://a/", origin: "https://a, null",
		forwardedHost: "a, b", forwardedProto: "https, http", cookie: "a=1; b=2", requestID: "one",
		authorization: "Bearer a", authorizations: 1,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(reading{})); diff != "" || malformed != "" {
		t.Errorf("malformed %q (-want +got):\n%s", malformed, diff)
	}
}

// TestNamesThatCannotBeTakenAway: what no answer can name must not pass, and must
// not be recorded as if it had.
func TestNamesThatCannotBeTakenAway(t *testing.T) {
	for name, refused := range map[string]bool{
		"x-clerk-\xff": true, "x-clerk-\x00": true, "X_Clerk-a b": true, "x-clerk-é": true,
		"x-clerk-auth": false, "x_user_id": false, "x-other-\xff": false, "x-user-id\xff": false,
	} {
		r := &Request{Method: "GET", Path: "/", Host: "h", Headers: []Header{{name, "v"}}}
		if _, malformed := read(r, &stripper{}); (malformed != "") != refused {
			t.Errorf("%q: %q, want it refused: %v", name, malformed, refused)
		}
	}
}
