package clerk

import (
	"strings"
	"testing"
)

// A document that was reached from elsewhere might come from a satellite.
func TestCrossOriginNavigation(t *testing.T) {
	const cross = "primary-domain-cross-origin-sync"
	type row struct {
		name       string
		change     func(*Request)
		count      string // the redirect counter's cookie
		live, test string
	}
	referer := func(url string) func(*Request) { return func(r *Request) { r.Referer = url } }
	rows := []row{
		{"no referer", func(*Request) {}, "", "signed-in", "signed-in"},
		{"same origin", referer("https://app.example.com/a?b"), "", "signed-in", "signed-in"},
		{"same origin, port and case", referer("HTTPS://APP.example.com:443/"), "", "signed-in", "signed-in"},
		{"same origin, user", referer("https://u:p@app.example.com/"), "", "signed-in", "signed-in"},
		{"another scheme", referer("http://app.example.com/"), "", cross, cross},
		{"another port", referer("https://app.example.com:8443/"), "", cross, cross},
		{"another host", referer("https://google.com/"), "", cross, cross},
		{"another host, with a user that looks like ours", referer("https://app.example.com:443@google.com/"), "", cross, cross},
		{"another host in disguise", referer(`https://google.com\@app.example.com/`), "", cross, cross},
		{"escaped host", referer("https://g%6fogle.com/"), "", cross, cross},
		{"an app", referer("android-app://com.google"), "", cross, cross},
		{"about:blank", referer("about:blank"), "", cross, cross},
		{"no URL", referer("google.com"), "", "signed-in", "signed-in"},
		{"no host", referer("https:///"), "", "signed-in", "signed-in"},
		{"no port", referer("https://google.com:99999/"), "", "signed-in", "signed-in"},

		{"Frontend API", referer("https://clerk.example.com/v1"), "", "signed-in", cross},
		{"Frontend API by http", referer("http://clerk.example.com:8080/"), "", "signed-in", cross},
		{"account portal", referer("https://accounts.example.com/sign-in"), "", "signed-in", cross},
		{"account portal by http", referer("http://accounts.example.com/"), "", cross, cross},
		{"somebody's portal", referer("https://accounts.evil.com/"), "", cross, cross},
		{"development's Frontend API", referer("https://foo-bar-13.clerk.accounts.dev/"), "", cross, "signed-in"},
		{"another development's Frontend API", referer("https://other.clerk.accounts.dev/"), "", cross, cross},
		{"development's portal", referer("https://foo-bar-13.accounts.dev/"), "", cross, "signed-in"},
		{"another development's portal", referer("https://other.accounts.dev/"), "", cross, "signed-in"},
		{"legacy development portal", referer("https://accounts.x.lcl.dev/"), "", cross, "signed-in"},
		{"no legacy development portal", referer("https://x.lcl.dev/"), "", cross, cross},

		{"not a document", func(r *Request) { r.Referer, r.SecFetchDest = "https://google.com/", "empty" }, "", "signed-in", "signed-in"},
		{"an iframe", func(r *Request) { r.Referer, r.SecFetchDest = "https://google.com/", "iframe" }, "", "signed-in", "signed-in"},
		{"HTML, by accept only", func(r *Request) { r.Referer, r.SecFetchDest, r.Accept = "https://google.com/", "", "text/html" }, "", "signed-in", "signed-in"},
		{"POST", func(r *Request) { r.Referer, r.Method = "https://google.com/", "POST" }, "", "signed-in", "signed-in"},
		{"get", func(r *Request) { r.Referer, r.Method = "https://google.com/", "get" }, "", cross, cross},

		{"redirected once", referer("https://google.com/"), "1", "signed-in", "signed-in"},
		{"redirected often", referer("https://google.com/"), "17", "signed-in", "signed-in"},
		{"not redirected", referer("https://google.com/"), "0", cross, cross},
		{"odd counter", referer("https://google.com/"), "0x3", cross, cross},
		{"odd counter, fraction", referer("https://google.com/"), "1.0", cross, cross},
		{"odd counter, negative", referer("https://google.com/"), "-1", cross, cross},
		{"odd counter, sign", referer("https://google.com/"), "+1", cross, cross},

		{"forwarded host", func(r *Request) { r.Referer, r.ForwardedHost = "https://app.example.com/", "public.example.org" }, "", cross, cross},
		{"forwarded host, same", func(r *Request) {
			r.Referer, r.ForwardedHost = "https://public.example.org/", "public.example.org,proxy"
		}, "", "signed-in", "signed-in"},
		{"forwarded host, unusable", func(r *Request) { r.Referer, r.ForwardedHost = "https://app.example.com/", "bad host" }, "", "signed-in", "signed-in"},
		{"forwarded host, empty first", func(r *Request) { r.Referer, r.ForwardedHost = "https://app.example.com/", ",x" }, "", "signed-in", "signed-in"},
		{"forwarded scheme", func(r *Request) { r.Referer, r.ForwardedProto = "http://app.example.com/", "http,https" }, "", "signed-in", "signed-in"},
		{"an app, and no scheme of the web", func(r *Request) { r.Referer, r.ForwardedProto = "android-app://com.google", "ftp" }, "", cross, cross},
		{"forwarded scheme, none of the web", func(r *Request) { r.Referer, r.ForwardedProto = "https://app.example.com/", "ftp" }, "", cross, cross},
	}
	for _, c := range rows {
		for kind, in := range kinds(t) {
			want := c.live
			if kind == "test" {
				want = c.test
			}
			cookies := "D=d U=1 S=good"
			if c.count != "" {
				cookies += " C=" + c.count
			}
			r := &Request{Method: "GET", Scheme: "https", Host: "app.example.com", SecFetchDest: "document", Cookie: spell(t, in, cookies), CookieInstance: in}
			c.change(r)
			s := Instances{in}.Authenticate(r, nil, issuedAt)
			if got := outcome(s); got != want {
				t.Errorf("%s, %s: got %s, want %s", c.name, kind, got, want)
			}
		}
	}
}

