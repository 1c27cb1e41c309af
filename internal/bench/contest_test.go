package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// entrant is a server in a contest, and what it is asked there.
type entrant struct {
	name   string
	server *server
	load   *load
	stream *stream
	rounds []turn
}

// turn is what a server did in one round.
type turn struct {
	cpu, wall time.Duration
	each      []int64 // nanoseconds from asked to answered, sorted
}

// contest compares servers in rounds. The first of them is the measure.
type contest struct {
	checks, inFlight int // in each round, of each server
	entrants         []*entrant
	seen             int
}

// enter adds a server that is asked at its socket.
func (c *contest) enter(name string, s *server, ask *stream) {
	c.entrants = append(c.entrants, &entrant{name: name, server: s, load: s.load, stream: ask})
}

// passes is how often a round comes back to each server: the shorter what is
// compared, the more it has the same machine around it.
const passes = 4

// round asks each server in turn, from another one on each time.
func (c *contest) round(b *testing.B) {
	b.Helper()
	if len(c.entrants[0].rounds) == 0 {
		for _, e := range c.entrants { // caches, pools and the heap fill up
			e.load.askMany(b, e.stream, c.checks/4, c.inFlight)
		}
	}
	turns := make([]turn, len(c.entrants))
	for range passes {
		for i := range c.entrants {
			i = (i + c.seen) % len(c.entrants)
			c.entrants[i].ask(b, &turns[i], c.checks/passes, c.inFlight)
		}
		c.seen++
	}
	for i, e := range c.entrants {
		slices.Sort(turns[i].each)
		e.rounds = append(e.rounds, turns[i])
	}
}

// ask adds some checks to a turn.
func (e *entrant) ask(b *testing.B, t *turn, checks, inFlight int) {
	b.Helper()
	before := e.server.cpu(b)
	wall, each := e.load.askMany(b, e.stream, checks, inFlight)
	t.cpu += e.server.cpu(b) - before
	t.wall += wall
	t.each = append(t.each, each...)
}

// of collects one number of each round.
func (e *entrant) of(number func(turn) float64) []float64 {
	out := make([]float64, len(e.rounds))
	for i, s := range e.rounds {
		out[i] = number(s)
	}
	return out
}

// perCheck is the CPU time of a check in microseconds.
func (t turn) perCheck() float64 { return t.cpu.Seconds() * 1e6 / float64(len(t.each)) }

// rate is how many checks were answered in a second.
func (t turn) rate() float64 { return float64(len(t.each)) / t.wall.Seconds() }

// latency is the quantile q of the answers' times in microseconds.
func latency(q float64) func(turn) float64 {
	return func(t turn) float64 { return float64(quantile(t.each, q)) / 1e3 }
}

// against compares an entrant with the measure.
func (c *contest) against(e *entrant, number func(turn) float64) []float64 {
	return ratios(e.of(number), c.entrants[0].of(number))
}

// standings is the table of CPU per check.
func (c *contest) standings(r *report, heading string) {
	t := r.table(heading, "CPU per check", "")
	for _, e := range c.entrants {
		t.row(e.name, figure(c.against(e, turn.perCheck)), fmt.Sprintf("%.1f µs", median(e.of(turn.perCheck))))
	}
}
