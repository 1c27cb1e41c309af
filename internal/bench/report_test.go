package bench

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// reportVariable names the file that reports are written into. Each has a section
// of its own there; what stands outside of the sections is left alone.
const reportVariable = "CLERKGATE_BENCH_REPORT"

// report is what one benchmark found out: paragraphs, tables and, at its end, how
// that compares with what was to be reached.
//
//	r := newReport("direct")
//	t := r.table("what", "CPU per check")
//	t.row("a hit", figure(ratios))
//	r.goal("a hit", "×", 0.90, median(ratios))
//	r.publish(b)
type report struct {
	name   string
	began  time.Time
	load   string
	blocks []fmt.Stringer
	goals  *table
}

// newReport begins the section of this name. The command that it prints runs the
// benchmark that publishes it.
func newReport(name string) *report {
	return &report{name: name, began: time.Now(), load: loadAverage()}
}

// paragraph is text between tables.
type paragraph string

func (p paragraph) String() string { return string(p) + "\n" }

// say adds a paragraph, or with "### …" a heading.
func (r *report) say(format string, args ...any) {
	r.blocks = append(r.blocks, paragraph(fmt.Sprintf(format, args...)))
}

// table adds a table with these columns.
func (r *report) table(columns ...string) *table {
	t := &table{}
	t.row(columns...)
	r.blocks = append(r.blocks, t)
	return t
}

// goal notes what was measured beside the most that it may be, in a unit such as
// "×" or " ms".
func (r *report) goal(what, unit string, most, measured float64) {
	if r.goals == nil {
		r.goals = &table{}
		r.goals.row("figure", "at most", "measured", "reached")
	}
	reached := map[bool]string{true: "yes", false: "**no**"}[measured <= most]
	r.goals.row(what, significant(most)+unit, significant(measured)+unit, reached)
}

// text is the section without its markers.
func (r *report) text(command string) string {
	var out strings.Builder
	for _, block := range r.blocks {
		out.WriteString(block.String() + "\n")
	}
	if r.goals != nil {
		out.WriteString(r.goals.String() + "\n")
	}
	fmt.Fprintf(&out, "%s, load %s before: `%s`\n", r.began.UTC().Format("2006-01-02 15:04 UTC"), r.load, command)
	return out.String()
}

// publish prints the report and, if a file is named, puts it there, with what the
// machine is.
func (r *report) publish(b *testing.B) {
	b.Helper()
	text := r.text(commandOf(b.Name()))
	fmt.Printf("\n%s\n", text)
	file := os.Getenv(reportVariable)
	if file == "" {
		return
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Fatal(err)
	}
	document := withSection(withSection(string(old), "machine", machine()), r.name, text)
	if err := os.WriteFile(file, []byte(document), 0o644); err != nil {
		b.Fatal(err)
	}
}

// withSection returns a document with the text of one section replaced, or added at
// its end.
func withSection(document, name, text string) string {
	begin, end := "<!-- "+name+" -->", "<!-- /"+name+" -->"
	section := begin + "\n\n" + strings.TrimSpace(text) + "\n\n" + end
	before, rest, found := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, end)
	switch {
	case found && closed:
		return before + section + after
	case strings.TrimSpace(document) == "":
		return section + "\n"
	}
	return strings.TrimRight(document, "\n") + "\n\n" + section + "\n"
}

// table is one of Markdown's.
type table struct{ rows [][]string }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// String pads the cells, so that the table can be read as it is.
func (t *table) String() string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 3)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var out strings.Builder
	for i, row := range t.rows {
		out.WriteString(line(row, widths, " "))
		if i == 0 {
			out.WriteString(line(nil, widths, "-"))
		}
	}
	return out.String()
}

func line(row []string, widths []int, padding string) string {
	var out strings.Builder
	for i, width := range widths {
		cell := ""
		if i < len(row) {
			cell = row[i]
		}
		out.WriteString("| " + cell + strings.Repeat(padding, width-len([]rune(cell))) + " ")
	}
	return out.String() + "|\n"
}

// commandOf is the command that runs a benchmark again as it was run.
func commandOf(benchmark string) string {
	return fmt.Sprintf("make bench BENCH=%s BENCH_TIME=%s", strings.TrimPrefix(benchmark, "Benchmark"), flag.Lookup("test.benchtime").Value)
}

// machine says on what, and with which versions.
func machine() string {
	t := &table{}
	t.row("", "")
	t.row("machine", fmt.Sprintf("%s, %d cores, GOMAXPROCS=%d", processor(), runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	t.row("system", "Linux "+firstLine("/proc/sys/kernel/osrelease")+", "+runtime.GOARCH)
	t.row("Go", strings.TrimPrefix(runtime.Version(), "go"))
	t.row("grpc-go", grpc.Version)
	t.row("Clerkgate", commit())
	t.row("date", time.Now().UTC().Format(time.DateOnly))
	return t.String()
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // machines of other makes have no such line either
	for l := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return first
}

// loadAverage is that of the last minute.
func loadAverage() string {
	first, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	return first
}

// commit names what was measured, as the Makefile names a build.
func commit() string {
	out, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
