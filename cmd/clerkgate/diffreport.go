package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/clerkgate/clerkgate/internal/replay"
)

// writeDiff prints what came of a comparison, for a person: what has to be looked
// at first.
func writeDiff(w io.Writer, r *replay.Report, routes bool) error {
	d := diffText{report: r}
	if r.Opened > 0 {
		d.line("! %s that --old denies and --new passes", requests(r.Opened))
		d.line("")
	}
	d.summary()
	d.changes()
	d.undecided()
	d.shadowed()
	d.moved(routes)
	d.totals()
	_, err := io.WriteString(w, d.text.String())
	return err
}

// diffText is the text of a report so far.
type diffText struct {
	report *replay.Report
	text   strings.Builder
}

func (d *diffText) line(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

func (d *diffText) summary() {
	for _, g := range d.report.Summary {
		var parts []string
		for _, t := range g.Transitions {
			parts = append(parts, fmt.Sprintf("%d %s", t.Count, transition(&t.Transition)))
		}
		d.line("%s%s: %d of %s change: %s", mark(g.Transitions[0].Opens), routeNames(g.Route, g.NewRoute), g.Changed, requests(g.Requests),
			strings.Join(parts, ", "))
	}
	if len(d.report.Summary) > 0 {
		d.line("")
	}
}

// changes lists the changed requests, one on a line.
func (d *diffText) changes() {
	for i := range d.report.Changes {
		c := &d.report.Changes[i]
		q := &c.Request
		parts := []string{fmt.Sprintf("%s%d× %s %s%s", mark(c.Opens), c.Count, visible(q.Method), visible(q.Host), visible(q.Path))}
		if q.Caller != "" {
			parts = append(parts, visible(q.Caller))
		}
		if q.Document {
			parts = append(parts, "document")
		}
		if q.Preflight != "" {
			parts = append(parts, "preflight of "+visible(q.Preflight))
		}
		for _, name := range slices.Sorted(maps.Keys(q.Context)) {
			parts = append(parts, visible(name)+"="+visible(q.Context[name]))
		}
		d.line("%s", strings.Join(append(parts, transition(&c.Transition)), "  "))
	}
	if d.report.More > 0 {
		d.line("… and %s more (--limit lists more)", requests(d.report.More))
	}
	if d.report.Changed > 0 {
		d.line("")
	}
}

// undecided lists where the policies differ and the records do not say enough.
func (d *diffText) undecided() {
	if len(d.report.Undecided) == 0 {
		return
	}
	d.line("may change, depending on what is not recorded:")
	for i := range d.report.Undecided {
		u := &d.report.Undecided[i]
		d.line("%s%s: %s: %s", mark(u.Opens), routeNames(u.Old.Route, u.New.Route), requests(u.Count), transition(&u.Transition))
	}
	d.line("")
}

func (d *diffText) shadowed() {
	if len(d.report.Shadowed) == 0 {
		return
	}
	d.line("pass in shadow mode, which would otherwise deny:")
	for _, s := range d.report.Shadowed {
		d.line("  %s: %s: %s → %s", routeNames(s.Route, s.NewRoute), requests(s.Count), orNothing(s.Old), orNothing(s.New))
	}
	d.line("")
}

func (d *diffText) moved(all bool) {
	sum := 0
	for _, m := range d.report.Moved {
		sum += m.Count
	}
	switch {
	case sum == 0:
		return
	case !all:
		d.line("%s: decided by another route, with the same outcome (--routes lists them)", requests(sum))
		return
	}
	d.line("decided by another route, with the same outcome:")
	for _, m := range d.report.Moved {
		d.line("  %s: %s", routeNames(m.Route, m.NewRoute), requests(m.Count))
	}
	d.line("")
}

// totals says how much the result is worth.
func (d *diffText) totals() {
	r := d.report
	if r.Changed == 0 {
		d.line("%s replayed: none changes", requests(r.Replayed))
	} else {
		d.line("%s replayed: %d change, %d do not", requests(r.Replayed), r.Changed, r.Unchanged)
	}
	if r.RecordedOtherwise > 0 {
		d.line("note: %s recorded with another outcome than --old gives: the log is of another policy", requests(r.RecordedOtherwise))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.NotReplayed)) {
		d.line("%s not replayed: %s (%s)%s", requests(r.NotReplayed[reason]), reason, because(reason), d.ofRoutes(reason))
	}
	if r.Skipped > 0 {
		d.line("%d lines skipped: they are no records of decisions", r.Skipped)
	}
	if r.Unlogged > 0 {
		d.line("note: the log is a sample: %s more passed and are not in it (serve --log-passes-one-in 1 logs all)", requests(r.Unlogged))
	}
}

// mostRoutes is how many routes are named on a line.
const mostRoutes = 5

// ofRoutes names the routes with most requests of a reason.
func (d *diffText) ofRoutes(reason replay.Reason) string {
	var parts []string
	for _, l := range d.report.NotReplayedByRoute {
		if l.Reason == reason {
			parts = append(parts, fmt.Sprintf("%s %d", l.Route, l.Count))
		}
	}
	if len(parts) > mostRoutes {
		parts = append(parts[:mostRoutes], "…")
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// because explains a reason.
func because(r replay.Reason) string {
	switch r {
	case replay.Incomplete:
		return "a record without a request, or with an unknown reason"
	case replay.Truncated:
		return "too long to be recorded whole"
	case replay.Malformed:
		return "it is not recorded how it was malformed"
	case replay.CallerUnknown:
		return "it is not recorded who called"
	case replay.OtherTokens:
		return "other types of tokens were looked for"
	case replay.ConditionUnknown:
		return "a condition looks at what is not recorded"
	case replay.SignatureUnknown:
		return "a webhook's body is not recorded"
	}
	return "not recorded"
}

// transition is a change in a few words.
func transition(t *replay.Transition) string {
	text := effect(t.Old) + " → " + effect(t.New)
	switch {
	case t.Headers != "":
		return text + " with " + t.Headers
	case t.Redirect:
		return text + " with another page"
	}
	return text
}

func effect(e replay.Effect) string {
	switch e.Outcome {
	case "deny":
		return fmt.Sprintf("deny %d %s", e.Status, e.Code)
	case replay.Depends:
		return "depends (" + e.Code + ")"
	}
	return e.Outcome
}

// routeNames are those of the old and the new policy.
func routeNames(old, after string) string {
	if old == after {
		return routeName(old)
	}
	return routeName(old) + " → " + routeName(after)
}

func routeName(name string) string {
	if name == "" {
		return "no route"
	}
	return name
}

func requests(n int) string {
	if n == 1 {
		return "1 request"
	}
	return strconv.Itoa(n) + " requests"
}

func mark(opens bool) string {
	if opens {
		return "! "
	}
	return "  "
}

// visible makes what a client chose harmless to a terminal.
func visible(s string) string {
	quoted := strconv.QuoteToASCII(s)
	if quoted[1:len(quoted)-1] == s {
		return s
	}
	return quoted
}
