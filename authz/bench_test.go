package authz_test

import (
	"testing"

	"github.com/clerkgate/clerkgate/authz"
)

// TestAllocationsOfAHit: the check with all that it builds, the segments of the path,
// and the token.
func TestAllocationsOfAHit(t *testing.T) {
	const most = 3
	w := newWorld(t, routes)
	engine := authz.New(authz.Options{Now: clock})
	engine.Use(w.compile(routes))
	r := request("POST", "/orgs/acme/invoices/7", w.bearer(acme("org:admin", "org:invoices:manage")), "accept: */*")
	w.allow(engine.Check(t.Context(), r), "x-user-id: user_ada", "x-org-id: org_acme")
	if got := testing.AllocsPerRun(100, func() { engine.Check(t.Context(), r) }); got > most {
		t.Errorf("%v allocations, want at most %d", got, most)
	}
}

// browser is what a browser sends along with a fetch, and Envoy with it.
var browser = []string{
	"accept: */*", "accept-encoding: gzip, deflate, br, zstd", "accept-language: en-GB,en;q=0.9", "user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0",
	"content-type: application/json", "content-length: 311", "origin: https://app.example.com", "referer: https://app.example.com/",
	"sec-fetch-site: same-site", "sec-fetch-mode: cors", "sec-fetch-dest: empty", "x-forwarded-for: 203.0.113.7", "x-forwarded-proto: https",
	"x-request-id: 740fc19a-7ca5-461c-b38e-3572d900f426",
}

// BenchmarkCheck measures a whole decision in process: a verified-token hit with
// organisation, role, permission and path parameter, and a public route.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, routes)
	token := w.bearer(acme("org:admin", "org:invoices:manage"))
	for _, bb := range []struct{ name, method, path, header string }{
		{"hit", "POST", "/orgs/acme/invoices/7", token},
		{"public", "GET", "/healthz", "dnt: 1"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := request(bb.method, bb.path, append([]string{bb.header}, browser...)...)
			if a := w.engine.Check(b.Context(), r); !a.Allow {
				b.Fatalf("denied: %s", a.Body)
			}
			w.observed = nil
			b.ReportAllocs()
			for b.Loop() {
				w.engine.Check(b.Context(), r)
				w.observed = w.observed[:0]
			}
		})
	}

}
