package candidate_test

import (
	"context"
	"sync"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
)

const benchRoutes = `routes: [{name: pay, path: "/orgs/{org}/invoices/**", require: {org: "{org}", role: org:member}}]`

// BenchmarkLive measures what a candidate adds to a live decision, a verified-token
// hit: with a queue that is full, so that each is skipped, and with one that is
// emptied by another core.
func BenchmarkLive(b *testing.B) {
	check := func(b *testing.B, engine *authz.Engine, token string) {
		r := request("GET /orgs/acme/invoices/7", token, "accept: */*", "user-agent: bench", "x-request-id: 740fc19a-7ca5-461c-b38e-3572d900f426")
		b.ReportAllocs()
		for b.Loop() {
			if a := engine.Check(b.Context(), r); !a.Allow {
				b.Fatalf("denied: %s", a.Body)
			}
		}
	}
	b.Run("alone", func(b *testing.B) {
		w := newWorld(b, benchRoutes, benchRoutes)
		alone := authz.New(authz.Options{})
		alone.Use(w.compile(benchRoutes))
		check(b, alone, w.member())
	})
	b.Run("skipped", func(b *testing.B) {
		w := newWorld(b, benchRoutes, benchRoutes)
		for range 600 {
			w.check("GET /", "accept: */*")
		}
		check(b, w.live, w.member())
	})
	b.Run("compared", func(b *testing.B) {
		w := newWorld(b, benchRoutes, benchRoutes)
		ctx, cancel := context.WithCancel(b.Context())
		var running sync.WaitGroup
		running.Go(func() { w.comparison.Run(ctx) })
		defer running.Wait()
		defer cancel()
		check(b, w.live, w.member())
	})
}

// BenchmarkRehearsal measures the candidate's side of it.
func BenchmarkRehearsal(b *testing.B) {
	w := newWorld(b, benchRoutes, benchRoutes)
	r := request("GET /orgs/acme/invoices/7", w.member(), "accept: */*", "user-agent: bench", "x-request-id: 740fc19a-7ca5-461c-b38e-3572d900f426")
	done, cancel := context.WithCancel(b.Context())
	cancel()
	var decided *authz.Decided
	spy := authz.New(authz.Options{Observer: observer(func(d *authz.Decided) { decided = d })})
	spy.Use(w.compile(benchRoutes))
	spy.Check(b.Context(), r)
	b.ReportAllocs()
	for b.Loop() {
		for range 100 {
			w.comparison.Observe(decided)
		}
		w.comparison.Run(done)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/rehearsal")
}

type observer func(*authz.Decided)

func (o observer) Observe(d *authz.Decided) { o(d) }
