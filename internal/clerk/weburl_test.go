package clerk

import (
	"runtime"
	"strings"
	"testing"
)

// The URLs are those that Node.js 20 makes of the same texts.
func TestPublicURL(t *testing.T) {
	for _, c := range []struct {
		scheme, host, target, origin, href, rewritten string
	}{
		{"https", "App.Example.com", "/a/b?x=1&y", "https://app.example.com", "https://app.example.com/a/b?x=1&y", "https://app.example.com/a/b?x=1&y="},
		{"https", "app.example.com:443", "/a?q=a%20b&c=%2B&d=+", "https://app.example.com", "https://app.example.com/a?q=a%20b&c=%2B&d=+", "https://app.example.com/a?q=a+b&c=%2B&d=+"},
		{"http", "127.1", "/a", "http://127.0.0.1", "http://127.0.0.1/a", "http://127.0.0.1/a"},
		{"http", "localhost:10000", "/", "http://localhost:10000", "http://localhost:10000/", "http://localhost:10000/"},
		{"https", "a.com/x", "/p?q", "https://a.com", "https://a.com/p?q", "https://a.com/p?q="},
		{"https", "u:p@a.com", "/p", "https://a.com", "https://u:p@a.com/p", "https://u:p@a.com/p"},
		{"ftp", "a.com", "/p", "ftp://a.com", "ftp://a.com/p", "ftp://a.com/p"},
		{"foo", "a.com", "/p?a='", "null", "foo://a.com/p?a=%27", "foo://a.com/p?a=%27"},
		{"foo", "a.com", "/p?a", "null", "foo://a.com/p?a", "foo://a.com/p?a="},
		{"https", "ex%41mple.com", "/p", "https://example.com", "https://example.com/p", "https://example.com/p"},
		{"https", "[::1]:80", "/p?a=%E2%82&b=%ff%41", "https://[::1]:80", "https://[::1]:80/p?a=%E2%82&b=%ff%41", "https://[::1]:80/p?a=%EF%BF%BD&b=%EF%BF%BDA"},
		{"http", "a.com:80", "/%7Ba%7D^|`?a'b", "http://a.com", "http://a.com/%7Ba%7D^|%60?a%27b", "http://a.com/%7Ba%7D^|%60?a%27b="},
		{"https", "a.com?x", "/p", "https://a.com", "https://a.com/p", "https://a.com/p"},
		{"https", "a.com", "/p?a=b=c&&d=&=e&%__=1", "https://a.com", "https://a.com/p?a=b=c&&d=&=e&%__=1", "https://a.com/p?a=b%3Dc&d=&=e&%25__=1"},
		{"https", "bücher.example", "/", "https://xn--bcher-kva.example", "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"https", "a.com", `/"<>?"<>`, "https://a.com", "https://a.com/%22%3C%3E?%22%3C%3E", "https://a.com/%22%3C%3E?%22%3C%3E="},
		// Node would go to b here. No path may choose its host.
		{"https", "a.com", "//b/c", "https://a.com", "https://a.com//b/c", "https://a.com//b/c"},
		{"https", "a b", "/p", "", "", ""},
		{"https", "a.com:99999", "/", "", "", ""},
		{"https:", "a.com", "/p", "", "", ""},
	} {
		r := &Request{Scheme: "https", Host: "own.example", ForwardedProto: c.scheme, ForwardedHost: c.host}
		r.Path, r.Query = cutTarget(c.target)
		u := publicURL(r)
		if c.href == "" {
			if u == nil || u.base.Hostname() != "own.example" {
				t.Errorf("%s://%s is no origin; got %v, want the request's own", c.scheme, c.host, u)
			}
			continue
		}
		if u == nil {
			t.Errorf("%s://%s%s: no URL", c.scheme, c.host, c.target)
			continue
		}
		if got := originOf(u.base); got != c.origin {
			t.Errorf("%s://%s%s: origin %s, want %s", c.scheme, c.host, c.target, got, c.origin)
		}
		if got := u.href(); got != c.href {
			t.Errorf("%s://%s%s: %s, want %s", c.scheme, c.host, c.target, got, c.href)
		}
		if got := u.hrefWith(u.parameters().without("zz")); got != c.rewritten {
			t.Errorf("%s://%s%s: rewritten %s, want %s", c.scheme, c.host, c.target, got, c.rewritten)
		}
	}
}

func cutTarget(target string) (path, query string) {
	for i := range len(target) {
		if target[i] == '?' {
			return target[:i], target[i+1:]
		}
	}
	return target, ""
}

// TestLongURLsCostLittle: the parser's work grows with the square of some
// lengths, which shows in what it allocates. Nobody may make us do it.
func TestLongURLsCostLittle(t *testing.T) {
	const size, most = 60_000, 64 << 20
	in := withHandshake(t, func(s *Settings) {
		developing(s)
		s.Issuers, s.ProxyURL = []string{liveIssuer}, "/__clerk"
		s.OrganizationSync.OrganizationPatterns = []string{"/orgs/:slug", "/:id/:rest*"}
	})
	for _, text := range []string{"@", ":", "/", "/a", "%", "%41", "xn--", ".", "a.", "[", "?", "&a", "=", " ", "é"} {
		long := strings.Repeat(text, size/len(text))
		for field, put := range map[string]func(*Request){
			"forwarded host":  func(r *Request) { r.ForwardedHost = long + "a" },
			"forwarded proto": func(r *Request) { r.ForwardedProto = long },
			"host":            func(r *Request) { r.Host = long },
			"path":            func(r *Request) { r.Path = "/" + long },
			"query":           func(r *Request) { r.Query = long },
			"redirect URL":    func(r *Request) { r.Query = "__clerk_redirect_url=https://" + long },
			"referer":         func(r *Request) { r.Referer = "https://" + long },
			"cookie":          func(r *Request) { r.Cookie += "; " + long },
		} {
			for _, cookies := range []string{"", "U=1", "D=d U=1 S=good"} {
				r := page(t, in, cookies)
				put(r)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				authenticate(in, r)
				in.SignInURL(r, false)
				runtime.ReadMemStats(&after)
				if got := after.TotalAlloc - before.TotalAlloc; got > most {
					t.Errorf("%s of many %q, cookies %q: allocated %d MB", field, text, cookies, got>>20)
				}
			}
		}
	}
}
