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

// BenchmarkCheck measures a whole decision in process: a verified-token hit with
// organisation, role, permission and path parameter, and a public route.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, routes)
	token := w.bearer(acme("org:admin", "org:invoices:manage"))
	for _, bb := range []struct{ name, method, path, header string }{
		{"hit", "POST", "/orgs/acme/invoices/7", token},
		{"public", "GET", "/healthz", "accept: */*"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := request(bb.method, bb.path, bb.header, "accept: */*", "user-agent: bench", "x-request-id: 740fc19a-7ca5-461c-b38e-3572d900f426")
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
