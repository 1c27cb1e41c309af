package envoytest

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// authzServer is an ext_authz server that gives one fixed answer and remembers what it was asked.
type authzServer struct {
	authv3.UnimplementedAuthorizationServer
	address string

	mu     sync.Mutex
	answer *authv3.CheckResponse
	asked  []*authv3.CheckRequest
	limit  []string // x-envoy-expected-rq-timeout-ms of the last call
}

// Check implements authv3.AuthorizationServer.
func (s *authzServer) Check(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = metadata.ValueFromIncomingContext(ctx, "x-envoy-expected-rq-timeout-ms")
	s.asked = append(s.asked, r)
	return s.answer, nil
}

func (s *authzServer) respond(answer *authv3.CheckResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *authzServer) last(t *testing.T) *authv3.AttributeContext_HttpRequest {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		t.Fatal("no check was made")
	}
	return s.asked[len(s.asked)-1].GetAttributes().GetRequest().GetHttp()
}

func (s *authzServer) checks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// authorizer starts a server with this answer, on "tcp" or "unix".
func authorizer(t *testing.T, network string, answer *authv3.CheckResponse) *authzServer {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "authz.sock")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	service := &authzServer{address: listener.Addr().String(), answer: answer}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, service)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return service
}

// allow passes the request and changes it as edit says.
func allow(edit ...func(*authv3.OkHttpResponse)) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	for _, change := range edit {
		change(ok)
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

func deny() *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode_Forbidden}, Body: "no",
		}},
	}
}

func remove(names ...string) func(*authv3.OkHttpResponse) {
	return func(ok *authv3.OkHttpResponse) { ok.HeadersToRemove = append(ok.HeadersToRemove, names...) }
}

// header adds one header with the options given as they are, so that a test can leave them unset.
func header(option *corev3.HeaderValueOption, name, value string) func(*authv3.OkHttpResponse) {
	option.Header = &corev3.HeaderValue{Key: name, Value: value}
	return func(ok *authv3.OkHttpResponse) { ok.Headers = append(ok.Headers, option) }
}
