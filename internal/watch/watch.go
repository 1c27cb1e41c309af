package watch

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// Settle is how long contents must stay the same before they are told of: our
	// judgement. Editors write a file in far less, and nobody who waits for a
	// policy notices.
	Settle = 100 * time.Millisecond
	// Interval is how often the files are looked at without any report of the
	// system: our judgement. They are few and small.
	Interval = 30 * time.Second
)

// Watcher watches files. Create it with [New]. Its methods may be called from
// several goroutines.
type Watcher struct {
	logger  *slog.Logger
	changed chan struct{}
	named   chan struct{} // there are new names

	mu    sync.Mutex
	files []string
}

// New returns a watcher of nothing. A nil logger discards.
func New(logger *slog.Logger) *Watcher {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Watcher{logger: logger, changed: make(chan struct{}, 1), named: make(chan struct{}, 1)}
}

// Watch names the files to watch from now on, instead of those before. They need
// not exist. Relative names start at the working directory.
func (w *Watcher) Watch(files ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files = slices.Clone(files)
	raise(w.named)
}

// Changed yields after the contents of at least one file have changed. Several
// changes may be told at once.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// raise sets a flag that may be set already.
func raise(flag chan<- struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// Run watches until ctx ends. Call it once.
func (w *Watcher) Run(ctx context.Context) {
	r := newReports(w.logger)
	defer r.close()
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	var seen contents
	var again <-chan time.Time // when to look once more
	for {
		look := false
		select {
		case <-ctx.Done():
			return
		case <-w.named:
			look = true
		case <-again:
			look, again = true, nil
		case <-tick.C:
			look = again == nil
		case <-r.missed:
			seen.reported = true
			look = again == nil
		case event := <-r.events:
			if r.concern(event) {
				seen.reported = true
				if again == nil {
					again = time.After(Settle)
				}
			}
		}
		if !look {
			continue
		}
		switch seen.look(w.follow(r)) {
		case unsettled:
			again = time.After(Settle)
		case changed:
			raise(w.changed)
		}
	}
}

// follow reads the files, after it has made sure that whatever happens to them
// from now on is reported.
func (w *Watcher) follow(r *reports) map[string]content {
	w.mu.Lock()
	files := slices.Clone(w.files)
	w.mu.Unlock()
	now := make(map[string]content, len(files))
	r.follow(files)
	for _, file := range files {
		now[file] = read(file)
	}
	return now
}
