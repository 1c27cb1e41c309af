package replay

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// opened returns a way to compare a policy with one that opens every closed path.
func opened(t testing.TB) func(limit int) *Comparison {
	t.Helper()
	const head = "version: 1\nclerk: [{publishableKey: \"${CLERK_PUBLISHABLE_KEY}\"}]\nroutes:\n"
	w := newWorld(t, head+"  - {name: closed, path: /**, access: deny}")
	before := w.compile(head + "  - {name: closed, path: /a/**}\n  - {name: rest, path: /**, access: deny}")
	after := w.compile(head + "  - {name: closed, path: /a/**, access: deny}\n  - {name: rest, path: /**, access: public}")
	return func(limit int) *Comparison { return New(before, after, Options{Limit: limit}) }
}

func record(path, more string) string {
	return fmt.Sprintf(`{"msg":"decision","method":"GET","host":"h","path":%q,"outcome":"deny"%s}`, path, more)
}

// TestLog reads what logs are like: with other lines, long ones, blank ones, and
// an end in the middle of one.
func TestLog(t *testing.T) {
	compare := opened(t)
	const identity = `,"identity":{"user":"user_1","tokenType":"session_token"}`
	for _, tt := range []struct {
		name, log string
		replayed  int
		skipped   int
	}{
		{"nothing", "", 0, 0},
		{"blank lines", "\n\r\n \n", 0, 0},
		{"records", record("/x", "") + "\n" + record("/y", "") + "\n", 2, 0},
		{"no newline at the end", record("/x", ""), 1, 0},
		{"other lines", "hello\n{\"msg\":\"policy loaded\"}\n" + record("/x", "") + "\n{", 1, 3},
		{"windows", record("/x", "") + "\r\n" + record("/x", "") + "\r\n", 2, 0},
		{"a line longer than the buffer", record("/x", `,"detail":"`+strings.Repeat("x", 200_000)+`"`) + "\n" + record("/x", ""), 2, 0},
		{"a line that is too long", record("/x", `,"detail":"`+strings.Repeat("x", maxLine)+`"`) + "\n" + record("/x", ""), 1, 1},
		{"only a line that is too long", strings.Repeat("x", 3*maxLine), 0, 1},
	} {
		for _, reader := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader} {
			c := compare(10)
			if err := c.Log(reader(strings.NewReader(tt.log))); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if r := c.Report(); r.Replayed != tt.replayed || r.Skipped != tt.skipped {
				t.Errorf("%s: %d replayed, %d skipped", tt.name, r.Replayed, r.Skipped)
			}
		}
	}
	c := compare(10)
	broken := io.MultiReader(strings.NewReader(record("/x", identity)+"\n"), iotest.ErrReader(errors.New("the disk is gone")))
	if err := c.Log(broken); err == nil || err.Error() != "line 2: the disk is gone" {
		t.Errorf("a broken reader: %v", err)
	}
}

// TestSampledLog: what a log lacks is counted wherever it says so, once.
func TestSampledLog(t *testing.T) {
	compare := opened(t)
	for log, want := range map[string]int{
		record("/x", ""): 0,
		record("/x", `,"unlogged":3`) + "\n" + record("", `,"unlogged":4`) + "\n" + `{"msg":"decisions not logged","unlogged":5}`: 12,
		record("/x", `,"unlogged":-3`):                0,
		`{"msg":"decisions not logged","unlogged":5}`: 5,
	} {
		c := compare(10)
		if err := c.Log(strings.NewReader(log)); err != nil {
			t.Fatal(err)
		}
		if r := c.Report(); r.Unlogged != want || r.Skipped != 0 {
			t.Errorf("%s: %d not logged, %d lines skipped", log, r.Unlogged, r.Skipped)
		}
	}
}

// TestReasons: why a record is not replayed.
func TestReasons(t *testing.T) {
	compare := opened(t)
	for _, tt := range []struct {
		line string
		want map[Reason]int
	}{
		{record("/x", ""), map[Reason]int{}},
		{record("/a", ""), map[Reason]int{CallerUnknown: 1}},
		{record("/a", `,"reason":"keys-unavailable"`), map[Reason]int{CallerUnknown: 1}},
		{record("/a", `,"reason":"token-expired"`), map[Reason]int{CallerUnknown: 1}}, // in whose words? not Clerk's
		{record("/a", `,"reason":"token-expired","clerk_reason":"x"`), map[Reason]int{}},
		{record("/a", `,"reason":"request-malformed"`), map[Reason]int{Malformed: 1}},
		{record("", ""), map[Reason]int{Incomplete: 1}},
		{record("/a", `,"unverified":"a\nb"`), map[Reason]int{Incomplete: 1}},
		{record("/a", `,"unverified":"`+strings.Repeat("a", maxReason+1)+`"`), map[Reason]int{Incomplete: 1}},
		{record("/x", `,"truncated":true`), map[Reason]int{Truncated: 1}},
		{record("/a", `,"unverified":"x","presented":true,"tokens":["api_key"]`), map[Reason]int{OtherTokens: 1}},
		{record("/a", `,"unverified":"x","tokens":["api_key"]`), map[Reason]int{OtherTokens: 1}},
		{record("/a", `,"unverified":"x","tokens":["session_token","api_key"]`), map[Reason]int{}},
		{record("/a", `,"unverified":"x","presented":true,"tokens":["session_token","api_key"]`), map[Reason]int{OtherTokens: 1}},
		{record("/a", `,"unverified":"x","handshake":true,"tokens":["session_token","api_key"]`), map[Reason]int{OtherTokens: 1}},
	} {
		c := compare(10)
		if err := c.Log(strings.NewReader(tt.line)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, c.Report().NotReplayed); diff != "" {
			t.Errorf("%.200s (-want +got):\n%s", tt.line, diff)
		}
	}
}

