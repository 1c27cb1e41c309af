package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/examples/quickstart"
	"github.com/clerkgate/clerkgate/examples/quickstart/invoices"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest/envoyproc"
)

// Where the demo listens, all on loopback.
const (
	demoInvoices = "127.0.0.1:8081" // Envoy in front of the Go service
	demoReports  = "127.0.0.1:8082" // Envoy in front of the Python service
)

// demoPatience bounds the start of each part. All of them take about a second.
const demoPatience = 30 * time.Second

type demoCommand struct {
	once     bool
	envoy    string
	python   string
	dev      string
	invoices string
	reports  string
}

func newDemoCommand() *cobra.Command {
	var c demoCommand
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show Clerkgate at work behind a real Envoy, without a Clerk account",
		Long: `Starts a local Clerk instance, the sidecar, a Go and a Python service without a
line of auth code, and an Envoy in front of each; sends the requests that tell the
story, prints each with its answer and what the service saw, and stays up.

It needs Python 3 and an Envoy: set ENVOY_BIN or --envoy, or let 'make demo' fetch
one. With --once it exits after the story, with 0 if all went as told, else 1.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&c.once, "once", false, "exit after the story")
	f.StringVar(&c.envoy, "envoy", os.Getenv("ENVOY_BIN"), "Envoy `program` (default $ENVOY_BIN, else envoy in the path)")
	f.StringVar(&c.python, "python", "python3", "Python `program`")
	f.StringVar(&c.dev, "dev", clerktest.DefaultAddress, "`address` of the local Clerk instance")
	f.StringVar(&c.invoices, "invoices", demoInvoices, "`address` of the Envoy in front of the Go service")
	f.StringVar(&c.reports, "reports", demoReports, "`address` of the Envoy in front of the Python service")
	return cmd
}

// run tells the story and, unless it is to be told once, stays up.
func (c *demoCommand) run(ctx context.Context, w io.Writer) error {
	ctx, cancel := signalContext(ctx)
	defer cancel()
	stage, err := c.build(ctx)
	if stage != nil {
		defer stage.close()
	}
	if err != nil {
		return err
	}
	wrong, err := stage.tell(ctx, w)
	if err != nil {
		return err
	}
	if wrong > 0 {
		stage.keep = true
		return withHint(fmt.Errorf("%d of the answers above are not as told", wrong), "this is a bug; the sidecar's log is "+stage.logFile)
	}
	if c.once {
		return nil
	}
	stage.invite(w)
	select {
	case <-ctx.Done():
		return nil
	case err := <-stage.failed:
		return err
	}
}

// demoStage holds what runs, in the order of its start.
type demoStage struct {
	dir     string
	keep    bool // leave dir there, for its log
	logFile string
	clerk   *clerktest.Instance
	devURL  string
	goURL   string // Envoy in front of the Go service
	pyURL   string // … and of the Python service
	failed  chan error
	closers []func()
}

func (s *demoStage) onClose(f func()) { s.closers = append(s.closers, f) }

// close ends everything, the last started first.
func (s *demoStage) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// build starts every part. The stage is to be closed even after an error.
func (c *demoCommand) build(ctx context.Context) (*demoStage, error) {
	envoy, err := c.findEnvoy()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "clerkgate-demo-")
	if err != nil {
		return nil, err
	}
	s := &demoStage{dir: dir, logFile: filepath.Join(dir, "clerkgate.log"), failed: make(chan error, 8)}
	s.onClose(func() {
		if !s.keep {
			_ = os.RemoveAll(dir)
		}
	})
	if err := s.startClerk(ctx, c.dev); err != nil {
		return s, err
	}
	socket, err := s.startSidecar(ctx)
	if err != nil {
		return s, err
	}
	goService, err := s.serveHTTP(ctx, "127.0.0.1:0", invoices.Handler())
	if err != nil {
		return s, err
	}
	pyService, err := s.startPython(ctx, c.python)
	if err != nil {
		return s, err
	}
	if s.goURL, err = s.startEnvoy(ctx, envoy, c.invoices, socket, goService); err != nil {
		return s, err
	}
	s.pyURL, err = s.startEnvoy(ctx, envoy, c.reports, socket, pyService)
	return s, err
}

// findEnvoy resolves the program before anything is started.
func (c *demoCommand) findEnvoy() (string, error) {
	name := c.envoy
	if name == "" {
		name = "envoy"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", withHint(errors.New("no Envoy: "+name+" is not a program that can be run"),
			"run make demo in a checkout, which fetches one, or set ENVOY_BIN to an Envoy of 1.36 or newer")
	}
	return path, nil
}

// startEnvoy runs the shipped listener between this address and this service.
func (s *demoStage) startEnvoy(ctx context.Context, program, listen, authz, service string) (string, error) {
	config, err := envoyconfig.Render(envoyconfig.Options{
		Listen: listen, Admin: "127.0.0.1:0", Authz: authz, Service: service,
		AuthzTimeout: 5 * time.Second, NoAccessLog: true,
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	process, err := envoyproc.Start(ctx, envoyproc.Options{Program: program, Config: config})
	if err != nil {
		return "", withHint(fmt.Errorf("Envoy on %s: %w", listen, err), "if the address is taken, choose others with --invoices and --reports")
	}
	s.onClose(func() { _ = process.Stop() })
	go func() {
		<-process.Done()
		s.failed <- errors.New("an Envoy ended by itself")
	}()
	return "http://" + process.Listener(), nil
}

// demoEnv has the variables of the quickstart's policy, which serve would read
// from the environment.
func demoEnv(in *clerktest.Instance) func(string) (string, bool) {
	return func(name string) (string, bool) {
		switch name {
		case "CLERK_PUBLISHABLE_KEY":
			return in.PublishableKey(), true
		case "CLERK_SECRET_KEY":
			return in.SecretKey(), true
		case "CLERK_JWKS_URL":
			return in.JWKSURL(), true
		case "CLERK_DEV_URL":
			return in.URL(), true
		}
		return "", false
	}
}

// writeFile puts one of the quickstart's files where a program can read it.
func (s *demoStage) writeFile(name string, content []byte) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, content, 0o600)
}

// quickstartUsers are the demo's users and organisations.
func quickstartUsers() (*clerktest.Directory, error) {
	return clerktest.ParseDirectory("users.yaml", quickstart.Users())
}
