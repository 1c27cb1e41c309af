package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// How long something may take before its progress is shown, and how often that
// changes: our judgement of when a person begins to wonder.
const (
	progressAfter = 500 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

// progress shows on a terminal how far something has come.
type progress struct {
	w     io.Writer // nil: it is no terminal
	now   func() time.Time
	next  time.Time // when to show it
	total int
	done  int
	bad   int
	shown bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{now: time.Now}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = w
	}
	return p
}

func (p *progress) begin(total int) {
	p.total, p.next = total, p.now().Add(progressAfter)
}

// step counts one more as done.
func (p *progress) step(failed bool) {
	p.done++
	if failed {
		p.bad++
	}
	if p.w == nil || p.now().Before(p.next) {
		return
	}
	p.next, p.shown = p.now().Add(progressEvery), true
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K%d of %s, %d failed", p.done, count(p.total, "test"), p.bad)
}

// clear makes room for something else.
func (p *progress) clear() {
	if p.shown {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
		p.shown = false
	}
}
