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
	"github.com/clerkgate/clerkgate/internal/candidate"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/internal/watch"
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
	candidate  string
	listen     []string
	admin      string
	logLevel   string
	logFormat  string
	logPasses  telemetry.Sampling
	tokenCache int
	fastPath   bool
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

The policy is loaded anew when its file or a file of a secret that it names has
changed, and on SIGHUP. What is wrong with it is logged, and the policy before it
stays in force; so it does until each Clerk instance that is new has keys.

The log has a record of each denial. Of passes it has a sample when there are many:
the first of each second and, of the rest, one in --log-passes-one-in. A record says
how many passes were left out before it.

Traces are sent by OpenTelemetry's OTEL_* variables, if OTEL_EXPORTER_OTLP_ENDPOINT or
another asks for them: a span for each check that Envoy records, in Envoy's trace.

With --candidate another policy is asked about each request, too, after it was
decided. Where it would decide otherwise the log has a record "candidate disagrees",
and clerkgate_shadow_disagreements_total counts. It is reloaded in the same way.

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
			if err := checkSampling(c.logPasses); err != nil {
				return usageError{err, cmd.CommandPath()}
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
	f.StringVar(&c.candidate, "candidate", "", "policy `file` to compare with on live requests; it decides none of them")
	f.StringArrayVar(&c.listen, "listen", []string{defaultListen}, "`address` for Envoy: host:port or unix:///path (repeatable)")
	f.StringVar(&c.admin, "admin", defaultAdmin, "HTTP `address` for health endpoints and metrics; empty turns it off")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.logFormat, "log-format", "json", "json or text")
	passes := telemetry.DefaultSampling()
	f.IntVar(&c.logPasses.PerSecond, "log-passes-per-second", passes.PerSecond, "log the first passes of each second, up to this `number`")
	f.IntVar(&c.logPasses.OneIn, "log-passes-one-in", passes.OneIn, "of the passes beyond those, log one in this `number`; 1 logs all")
	f.IntVar(&c.tokenCache, "token-cache", authz.DefaultTokenCache, "how many verified tokens to remember; 0 turns it off")
	f.BoolVar(&c.fastPath, "fast-path", true, "read checks and write answers without decoding them; false decides the same at more cost")
	f.DurationVar(&c.drain, "drain", defaultDrain, "how long to go on answering after SIGTERM")
	return cmd
}

// run serves until a signal or a failure.
func (c *serveCommand) run(ctx context.Context, stderr io.Writer, logger *slog.Logger) error {
	first := make(chan os.Signal, 2)
	signal.Notify(first, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(first)

	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	keepHeapFloor()
	decisions := telemetry.NewDecisionLog(logger, c.logPasses)
	defer decisions.Close()
	traces, err := newTraces(ctx, logger)
	if err != nil {
		return err
	}
	told := []authz.Observer{decisions}
	if traces != nil {
		told = append(told, traces)
		defer sendLast(traces, first)
	}
	k, err := c.keeper(stderr, logger, told...)
	if err != nil {
		return err
	}
	k.watcher, k.hangups = watch.New(logger), hangups
	s, err := newSidecar(ctx, sidecarOptions{keeper: k, listen: c.listen, admin: c.admin, logger: logger, drain: c.drain, fullDecode: !c.fastPath, traces: traces != nil})
	if err != nil {
		return err
	}
	k.describe()
	return s.run(ctx, first)
}

// keeper loads the policies. Its engine's decisions are counted, told and, if there
// is a candidate, compared with what that would decide.
func (c *serveCommand) keeper(stderr io.Writer, logger *slog.Logger, told ...authz.Observer) (*keeper, error) {
	metrics, err := telemetry.NewMetrics(logger)
	if err != nil {
		return nil, err
	}
	from := policySource{file: c.policy, env: os.LookupEnv, logger: logger}
	r, err := from.loadFirst(stderr)
	if err != nil {
		return nil, err
	}
	if c.candidate == "" {
		return newKeeper(newEngine(metrics, cacheSize(c.tokenCache), told...), metrics, from, r), nil
	}
	rivalFrom := policySource{file: c.candidate, env: os.LookupEnv, logger: logger}
	rival, err := rivalFrom.loadFirst(stderr, r)
	if err != nil {
		return nil, err
	}
	if sameFile(c.policy, c.candidate) {
		logger.Warn("the candidate is the policy itself, so that they always agree", "file", c.candidate)
	}
	comparison := candidate.New(logger, metrics)
	engine := newEngine(metrics, cacheSize(c.tokenCache), append(told, comparison)...)
	k := newKeeper(engine, metrics, from, r)
	k.rehearse(comparison, comparison.Beside(engine), rivalFrom, rival)
	return k, nil
}

// newEngine makes an engine whose decisions are counted, and told to others.
func newEngine(metrics *telemetry.Metrics, tokenCache int, others ...authz.Observer) *authz.Engine {
	observers := append(telemetry.Observers{metrics}, others...)
	return authz.New(authz.Options{TokenCache: tokenCache, Observer: observers})
}

// checkSampling checks what flags can say wrongly.
func checkSampling(s telemetry.Sampling) error {
	switch {
	case s.PerSecond < 0:
		return fmt.Errorf("--log-passes-per-second is %d; use 0 or more", s.PerSecond)
	case s.OneIn < 1:
		return fmt.Errorf("--log-passes-one-in is %d; use 1 or more", s.OneIn)
	}
	return nil
}

// loadFirst loads a policy that has to be there for the sidecar to start.
func (s policySource) loadFirst(stderr io.Writer, have ...*regime) (*regime, error) {
	r, err := s.load(have...)
	switch {
	case err != nil:
		return nil, err
	case r.snapshot == nil:
		printProblems(stderr, r.problems)
		return nil, withHint(fmt.Errorf("%s: not served because of the errors above", s.file),
			"clerkgate check "+s.file+" shows those that do not depend on this machine's files as well")
	case r.snapshot.Instances() == 0:
		return nil, s.errNoInstance()
	}
	return r, nil
}

// sameFile reports whether both names lead to one file.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// cacheSize maps the flag to the engine's terms, where 0 is the default.
func cacheSize(flag int) int {
	if flag <= 0 {
		return -1
	}
	return flag
}
