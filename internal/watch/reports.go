package watch

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// reports is what the system reports of the directories on the way to files.
type reports struct {
	logger  *slog.Logger
	notify  *fsnotify.Watcher // nil: the system reports nothing
	events  <-chan fsnotify.Event
	missed  chan struct{}   // reports were lost
	entries map[string]bool // the directory entries that matter, and their directories
	dirs    map[string]bool
	warned  bool
}

func newReports(logger *slog.Logger) *reports {
	r := &reports{logger: logger, missed: make(chan struct{}, 1)}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		r.warn(err)
		return r
	}
	r.notify, r.events = notify, notify.Events
	// The library reports some errors with its lock held, which follow takes: a
	// goroutine of their own keeps the two from waiting for each other.
	go func() {
		for range notify.Errors {
			raise(r.missed)
		}
	}()
	return r
}

func (r *reports) close() {
	if r.notify != nil {
		_ = r.notify.Close()
	}
}

func (r *reports) warn(err error) {
	if !r.warned {
		r.warned = true
		r.logger.Warn("changes of files are not reported by the system, and found with delay", "every", Interval.String(), "reason", err.Error())
	}
}

// concern tells whether an event may have to do with a file.
func (r *reports) concern(e fsnotify.Event) bool { return r.entries[e.Name] || r.dirs[e.Name] }

// maxFollows bounds how often links are followed that change meanwhile.
const maxFollows = 4

// follow watches the directories on the way to the files. The way may change
// while it is looked up, so it is looked up until it stays.
func (r *reports) follow(files []string) {
	for range maxFollows {
		entries, dirs := way(files)
		r.watch(dirs)
		same := maps.Equal(entries, r.entries)
		r.entries, r.dirs = entries, dirs
		if same {
			return
		}
	}
}

// watch watches these directories and no others. One that is watched already is
// added again: by its name there may be another directory now.
func (r *reports) watch(dirs map[string]bool) {
	if r.notify == nil {
		return
	}
	for dir := range r.dirs {
		if !dirs[dir] {
			_ = r.notify.Remove(dir) // fails if it is gone
		}
	}
	for dir := range dirs {
		// A directory that may be passed through and not read hides what happens
		// in it. Those are the system's own, far up.
		err := r.notify.Add(dir)
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			r.warn(err)
		}
	}
}

// way returns every directory entry on the way to the files, links included, and
// the directories that they are in.
func way(files []string) (entries, dirs map[string]bool) {
	entries, dirs = map[string]bool{}, map[string]bool{}
	for _, file := range files {
		for _, entry := range trace(file) {
			entries[entry] = true
			dirs[filepath.Dir(entry)] = true
		}
	}
	return entries, dirs
}
