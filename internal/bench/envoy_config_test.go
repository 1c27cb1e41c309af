package bench

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// Paths that are asked for, and where the answer to the second says which user the
// service would have seen.
const (
	benchPath  = "/orgs/acme/invoices/7?page=2"
	seenPath   = "/orgs/acme/invoices/seen"
	seenHeader = "x-seen-user-id"
)

type document = envoyconfig.Document

// patch changes deploy/envoy/envoy.yaml.
type patch func(*document) error

// asShipped changes nothing.
func asShipped(*document) error { return nil }

func inTurnPatch(d *document, list ...patch) error {
	for _, p := range list {
		if err := p(d); err != nil {
			return err
		}
	}
	return nil
}

// both makes one patch of two.
func both(first, second patch) patch {
	return func(d *document) error { return inTurnPatch(d, first, second) }
}

// set writes a value, whether or not there was one.
func set(path envoyconfig.Path, value any) patch {
	return func(d *document) error {
		if _, ok := d.Get(path); ok {
			return d.Set(path, value)
		}
		return d.Add(path, value)
	}
}

func without(path envoyconfig.Path) patch {
	return func(d *document) error { return d.Remove(path) }
}

// withoutService makes Envoy itself answer, after all filters, what the service
// would be asked.
func withoutService(d *document) error {
	routes := envoyconfig.Manager("route_config", "virtual_hosts", envoyconfig.Named("all"), "routes")
	list, _ := d.Get(routes)
	items, _ := list.([]any)
	if len(items) == 0 {
		return fmt.Errorf("no routes at %s", routes)
	}
	answer := map[string]any{"status": http.StatusOK, "body": map[string]any{"inline_string": "ok"}}
	header := map[string]any{"key": seenHeader, "value": "%REQ(x-user-id)%"}
	return d.Set(routes, append(items[:len(items)-1:len(items)-1],
		map[string]any{"match": map[string]any{"path": seenPath}, "direct_response": answer, "response_headers_to_add": []any{map[string]any{"header": header}}},
		map[string]any{"match": map[string]any{"prefix": "/"}, "direct_response": answer}))
}

// withFilters puts these HTTP filters in the place of ext_authz.
func withFilters(filters ...any) patch {
	return func(d *document) error {
		path := envoyconfig.Manager("http_filters")
		list, _ := d.Get(path)
		items, _ := list.([]any)
		if len(items) != 2 {
			return errors.New("the filters are not ext_authz and the router")
		}
		return d.Set(path, append(filters[:len(filters):len(filters)], items[1]))
	}
}

// nativeFilters are jwt_authn and RBAC with the policy of [policyOf], as far as
// they can say it.
//
//go:embed envoy_native_test.json
var nativeFilters []byte

// native replaces ext_authz by them. It takes the keys from the instance.
func native(clerk *clerktest.Instance, settings ...patch) patch {
	keys := httptest.NewRecorder()
	clerk.Endpoint().ServeHTTP(keys, httptest.NewRequest(http.MethodGet, clerktest.JWKSPath, http.NoBody))
	return func(d *document) error {
		var filters []any
		if err := json.Unmarshal(nativeFilters, &filters); err != nil {
			return err
		}
		return inTurnPatch(d, append([]patch{
			withFilters(filters...),
			set(provider("issuer"), clerk.Issuer()),
			set(provider("local_jwks", "inline_string"), keys.Body.String()),
		}, settings...)...)
	}
}

// remembering makes jwt_authn remember tokens.
func remembering(d *document) error {
	return d.Add(provider("jwt_cache_config"), map[string]any{"jwt_cache_size": 1000})
}

// provider is the path to what jwt_authn knows of Clerk.
func provider(rest ...any) envoyconfig.Path {
	return envoyconfig.Manager("http_filters", 0, "typed_config", "providers", "clerk").At(rest...)
}

// neededHeaders is the list for allowed_headers that Clerkgate prints for a policy.
func neededHeaders(b *testing.B, binary, policy string) any {
	b.Helper()
	file := filepath.Join(b.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		b.Fatal(err)
	}
	c := exec.Command(binary, "check", "--needed-headers", "-o", "json", file)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		b.Fatalf("%s: %v: %s", c, err, out)
	}
	var printed map[string]any
	if err := json.Unmarshal(out, &printed); err != nil || printed["allowed_headers"] == nil {
		b.Fatalf("%s printed %s (%v)", c, out, err)
	}
	return printed["allowed_headers"]
}

// sending makes Envoy send only these headers with a check.
func sending(allowedHeaders any) patch {
	return set(envoyconfig.Filter("allowed_headers"), allowedHeaders)
}
