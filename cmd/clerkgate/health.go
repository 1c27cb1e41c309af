package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealthCommand() *cobra.Command {
	var (
		addr    string
		live    bool
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running sidecar whether it is ready (an exec probe)",
		Long: `Asks the admin address of a running sidecar whether it is ready, or with --live
whether it is alive, and exits with 0 or 1. It is meant for exec probes in images
that have no shell.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			path := "/readyz"
			if live {
				path = "/livez"
			}
			if err := probe(ctx, addr, path); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "ok")
			return err
		},
	}
	cmd.Flags().StringVar(&addr, "addr", defaultAdmin, "admin `address` of the sidecar")
	cmd.Flags().BoolVar(&live, "live", false, "ask for liveness instead of readiness")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Second, "how long to wait for an answer")
	return cmd
}

// probe asks one health endpoint.
func probe(ctx context.Context, addr, path string) error {
	client, base := probeClient(addr)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return withHint(fmt.Errorf("%s is not an address", addr), "give host:port, such as "+defaultAdmin)
	}
	response, err := client.Do(request)
	if err != nil {
		return withHint(fmt.Errorf("no answer from %s: %w", addr, cause(err)), "is the sidecar running, with --admin set to this address?")
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 256))
	if err != nil {
		return fmt.Errorf("%s: %w", addr, cause(err))
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", addr, strings.TrimSpace(string(body)))
	}
	return nil
}

// probeClient returns a client and the URL to begin with, for host:port, an
// http URL, or unix:///path. It uses no proxy: the sidecar is next door.
func probeClient(addr string) (client *http.Client, base string) {
	transport := &http.Transport{DisableKeepAlives: true}
	if path, ok := strings.CutPrefix(addr, "unix://"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return &http.Client{Transport: transport}, "http://clerkgate"
	}
	if !strings.Contains(addr, "://") {
		addr = "http://" + addr
	}
	return &http.Client{Transport: transport}, strings.TrimSuffix(addr, "/")
}
