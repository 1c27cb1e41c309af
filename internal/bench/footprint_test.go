package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// leastStarts is how often a program is started at least, to tell how long it takes.
const leastStarts = 20

// startPatience bounds a start.
const startPatience = 20 * time.Second

// starting is a program that is started again and again.
type starting struct {
	name  string
	start func() *server
	ready func(*server) error // whether it is
	wall  []float64           // milliseconds from exec to ready
	cpu   []float64           // milliseconds of CPU until then
	idle  memory              // of the last one
}

// once starts the program, waits until it is ready, and stops it.
func (p *starting) once(b *testing.B) {
	b.Helper()
	began := time.Now()
	s := p.start()
	defer s.stop()
	poll := time.NewTicker(500 * time.Microsecond)
	defer poll.Stop()
	for p.ready(s) != nil {
		if time.Since(began) > startPatience {
			b.Fatalf("%s is not ready: %v", p.name, p.ready(s))
		}
		<-poll.C
	}
	p.wall = append(p.wall, time.Since(began).Seconds()*1e3)
	p.cpu = append(p.cpu, s.cpu(b).Seconds()*1e3)
	p.idle = memoryOf(b, s)
}

// sidecar is Clerkgate with its defaults, but for where it listens, and with keys
// that it fetches from loopback.
type sidecar struct {
	binary, policy string
	flags          []string
}

func (d sidecar) start(b *testing.B) *server {
	b.Helper()
	admin := filepath.Join(shortDir(b), "a")
	c := serve(d.binary, append(d.flags, "--admin", "unix://"+admin)...)
	c.Stderr = struct{ io.Writer }{io.Discard}
	s := startServe(b, c, d.policy)
	s.admin = admin
	return s
}

// read asks the admin listener.
func (s *server) read(path string) (string, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.admin)
	}}
	response, err := (&http.Client{Transport: transport, Timeout: startPatience}).Get("http://admin" + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

func (s *server) isReady() error {
	_, err := s.read("/readyz")
	return err
}

// accepts reports whether somebody listens at the socket.
func (s *server) accepts() error {
	conn, err := net.Dial("unix", s.socket)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

// memory is what a process has in RAM, in MiB.
type memory struct{ resident, anonymous, peak float64 }

func memoryOf(b *testing.B, s *server) memory {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	mib := func(name string) float64 {
		_, rest, _ := strings.Cut(string(text), "\n"+name+":")
		line, _, _ := strings.Cut(rest, " kB")
		kib, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		return kib / 1024
	}
	return memory{mib("VmRSS"), mib("RssAnon"), mib("VmHWM")}
}

// cached fills the cache of verified tokens up to so many, of as many users, and
// returns the memory of the server.
func cached(b *testing.B, s *server, clerk *clerktest.Instance, have, want int) memory {
	b.Helper()
	const batch = 10_000 // what the tokens of one take here is bounded, too
	for ; have < want; have += batch {
		s.load.askMany(b, inTurn(checks(b, mint(clerk, batch)), passed), batch, 16)
	}
	metrics, err := s.read("/metrics")
	if err != nil {
		b.Fatal(err)
	}
	if line := fmt.Sprintf("\nclerkgate_token_cache_entries %d\n", want); !strings.Contains(metrics, line) {
		b.Fatalf("/metrics has no line %q", line)
	}
	return memoryOf(b, s)
}

// BenchmarkFootprint measures what Clerkgate takes before it is asked: memory, disk,
// and the time to start; and the memory of the tokens that it remembers.
func BenchmarkFootprint(b *testing.B) {
	r := newReport("footprint")
	binary := build(b)
	clerk, policy := newClerkOnLoopback(b)
	idle := &starting{name: "`clerkgate serve`", ready: (*server).isReady, start: func() *server { return sidecar{binary: binary, policy: policy}.start(b) }}
	base := &starting{name: "allow-all", ready: (*server).accepts, start: func() *server { return startAllowAll(b, "default") }}
	var bare []float64
	for len(bare) < leastStarts || b.Loop() {
		base.once(b)
		idle.once(b)
		bare = append(bare, bareStart(b, binary))
	}
	starts := r.table("from exec to ready", "median", "CPU", "middle half")
	for _, p := range []*starting{idle, base} {
		low, _, high := middle(p.wall)
		starts.row(p.name, millis(median(p.wall)), millis(median(p.cpu)), fmt.Sprintf("%s–%s", significant(low), millis(high)))
	}
	low, mid, high := middle(bare)
	starts.row("`clerkgate version`, from exec to exit", millis(mid), "", fmt.Sprintf("%s–%s", significant(low), millis(high)))

	big := sidecar{binary, policy, []string{"--token-cache", "100000"}}.start(b)
	some := cached(b, big, clerk, 0, 10_000)
	many := cached(b, big, clerk, 10_000, 100_000)
	rss := r.table("memory", "resident", "of it anonymous", "peak", "against allow-all")
	for _, m := range []struct {
		name string
		memory
	}{{"allow-all, idle", base.idle}, {"`clerkgate serve`, idle", idle.idle}, {"… with 10,000 tokens", some}, {"… with 100,000 tokens", many}} {
		rss.row(m.name, mebi(m.resident), mebi(m.anonymous), mebi(m.peak), significant(m.resident/base.idle.resident)+"×")
	}
	size := sizeOf(b, binary)
	r.goal("idle RSS", " MiB", 25, idle.idle.resident)
	r.goal("RSS with 100,000 cached tokens", " MiB", 120, many.resident)
	r.goal("from exec to ready, keys on loopback", " ms", 50, median(idle.wall))
	r.goal("binary, stripped", " MiB", 30, size)
	r.publish(b)
}

// bareStart is how long the program takes to say its version, in milliseconds: what
// every command pays before it does anything.
func bareStart(b *testing.B, binary string) float64 {
	b.Helper()
	began := time.Now()
	if out, err := exec.Command(binary, "version").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began).Seconds() * 1e3
}

func sizeOf(b *testing.B, file string) float64 {
	b.Helper()
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size()) / (1 << 20)
}

func millis(v float64) string { return significant(v) + " ms" }

func mebi(v float64) string { return significant(v) + " MiB" }
