package envoyproc_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/internal/envoytest/envoyproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

func TestStartAndStop(t *testing.T) {
	temp := emptyTemp(t)
	process, err := start(t, config(t))
	if err != nil {
		t.Fatal(err)
	}
	if answer := envoytest.Get(t, process.Admin(), "/server_info"); answer.Status != http.StatusOK {
		t.Errorf("the admin interface answers %d", answer.Status)
	}
	if answer := envoytest.Get(t, process.Listener(), "/"); answer.Status != http.StatusServiceUnavailable {
		t.Errorf("the listener answers %d", answer.Status)
	}
	for range 2 { // the second is harmless
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	}
	<-process.Done()
	wantEmpty(t, temp)
}

func TestARefusedConfigurationIsQuoted(t *testing.T) {
	temp := emptyTemp(t)
	_, err := start(t, []byte(`{"no_such_field": 1}`))
	if err == nil || !strings.Contains(err.Error(), "no_such_field") || !strings.Contains(err.Error(), "envoy ended while it started") {
		t.Errorf("got error %v", err)
	}
	wantEmpty(t, temp)
}

func TestNothingIsLeftWhenTheContextEnds(t *testing.T) {
	temp := emptyTemp(t)
	program := envoytest.Binary(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := envoyproc.Start(ctx, envoyproc.Options{Program: program, Config: config(t)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	wantEmpty(t, temp)
}

func TestAMissingProgram(t *testing.T) {
	temp := emptyTemp(t)
	_, err := envoyproc.Start(t.Context(), envoyproc.Options{Program: filepath.Join(temp, "absent"), Config: config(t)})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
	wantEmpty(t, temp)
}

func TestDoneWhenEnvoyEndsByItself(t *testing.T) {
	process, err := start(t, config(t))
	if err != nil {
		t.Fatal(err)
	}
	envoytest.HTTP1(t, process.Admin(), envoytest.Lines("POST /quitquitquit HTTP/1.1", "Host: admin", "Content-Length: 0"))
	select {
	case <-process.Done():
	case <-time.After(patience):
		t.Error("Envoy was told to quit and is still there")
	}
	if err := process.Stop(); err != nil {
		t.Error(err)
	}
}

func start(t *testing.T, config []byte) (*envoyproc.Process, error) {
	t.Helper()
	program := envoytest.Binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return envoyproc.Start(ctx, envoyproc.Options{Program: program, Config: config})
}

func config(t *testing.T) []byte {
	t.Helper()
	rendered, err := envoyconfig.Render(envoyconfig.Options{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// emptyTemp makes a fresh directory the place for temporary files.
func emptyTemp(t *testing.T) string {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	return temp
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("%s was left behind", entry.Name())
	}
}
