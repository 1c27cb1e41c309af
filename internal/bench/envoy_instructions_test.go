package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// counter counts the instructions of Envoy, with valgrind. They are the same in
// every run to half a percent, where the CPU time of two Envoys with the same
// configuration differs by up to a tenth.
type counter struct {
	*stage
	dir string // of what valgrind writes
}

// countedRequests are those of which the instructions are counted, after as many
// that warm Envoy up. They come one after the other.
const countedRequests = 200

// newCounter returns nil where there is no valgrind, and the report says so.
func newCounter(b *testing.B, r *report) *counter {
	b.Helper()
	for _, program := range []string{"valgrind", "callgrind_control"} {
		if _, err := exec.LookPath(program); err != nil {
			r.say("NOT RUN: needs valgrind.")
			r.publish(b)
			return nil
		}
	}
	s := newStage(b, r)
	if s == nil {
		return nil
	}
	c := &counter{s, b.TempDir()}
	script := fmt.Sprintf("#!/bin/sh\nexec valgrind -q --log-file=/dev/null --tool=callgrind --instr-atstart=no --callgrind-out-file=%s/out.%%p %s \"$@\"\n", c.dir, s.program)
	c.program = filepath.Join(c.dir, "envoy")
	if err := os.WriteFile(c.program, []byte(script), 0o700); err != nil {
		b.Fatal(err)
	}
	return c
}

// table counts once, however many rounds there are.
func (c *counter) table(b *testing.B, r *report, heading string, variants []variant) {
	b.Helper()
	counts := make([]float64, len(variants))
	for first := true; b.Loop(); first = false {
		for i := range variants {
			if first {
				counts[i] = c.count(b, &variants[i])
			}
		}
	}
	t := r.table(heading, "instructions of Envoy", "beside the first", "against it")
	for i := range variants {
		t.row(variants[i].name, thousands(counts[i]), fmt.Sprintf("%+.1fk", (counts[i]-counts[0])/1000), fmt.Sprintf("%.3f", counts[i]/counts[0]))
	}
}

// count returns the instructions of a request.
func (c *counter) count(b *testing.B, v *variant) float64 {
	b.Helper()
	stop := v.start(b, c.stage)
	defer stop()
	token := token(c.clerk)
	v.inspect(b, token)
	request := browserRequest(benchPath, token)
	c.control(b, v, "--instr=on")
	v.ask(b, request, 1, countedRequests)
	c.control(b, v, "--zero")
	v.ask(b, request, 1, countedRequests)
	c.control(b, v, "--dump")
	dump, err := os.ReadFile(filepath.Join(c.dir, fmt.Sprintf("out.%d.1", v.pid)))
	if err != nil {
		b.Fatal(err)
	}
	total, err := instructions(dump)
	if err != nil {
		b.Fatal(err)
	}
	return total / countedRequests
}

// control tells valgrind something about an Envoy.
func (c *counter) control(b *testing.B, v *variant, command string) {
	b.Helper()
	out, err := exec.Command("callgrind_control", command, strconv.Itoa(v.pid)).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("OK")) {
		b.Fatalf("callgrind_control %s: %v: %s", command, err, out)
	}
}

var totals = regexp.MustCompile(`(?m)^(?:totals|summary): (\d+)`)

// instructions reads the sum out of what valgrind has written.
func instructions(dump []byte) (float64, error) {
	found := totals.FindSubmatch(dump)
	if found == nil {
		return 0, fmt.Errorf("no totals in %d bytes of valgrind's", len(dump))
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
