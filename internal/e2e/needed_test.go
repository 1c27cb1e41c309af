package e2e_test

import (
	"os/exec"
	"testing"

	"go.yaml.in/yaml/v4"
)

// neededHeaders is the list of headers that the program prints for the sidecar's
// policy, as somebody would paste it into Envoy's configuration.
func (s *sidecar) neededHeaders(t testing.TB) any {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := exec.CommandContext(t.Context(), binary, "check", "--needed-headers", s.Policy).Output()
	if err != nil {
		t.Fatalf("check --needed-headers: %v\n%s", err, printed)
	}
	var pasted map[string]any
	if err := yaml.Load(printed, &pasted); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if len(pasted) != 1 || pasted["allowed_headers"] == nil {
		t.Fatalf("not a list: %s", printed)
	}
	return pasted["allowed_headers"]
}
