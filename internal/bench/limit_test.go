package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Limits of a container with cpu: 100m.
const (
	limitPeriod = 100 * time.Millisecond
	limitQuota  = 10 * time.Millisecond
)

// limiter holds a process to limitQuota of each limitPeriod.
type limiter struct {
	how       string
	add       func(b *testing.B, pid int)
	throttled func(b *testing.B) string // in how many periods it was stopped; empty: nobody counts
}

// newLimiter makes a control group, or where that is not allowed stops and continues
// the process itself. It must be made before the process is: a group ends after what
// is in it.
func newLimiter(b *testing.B) *limiter {
	b.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		b.Fatal(err)
	}
	for l := range strings.Lines(string(mounts)) {
		if root, files := groupRoot(l); files != nil {
			if dir, ok := newGroup(b, root, files); ok {
				return &limiter{"a control group with " + files[len(files)-1].name, group(dir).add, group(dir).throttled}
			}
		}
	}
	return &limiter{"SIGSTOP and SIGCONT in turn, as no control group could be made: an approximation, which stops what has used nothing as well",
		dutyCycle, func(*testing.B) string { return "" }}
}

// group is the directory of a control group.
type group string

func (g group) add(b *testing.B, pid int) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(string(g), "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
		b.Fatal(err)
	}
}

func (g group) throttled(b *testing.B) string {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(string(g), "cpu.stat"))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "nr_throttled ")
	count, _, _ := strings.Cut(rest, "\n")
	return count
}

// groupFile is a file of a control group with what is to be written there.
type groupFile struct{ name, value string }

// groupRoot reads a line of /proc/self/mountinfo (proc_pid_mountinfo(5)): where the
// hierarchy of the CPU controller is, and the files that set a limit there. It has
// no files if the line is of something else.
func groupRoot(line string) (root string, files []groupFile) {
	mount, system, ok := strings.Cut(line, " - ")
	fields, kind := strings.Fields(mount), strings.Fields(system)
	if !ok || len(fields) < 5 || len(kind) < 3 {
		return "", nil
	}
	quota, period := strconv.FormatInt(limitQuota.Microseconds(), 10), strconv.FormatInt(limitPeriod.Microseconds(), 10)
	switch {
	case kind[0] == "cgroup2":
		return fields[4], []groupFile{{"cpu.max", quota + " " + period}}
	case kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), "cpu"):
		return fields[4], []groupFile{{"cpu.cfs_period_us", period}, {"cpu.cfs_quota_us", quota}}
	}
	return "", nil
}

// newGroup makes a group that ends with the benchmark.
func newGroup(b *testing.B, root string, files []groupFile) (dir string, ok bool) {
	b.Helper()
	dir, err := os.MkdirTemp(root, "clerkgate-bench-")
	if err != nil {
		return "", false
	}
	b.Cleanup(func() { _ = os.Remove(dir) })
	for _, f := range files {
		if os.WriteFile(filepath.Join(dir, f.name), []byte(f.value), 0o600) != nil {
			_ = os.Remove(dir)
			return "", false
		}
	}
	return dir, true
}

// dutyCycle lets a process run for the quota of each period.
func dutyCycle(b *testing.B, pid int) {
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		period := time.NewTicker(limitPeriod)
		defer period.Stop()
		for {
			_ = syscall.Kill(pid, syscall.SIGCONT)
			quota := time.NewTimer(limitQuota)
			<-quota.C
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			select {
			case <-period.C:
			case <-ctx.Done():
				_ = syscall.Kill(pid, syscall.SIGCONT)
				return
			}
		}
	})
	b.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// steadily asks n times at this interval, whether or not the answers before have
// come. It returns how long each took from when it was due, in nanoseconds and sorted.
func (l *load) steadily(b *testing.B, s *stream, n int, interval time.Duration) []int64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	each, errs := make([]int64, n), make(chan error, n)
	due := time.NewTicker(interval)
	defer due.Stop()
	for i := range n {
		at := <-due.C
		go func() {
			err := l.ask(ctx, s)
			each[i] = int64(time.Since(at))
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(each)
	return each
}

// BenchmarkLimit asks steadily, 200 times a second, servers that may use a tenth of
// a core.
func BenchmarkLimit(b *testing.B) {
	const perSecond, seconds = 200, 2
	r := newReport("limit")
	clerk, binary := newClerk(), build(b)
	hit := check(b, token(clerk))
	limits := []*limiter{newLimiter(b), newLimiter(b)}
	c := contest{}
	for _, suffix := range []string{", 0.1 CPU", ", no limit"} {
		c.enter("allow-all"+suffix, startAllowAll(b, "default"), always(hit, passed))
		c.enter("`clerkgate serve`"+suffix, startLogging(b, binary, clerk), always(hit, passed))
	}
	for i, l := range limits {
		c.entrants[i].load.askMany(b, c.entrants[i].stream, 1, 1) // it has started
		l.add(b, c.entrants[i].server.process.Pid)
	}
	for b.Loop() {
		c.steadyRound(b, perSecond*seconds, time.Second/perSecond)
	}
	r.say("The limit is %s.", limits[0].how)
	t := r.table("server, 200 hits a second", "p99 against allow-all", "p50", "p99", "p99.9", "CPU per check", "periods throttled")
	for i, e := range c.entrants {
		throttled := ""
		if i < len(limits) {
			throttled = limits[i].throttled(b)
		}
		t.row(e.name, figure(c.against(e, latency(0.99))), micros(median(e.of(latency(0.5)))), micros(median(e.of(latency(0.99)))),
			micros(median(e.of(latency(0.999)))), micros(median(e.of(turn.perCheck))), throttled)
	}
	r.publish(b)
}

// steadyRound asks each server n times at this interval.
func (c *contest) steadyRound(b *testing.B, n int, interval time.Duration) {
	b.Helper()
	for i := range c.entrants {
		e := c.entrants[(i+c.seen)%len(c.entrants)]
		if len(e.rounds) == 0 {
			e.load.askMany(b, e.stream, 100, 1)
		}
		before := e.server.cpu(b)
		each := e.load.steadily(b, e.stream, n, interval)
		e.rounds = append(e.rounds, turn{cpu: e.server.cpu(b) - before, each: each})
	}
	c.seen++
}
