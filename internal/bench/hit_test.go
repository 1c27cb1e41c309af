package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// policyOf is a policy with a route that asks for an organisation, a role, a
// permission and a path parameter.
func policyOf(clerk *clerktest.Instance) string {
	return fmt.Sprintf(`version: 1
clerk:
  - publishableKey: %s
    jwtKey: |
      %s
routes:
  - {name: health, path: /healthz, access: public}
  - {name: pay, path: "/orgs/{org}/invoices/**", methods: [POST], require: {org: "{org}", role: org:admin, permission: org:invoices:manage}}
  - {name: me, path: /me}
`, clerk.PublishableKey(), strings.ReplaceAll(strings.TrimSpace(clerk.Signer().PEM()), "\n", "\n      "))
}

// binaryVariable names the program to measure.
const binaryVariable = "CLERKGATE_BENCH_BINARY"

// build builds the program, unless one is named.
func build(b *testing.B) string {
	b.Helper()
	if binary := os.Getenv(binaryVariable); binary != "" {
		return binary
	}
	binary := filepath.Join(b.TempDir(), "clerkgate")
	if out, err := exec.Command("go", "build", "-tags", "grpcnotrace", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/clerkgate/clerkgate/cmd/clerkgate").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// startClerkgate runs `clerkgate serve` without its decision log, which is a cost
// of its own, with these variables.
func startClerkgate(b *testing.B, binary string, clerk *clerktest.Instance, variables ...string) *server {
	b.Helper()
	dir := shortDir(b)
	file, socket := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "s")
	if err := os.WriteFile(file, []byte(policyOf(clerk)), 0o600); err != nil {
		b.Fatal(err)
	}
	c := exec.Command(binary, "serve", "--policy", file, "--listen", "unix://"+socket, "--admin", "", "--log-level", "error")
	c.Env = append(os.Environ(), variables...)
	return start(b, strings.Join(append([]string{"clerkgate"}, variables...), " "), socket, c)
}

// check is what Envoy sends, with raw headers, about a browser's fetch with a
// token in its header.
func check(b *testing.B, token string) []byte {
	b.Helper()
	headers := []string{":authority", "api.example.com", ":path", "/orgs/acme/invoices/7?page=2", ":method", "POST", ":scheme", "https",
		"authorization", "Bearer " + token, "accept", "*/*", "accept-encoding", "gzip, deflate, br, zstd", "accept-language", "en-GB,en;q=0.9",
		"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"content-type", "application/json", "content-length", "311", "origin", "https://app.example.com", "referer", "https://app.example.com/",
		"sec-fetch-site", "same-site", "sec-fetch-mode", "cors", "sec-fetch-dest", "empty", "x-forwarded-for", "203.0.113.7",
		"x-forwarded-proto", "https", "x-request-id", "740fc19a-7ca5-461c-b38e-3572d900f426"}
	list := &corev3.HeaderMap{}
	for i := 0; i < len(headers); i += 2 {
		list.Headers = append(list.Headers, &corev3.HeaderValue{Key: headers[i], RawValue: []byte(headers[i+1])})
	}
	peer := func(address string, port uint32) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}}}}}
	}
	wire, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: peer("203.0.113.7", 40312), Destination: peer("10.1.2.3", 8443),
		Request: &authv3.AttributeContext_Request{Time: timestamppb.Now(), Http: &authv3.AttributeContext_HttpRequest{
			Id: "1696634060998212629", Method: "POST", Path: "/orgs/acme/invoices/7?page=2", Host: "api.example.com", Scheme: "https", Protocol: "HTTP/2", HeaderMap: list,
		}},
		MetadataContext: &corev3.Metadata{}, RouteMetadataContext: &corev3.Metadata{},
	}})
	if err != nil {
		b.Fatal(err)
	}
	return wire
}

func token(clerk *clerktest.Instance) string {
	return clerk.Token(clerktest.Claims{User: "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", Org: clerktest.Org{ID: "org_2NNEqL2nrIRdJ194ndJqAHwEfxC", Slug: "acme", Role: "org:admin", Permissions: []string{"org:invoices:manage"}}})
}

// BenchmarkHit compares Clerkgate, asked about a token that it has verified, with
// the allow-all server.
func BenchmarkHit(b *testing.B) {
	clerk := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	binary := build(b)
	c := contest{servers: []*server{
		startAllowAll(b, "default"),
		startClerkgate(b, binary, clerk),
		startClerkgate(b, binary, clerk, "GOGC=100"),
		startClerkgate(b, binary, clerk, "CLERKGATE_FAST_PATH=false"),
	}}
	for b.Loop() {
		wire := check(b, token(clerk)) // a new one for each round: tokens live for a minute
		c.round(b, func(*server) []byte { return wire })
	}
	c.report(b)
}
