package bench

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// manyTokens is more than what is remembered, so that a token whose turn comes
// again was forgotten: each is one that is seen first.
const manyTokens = 25_000

// scene is what is asked, and how Clerkgate answers.
type scene struct {
	name   string
	checks [][]byte
	status int
	rare   bool // costs a verification each time, and so is asked less often
}

func (s scene) ask() *stream { return inTurn(s.checks, s.status) }

// passing is the same asked of the server that lets everything pass.
func (s *stream) passing() *stream { return inTurn(s.checks, passed) }

// Names of the scenes that a goal speaks of.
const (
	hitByHeader = "hit by header"
	firstSeen   = "first-seen token"
	oneForged   = "flood of one token with a bad signature"
)

// directScenes are those in which each check is the same.
func directScenes(b *testing.B, clerk *clerktest.Instance) []scene {
	good, member, expired := token(clerk), admin(), admin()
	member.Org.Role = "org:member"
	expired.IssuedAt, expired.ExpiresIn = time.Now().Add(-time.Hour), time.Minute
	return []scene{
		{name: hitByHeader, checks: [][]byte{check(b, good)}, status: passed},
		{name: "hit by cookie", checks: [][]byte{checkOfCookies(b, clerk.Cookies(good))}, status: passed},
		{name: "public route", checks: [][]byte{checkOf(b, "GET", "/healthz")}, status: passed},
		{name: "denial: a member without the role", checks: [][]byte{check(b, clerk.Token(member))}, status: 403},
		{name: oneForged, checks: [][]byte{check(b, forge(good))}, status: 401},
		{name: "flood of one token that has expired", checks: [][]byte{check(b, clerk.Token(expired))}, status: 401},
	}
}

// rareScenes are those in which each check has another token.
func rareScenes(b *testing.B, clerk *clerktest.Instance) []scene {
	tokens := mint(clerk, manyTokens)
	first := checks(b, tokens)
	for i := range tokens {
		tokens[i] = forge(tokens[i])
	}
	return []scene{
		{name: firstSeen, checks: first, status: passed, rare: true},
		{name: "flood of many tokens with bad signatures", checks: checks(b, tokens), status: 401, rare: true},
	}
}

// direct is a contest of two: the allow-all server, and Clerkgate.
type direct struct {
	contest
	scene     string
	transport string
}

// directChecks is how many checks a round has, by how many are in flight: those
// that each wait for the one before take longest.
var directChecks = map[int]int{1: 2_500, 16: 10_000, 128: 10_000}

// rareChecks is how many, if each takes a verification.
const rareChecks = 2_500

// newDirects makes a contest of each scene over each transport with so many in
// flight. What a server is asked in a scene goes on from one contest to the next,
// so that no token of the first-seen ones comes back too early.
func newDirects(b *testing.B, base, clerkgate *server, scenes []scene) (all []*direct) {
	streams := map[string][2]*stream{}
	for _, s := range scenes {
		streams[s.name] = [2]*stream{s.ask().passing(), s.ask()}
	}
	for _, transport := range []string{"UDS", "TCP"} {
		of := func(s *server) *load {
			if transport == "UDS" {
				return s.load
			}
			return connect(b, s.tcp)
		}
		baseLoad, load := of(base), of(clerkgate)
		for _, inFlight := range []int{1, 16, 128} {
			for _, s := range scenes {
				d := &direct{scene: s.name, transport: transport, contest: contest{checks: directChecks[inFlight], inFlight: inFlight}}
				if s.rare {
					d.checks = rareChecks
				}
				d.entrants = []*entrant{
					{name: "allow-all", server: base, load: baseLoad, stream: streams[s.name][0]},
					{name: "clerkgate", server: clerkgate, load: load, stream: streams[s.name][1]},
				}
				all = append(all, d)
			}
		}
	}
	return all
}

