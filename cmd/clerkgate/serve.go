package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// Defaults of serve. Both listeners are on loopback: the sidecar shares a
// network namespace with the only callers it has.
const (
	defaultListen = "127.0.0.1:9000"
	defaultAdmin  = "127.0.0.1:9001"
	defaultDrain  = 5 * time.Second
)

type serveCommand struct {
	policy     string
	listen     []string
	admin      string
	logLevel   string
	logFormat  string
	tokenCache int
	drain      time.Duration
}

func newServeCommand() *cobra.Command {
	var c serveCommand
	cmd := &cobra.Command{
		Use:   "serve --policy FILE",
		Short: "Run the sidecar",
		Long: `Runs the sidecar: the ext_authz gRPC service that Envoy asks about each request.

Each flag can also be given as an environment variable: --log-level is
CLERKGATE_LOG_LEVEL. --listen can be repeated; in CLERKGATE_LISTEN its values are
separated by commas.

SIGTERM or SIGINT drains: health turns to NOT_SERVING, requests are still
answered for --drain, then the server stops. A second signal stops at once.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.drain < 0 {
				return usageError{fmt.Errorf("--drain %s is negative", c.drain), cmd.CommandPath()}
			}
			if c.policy == "" {
				return usageError{fmt.Errorf("--policy is required"), cmd.CommandPath()}
			}
			logger, err := newLogger(cmd.ErrOrStderr(), c.logLevel, c.logFormat)
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return c.run(cmd.Context(), cmd.ErrOrStderr(), logger)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.policy, "policy", "", "policy `file`")
	f.StringArrayVar(&c.listen, "listen", []string{defaultListen}, "`address` for Envoy: host:port or unix:///path (repeatable)")
	f.StringVar(&c.admin, "admin", defaultAdmin, "HTTP `address` for health endpoints; empty turns it off")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.logFormat, "log-format", "json", "json or text")
	f.IntVar(&c.tokenCache, "token-cache", authz.DefaultTokenCache, "how many verified tokens to remember; 0 turns it off")
	f.DurationVar(&c.drain, "drain", defaultDrain, "how long to go on answering after SIGTERM")
	return cmd
}

// run serves until a signal or a failure.
func (c *serveCommand) run(ctx context.Context, stderr io.Writer, logger *slog.Logger) error {
	first := make(chan os.Signal, 2)
	signal.Notify(first, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(first)

	outside := connector{logger: logger}
	snapshot, problems, err := loadPolicy(c.policy, policy.Options{Env: os.LookupEnv}, outside.connect)
	if err != nil {
		return err
	}
	if problems.Err() != nil {
		printProblems(stderr, problems)
		return withHint(fmt.Errorf("%s: not served because of the errors above", c.policy), "clerkgate check "+c.policy+" shows those that do not depend on this machine's files as well")
	}
	if snapshot.Instances() == 0 {
		return withHint(fmt.Errorf("%s: no Clerk instance", c.policy), "set CLERK_PUBLISHABLE_KEY, or write a clerk section")
	}
	for _, p := range problems {
		logger.Warn("policy", "file", p.File, "line", p.Line, "message", p.Message)
	}
	s, err := newSidecar(ctx, sidecarOptions{
		engine: authz.New(authz.Options{TokenCache: cacheSize(c.tokenCache), Observer: telemetry.NewDecisionLog(logger)}),
		listen: c.listen, admin: c.admin, sources: outside.sources, logger: logger, drain: c.drain,
	})
	if err != nil {
		return err
	}
	s.engine.Use(snapshot)
	p := snapshot.Policy()
	for i := range p.Clerk {
		for _, obstacle := range browserObstacles(&p.Clerk[i]) {
			logger.Warn("browsers cannot come in through Clerk's redirects, nor renew their sessions", "file", p.File, "instance", i+1, "because", obstacle)
		}
	}
	logger.Info("policy loaded", "file", p.File, "policy", p.Hash, "routes", len(p.Routes), "instances", snapshot.Instances())
	return s.run(ctx, first)
}

// browserObstacles says what keeps handshakes from succeeding, so that browsers
// are sent to sign in once a minute. No policy is wrong for it: many serve
// programs only.
func browserObstacles(c *policy.Clerk) []string {
	if !c.Cookies || !c.Handshake {
		return nil
	}
	var out []string
	if c.SecretKey.Value == "" && c.SecretKeyFile.Value == "" {
		out = append(out, "there is no secretKey to read the answers of Clerk's redirects with; set it, or handshake: false")
	}
	if len(c.AuthorizedParties) > 0 && c.MissingAzp == policy.MissingAzpDeny {
		out = append(out, "tokens from Clerk's redirects have no azp, which authorizedParties asks for; set missingAzp: allow-cookie, or handshake: false")
	}
	return out
}

// cacheSize maps the flag to the engine's terms, where 0 is the default.
func cacheSize(flag int) int {
	if flag <= 0 {
		return -1
	}
	return flag
}
