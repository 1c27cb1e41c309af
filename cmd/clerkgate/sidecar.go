package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clerkgate/clerkgate/authz/extauthz"
	"github.com/clerkgate/clerkgate/internal/admin"
)

// stopPatience bounds how long a graceful stop may take after the drain: a
// check is answered within Envoy's deadline, so what is left then hangs.
const stopPatience = 5 * time.Second

// socketMode lets a proxy with another user id ask, if it shares the group
// (fsGroup of the pod).
const socketMode = 0o660

var errDraining = errors.New("draining")

type sidecarOptions struct {
	keeper *keeper
	listen []string
	admin  string // empty: none
	logger *slog.Logger
	drain  time.Duration
	// fullDecode is extauthz.FullDecode.
	fullDecode bool
	// traces is extauthz.Traces.
	traces bool
}

// sidecar is a running instance of serve.
type sidecar struct {
	sidecarOptions
	grpc      *extauthz.Server
	listeners []net.Listener
	adminLis  net.Listener
	http      *http.Server
	draining  atomic.Bool
}

// newSidecar opens every listener, so that an address that is taken is an error
// before anything is served.
func newSidecar(ctx context.Context, o sidecarOptions) (*sidecar, error) {
	var choices []extauthz.Option
	if o.fullDecode {
		choices = append(choices, extauthz.FullDecode())
		o.logger.Info("the fast path is off", "hint", "remove --fast-path=false unless you compare")
	}
	if o.traces {
		choices = append(choices, extauthz.Traces())
	}
	s := &sidecar{sidecarOptions: o, grpc: extauthz.NewServer(o.keeper.engine, choices...)}
	s.http = admin.NewServer(admin.NewHandler(s.ready, o.keeper.metrics.Handler()))
	for _, address := range o.listen {
		l, err := listen(ctx, address)
		if err != nil {
			s.close()
			return nil, err
		}
		s.listeners = append(s.listeners, l)
	}
	if o.admin != "" {
		l, err := listen(ctx, o.admin)
		if err != nil {
			s.close()
			return nil, err
		}
		s.adminLis = l
	}
	return s, nil
}

func (s *sidecar) close() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
	if s.adminLis != nil {
		_ = s.adminLis.Close()
	}
}

// ready is what /readyz says.
func (s *sidecar) ready() error {
	if s.draining.Load() {
		return errDraining
	}
	return s.keeper.engine.Ready()
}

// run serves until stop yields or something fails.
func (s *sidecar) run(ctx context.Context, stop <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range s.listeners {
		s.logger.Info("listening", "address", addressOf(l))
		group.Go(func() error { return s.grpc.Serve(l) })
	}
	if s.adminLis != nil {
		s.logger.Info("admin listening", "address", addressOf(s.adminLis))
		group.Go(func() error {
			if err := s.http.Serve(s.adminLis); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	group.Go(func() error { s.keeper.run(ctx, s.announce); return nil })
	group.Go(func() error {
		defer cancel()
		s.shutDown(ctx, stop)
		return nil
	})
	return group.Wait()
}

// announce turns health to SERVING; it is called once every instance has keys.
func (s *sidecar) announce() {
	s.grpc.SetServing(true) // has no effect once the server drains
	s.logger.Info("ready")
}

// shutDown waits for a signal, drains and stops. A second signal cuts it short.
func (s *sidecar) shutDown(ctx context.Context, stop <-chan os.Signal) {
	select {
	case sig := <-stop:
		s.draining.Store(true)
		s.grpc.Drain()
		s.logger.Info("draining", "signal", sig.String(), "for", s.drain.String())
		s.drainThenStop(stop)
	case <-ctx.Done(): // a listener failed; there is nothing to drain for
	}
	s.grpc.Stop()
	_ = s.http.Close()
	s.logger.Info("stopped")
}

// drainThenStop keeps answering for the drain period, then lets what is under
// way finish (GOAWAY). It returns early at a further signal.
func (s *sidecar) drainThenStop(stop <-chan os.Signal) {
	select {
	case <-time.After(s.drain):
	case <-stop:
		return
	}
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(stopPatience):
	case <-stop:
	}
}

// listen opens host:port, or unix:///path.
func listen(ctx context.Context, address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, "unix://")
	if isUnix {
		return listenUnix(ctx, path)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, withHint(fmt.Errorf("%q is not an address to listen on", address), "give host:port such as "+defaultListen+", or unix:///run/clerkgate/authz.sock")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, withHint(fmt.Errorf("cannot listen on %s: %w", address, cause(err)), "another process may have the address; choose one with --listen or --admin")
	}
	return l, nil
}

// listenUnix opens a socket. One that a crashed process left behind is
// replaced; one that somebody answers on, or that is no socket, is not.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, withHint(fmt.Errorf("unix://%s: the path is not absolute", path), "write three slashes: unix:///run/clerkgate/authz.sock")
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("cannot listen on %s: it exists and is not a socket", path)
		}
		if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
			_ = conn.Close()
			return nil, fmt.Errorf("cannot listen on %s: another process answers there", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot replace the stale socket %s: %w", path, cause(err))
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, withHint(fmt.Errorf("cannot listen on %s: %w", path, cause(err)), "the directory must be there, and writable for the user that clerkgate runs as")
	}
	if err := os.Chmod(path, socketMode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("cannot set the mode of %s: %w", path, cause(err))
	}
	return l, nil
}

// cause strips the layers that repeat the operation and the path.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// addressOf writes a listener's address as --listen takes it.
func addressOf(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix://" + l.Addr().String()
	}
	return l.Addr().String()
}
