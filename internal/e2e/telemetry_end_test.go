package e2e_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// TestAMuteCollector: one that takes connections and says nothing delays no check,
// and the end by no more than its time. A further signal does no harm then.
func TestAMuteCollector(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+mute.Addr().String())
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
	c := newClerk(t, clerktest.Options{Live: true})
	for _, signals := range []int{1, 2} {
		s := startSidecar(t, c.section("")+countedRoutes).ready()
		a := s.ask(t)
		for range 200 {
			if got := a.traced(t, "/healthz"); got.String() != "pass" {
				t.Fatal(got)
			}
		}
		began := time.Now()
		s.signal(syscall.SIGTERM)
		s.await("the end of the server", says("stopped"))
		if signals == 2 {
			s.signal(syscall.SIGTERM)
		}
		s.exit()
		lost := s.await("how many spans were lost", says("spans lost"))
		if took := time.Since(began); took > 10*time.Second || lost["spans"] != 200.0 {
			t.Errorf("%d signals: the end took %s, and %v of 200 spans are said to be lost", signals, took, lost["spans"])
		}
	}
}

// TestTheLogSaysWhatItLeftOut also at the end.
func TestTheLogSaysWhatItLeftOut(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	t.Setenv("CLERKGATE_LOG_PASSES_ONE_IN", "1000")
	s := startSidecar(t, c.section("")+countedRoutes, "--log-passes-per-second", "0").ready()
	a := s.ask(t)
	for range 7 {
		a.get(t, "/healthz")
	}
	a.get(t, "/me")
	s.signal(syscall.SIGTERM)
	s.exit()
	if left := s.await("what was left out", says("decisions not logged")); left["unlogged"] != 7.0 {
		t.Errorf("%v passes are said to be left out, want 7", left["unlogged"])
	}
	s.await("a denial", func(r map[string]any) bool { return r["msg"] == "decision" && r["outcome"] == "deny" })
}
