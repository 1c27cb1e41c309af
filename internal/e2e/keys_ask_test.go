package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// asker asks a sidecar over gRPC, in Envoy's place. It is for tests that need
// thousands of answers, or to see what Envoy hides.
type asker struct {
	authz  authv3.AuthorizationClient
	health healthv1.HealthClient
}

// ask connects to the sidecar's unix socket.
func (s *sidecar) ask(t testing.TB) *asker {
	t.Helper()
	return askAt(t, "unix://"+s.UDS)
}

// askAt connects to host:port or unix:///path.
func askAt(t testing.TB, target string) *asker {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &asker{authv3.NewAuthorizationClient(conn), healthv1.NewHealthClient(conn)}
}

// reply is what a sidecar decided.
type reply struct {
	Status  int               // 200 is a pass
	Code    string            // of a denial
	Header  map[string]string // a pass: what the service gets; a denial: what the client gets
	Removed []string
}

// String is "pass", or status and code of a denial: "401 token-invalid".
func (r reply) String() string {
	if r.Status == http.StatusOK {
		return "pass"
	}
	return fmt.Sprintf("%d %s", r.Status, r.Code)
}

// get asks about a GET with these header lines.
func (a *asker) get(t testing.TB, path string, headers ...string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := a.try(ctx, path, headers...)
	if err != nil {
		t.Fatalf("the check failed, which is no denial to Envoy: %v", err)
	}
	return r
}

// try is get for other goroutines than the test's.
func (a *asker) try(ctx context.Context, path string, headers ...string) (reply, error) {
	return a.check(ctx, checkOf(http.MethodGet, path, headers...))
}

// checkOf is what Envoy would send with encode_raw_headers.
func checkOf(method, path string, headers ...string) *authv3.AttributeContext_HttpRequest {
	const host = "api.example.com"
	lines := append([]string{":method: " + method, ":path: " + path, ":authority: " + host, ":scheme: http"}, headers...)
	raw := &corev3.HeaderMap{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line[1:], ": ")
		raw.Headers = append(raw.Headers, &corev3.HeaderValue{Key: strings.ToLower(line[:1] + name), RawValue: []byte(value)})
	}
	return &authv3.AttributeContext_HttpRequest{Method: method, Path: path, Host: host, Scheme: "http", HeaderMap: raw}
}

func (a *asker) check(ctx context.Context, r *authv3.AttributeContext_HttpRequest) (reply, error) {
	response, err := a.authz.Check(ctx, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: r},
	}})
	if err != nil {
		return reply{}, err
	}
	return readReply(response)
}

func readReply(response *authv3.CheckResponse) (reply, error) {
	r := reply{Header: map[string]string{}}
	headers := response.GetOkResponse().GetHeaders()
	if denied := response.GetDeniedResponse(); denied != nil {
		headers = denied.GetHeaders()
		r.Status = int(denied.GetStatus().GetCode())
		var body problem
		if err := json.Unmarshal([]byte(denied.GetBody()), &body); err != nil {
			return r, fmt.Errorf("body %q: %w", denied.GetBody(), err)
		}
		r.Code = body.Code
	}
	for _, h := range headers {
		r.Header[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	r.Removed = response.GetOkResponse().GetHeadersToRemove()
	passed := codes.Code(response.GetStatus().GetCode()) == codes.OK
	if passed == (response.GetDeniedResponse() != nil) {
		return r, fmt.Errorf("the answer contradicts itself: %v", response)
	}
	if passed {
		r.Status = http.StatusOK
	}
	return r, nil
}

// serving returns what the health service says of the whole server and of the
// authorization service, which must be the same.
func (a *asker) serving(t testing.TB) healthv1.HealthCheckResponse_ServingStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var statuses []healthv1.HealthCheckResponse_ServingStatus
	for _, service := range []string{"", authv3.Authorization_ServiceDesc.ServiceName} {
		r, err := a.health.Check(ctx, &healthv1.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatalf("health of %q: %v", service, err)
		}
		statuses = append(statuses, r.GetStatus())
	}
	if statuses[0] != statuses[1] {
		t.Errorf("health differs between the server and the service: %v", statuses)
	}
	return statuses[0]
}

// awaitNext is await for a record that is printed after the log had from
// records: see mark.
func (s *sidecar) awaitNext(from int, what string, want func(map[string]any) bool) map[string]any {
	s.t.Helper()
	seen := 0
	return s.await(what, func(r map[string]any) bool {
		seen++
		return seen > from && want(r)
	})
}

// mark returns how many records the log has by now.
func (s *sidecar) mark() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// says matches records by their message.
func says(message string) func(map[string]any) bool {
	return func(r map[string]any) bool { return r["msg"] == message }
}

// tally counts what happens in other goroutines, and can be waited for.
type tally struct {
	mu    sync.Mutex
	n     int
	grown chan struct{}
}

func newTally() *tally { return &tally{grown: make(chan struct{})} }

func (c *tally) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	close(c.grown)
	c.grown = make(chan struct{})
}

func (c *tally) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// reach waits until more things have been counted than now.
func (c *tally) reach(t testing.TB, more int, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	goal := c.count() + more
	for {
		c.mu.Lock()
		n, grown := c.n, c.grown
		c.mu.Unlock()
		if n >= goal {
			return
		}
		select {
		case <-grown:
		case <-ctx.Done():
			t.Fatalf("%s: %d of %d", what, n, goal)
		}
	}
}
