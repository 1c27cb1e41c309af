package clerk

import "testing"

// The rows are what path-to-regexp 6.3 answers.
func TestPathPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          syncTarget
	}{
		{"/orgs/:slug", "/orgs/acme", syncTarget{targetSlug, "acme"}},
		{"/orgs/:slug", "/ORGS/Acme/", syncTarget{targetSlug, "Acme"}},
		{"/orgs/:slug", "/orgs/acme/x", syncTarget{}},
		{"/orgs/:slug", "/orgs/", syncTarget{}},
		{"/orgs/:slug/(.*)", "/orgs/acme/x/y", syncTarget{targetSlug, "acme"}},
		{"/orgs/:slug/(.*)", "/orgs/acme", syncTarget{}},
		{"/orgs/:id", "/orgs/%6frg_1", syncTarget{targetID, "%6frg_1"}},
		{"/:id/:slug", "/org_1/acme", syncTarget{targetID, "org_1"}},
		{"/o/:id?", "/o", syncTarget{}},
		{"/o/:id?", "/o/org_1", syncTarget{targetID, "org_1"}},
		{"/o/:id/:rest*", "/o/org_1/a/b", syncTarget{targetID, "org_1"}},
		{"/o/:id/:rest+", "/o/org_1", syncTarget{}},
		{"/o.p/:id", "/oxp/1", syncTarget{}},
	} {
		if err := CheckPathPattern(c.pattern); err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		o, err := compileSync(OrganizationSync{OrganizationPatterns: []string{c.pattern}})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.target(c.path); got != c.want {
			t.Errorf("%s on %s: %+v, want %+v", c.pattern, c.path, got, c.want)
		}
	}
	for _, bad := range []string{"", "orgs", "/orgs/:slug(.*)", "/a:b", "/:a-:b", "/x{/y}?", "/(a|b)", "/:id(\\d+)", "/(.*)/x", "/:id/:id", "/*", "/a\\b"} {
		if CheckPathPattern(bad) == nil {
			t.Errorf("%q is taken for a pattern", bad)
		}
	}
}

// A document of another organisation activates it first. Everything else goes on
// with what is active, and the policy judges that.
func TestOrganizationSync(t *testing.T) {
	in := withHandshake(t, func(s *Settings) {
		s.OrganizationSync = OrganizationSync{OrganizationPatterns: []string{"/by-id/:id", "/by-slug/:slug", "/by-slug/:slug/(.*)"}, PersonalAccountPatterns: []string{"/me"}}
	})
	acme := claims{"v": 2, "o": claims{"id": "org_a", "slg": "acme"}}
	for _, c := range []struct {
		name, path string
		claims     claims
		change     func(*Request)
		want       string // organization_id of the handshake; "-": none
	}{
		{"the same, by id", "/by-id/org_a", acme, nil, "-"},
		{"another, by id", "/by-id/org_b", acme, nil, "org_b"},
		{"none yet", "/by-id/org_a", nil, nil, "org_a"},
		{"the same, by slug", "/by-slug/acme/", acme, nil, "-"},
		{"another, by slug", "/by-slug/bcorp/settings", acme, nil, "bcorp"},
		{"personal", "/me", acme, nil, ""},
		{"personal already", "/me", nil, nil, "-"},
		{"no pattern", "/other", acme, nil, "-"},
		{"not a document", "/by-id/org_b", acme, func(r *Request) { r.SecFetchDest = "empty" }, "-"},
		{"tried before", "/by-id/org_b", acme, func(r *Request) { r.Cookie += "; __clerk_redirect_count=3" }, "-"},
		{"tried often", "/by-id/org_b", acme, func(r *Request) { r.Cookie += "; __clerk_redirect_count=4" }, "-"},
		{"pending", "/by-id/org_b", acme.with(claims{"sts": "pending"}), nil, "-"},
	} {
		r := &Request{Method: "GET", Scheme: "https", Host: "app.example.com", Path: c.path, SecFetchDest: "document",
			Cookie: "__client_uat=1; __session=" + mint(t, nil, c.claims), CookieInstance: in}
		if c.change != nil {
			c.change(r)
		}
		s := authenticate(in, r)
		if c.want == "-" {
			if !s.SignedIn || s.Location != "" {
				t.Errorf("%s: %+v", c.name, s)
			}
			continue
		}
		u := "&organization_id=" + c.want
		if s.SignedIn || s.Reason != "active-organization-mismatch" || len(s.Location) < len(u) || s.Location[len(s.Location)-len(u):] != u {
			t.Errorf("%s: %+v", c.name, s)
		}
		r.Cookie, r.Authorization = "", "Bearer "+mint(t, nil, c.claims)
		if s = authenticate(in, r); !s.SignedIn || s.Location != "" {
			t.Errorf("%s, by header: %+v", c.name, s)
		}
	}
}

// TestOddCounterActivatesNothing: the SDK takes such a counter for 0 and
// redirects. Here it is the end, and no reason to go on.
func TestOddCounterActivatesNothing(t *testing.T) {
	in := withHandshake(t, func(s *Settings) { s.OrganizationSync.OrganizationPatterns = []string{"/:id"} })
	for _, count := range []string{"abc", `"1"`, "3.0", "0x3", "-1"} {
		r := page(t, in, "U=1 S=good C="+count)
		if s := authenticate(in, r); s.SignedIn || s.Reason != "active-organization-mismatch" || s.Location != "" || !s.NoRedirect {
			t.Errorf("count %s: %+v", count, s)
		}
	}
}

func TestSignInURL(t *testing.T) {
	const back = "redirect_url=https%3A%2F%2Fapp.example.com%2Fp%3Fq%3D1"
	for _, c := range []struct {
		name    string
		change  func(*Settings)
		pending bool
		want    string
	}{
		{"account portal", nil, false, "https://accounts.example.com/sign-in?" + back},
		{"account portal, tasks", nil, true, "https://accounts.example.com/sign-in/tasks?" + back},
		{"development", developing, false, "https://foo-bar-13.accounts.dev/sign-in?" + back + "&__clerk_db_jwt=d"},
		{"own page", func(s *Settings) { developing(s); s.SignInURL = "/in" }, false, "https://app.example.com/in?" + back},
		{"another page", func(s *Settings) { s.SignInURL = "https://other.example/in?x=%20&redirect_url=y" }, false, "https://other.example/in?x=+&" + back},
		{"tasks of another page", func(s *Settings) { s.SignInURL = "https://other.example/in" }, true, "https://other.example/in/tasks?" + back},
		{"satellite", func(s *Settings) {
			s.SignInURL, s.Satellite = "https://other.example/in", &Satellite{Domain: "sat.dev"}
		}, false,
			"https://other.example/in?" + back + "%26__clerk_synced%3Dfalse"},
		{"cookies are not read", func(s *Settings) { s.Cookies = false }, false, ""},
		{"no portal", func(s *Settings) { s.PublishableKey = mustKey("127.0.0.1:9010") }, false, ""},
	} {
		in := instance(t, c.change)
		r := page(t, in, "D=d")
		if got := in.SignInURL(r, c.pending); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		r.Query += "&__clerk_handshake_nonce=spent&__clerk_handshake=x&__clerk_help=1"
		if got := in.SignInURL(r, c.pending); got != c.want {
			t.Errorf("%s, with what a handshake has left: %s, want %s", c.name, got, c.want)
		}
	}
}
