package envoyconfig_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// Every Envoy that is there accepts the file, and what Render makes of it, without a warning.
func TestEveryEnvoyAcceptsTheFile(t *testing.T) {
	rendered, err := envoyconfig.Render(envoyconfig.Options{
		Listen: "127.0.0.1:10000", Admin: "127.0.0.1:9901", Authz: "127.0.0.1:9000", Service: "127.0.0.1:8080", NoAccessLog: true,
		Also: []envoyconfig.Backend{{Name: "reports", Prefix: "/reports", Address: "127.0.0.1:8081"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"envoy.yaml": envoyconfig.Source(), "rendered.json": rendered, "json-in.yaml": rendered}
	for _, program := range envoytest.Programs(t) {
		for name, content := range files {
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			output, err := exec.CommandContext(t.Context(), program.Path, "--mode", "validate", "-c", file, "--log-level", "warning").CombinedOutput()
			if text := strings.TrimSpace(string(output)); err != nil || text != "configuration '"+file+"' OK" {
				t.Errorf("Envoy %s, %s: %v: %s", program.Version, name, err, text)
			}
		}
	}
}
