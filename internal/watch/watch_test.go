package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clerkgate/clerkgate/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds each wait. Nothing takes nearly that long, and nothing may take
// as long as watch.Interval: then it was found by looking.
const patience = watch.Interval / 2

// place is a directory with a watched file in it.
type place struct {
	*testing.T
	dir, file string
	watcher   *watch.Watcher
}

// newPlace makes a directory, has make fill it, and watches policy.yaml in it.
func newPlace(t *testing.T, make func(*place)) *place {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, dir: filepath.Join(dir, "etc", "clerkgate"), watcher: watch.New(nil)}
	p.file = filepath.Join(p.dir, "policy.yaml")
	p.must(os.MkdirAll(p.dir, 0o700))
	make(p)
	p.watcher.Watch(p.file)
	ctx, cancel := context.WithCancel(t.Context())
	done := running(func() { p.watcher.Run(ctx) })
	t.Cleanup(func() { cancel(); <-done })
	p.told("the first look")
	return p
}

// running runs f in a goroutine, and returns what is closed at its end.
func running(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return done
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// write writes a file in place.
func (p *place) write(name, text string) {
	p.Helper()
	p.must(os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

// told waits for a change to be told.
func (p *place) told(what string) {
	p.Helper()
	select {
	case <-p.watcher.Changed():
	case <-time.After(patience):
		p.Fatalf("%s: not told of", what)
	}
}

// configMap lays the directory out as the kubelet does: files are links into
// ..data, which is a link to a directory with a name of its own.
func (p *place) configMap(version, text string) {
	p.Helper()
	p.must(os.Mkdir(filepath.Join(p.dir, version), 0o700))
	p.write(version+"/policy.yaml", text)
	p.must(os.Symlink(version, filepath.Join(p.dir, "..data_tmp")))
	p.must(os.Rename(filepath.Join(p.dir, "..data_tmp"), filepath.Join(p.dir, "..data")))
}

func plainFile(p *place) { p.write("policy.yaml", "one") }

// TestEachKindOfChange: each is told, and so is a plain one after it.
func TestEachKindOfChange(t *testing.T) {
	for _, tt := range []struct {
		name   string
		make   func(*place)
		change func(*place)
	}{
		{"written in place", plainFile, func(p *place) { p.write("policy.yaml", "two") }},
		{"appended to", plainFile, func(p *place) {
			f, err := os.OpenFile(p.file, os.O_APPEND|os.O_WRONLY, 0)
			p.must(err)
			_, err = f.WriteString("more")
			p.must(err)
			p.must(f.Close())
		}},
		{"renamed over", plainFile, func(p *place) {
			p.write("policy.yaml~", "two")
			p.must(os.Rename(p.file+"~", p.file))
		}},
		{"moved away and written anew", plainFile, func(p *place) { // vim, with backupcopy=no
			p.must(os.Rename(p.file, p.file+"~"))
			p.write("policy.yaml", "two")
			p.must(os.Remove(p.file + "~"))
		}},
		{"made", func(*place) {}, plainFile},
		{"removed and made again", plainFile, func(p *place) {
			p.must(os.Remove(p.file))
			p.told("the removal")
			p.write("policy.yaml", "two")
		}},
		{"a ConfigMap is updated", func(p *place) {
			p.must(os.Symlink("..data/policy.yaml", p.file))
			p.configMap("..2026_01", "one")
		}, func(p *place) {
			p.configMap("..2026_02", "two")
			p.must(os.RemoveAll(filepath.Join(p.dir, "..2026_01")))
		}},
		{"its link leads elsewhere", func(p *place) {
			p.write("one", "one")
			p.write("two", "two")
			p.must(os.Symlink("one", p.file))
		}, func(p *place) {
			p.must(os.Symlink(filepath.Join(p.dir, "two"), p.file+"~"))
			p.must(os.Rename(p.file+"~", p.file))
		}},
		{"its directory is replaced", plainFile, func(p *place) {
			p.must(os.Rename(p.dir, p.dir+".old"))
			p.must(os.Mkdir(p.dir, 0o700))
			p.write("policy.yaml", "two")
		}},
		{"its directory is removed and made again", plainFile, func(p *place) {
			p.must(os.RemoveAll(p.dir))
			p.told("the removal")
			p.must(os.Mkdir(p.dir, 0o700))
			p.write("policy.yaml", "two")
		}},
		{"the directory above is replaced", plainFile, func(p *place) {
			above := filepath.Dir(p.dir)
			p.must(os.Rename(above, above+".old"))
			p.must(os.MkdirAll(p.dir, 0o700))
			p.write("policy.yaml", "two")
		}},
		{"its directory is a link that leads elsewhere", func(p *place) {
			p.must(os.Rename(p.dir, p.dir+"-1"))
			p.must(os.Symlink("clerkgate-1", p.dir))
			plainFile(p)
		}, func(p *place) {
			p.must(os.Mkdir(p.dir+"-2", 0o700))
			p.must(os.WriteFile(filepath.Join(p.dir+"-2", "policy.yaml"), []byte("two"), 0o600))
			p.must(os.Symlink("clerkgate-2", p.dir+"~"))
			p.must(os.Rename(p.dir+"~", p.dir))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, tt.make)
			tt.change(p)
			p.told("the change")
			p.write("policy.yaml", "three")
			p.told("a plain change after it")
		})
	}
}

// TestTheSameDirectoryMayGoManyTimes: what watches a directory is not worn out.
func TestTheSameDirectoryMayGoManyTimes(t *testing.T) {
	p := newPlace(t, plainFile)
	for range 5 {
		p.must(os.RemoveAll(p.dir))
		p.must(os.Mkdir(p.dir, 0o700))
		p.write("policy.yaml", "two")
		p.told("another directory of the same name")
		p.write("policy.yaml", "three")
		p.told("a plain change in it")
	}
}

// TestOtherFilesAreWatchedInstead: a file that is named later is told of once, and
// then as the others.
func TestOtherFilesAreWatchedInstead(t *testing.T) {
	p := newPlace(t, plainFile)
	other := filepath.Join(t.TempDir(), "secret")
	p.must(os.WriteFile(other, []byte("one"), 0o600))
	p.watcher.Watch(p.file, other)
	p.told("a file that is new to the watcher")
	p.must(os.WriteFile(other, []byte("two"), 0o600))
	p.told("its change")
	p.watcher.Watch(p.file)
	p.write("policy.yaml", "two")
	p.told("the first file")
}

// TestAPipeIsNotReadFrom: its reader would miss what the watcher took.
func TestAPipeIsNotReadFrom(t *testing.T) {
	p := newPlace(t, func(p *place) { p.must(syscall.Mkfifo(p.file, 0o600)) })
	p.must(os.Remove(p.file))
	p.told("its removal")
}

// TestLinksInACircle end somewhere.
func TestLinksInACircle(t *testing.T) {
	p := newPlace(t, func(p *place) { p.must(os.Symlink("policy.yaml", p.file)) })
	p.must(os.Remove(p.file))
	plainFile(p)
	p.told("the file that took their place")
}

// TestARelativeName starts at the working directory.
func TestARelativeName(t *testing.T) {
	p := newPlace(t, plainFile)
	t.Chdir(p.dir)
	p.watcher.Watch("policy.yaml")
	p.told("another name")
	p.write("policy.yaml", "two")
	p.told("the change")
}
