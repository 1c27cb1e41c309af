package bench

import "testing"

// BenchmarkHit compares Clerkgate, asked about a token that it has verified, with
// the allow-all server, and with itself where it is set otherwise.
func BenchmarkHit(b *testing.B) {
	r := newReport("hit")
	clerk, binary := newClerk(), build(b)
	c := contest{checks: 12_000, inFlight: 16}
	hit, pass := check(b, token(clerk)), passed
	enter := func(name string, s *server) { c.enter(name, s, always(hit, pass)) }
	enter("allow-all: decodes, looks at nothing, lets pass", startAllowAll(b, "default"))
	enter("allow-all that does not decode", startAllowAll(b, undecoded))
	enter("`clerkgate serve`", startClerkgate(b, binary, clerk))
	enter("… with the collector as the runtime has it, `GOGC=100`", startClerkgate(b, binary, clerk, "GOGC=100"))
	enter("… on one core, `GOMAXPROCS=1`", startClerkgate(b, binary, clerk, "GOMAXPROCS=1"))
	enter("… decoding every check, `--fast-path=false`", startClerkgate(b, binary, clerk, "CLERKGATE_FAST_PATH=false"))
	for b.Loop() {
		c.round(b)
	}
	c.standings(r, "server")
	b.ReportMetric(median(c.against(c.entrants[2], turn.perCheck)), "x-allow-all")
	r.publish(b)
}

// BenchmarkTelemetry compares Clerkgate as it is by default with one that logs no
// decisions. Both count.
func BenchmarkTelemetry(b *testing.B) {
	r := newReport("telemetry")
	clerk, binary := newClerk(), build(b)
	base, quiet, loud := startAllowAll(b, "default"), startClerkgate(b, binary, clerk), startLogging(b, binary, clerk)
	var contests []*contest
	scenes := directScenes(b, clerk)
	for _, scene := range scenes {
		c := &contest{checks: 8_000, inFlight: 16}
		c.enter("no log", quiet, scene.ask())
		c.enter("default", loud, scene.ask())
		c.enter("allow-all", base, scene.ask().passing())
		contests = append(contests, c)
	}
	for b.Loop() {
		for _, c := range contests {
			c.round(b)
		}
	}
	t := r.table("what", "default against no log", "no log", "default", "allow-all")
	for i, c := range contests {
		row := []string{scenes[i].name, figure(c.against(c.entrants[1], turn.perCheck))}
		for _, e := range c.entrants {
			row = append(row, micros(median(e.of(turn.perCheck))))
		}
		t.row(row...)
	}
	r.goal("the default against no log, a hit", "×", 1.05, median(contests[0].against(contests[0].entrants[1], turn.perCheck)))
	r.publish(b)
}
