package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// stage is what Envoys are compared on: one core for them and what they ask, and
// another one for the client.
type stage struct {
	program, version string // of Envoy
	core             int    // of the servers
	clerk            *clerktest.Instance
	binary           string // of Clerkgate
}

// newStage keeps this process, which is the client, on a core of its own until the
// end of the benchmark. Where that or Envoy is not to be had, the report says so
// and nothing is measured.
func newStage(b *testing.B, r *report) *stage {
	b.Helper()
	program, why := envoytest.Find(b)
	var s *stage
	if why == "" {
		s, why = onTwoCores(b, program)
	}
	if why != "" {
		r.say("NOT RUN: %s.", why)
		r.publish(b)
		return nil
	}
	r.say("Envoy %s.", s.version)
	return s
}

func onTwoCores(b *testing.B, program string) (s *stage, why string) {
	b.Helper()
	list, err := allowedCores()
	if err != nil {
		return nil, err.Error()
	}
	have, err := coresOf(list)
	if err != nil || len(have) < 2 {
		return nil, "needs two cores, may run on " + list
	}
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		return nil, fmt.Sprintf("%s --version: %v", program, err)
	}
	s = &stage{program: program, version: envoyVersion(string(version)), core: have[0], clerk: newClerk(), binary: build(b)}
	b.Cleanup(func() { pin(b, os.Getpid(), list) })
	pin(b, os.Getpid(), strconv.Itoa(have[1]))
	return s, ""
}

// envoyVersion reads what Envoy says of itself: commit/version/tree/build/ssl.
func envoyVersion(line string) string {
	parts := strings.Split(line, "/")
	if len(parts) < 5 {
		return "of an unknown version"
	}
	return parts[len(parts)-4]
}

// allowedCores is the list of cores that this process may run on, as the kernel
// writes it.
func allowedCores() (string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			return strings.TrimSpace(list), nil
		}
	}
	return "", errors.New("no Cpus_allowed_list in /proc/self/status")
}

// coresOf reads a list of cores: 0-1,4.
func coresOf(list string) (cores []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil, err
		}
		to, err := strconv.Atoi(last)
		if err != nil {
			return nil, err
		}
		for core := from; core <= to; core++ {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// pin keeps every thread of a process on a list of cores. Threads and processes
// that one of them makes later stay there, too.
func pin(b *testing.B, pid int, list string) {
	b.Helper()
	out, err := exec.Command("taskset", "-a", "-c", "-p", list, strconv.Itoa(pid)).CombinedOutput()
	if err != nil {
		b.Fatalf("taskset: %v: %s", err, out)
	}
}