// TestMemoryIsBounded: however many requests change, and for however many reasons.
func TestMemoryIsBounded(t *testing.T) {
	compare := opened(t)
	const limit = 10
	c := compare(limit)
	for i := range 3 * maxCodes {
		for _, path := range []string{"/a/", "/b/"} {
			c.Record(&telemetry.Record{Method: "GET", Host: "h", Path: path + fmt.Sprint(i), Outcome: "deny", Reason: "x", Unverified: fmt.Sprint("reason-", i)})
		}
	}
	r := c.Report()
	if len(r.Changes) != limit || len(c.tally.listed[0]) != limit || len(c.tally.listed[1]) != limit || len(c.tally.groups) > maxCodes+1 {
		t.Errorf("%d changes, %d and %d kept, %d groups", len(r.Changes), len(c.tally.listed[0]), len(c.tally.listed[1]), len(c.tally.groups))
	}
	if r.More != r.Changed-limit || !r.Changes[0].Opens || !r.Changes[limit-1].Opens || r.NotReplayed[Incomplete] != 4*maxCodes {
		t.Errorf("%d changed, %d more, not replayed: %v", r.Changed, r.More, r.NotReplayed)
	}
}

// TestEqualChangesAreOne: what is listed is a request of somebody, not each time.
func TestEqualChangesAreOne(t *testing.T) {
	compare := opened(t)
	c := compare(10)
	log := strings.Repeat(record("/x", "")+"\n", 3) + record("/x", `,"document":true`) + "\n" + record("/x", `,"context":{"a":"b"}`) + "\n" +
		record("/x", `,"identity":{"user":"user_1"}`) + "\n" + record("/x", `,"request_id":"2","identity":{"user":"user_1","org":{"id":"org_1","role":"admin"}}`) + "\n" +
		record("/x", `,"identity":{"machine":"mch_1"}`) + "\n" + record("/x", `,"identity":{"org":{"id":"org_1"}}`) + "\n" + record("/x", `,"unverified":"token-expired"`)
	if err := c.Log(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, change := range c.Report().Changes {
		got[strings.TrimSpace(fmt.Sprint(change.Request.Caller, " ", change.Request.Document, " ", len(change.Request.Context)))] += change.Count
	}
	want := map[string]int{"false 0": 3, "true 0": 1, "false 1": 1, "user_1 false 0": 1, "user_1 in org_1 as admin false 0": 1, "mch_1 false 0": 1,
		"an API key in org_1 false 0": 1, "nobody (token-expired) false 0": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestLogOfAnotherPolicy: it is said if the log does not say what the old policy
// would have.
func TestLogOfAnotherPolicy(t *testing.T) {
	compare := opened(t)
	c := compare(10)
	for _, r := range []telemetry.Record{{Outcome: "deny", Reason: "access-denied"}, {Outcome: "pass"}, {Outcome: "deny", Reason: "no-route"}} {
		r.Method, r.Host, r.Path = "GET", "h", "/x"
		c.Record(&r)
	}
	if r := c.Report(); r.Replayed != 3 || r.RecordedOtherwise != 2 {
		t.Errorf("%d of %d", r.RecordedOtherwise, r.Replayed)
	}
}

func FuzzLog(f *testing.F) {
	compare := opened(f)
	f.Add([]byte(record("/a", `,"identity":{"user":"user_1","org":{"id":"org_1"}}`) + "\n" + record("/x", "")))
	f.Add([]byte(record("/a/../b", `,"unverified":"x","handshake":true,"document":true,"preflight":"PUT","context":{"":""}`) + "\nx\n\n{"))
	f.Fuzz(func(t *testing.T, log []byte) {
		c := compare(2)
		if err := c.Log(strings.NewReader(string(log))); err != nil {
			t.Fatal(err)
		}
		r := c.Report()
		left := 0
		for _, n := range r.NotReplayed {
			left += n
		}
		listed := 0
		for _, change := range r.Changes {
			listed += change.Count
		}
		if r.Replayed != r.Changed+r.Unchanged || r.Changed != listed+r.More || r.Opened > r.Changed || len(r.Changes) > 2 ||
			r.Replayed+left+r.Skipped > strings.Count(string(log), "\n")+1 {
			t.Fatalf("%+v", r)
		}
	})
}