// TestALongRefererIsForeign: the URL library must not be made to read it.
func TestALongRefererIsForeign(t *testing.T) {
	in := instance(t, nil)
	for size, want := range map[int]string{100: "signed-in", 3000: "primary-domain-cross-origin-sync"} {
		r := page(t, in, "U=1 S=good")
		r.Referer = "https://app.example.com/" + strings.Repeat("a", size)
		if got := outcome(authenticate(in, r)); got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
	}
}

// What the SDK refuses a token for goes before where the request came from, and
// that before what only we refuse it for.
func TestCrossOriginOrder(t *testing.T) {
	in := instance(t, nil)
	for name, c := range map[string]struct {
		payload claims
		want    string
	}{
		"foreign issuer":   {claims{"iss": liveIssuer, "azp": 1, "exp": 0}, "session-token-expired-refresh-non-eligible-no-refresh-cookie"},
		"sub of no user":   {claims{"sub": "client_1"}, "primary-domain-cross-origin-sync"},
		"nothing is wrong": {nil, "primary-domain-cross-origin-sync"},
	} {
		r := &Request{Method: "GET", Scheme: "https", Host: "app.example.com", SecFetchDest: "document", Referer: "https://google.com/",
			Cookie: "__session=" + mint(t, nil, c.payload) + "; __client_uat=1", CookieInstance: in}
		if got := outcome(Instances{in}.Authenticate(r, nil, issuedAt)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestHeaderTokenKnowsNoCrossOrigin(t *testing.T) {
	in := instance(t, nil)
	r := &Request{Method: "GET", Scheme: "https", Host: "app.example.com", SecFetchDest: "document", Referer: "https://google.com/",
		Authorization: "Bearer " + mint(t, nil, nil), CookieInstance: in}
	if got := outcome(Instances{in}.Authenticate(r, nil, issuedAt)); got != "signed-in" {
		t.Errorf("got %s", got)
	}
}

func TestAccountPortal(t *testing.T) {
	for host, want := range map[string]string{
		"clerk.example.com":              "https://accounts.example.com",
		"foo-bar-13.clerk.accounts.dev":  "https://foo-bar-13.accounts.dev",
		"x.clerk.accountsstage.dev":      "https://x.accountsstage.dev",
		"example.com":                    "https://example.com",
		"clerk.clerk.dev":                "https://accounts.clerk.dev",
		"clerk.a.clerk.accounts.lcl.com": "https://accounts.a.clerk.accounts.lcl.com",
	} {
		if got := accountPortal(host); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}
