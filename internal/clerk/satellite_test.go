package clerk

import "testing"

func TestSatellites(t *testing.T) {
	const (
		none  = "session-token-and-uat-missing"
		sync  = "satellite-needs-syncing"
		there = "https://clerk.sat.dev/v1/client/handshake?redirect_url="
	)
	satellite := func(auto, test bool) *Instance {
		return withHandshake(t, func(s *Settings) {
			s.Satellite = &Satellite{Domain: "sat.dev", AutoSync: auto}
			s.SignInURL, s.Issuers = "https://primary.example/in?a%20b#top", []string{liveIssuer}
			if test {
				s.PublishableKey = testKey
			}
		})
	}
	for _, c := range []struct {
		name, cookies, query string
		auto                 bool
		live, test           string
	}{
		{"first visit", "", "", false, none, none},
		{"first visit, syncing by itself", "", "", true, sync, sync},
		{"back from the sign-in", "", "__clerk_synced=false", false, sync, sync},
		{"synced", "", "__clerk_synced=true", true, none, "dev-browser-missing"},
		{"synced, the first counts", "", "__clerk_synced=true&__clerk_synced=false", true, none, "dev-browser-missing"},
		{"signed out there", "D=d U=0", "", true, sync, sync},
		{"with cookies", "D=d U=1", "", true, "client-uat-but-no-session-token", "client-uat-but-no-session-token"},
		{"with cookies, sync wanted", "D=d U=1 S=good", "__clerk_synced=false", false, sync, sync},
	} {
		for kind, want := range map[string]string{"live": c.live, "test": c.test} {
			in := satellite(c.auto, kind == "test")
			r := page(t, in, c.cookies)
			r.Query = c.query
			s := authenticate(in, r)
			if s.Reason != want || s.Handshake != (want != none) {
				t.Errorf("%s, %s: %+v, want %s", c.name, kind, s, want)
			}
			location := there
			if kind == "test" {
				location = "https://primary.example/in?a+b=&__clerk_redirect_url=https%3A%2F%2Fapp.example.com%2Fp"
			}
			if want == sync && !hasPrefix(s.Location, location) {
				t.Errorf("%s, %s: location %s", c.name, kind, s.Location)
			}
			r.SecFetchDest = "iframe" // no navigation of the tab: no sync
			if s = authenticate(in, r); s.Reason == sync {
				t.Errorf("%s, %s, in a frame: %+v", c.name, kind, s)
			}
		}
	}
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// TestPrimaryResponds: the primary of a development instance sends its browser's
// token back, and says that it has.
func TestPrimaryResponds(t *testing.T) {
	for target, want := range map[string]string{
		"https%3A%2F%2Fsat.dev%2Fx%3F__clerk_synced%3Dfalse%26a%26__clerk_synced%3Dx%23y": "https://sat.dev/x?__clerk_synced=true&a=&__clerk_db_jwt=d#y",
		"http%3A%2F%2Flocalhost%3A4000": "http://localhost:4000/?__clerk_db_jwt=d&__clerk_synced=true",
		"javascript%3Aalert(1)":         "",
		"%2Frelative":                   "",
	} {
		in := withHandshake(t, developing)
		r := page(t, in, "D=d U=1 S=good")
		r.Query = "__clerk_redirect_url=" + target
		s := authenticate(in, r)
		if s.Location != want || s.Reason != "primary-responds-to-syncing" || s.SignedIn {
			t.Errorf("%s: %+v, want %s", target, s, want)
		}
	}
}

// TestSatelliteOrigin: the SDK throws if the sign-in page is on the origin of the
// request, which it takes from the Origin header, even with a good token.
func TestSatelliteOrigin(t *testing.T) {
	in := withHandshake(t, func(s *Settings) {
		s.Satellite, s.SignInURL, s.Issuers = &Satellite{Domain: "sat.dev"}, "https://primary.example/in", []string{liveIssuer, "https://clerk.sat.dev"}
	})
	for origin, want := range map[string]string{"": "signed-in", "https://sat.dev": "signed-in", "https://primary.example": "unexpected-error"} {
		r := page(t, in, "")
		r.Origin, r.Authorization = origin, "Bearer "+mint(t, nil, nil)
		if got := outcome(authenticate(in, r)); got != want {
			t.Errorf("origin %q: %s, want %s", origin, got, want)
		}
		byCookies := page(t, in, "U=1")
		byCookies.Cookie += "; __session=" + mint(t, nil, claims{"iss": "https://clerk.sat.dev"})
		byCookies.Origin = origin
		if s := authenticate(in, byCookies); s.SignedIn != (want == "signed-in") {
			t.Errorf("origin %q, by cookie: %+v", origin, s)
		}
	}
}

func TestSatelliteSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"neither domain nor proxy":    {func(s *Settings) { s.Satellite = &Satellite{} }, "a satellite has a domain or a proxy URL"},
		"development without sign-in": {func(s *Settings) { developing(s); s.Satellite = &Satellite{Domain: "sat.dev"} }, "a satellite needs the absolute URL of its primary's sign-in page"},
		"production with a path":      {func(s *Settings) { s.Satellite, s.SignInURL = &Satellite{Domain: "sat.dev"}, "/in" }, "a satellite needs the absolute URL of its primary's sign-in page"},
		"development with a path": {func(s *Settings) {
			developing(s)
			s.Satellite, s.SignInURL = &Satellite{Domain: "sat.dev"}, "/in"
		}, "a satellite needs the absolute URL of its primary's sign-in page"},
	} {
		s := Settings{PublishableKey: liveKey, Keys: ring()}
		c.change(&s)
		if _, err := NewInstance(s); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	in := instance(t, func(s *Settings) { s.Satellite = &Satellite{Domain: "sat.dev"} })
	if got := outcome(byHeader(in, mint(t, nil, claims{"iss": "https://clerk.sat.dev"}))); got != "signed-in" {
		t.Errorf("a satellite's own issuer: %s", got)
	}
}
