// Package envoyproc runs one real Envoy as a child process.
//
// [Start] is the whole of it: it writes the configuration into a directory of its own, starts the program and returns
// when Envoy says that it is live. [Process.Stop] ends that process, and only that one, and removes the directory. Any
// number of Envoys can run side by side: hot restart, which would make them talk to each other, is off, and both the
// listener and the admin interface may ask for port 0.
//
// The configuration must have an admin interface on an IP address and a listener called "http", as the one that
// deploy/envoy writes has. The command line and the admin interface are those of Envoy 1.36 to 1.40.
package envoyproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Options say what to run.
type Options struct {
	// Program is the path of the envoy binary.
	Program string
	// Config is the bootstrap, as JSON or YAML.
	Config []byte
	// Concurrency is the number of worker threads; zero means one.
	Concurrency int
	// LogLevel is Envoy's: trace to critical. Empty means warning.
	LogLevel string
	// Log receives Envoy's own log (its standard error). Nil drops it; an error of Start quotes its end all the same.
	Log io.Writer
	// Output receives Envoy's standard output, where deploy/envoy sends the access log. Nil drops it.
	Output io.Writer
}

// Process is a running Envoy.
type Process struct {
	command  *exec.Cmd
	dir      string
	tail     *tail
	done     chan struct{} // closed once the process was reaped
	admin    string
	listener string
	stop     sync.Once
}

// stopGrace is how long Envoy has between SIGTERM and SIGKILL. It takes a few milliseconds; a sanitizer build on a busy
// machine takes longer.
const stopGrace = 10 * time.Second

// Start runs Envoy and waits until it is live, the context ends, or Envoy gives up. In the last two cases nothing is
// left running and the error quotes the end of Envoy's log.
func Start(ctx context.Context, o Options) (*Process, error) {
	dir, err := os.MkdirTemp("", "envoy-")
	if err != nil {
		return nil, err
	}
	p := &Process{dir: dir, tail: &tail{to: o.Log}, done: make(chan struct{})}
	if err := p.launch(o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.awaitLive(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, p.tail), p.Stop())
	}
	return p, nil
}

func (p *Process) launch(o Options) error {
	config := filepath.Join(p.dir, "envoy.yaml")
	if err := os.WriteFile(config, o.Config, 0o600); err != nil {
		return err
	}
	level := o.LogLevel
	if level == "" {
		level = "warning"
	}
	p.command = exec.Command(o.Program,
		"--config-path", config,
		"--admin-address-path", p.adminFile(),
		"--disable-hot-restart",
		"--concurrency", strconv.Itoa(max(o.Concurrency, 1)),
		"--log-level", level,
	)
	p.command.Stdout, p.command.Stderr = o.Output, p.tail
	p.command.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go p.run(started)
	return <-started
}

// run keeps to one thread from start to end, because Linux takes the death of the starting thread for that of the
// parent (see dieWithParent).
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.command.Start()
	started <- err
	if err != nil {
		return
	}
	_ = p.command.Wait() // how it ended is in command.ProcessState
	close(p.done)
}

func (p *Process) adminFile() string { return filepath.Join(p.dir, "admin") }

// Admin returns the host:port of the admin interface.
func (p *Process) Admin() string { return p.admin }

// Listener returns the host:port that clients connect to.
func (p *Process) Listener() string { return p.listener }

// PID returns the id of the process, for those who watch what it costs.
func (p *Process) PID() int { return p.command.Process.Pid }

// Done is closed when Envoy has ended, by Stop or by itself.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends Envoy and waits for it. Calls after the first do nothing.
func (p *Process) Stop() error {
	var err error
	p.stop.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM) // fails only if it has ended already
		timer := time.NewTimer(stopGrace)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
			_ = p.command.Process.Kill()
			<-p.done
		}
		err = os.RemoveAll(p.dir)
	})
	return err
}

// tail passes a log on and keeps the end of it for an error message.
type tail struct {
	to io.Writer

	mu   sync.Mutex
	kept []byte
}

// tailSize is enough for the few lines that say which field of a configuration Envoy refuses.
const tailSize = 4 << 10

// Write implements io.Writer. A log that cannot be passed on does not disturb Envoy.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if extra := len(t.kept) - tailSize; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	if t.to != nil {
		_, _ = t.to.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}
