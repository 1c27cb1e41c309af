package parity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// leastShare is of how many cases each kind of answer must be one, at least.
const leastShare = 0.02

// enoughToJudge is from how many random cases on chance does not decide whether
// every kind and every entry turns up often enough.
const enoughToJudge = 20_000

// tally counts what came of the comparisons.
type tally struct {
	seed     uint64
	cases    int
	kinds    map[string]int
	entries  map[entry]int
	failures []string
	// cacheFailures are the cases to which the cache makes a difference.
	cacheFailures []string
}

func newTally(seed uint64) *tally {
	return &tally{seed: seed, kinds: map[string]int{}, entries: map[entry]int{}}
}

// add compares the two answers to case index and counts the result.
func (t *tally) add(index int, c *testCase, sdk, mine *answer) {
	t.cases++
	t.kinds[c.kind(sdk)]++
	v := c.compare(sdk, mine)
	if v.excuse != "" {
		t.entries[v.excuse]++
	}
	if v.failure != "" {
		t.failures = append(t.failures, fmt.Sprintf("PARITY_SEED=%d PARITY_CASE=%d go test -run Fresh -v ./internal/parity\n%s\n%s", t.seed, index, v.failure, c.describe(sdk, mine)))
	}
}

// kind is the class that an answer of the SDK is counted in.
func (c *testCase) kind(sdk *answer) string {
	machine := sdk.TokenType == "api_key" || sdk.TokenType == "m2m_token" || sdk.TokenType == "oauth_token"
	switch {
	case c.Template != nil:
		return "template JWT"
	case sdk.Status == "threw":
		return "threw"
	case sdk.Status == "handshake":
		return "handshake"
	case !sdk.signedIn() && machine:
		return "signed out, machine"
	case !sdk.signedIn():
		return "signed out"
	case machine && len(sdk.Calls) > 0:
		return "machine by opaque token"
	case machine:
		return "machine by JWT"
	case sdk.Pending:
		return "session, pending"
	case slices.ContainsFunc(sdk.Calls, func(c call) bool { return c.Kind == "refresh" }):
		return "session refreshed"
	case len(sdk.Cookies) > 0:
		return "session after a handshake"
	case c.Headers["authorization"] != "":
		return "session by header"
	}
	return "session by cookie"
}

// kinds are all classes of answers.
func kinds() []string {
	return []string{
		"threw", "template JWT", "handshake", "signed out, machine", "signed out", "machine by opaque token", "machine by JWT",
		"session, pending", "session refreshed", "session after a handshake", "session by header", "session by cookie",
	}
}

// report logs the counts, and fails the test for whatever is wrong. With judge
// that includes the generator: too few cases of a kind, or none of an entry.
func (t *tally) report(tb testing.TB, judge bool) {
	tb.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "seed %d, %d cases\n", t.seed, t.cases)
	for _, k := range kinds() {
		fmt.Fprintf(&out, "  %5.1f %%  %s\n", 100*t.share(k), k)
	}
	for _, e := range slices.Sorted(maps.Keys(excuses)) {
		fmt.Fprintf(&out, "  %5d    differ by: %s\n", t.entries[e], e)
	}
	tb.Log(out.String())
	shown := int(number(tb, "PARITY_SHOWN", 3))
	for _, f := range t.failures[:min(shown, len(t.failures))] {
		tb.Error(f)
	}
	if more := t.failures[min(shown, len(t.failures)):]; len(more) > 0 {
		tb.Errorf("%d more differences; their first lines:\n%s", len(more), firstLines(more))
	}
	if n := len(t.cacheFailures); n > 0 {
		tb.Errorf("the cache changes %d answers, among them\n%s", n, t.cacheFailures[0])
	}
	if !judge {
		return
	}
	for _, k := range kinds() {
		if t.share(k) < leastShare {
			tb.Errorf("only %.1f %% of the cases are %q: the generator has to be weighted anew", 100*t.share(k), k)
		}
	}
	for e := range excuses {
		if t.entries[e] == 0 {
			tb.Errorf("no case came under %q: nothing shows that it is needed", e)
		}
	}
}

func (t *tally) share(kind string) float64 { return float64(t.kinds[kind]) / float64(t.cases) }

func firstLines(failures []string) string {
	const most = 40
	var out []string
	for _, f := range failures[:min(most, len(failures))] {
		lines := strings.SplitN(f, "\n", 4)
		out = append(out, strings.Join(lines[:3], " | "))
	}
	for i, line := range out {
		if len(line) > 300 {
			out[i] = line[:300] + "…"
		}
	}
	return strings.Join(out, "\n")
}
