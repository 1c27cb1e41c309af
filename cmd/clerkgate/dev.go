package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// devStopPatience bounds how long requests in flight hold up the end.
const devStopPatience = 2 * time.Second

func newDevCommand() *cobra.Command {
	var (
		listen string
		users  string
		live   bool
	)
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a local Clerk instance for development and tests",
		Long: `Runs a Clerk instance on this machine: keys made at start, their JWKS, users and
organisations from a file, and tokens for them (see clerkgate token). It prints the
environment that a sidecar needs to trust it.

It signs a token for whoever asks, so it listens on loopback only, and production
sidecars do not know its keys. Without --users there are the four users of the
quickstart, among them Ada (admin of acme) and Bob (member of acme).`,
		Example: `  clerkgate dev
  clerkgate dev --users users.yaml

users.yaml
  organizations:
    - {id: org_acme, slug: acme, name: Acme}
  users:
    - id: user_ada
      name: Ada
      memberships:
        - {org: acme, role: org:admin, permissions: [org:invoices:manage]}`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			directory, err := readDirectory(users)
			if err != nil {
				return err
			}
			listener, err := listenLoopback(cmd.Context(), listen)
			if err != nil {
				return err
			}
			host := listener.Addr().String()
			if _, err := clerktest.PublishableKey(host, live); err != nil {
				_ = listener.Close()
				return withHint(err, "publishable keys need a host with a dot: --listen "+clerktest.DefaultAddress)
			}
			instance := clerktest.New(clerktest.Options{FrontendAPI: host, Live: live, Directory: directory})
			out := cmd.OutOrStdout()
			_, err = fmt.Fprintf(out, "Clerk dev instance on %s, with new keys; Ctrl-C stops it\n\n", instance.URL())
			if err := errors.Join(err, instance.Describe(out)); err != nil {
				_ = listener.Close()
				return err
			}
			return serveDev(cmd.Context(), listener, instance.Handler())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", clerktest.DefaultAddress, "loopback `address` to listen on; port 0 picks a free one")
	cmd.Flags().StringVar(&users, "users", "", "YAML `file` of users and organisations")
	cmd.Flags().BoolVar(&live, "live", false, "behave as a production instance (pk_live_)")
	return cmd
}

// readDirectory reads the users file, or has the built-in users.
func readDirectory(file string) (*clerktest.Directory, error) {
	if file == "" {
		return clerktest.DefaultDirectory(), nil
	}
	src, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	directory, err := clerktest.ParseDirectory(file, src)
	return directory, withHint(err, "clerkgate dev --help shows a users file")
}

// listenLoopback opens the listener, on loopback or not at all.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, withHint(fmt.Errorf("--listen %q is not host:port", address), "such as --listen "+clerktest.DefaultAddress)
	}
	// localhost could be IPv6, whose addresses have no dot for the publishable key.
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return nil, withHint(
			fmt.Errorf("--listen %q is not a loopback address: whoever reaches the dev instance can sign in as anyone", address),
			"use --listen "+clerktest.DefaultAddress+"; from a container, share the network namespace")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, withHint(err, "if the port is taken, by another dev instance for example, choose one with --listen 127.0.0.1:PORT")
	}
	return listener, nil
}

// serveDev serves until the context ends or a signal asks to stop.
func serveDev(ctx context.Context, listener net.Listener, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), devStopPatience)
	defer cancel()
	if server.Shutdown(patience) != nil {
		_ = server.Close() // a caller that never finishes is no reason to stay, or to fail
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
