package bench

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/internal/envoytest/envoyproc"
)

// variant is an Envoy with one worker, and the server that it asks.
type variant struct {
	name    string
	patch   patch
	sidecar *server // nil where Envoy decides by itself
	overTCP bool
	tells   bool // the service is told who the user is

	pid         int // of Envoy
	connections []*connection
	rounds      map[int][]sample // by the number of connections that asked
}

// busy is how many connections ask at once, where it is not one alone.
const busy = 16

// sample is what the requests of one round took, each of them, in µs.
type sample struct {
	envoy, sidecar, wall float64
	latencies            []float64 // sorted
}

// cpu is that of Envoy and the sidecar.
func (s sample) cpu() float64 { return s.envoy + s.sidecar }

func (s sample) p50() float64 { return quantile(s.latencies, 0.5) }

func (s sample) p99() float64 { return quantile(s.latencies, 0.99) }

// config is deploy/envoy/envoy.yaml as this variant has it.
func (v *variant) config() envoytest.Config {
	c := envoytest.Config{
		AuthzAddress: "/nowhere", UpstreamAddress: "127.0.0.1:1", RawHeaders: true,
		Patch: func(d *document) error { return inTurnPatch(d, withoutService, v.patch) },
	}
	if v.sidecar != nil {
		c.AuthzAddress = v.sidecar.socket
		if v.overTCP {
			c.AuthzAddress = v.sidecar.tcp
		}
	}
	return c
}

// start runs Envoy and keeps it, and the sidecar, on a core.
func (v *variant) start(b *testing.B, s *stage) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	p, err := envoyproc.Start(ctx, envoyproc.Options{Program: s.program, Config: envoytest.Bootstrap(b, v.config()), LogLevel: "error", Log: os.Stderr})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Stop() })
	v.pid, v.connections = p.PID(), nil
	pin(b, v.pid, strconv.Itoa(s.core))
	if v.sidecar != nil {
		pin(b, v.sidecar.process.Pid, strconv.Itoa(s.core))
	}
	for range busy {
		v.connections = append(v.connections, dial(b, p.Listener()))
	}
	return func() {
		for _, c := range v.connections {
			_ = c.conn.Close()
		}
		_ = p.Stop()
	}
}

// inspect fails unless a request passes, with the identity of its token where the
// service is told one: a quick failure must not pass for a quick answer.
func (v *variant) inspect(b *testing.B, token string) {
	b.Helper()
	response, err := v.connections[0].do(browserRequest(seenPath, token))
	if err == nil {
		err = expect(response, http.StatusOK)
	}
	if err != nil {
		b.Fatalf("%s: %v", v.name, err)
	}
	if got := headerOf(response, seenHeader); v.tells && got != admin().User {
		b.Fatalf("%s: the service sees %q", v.name, got)
	}
}

// measure asks so many times from n connections, and adds to a sample.
func (v *variant) measure(b *testing.B, s *sample, request []byte, n, times int) {
	b.Helper()
	envoy, sidecar := v.cpu(b)
	began := time.Now()
	latencies := v.ask(b, request, n, times)
	s.wall += time.Since(began).Seconds() * 1e6
	envoyAfter, sidecarAfter := v.cpu(b)
	s.envoy += (envoyAfter - envoy).Seconds() * 1e6
	s.sidecar += (sidecarAfter - sidecar).Seconds() * 1e6
	s.latencies = append(s.latencies, latencies...)
}

// add ends a round.
func (v *variant) add(n int, s sample) {
	slices.Sort(s.latencies)
	if v.rounds == nil {
		v.rounds = map[int][]sample{}
	}
	each := float64(len(s.latencies))
	v.rounds[n] = append(v.rounds[n], sample{s.envoy / each, s.sidecar / each, s.wall / each, s.latencies})
}

func (v *variant) cpu(b *testing.B) (envoy, sidecar time.Duration) {
	b.Helper()
	envoy, err := cpuOf(v.pid)
	if err != nil {
		b.Fatal(err)
	}
	if v.sidecar != nil {
		sidecar = v.sidecar.cpu(b)
	}
	return envoy, sidecar
}

// ask asks so many times from n connections, and returns how long each answer
// took, in µs.
func (v *variant) ask(b *testing.B, request []byte, n, times int) []float64 {
	b.Helper()
	var wg sync.WaitGroup
	latencies, errs := make([]float64, times/n*n), make([]error, n)
	for i, c := range v.connections[:n] {
		wg.Go(func() { errs[i] = c.repeat(request, http.StatusOK, latencies[i*(times/n):(i+1)*(times/n)]) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			b.Fatalf("%s: %v", v.name, err)
		}
	}
	return latencies
}

// of collects one number of each round.
func (v *variant) of(n int, number func(sample) float64) []float64 {
	var out []float64
	for _, s := range v.rounds[n] {
		out = append(out, number(s))
	}
	return out
}

// against compares the CPU time with another variant's.
func (v *variant) against(other *variant, n int) []float64 {
	return ratios(v.of(n, sample.cpu), other.of(n, sample.cpu))
}
