package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// grown is what a process has that must not grow.
type grown struct {
	goroutines int
	heap       uint64 // bytes in use
}

// measure counts while the load waits, so that nothing is in flight.
func measure(load *sync.RWMutex) grown {
	load.Lock()
	defer load.Unlock()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first only moved aside
	runtime.ReadMemStats(&m)
	return grown{runtime.NumGoroutine(), m.HeapAlloc}
}

// reloadBoth reloads the policy with both instances, and then the one without the
// second, whose key source must be gone before the next turn.
func (k *kept) reloadBoth() {
	k.Helper()
	for _, text := range []string{k.both(), k.alone()} {
		k.write("policy.yaml", text)
		k.hangUp(`msg="policy reloaded"`)
	}
	k.says(`msg="key source stopped"`, k.url)
	k.log.mu.Lock()
	k.log.lines, k.seen = nil, 0 // the log of the test must not be what grows
	k.log.mu.Unlock()
}

// TestAThousandReloads takes turns between two policies while requests come in: none
// fails, and in the end there is no more of anything than after the first hundred.
func TestAThousandReloads(t *testing.T) {
	k := keep(t, (*kept).alone, func(k *kept) { k.retire = time.Microsecond })
	token := k.one.Token(clerktest.Claims{User: "user_ada", AuthorizedParty: "https://app.example.com", ExpiresIn: time.Hour})
	var stop atomic.Bool
	var asked, failed atomic.Int64
	var load sync.WaitGroup
	var pause sync.RWMutex
	for range 2 {
		load.Go(func() {
			for !stop.Load() {
				pause.RLock()
				a := k.engine.Check(t.Context(), &authz.Request{Method: "GET", Path: "/me", Host: "api.example.com", Scheme: "https",
					Headers: []authz.Header{{Name: "authorization", Value: "Bearer " + token}}})
				pause.RUnlock()
				asked.Add(1)
				if !a.Allow {
					failed.Add(1)
				}
			}
		})
	}
	for range 50 {
		k.reloadBoth()
	}
	early := measure(&pause)
	for range 450 {
		k.reloadBoth()
	}
	late := measure(&pause)
	stop.Store(true)
	load.Wait()
	if failed.Load() > 0 || asked.Load() < 1000 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
	// 900 reloads that each kept a policy of some 20 KB would be 18 MB.
	if late.goroutines > early.goroutines+4 || late.heap > early.heap+2<<20 {
		t.Errorf("after 100 reloads %+v, after 1000 %+v", early, late)
	}
}
