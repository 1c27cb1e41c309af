package clerk

import (
	"slices"
	"strings"
	"testing"
)

// page is a document request with the cookies that [spell] spells.
func page(t *testing.T, in *Instance, cookies string) *Request {
	t.Helper()
	return &Request{Method: "GET", Scheme: "https", Host: "app.example.com", Path: "/p", Query: "q=1",
		SecFetchDest: "document", Cookie: spell(t, in, cookies), CookieInstance: in}
}

func authenticate(in *Instance, r *Request) State {
	return Instances{in}.Authenticate(r, nil, issuedAt)
}

// withHandshake is an instance that redirects; change may be nil.
func withHandshake(t *testing.T, change func(*Settings)) *Instance {
	t.Helper()
	return instance(t, func(s *Settings) {
		s.Handshake = true
		if change != nil {
			change(s)
		}
	})
}

func developing(s *Settings) { s.PublishableKey = testKey }

// first is the beginning of a handshake of the live instance; next continues it.
const (
	first = "https://clerk.example.com/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.example.com%2Fp%3Fq%3D1" +
		"&__clerk_api_version=2026-05-12&suffixed_cookies=false&__clerk_hs_reason="
	firstTest = "https://foo-bar-13.clerk.accounts.dev/v1/client/handshake?redirect_url=https%3A%2F%2Fapp.example.com%2Fp%3Fq%3D1" +
		"&__clerk_api_version=2026-05-12&suffixed_cookies=false&__clerk_hs_reason="
)

func TestHandshakeURL(t *testing.T) {
	proxy := func(url string) func(*Settings) { return func(s *Settings) { s.ProxyURL = url } }
	patterns := func(s *Settings) {
		s.OrganizationSync = OrganizationSync{OrganizationPatterns: []string{"/p"}, PersonalAccountPatterns: []string{"/p"}}
	}
	for _, c := range []struct {
		name    string
		change  func(*Settings)
		cookies string
		request func(*Request)
		want    string
	}{
		{"plain", nil, "U=1", nil, first + "client-uat-but-no-session-token&format=nonce"},
		{"development", developing, "D=dvb U=1", nil, firstTest + "client-uat-but-no-session-token&format=nonce&__clerk_db_jwt=dvb"},
		{"development browser of the query", developing, "D=dvb U=1", func(r *Request) { r.Query = "a%20b&__clerk_db_jwt=d%2B&__dev_session=x&c" },
			strings.Replace(firstTest, "%3Fq%3D1", "%3Fa%2Bb%3D%26c%3D", 1) + "dev-browser-sync&format=nonce&__clerk_db_jwt=d%2B"},
		{"with suffix", nil, "U'=1", nil, strings.Replace(first, "cookies=false", "cookies=true", 1) + "client-uat-but-no-session-token&format=nonce"},
		{"proxy", proxy("https://example.com/clerk//"), "U=1", nil,
			strings.Replace(first, "https://clerk.example.com", "https://example.com/clerk", 1) + "client-uat-but-no-session-token&format=nonce"},
		{"proxy by path", proxy("/__clerk"), "U=1", func(r *Request) { r.ForwardedHost, r.ForwardedProto = "Public.example:8443, x", "http,https" },
			strings.NewReplacer("https://clerk.example.com", "http://public.example:8443/__clerk", "https%3A%2F%2Fapp.example.com", "http%3A%2F%2Fpublic.example%3A8443").Replace(first) +
				"client-uat-but-no-session-token&format=nonce"},
		{"personal account", func(s *Settings) { s.OrganizationSync.PersonalAccountPatterns = []string{"/p"} }, "U=1", nil,
			first + "client-uat-but-no-session-token&format=nonce&organization_id="},
		{"a pattern that names nothing", patterns, "U=1", nil, first + "client-uat-but-no-session-token&format=nonce&organization_id="},
	} {
		in := withHandshake(t, c.change)
		r := page(t, in, c.cookies)
		if c.request != nil {
			c.request(r)
		}
		s := authenticate(in, r)
		if s.Location != c.want || !s.Handshake || s.SignedIn {
			t.Errorf("%s:\n got %s (%+v)\nwant %s", c.name, s.Location, s, c.want)
		}
		if want := []string{"__clerk_redirect_count=1; SameSite=Lax; HttpOnly; Max-Age=2"}; !slices.Equal(s.SetCookies, want) {
			t.Errorf("%s: set-cookie %q, want %q", c.name, s.SetCookies, want)
		}
	}
}