// BenchmarkDirect compares Clerkgate with the allow-all server in each scene, over
// each transport, with 1, 16 and 128 checks in flight.
func BenchmarkDirect(b *testing.B) {
	r := newReport("direct")
	clerk, binary := newClerk(), build(b)
	scenes := append(directScenes(b, clerk), rareScenes(b, clerk)...)
	all := newDirects(b, startAllowAll(b, "default"), startClerkgate(b, binary, clerk), scenes)
	unit := newVerification(b)
	var units []float64
	for b.Loop() {
		units = append(units, unit.cost(b))
		for _, d := range all {
			d.round(b)
		}
	}
	r.say("One RSA-2048 verification (PKCS #1 v1.5, SHA-256) took %s of CPU here.", micros(median(units)))
	for i, d := range all {
		if i == 0 || d.transport != all[i-1].transport || d.inFlight != all[i-1].inFlight {
			r.say("### %s, %d in flight", d.transport, d.inFlight)
			r.table("what", "CPU per check", "verifications beside it", "checks per second", "p50", "p99", "p99.9")
		}
		d.row(r, units)
	}
	directGoals(r, all, units)
	r.publish(b)
}

// row adds a line to the report's last table.
func (d *direct) row(r *report, units []float64) {
	of := func(number func(turn) float64, format func(float64) string) string {
		return fmt.Sprintf("%.2f of %s", median(d.against(d.entrants[1], number)), format(median(d.entrants[0].of(number))))
	}
	t := r.blocks[len(r.blocks)-1].(*table)
	t.row(d.scene,
		figure(d.against(d.entrants[1], turn.perCheck))+" of "+micros(median(d.entrants[0].of(turn.perCheck))),
		fmt.Sprintf("%+.2f", median(d.verifications(units))),
		of(turn.rate, thousands), of(latency(0.5), micros), of(latency(0.99), micros), of(latency(0.999), micros))
}

// verifications is by how many RSA verifications a check costs more than that of
// the allow-all server.
func (d *direct) verifications(units []float64) []float64 {
	own, base := d.entrants[1].of(turn.perCheck), d.entrants[0].of(turn.perCheck)
	for i := range own {
		own[i] = (own[i] - base[i]) / units[i]
	}
	return own
}

// directGoals compares with what was to be reached, at 16 in flight over UDS.
func directGoals(r *report, all []*direct, units []float64) {
	for _, d := range all {
		if d.transport != "UDS" || d.inFlight != 16 {
			continue
		}
		ratio := median(d.against(d.entrants[1], turn.perCheck))
		switch d.scene {
		case hitByHeader:
			r.goal("CPU per check against allow-all, "+d.scene, "×", 0.90, ratio)
		case firstSeen:
			r.goal("CPU per check beyond allow-all, "+d.scene, " verifications", 1.6, median(d.verifications(units)))
		case oneForged:
			r.goal("CPU per check against allow-all, "+d.scene, "×", 1.0, ratio)
		}
	}
}

func micros(v float64) string { return significant(v) + " µs" }

func thousands(v float64) string { return significant(v/1000) + "k" }

// verification is the unit of what a token costs that is seen first.
type verification struct {
	key       *rsa.PublicKey
	digest    [sha256.Size]byte
	signature []byte
}

func newVerification(b *testing.B) *verification {
	b.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	v := &verification{key: &key.PublicKey, digest: sha256.Sum256([]byte(strings.Repeat("a token of usual length. ", 30)))}
	if v.signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, v.digest[:]); err != nil {
		b.Fatal(err)
	}
	return v
}

func (v *verification) verify(b *testing.B) {
	if err := rsa.VerifyPKCS1v15(v.key, crypto.SHA256, v.digest[:], v.signature); err != nil {
		b.Fatal(err)
	}
}

// cost is the CPU time of a verification in microseconds.
func (v *verification) cost(b *testing.B) float64 {
	b.Helper()
	const times = 2_000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU(b)
	for range times {
		v.verify(b)
	}
	return (threadCPU(b) - before).Seconds() * 1e6 / times
}

// threadCPU is the CPU time of the thread that asks.
func threadCPU(b *testing.B) time.Duration {
	b.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		b.Fatal(err)
	}
	return time.Duration(now.Nano())
}
