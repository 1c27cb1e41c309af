package envoytest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/headerlist"
)

// oddNeeds have names of each kind that there can be, and such whose expression is as large as Envoy takes.
func oddNeeds() authz.HeaderNeeds {
	long := strings.Repeat("abcdefghij", 20)
	return authz.HeaderNeeds{
		Read: []string{":path", "authorization", "cookie", "x-foo", "x_bar", "it's", "no", "1e3", "!#$%&'*+.^_`|~"},
		Strip: []string{
			"x-user-id", "x-the-role-of-the-user", "y", "x--o", "x-1-2-3", "x-" + long, "a-b-c-d-e-" + long, long + "-a-b-c-d",
			"x" + strings.Repeat("-", 100) + "y", "x" + strings.Repeat("-a", 100),
		},
		StripPrefixes: []string{"x-clerk-"},
	}
}

// TestAllowedHeadersAreThoseDescribed: of the headers the check has those that match the list, in Envoy's reading as in
// ours. Pseudo-headers are headers in this, but the fields that have the same stay, and so does what Envoy says of a body.
func TestAllowedHeadersAreThoseDescribed(t *testing.T) {
	list := headerlist.New(oddNeeds())
	for encoding, raw := range map[string]bool{"raw": true, "map": false} {
		t.Run(encoding, func(t *testing.T) {
			config := Config{RawHeaders: raw, Unsafe: true, AllowedHeaders: list}
			eachVersion(t, config, func(t *testing.T, envoy *Envoy, authz *authzServer, _ *Echo) {
				for _, lines := range manyNames() {
					answer := HTTP1(t, envoy.Addr, Lines(slices.Concat([]string{"POST /api/webhooks HTTP/1.1", "Host: service.test", "Content-Length: 1"}, lines)...)+"a")
					if answer.Status != http.StatusOK {
						t.Fatalf("status %d: %s", answer.Status, answer.Body)
					}
					check := authz.last(t)
					if check.GetMethod() != "POST" || check.GetPath() != "/api/webhooks" || check.GetHost() != "service.test" || check.GetScheme() != "http" {
						t.Fatalf("the request line of the check: %v", check)
					}
					wantThoseOf(t, list, lines, check)
				}
			})
		})
	}
}

// manyNames are header lines with all spellings of the odd names and names like them, some at a time.
func manyNames() [][]string {
	needs := oddNeeds()
	var lines []string
	for _, name := range slices.Concat(needs.Read[1:], needs.Strip, []string{"x-clerk-a", "x-clerk-", "x-clerk", "x-clerkx", "accept", "x-request-id"}) {
		for _, spelled := range []string{
			name, strings.ReplaceAll(name, "-", "_"), strings.Replace(name, "-", "_", 1), strings.Replace(name, "-", "_", 2), strings.Replace(name, "-", "_", 3),
			strings.ToUpper(name), name + "x", "x" + name, name[1:],
		} {
			if spelled != "" {
				lines = append(lines, spelled+": v")
			}
		}
	}
	return slices.Collect(slices.Chunk(lines, 40))
}

func wantThoseOf(t *testing.T, list headerlist.List, lines []string, check *authv3.AttributeContext_HttpRequest) {
	t.Helper()
	want := map[string]bool{"x-envoy-auth-partial-body": true, ":path": true}
	for _, line := range lines {
		if name := strings.ToLower(strings.TrimSuffix(line, ": v")); list.Matches(name) {
			want[name] = true
		}
	}
	got := map[string]bool{}
	for name := range check.GetHeaders() {
		got[name] = true
	}
	for _, entry := range check.GetHeaderMap().GetHeaders() {
		got[entry.GetKey()] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("the check has (-want +got):\n%s", diff)
	}
}
