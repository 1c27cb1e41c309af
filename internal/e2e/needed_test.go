package e2e_test

import (
	"net/http"
	"os/exec"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
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

// TestTwoReadingsOfAPathAreSeenToDiffer: where Envoy lets bytes through that are
// no text, it writes another path into the field that is text. That shows only if
// the list has the pseudo-header.
func TestTwoReadingsOfAPathAreSeenToDiffer(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section("")+spoofPolicy).ready()
	for _, v := range []variant{variants[0], lean} {
		echo := envoytest.NewEcho(t)
		e := v.envoy(t, s, echo.Addr, func(c *envoytest.Config) { c.Unsafe = true })
		answer := envoytest.HTTP2(t, e.Addr, envoytest.Fields("GET", "service.test", "/public/a\xff"), nil)
		denied(t, answer, http.StatusBadRequest, "request-malformed")
		if got := echo.Received(); len(got) > 0 {
			t.Errorf("%s: arrived all the same: %+v", v.name, got)
		}
	}
}
