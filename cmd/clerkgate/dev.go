package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// devCommand holds the flags of dev.
type devCommand struct {
	listen        string
	users         string
	live          bool
	handshake     string
	tokenLifetime time.Duration
	appOrigins    []string
}

func newDevCommand() *cobra.Command {
	var c devCommand
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a local Clerk instance for development and tests",
		Long: `Runs a Clerk instance on this machine: keys made at start, their JWKS, a sign-in
page, the handshake with applications, the Backend API, users, organisations and
machines from a file, and tokens for them (see clerkgate token). It prints the
environment and the policy lines that a sidecar needs to trust it.

It signs a token for whoever asks, so it listens on loopback only, and production
sidecars do not know its keys. Without --users there are the four users of the
quickstart, among them Ada (admin of acme) and Bob (member of acme), and two
machines, of which reports may call invoices.

The sign-in page asks for no password. It sends browsers back to applications on
this machine (loopback, *.localhost, *.test) and at each --app-origin.`,
		Example: `  clerkgate dev
  clerkgate dev --users users.yaml

users.yaml
  organizations:
    - {id: org_acme, slug: acme, name: Acme}
  users:
    - id: user_ada
      name: Ada
      memberships:
        - {org: acme, role: org:admin, permissions: [org:invoices:manage]}
    - {id: user_eve, pending: true}       # has a task to complete after sign-in
  machines:
    - {id: mch_reports, name: reports, scopes: [mch_invoices]}
    - {id: mch_invoices, name: invoices, secretKey: ak_secret}`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.complete(); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return c.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.listen, "listen", clerktest.DefaultAddress, "loopback `address` to listen on; port 0 picks a free one")
	f.StringVar(&c.users, "users", "", "YAML `file` of users, organisations and machines")
	f.BoolVar(&c.live, "live", false, "behave as a production instance (pk_live_)")
	f.StringVar(&c.handshake, "handshake", "nonce", "end handshakes with a `nonce|token`; a token is read without the secret key")
	f.DurationVar(&c.tokenLifetime, "token-lifetime", clerktest.DefaultExpiresIn, "how long the session tokens of signed-in browsers live, in whole seconds")
	f.StringArrayVar(&c.appOrigins, "app-origin", nil, "`origin` of an application elsewhere that browsers may be sent back to (repeatable)")
	return cmd
}

// complete checks the flags that do not need the network.
func (c *devCommand) complete() error {
	if c.handshake != "nonce" && c.handshake != "token" {
		return fmt.Errorf("--handshake is %q; use nonce or token", c.handshake)
	}
	if c.tokenLifetime < time.Second || c.tokenLifetime%time.Second != 0 {
		return fmt.Errorf("--token-lifetime %s: whole seconds, one at least", c.tokenLifetime)
	}
	for _, origin := range c.appOrigins {
		if _, err := clerktest.ParseOrigin(origin); err != nil {
			return fmt.Errorf("--app-origin: %w", err)
		}
	}
	return nil
}

// run serves the instance until it is stopped.
func (c *devCommand) run(ctx context.Context, out io.Writer) error {
	directory, err := readDirectory(c.users)
	if err != nil {
		return err
	}
	listener, err := listenLoopback(ctx, c.listen)
	if err != nil {
		return err
	}
	host := listener.Addr().String()
	if _, err := clerktest.PublishableKey(host, c.live); err != nil {
		_ = listener.Close()
		return withHint(err, "publishable keys need a host with a dot: --listen "+clerktest.DefaultAddress)
	}
	instance := clerktest.New(clerktest.Options{
		FrontendAPI: host, Live: c.live, Directory: directory, TokenLifetime: c.tokenLifetime,
		TokenHandshake: c.handshake == "token", AppOrigins: c.appOrigins,
	})
	_, err = fmt.Fprintf(out, "Clerk dev instance on %s, with new keys; Ctrl-C stops it\n\n", instance.URL())
	if err := errors.Join(err, instance.Describe(out)); err != nil {
		_ = listener.Close()
		return err
	}
	return serveDev(ctx, listener, instance.Handler())
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
		MaxHeaderBytes:    64 << 10, // a handshake brings the session token twice, in its URL and as a cookie
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