// A handshake carries the token that it is about: that of the cookie if there is
// one, else that of the header.
func TestHandshakeCarriesTheToken(t *testing.T) {
	in := withHandshake(t, nil)
	expired := mint(t, nil, claims{"exp": issuedAt.Unix() - 100})
	s := authenticate(in, page(t, in, "U=1 S=expired"))
	if !strings.Contains(s.Location, "&format=nonce&__session="+sessionNamed(t, in, "expired")) {
		t.Errorf("by cookie: %s", s.Location)
	}
	r := page(t, in, "")
	r.Authorization = "Bearer " + expired
	if s = authenticate(in, r); !s.Handshake || !strings.HasSuffix(s.Location, "&__session="+expired) {
		t.Errorf("by header: %+v", s)
	}
	r = page(t, in, "U=1 S=expired")
	r.Authorization = "Bearer " + expired
	if s = authenticate(in, r); !strings.HasSuffix(s.Location, "&__session="+sessionNamed(t, in, "expired")) {
		t.Errorf("by both: %s", s.Location)
	}
}

// Only what a browser shows can be redirected.
func TestWhoIsRedirected(t *testing.T) {
	for _, c := range []struct {
		method, dest, accept string
		want                 bool
	}{
		{"GET", "document", "", true},
		{"get", "document", "", true},
		{"GET", "iframe", "", true},
		{"GET", "", "text/html,application/xhtml+xml", true},
		{"GET", "empty", "text/html", false},
		{"GET", "Document", "", false},
		{"GET", "document, document", "", false},
		{"GET", "", "application/json,text/html", false},
		{"GET", "", " text/html", false},
		{"GET", "", "", false},
		{"HEAD", "document", "text/html", false},
		{"POST", "document", "text/html", false},
		{"OPTIONS", "document", "text/html", false},
	} {
		in := withHandshake(t, nil)
		r := page(t, in, "U=1")
		r.Method, r.SecFetchDest, r.Accept = c.method, c.dest, c.accept
		s := authenticate(in, r)
		if s.Handshake != c.want || (s.Location != "") != c.want || (len(s.SetCookies) != 0) != c.want || r.IsDocument() != c.want {
			t.Errorf("%+v: %+v", c, s)
		}
		if s.Reason != "client-uat-but-no-session-token" {
			t.Errorf("%+v: reason %s", c, s.Reason)
		}
	}
}

func TestWhatIsNotRedirected(t *testing.T) {
	off := instance(t, nil)
	if s := authenticate(off, page(t, off, "U=1")); s.Location != "" || s.Handshake {
		t.Errorf("handshakes are off: %+v", s)
	}
	expired := "Bearer " + mint(t, nil, claims{"exp": issuedAt.Unix() - 100})
	for name, change := range map[string]func(*Settings, *Request){
		"cookies are off":                       func(s *Settings, _ *Request) { s.Cookies = false },
		"the host is nobody's":                  func(_ *Settings, r *Request) { r.CookieInstance = nil },
		"the request's own host makes no URL":   func(_ *Settings, r *Request) { r.Host = "a b" },
		"the request's own scheme makes no URL": func(_ *Settings, r *Request) { r.Scheme = "" },
	} {
		r := &Request{}
		in := withHandshake(t, func(s *Settings) { change(s, &Request{}) })
		*r = *page(t, in, "")
		r.Authorization = expired
		change(&Settings{}, r)
		if s := authenticate(in, r); s.Location != "" || s.Handshake || s.SignedIn || s.Code != "token-expired" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestLoopGuard: the SDK stops at exactly 3, and makes of odd counters what
// JavaScript does. Here everything but 0, 1 and 2 is the end.
func TestLoopGuard(t *testing.T) {
	in := withHandshake(t, nil)
	for count, next := range map[string]string{"": "1", "0": "1", "1": "2", "2": "3", "3": "", "4": "", "99": "", "-1": "", "1.0": "", "0x1": "", "x": "", "03": "", "+1": "", " 1": "2"} {
		s := authenticate(in, page(t, in, "U=1 C="+count))
		if strings.HasPrefix(count, " ") {
			r := page(t, in, "U=1")
			r.Cookie += "; __clerk_redirect_count= 1"
			s = authenticate(in, r)
		}
		var want []string
		if next != "" {
			want = []string{"__clerk_redirect_count=" + next + "; SameSite=Lax; HttpOnly; Max-Age=2"}
		}
		if !slices.Equal(s.SetCookies, want) || s.Handshake != (next != "") || s.NoRedirect != (next == "") || s.SignedIn {
			t.Errorf("count %q: %+v, want %q", count, s, want)
		}
	}
}
