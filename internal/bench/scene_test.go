package bench

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// appOrigin is the front end that the tokens were issued to.
const appOrigin = "https://app.example.com"

// routes has one that asks for an organisation, a role, a permission and a path
// parameter.
const routes = `routes:
  - {name: health, path: /healthz, access: public}
  - {name: pay, path: "/orgs/{org}/invoices/**", methods: [GET, POST], require: {org: "{org}", role: org:admin, permission: org:invoices:manage}}
  - {name: me, path: /me}
`

// policyOf is a policy with the instance's key in it, so that nothing is fetched.
func policyOf(clerk *clerktest.Instance) string {
	return fmt.Sprintf(`version: 1
clerk:
  - publishableKey: %s
    authorizedParties: [%s]
    jwtKey: |
      %s
`, clerk.PublishableKey(), appOrigin, strings.ReplaceAll(strings.TrimSpace(clerk.Signer().PEM()), "\n", "\n      ")) + routes
}

// newClerk is a production instance.
func newClerk() *clerktest.Instance {
	return clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
}

// newClerkOnLoopback is an instance whose keys can be fetched, and a policy that
// has them fetched.
func newClerkOnLoopback(b *testing.B) (clerk *clerktest.Instance, policy string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	clerk = clerktest.New(clerktest.Options{FrontendAPI: l.Addr().String()})
	s := &http.Server{Handler: clerk.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Close() })
	return clerk, fmt.Sprintf(`version: 1
clerk:
  - publishableKey: %s
    authorizedParties: [%s]
    jwksUrl: %s
    proxyUrl: %s
    signInUrl: %s
`, clerk.PublishableKey(), appOrigin, clerk.JWKSURL(), clerk.URL(), clerk.SignInURL()) + routes
}

// binaryVariable names the program to measure.
const binaryVariable = "CLERKGATE_BENCH_BINARY"

// build builds the program as the Makefile does, unless one is named.
func build(b *testing.B) string {
	b.Helper()
	if binary := os.Getenv(binaryVariable); binary != "" {
		return binary
	}
	binary := filepath.Join(b.TempDir(), "clerkgate")
	c := exec.Command("go", "build", "-tags", "grpcnotrace", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/clerkgate/clerkgate/cmd/clerkgate")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// startClerkgate runs `clerkgate serve` without its decision log, which is a cost
// of its own, with these variables.
func startClerkgate(b *testing.B, binary string, clerk *clerktest.Instance, variables ...string) *server {
	b.Helper()
	c := serve(binary, "--log-level", "error", "--admin", "")
	c.Env = append(os.Environ(), variables...)
	return startServe(b, c, policyOf(clerk))
}

// startLogging runs it with the logging that is its default, into a pipe that
// somebody empties, as container runtimes do.
func startLogging(b *testing.B, binary string, clerk *clerktest.Instance, variables ...string) *server {
	b.Helper()
	c := serve(binary, "--admin", "")
	c.Env = append(os.Environ(), variables...)
	c.Stderr = struct{ io.Writer }{io.Discard} // not a file: the program gets a pipe
	return startServe(b, c, policyOf(clerk))
}

func serve(binary string, flags ...string) *exec.Cmd {
	return exec.Command(binary, append([]string{"serve"}, flags...)...)
}

// startServe runs the command with this policy, at a socket and on loopback.
func startServe(b *testing.B, c *exec.Cmd, policy string) *server {
	b.Helper()
	dir, tcp := shortDir(b), freeAddress(b)
	file, socket := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "s")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		b.Fatal(err)
	}
	c.Args = append(c.Args, "--policy", file, "--listen", "unix://"+socket, "--listen", tcp)
	s := start(b, "clerkgate", socket, c)
	s.tcp = tcp
	return s
}

// browser is what a browser sends with a fetch of a page of the front end.
var browser = []string{"accept", "*/*", "accept-encoding", "gzip, deflate, br, zstd", "accept-language", "en-GB,en;q=0.9",
	"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"referer", "https://app.example.com/", "sec-fetch-site", "same-site", "sec-fetch-mode", "cors", "sec-fetch-dest", "empty",
	"x-forwarded-for", "203.0.113.7", "x-forwarded-proto", "https", "x-request-id", "740fc19a-7ca5-461c-b38e-3572d900f426"}

// check is what Envoy sends, with raw headers, about a browser's fetch with a
// token in its header.
func check(b *testing.B, token string) []byte {
	return checkOf(b, "POST", "/orgs/acme/invoices/7?page=2", "authorization", "Bearer "+token,
		"content-type", "application/json", "content-length", "311", "origin", appOrigin)
}

// checkOfCookies is the same about a fetch with the cookies of a browser.
func checkOfCookies(b *testing.B, cookies string) []byte {
	return checkOf(b, "GET", "/orgs/acme/invoices/7?page=2", "cookie", "_ga=GA1.1.1402382104.1764089811; theme=dark; "+cookies)
}

// checkOf is what Envoy sends about a request of a browser with these headers, too.
func checkOf(b *testing.B, method, path string, headers ...string) []byte {
	b.Helper()
	headers = append(append([]string{":authority", "api.example.com", ":path", path, ":method", method, ":scheme", "https"}, headers...), browser...)
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
			Id: "1696634060998212629", Method: method, Path: path, Host: "api.example.com", Scheme: "https", Protocol: "HTTP/2", HeaderMap: list,
		}},
		MetadataContext: &corev3.Metadata{}, RouteMetadataContext: &corev3.Metadata{},
	}})
	if err != nil {
		b.Fatal(err)
	}
	return wire
}

// lasting is longer than any run. Clerk's own tokens last for a minute.
const lasting = 2 * time.Hour

// admin are the claims that the policy asks for.
func admin() clerktest.Claims {
	return clerktest.Claims{
		User: "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", AuthorizedParty: appOrigin, ExpiresIn: lasting,
		Org: clerktest.Org{ID: "org_2NNEqL2nrIRdJ194ndJqAHwEfxC", Slug: "acme", Role: "org:admin", Permissions: []string{"org:invoices:manage"}},
	}
}

func token(clerk *clerktest.Instance) string { return clerk.Token(admin()) }

// mint makes tokens of as many users, on all cores.
func mint(clerk *clerktest.Instance, n int) []string {
	tokens := make([]string, n)
	var wg sync.WaitGroup
	for worker := range runtime.NumCPU() {
		wg.Go(func() {
			for i := worker; i < n; i += runtime.NumCPU() {
				claims := admin()
				claims.User = "user_2" + rand.Text()
				tokens[i] = clerk.Token(claims)
			}
		})
	}
	wg.Wait()
	return tokens
}

// forge breaks a token's signature.
func forge(token string) string {
	at := len(token) - 100
	other := map[bool]string{true: "B", false: "A"}[token[at] == 'A']
	return token[:at] + other + token[at+1:]
}

// always asks the same.
func always(check []byte, status int) *stream { return inTurn([][]byte{check}, status) }

func inTurn(checks [][]byte, status int) *stream { return &stream{checks: checks, status: status} }

// checks are those of each token.
func checks(b *testing.B, tokens []string) [][]byte {
	out := make([][]byte, len(tokens))
	for i, token := range tokens {
		out[i] = check(b, token)
	}
	return out
}
