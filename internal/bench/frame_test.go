package bench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestASectionIsReplacedAndTheRestIsKept(t *testing.T) {
	const document = "# Results\n\nWritten by hand.\n\n<!-- a -->\n\nold\n\n<!-- /a -->\n\nMore.\n\n<!-- b -->\n<!-- /b -->\n"
	for _, c := range []struct{ name, document, section, want string }{
		{"a section with a text", document, "a", "# Results\n\nWritten by hand.\n\n<!-- a -->\n\nnew\n\n<!-- /a -->\n\nMore.\n\n<!-- b -->\n<!-- /b -->\n"},
		{"an empty section", document, "b", "# Results\n\nWritten by hand.\n\n<!-- a -->\n\nold\n\n<!-- /a -->\n\nMore.\n\n<!-- b -->\n\nnew\n\n<!-- /b -->\n"},
		{"a section that is not there", "# Results\n", "c", "# Results\n\n<!-- c -->\n\nnew\n\n<!-- /c -->\n"},
		{"a section that does not end", "<!-- a -->\nold\n", "a", "<!-- a -->\nold\n\n<!-- a -->\n\nnew\n\n<!-- /a -->\n"},
		{"no document", "", "a", "<!-- a -->\n\nnew\n\n<!-- /a -->\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := withSection(c.document, c.section, "new\n")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := withSection(c.want, c.section, "new\n"); c.name != "a section that does not end" && again != got {
				t.Errorf("a second time it becomes\n%s", again)
			}
		})
	}
}

func TestAReportIsMarkdown(t *testing.T) {
	r := &report{name: "hit", began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), load: "0.42"}
	r.say("A hit, %d in flight.", 16)
	rows := r.table("server", "CPU")
	rows.row("allow-all", "1.00")
	rows.row("clerkgate – default", "0.73 (0.69–0.77)")
	r.goal("hit", "×", 0.9, 0.7345)
	r.goal("idle", " MiB", 25, 31.04)
	want := `A hit, 16 in flight.

| server              | CPU              |
| ------------------- | ---------------- |
| allow-all           | 1.00             |
| clerkgate – default | 0.73 (0.69–0.77) |

| figure | at most | measured | reached |
| ------ | ------- | -------- | ------- |
| hit    | 0.900×  | 0.735×   | yes     |
| idle   | 25 MiB  | 31.0 MiB | **no**  |

2026-01-01 00:00 UTC, load 0.42 before: ` + "`go test`\n"
	if diff := cmp.Diff(want, r.text("go test")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQuantiles(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, c := range []struct {
		values  []float64
		q, want float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0, 7},
		{[]float64{7}, 0.999, 7},
		{[]float64{1, 2, 3}, 0.5, 2},
		{[]float64{1, 2, 3, 4}, 0.5, 2},
		{hundred, 0.99, 99},
		{hundred, 0.999, 100},
		{hundred, 1, 100},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile %v of %d values: %v, want %v", c.q, len(c.values), got, c.want)
		}
	}
	if got := figure([]float64{3, 1, 2, 5, 4}); got != "3.00 (2.00–4.00)" {
		t.Errorf("figure: %s", got)
	}
	if got := median(ratios([]float64{2, 9, 8}, []float64{1, 3, 2})); got != 3 {
		t.Errorf("median of the ratios: %v, want 3", got)
	}
}

func TestSignificantDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.9: "0.900", 1.1: "1.10", 25: "25", 22.84: "22.8", 0.04567: "0.0457", 483.6: "484", 31457280: "31457280"} {
		if got := significant(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
