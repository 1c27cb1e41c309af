package extauthz_test

import (
	"context"
	"net"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/authz/extauthz"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial serves the engine in memory and connects to it.
func dial(t *testing.T, engine *authz.Engine, options ...extauthz.Option) (*extauthz.Server, *grpc.ClientConn) {
	t.Helper()
	lis := bufconn.Listen(1 << 16)
	server := extauthz.NewServer(engine, options...)
	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return server, conn
}

const publicPolicy = `
version: 1
clerk: [{publishableKey: pk_live_Y2xlcmsuZXhhbXBsZS5jb20k}]
routes: [{name: health, path: /healthz, access: public}]
`

// noKeys is a source that no public route asks.
type noKeys struct{}

func (noKeys) Key(string) (*jwks.Key, error) { return nil, jwks.ErrUnavailable }

func engine(t testing.TB, o authz.Options) *authz.Engine {
	t.Helper()
	p, problems := policy.Load("policy.yaml", []byte(publicPolicy), policy.Options{})
	if p == nil {
		t.Fatal(problems)
	}
	s, problems := authz.Compile(p, func(policy.Clerk) (authz.Connection, error) {
		return authz.Connection{Keys: authz.Keys{Lookup: noKeys{}}}, nil
	})
	if s == nil {
		t.Fatal(problems)
	}
	e := authz.New(o)
	e.Use(s)
	return e
}

func get(path string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Path: path, Host: "h", Headers: map[string]string{"x-user-id": "user_root"}},
	}}}
}

// ways are the two in which a server reads checks and writes answers.
func ways() map[string][]extauthz.Option {
	return map[string][]extauthz.Option{"encoded": nil, "decoded": {extauthz.FullDecode()}}
}

func TestCheckOverTheWire(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) { checkOverTheWire(t, way) })
	}
}

func checkOverTheWire(t *testing.T, way []extauthz.Option) {
	_, conn := dial(t, engine(t, authz.Options{}), way...)
	client := authv3.NewAuthorizationClient(conn)
	for _, tt := range []struct {
		name  string
		check *authv3.CheckRequest
		code  codes.Code
		http  int32
	}{
		{"allowed", get("/healthz"), codes.OK, 0},
		{"no route", get("/other"), codes.PermissionDenied, 403},
		{"ambiguous", get("//healthz"), codes.InvalidArgument, 400},
		{"nothing asked", &authv3.CheckRequest{}, codes.InvalidArgument, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response, err := client.Check(t.Context(), tt.check)
			if err != nil {
				t.Fatalf("Check failed, which is not a denial to Envoy: %v", err)
			}
			if got := codes.Code(response.GetStatus().GetCode()); got != tt.code {
				t.Errorf("code %v, want %v", got, tt.code)
			}
			if got := int32(response.GetDeniedResponse().GetStatus().GetCode()); got != tt.http {
				t.Errorf("status %d, want %d", got, tt.http)
			}
		})
	}
}

// raw is a codec that sends what it is given.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

// TestWhatIsNoCheckFailsTheSame: a call whose message cannot be decoded has no
// answer, and one error.
func TestWhatIsNoCheckFailsTheSame(t *testing.T) {
	for _, wire := range []string{"\x0a", "\x0a\x05a", "\x00\x00", "\x0a\x07\x22\x05\x12\x03\x12\x01\xff", "\x0a\x05\x0a\x03\x22\x01\xff"} {
		errs := map[string]string{}
		for name, way := range ways() {
			_, conn := dial(t, engine(t, authz.Options{}), way...)
			err := conn.Invoke(t.Context(), authv3.Authorization_Check_FullMethodName, []byte(wire), nil, grpc.ForceCodecV2(raw{}))
			if status.Code(err) != codes.Internal {
				t.Errorf("% x, %s: %v, want code Internal", wire, name, err)
			}
			errs[name] = status.Convert(err).Message()
		}
		if errs["encoded"] != errs["decoded"] {
			t.Errorf("% x: %q", wire, errs)
		}
	}
}

func TestNoPolicyIsADenialNotAnError(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) { noPolicyIsADenial(t, way) })
	}
}

func noPolicyIsADenial(t *testing.T, way []extauthz.Option) {
	_, conn := dial(t, authz.New(authz.Options{}), way...)
	response, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), get("/healthz"))
	if err != nil {
		t.Fatal(err)
	}
	if got := codes.Code(response.GetStatus().GetCode()); got != codes.Unavailable {
		t.Errorf("code %v, want Unavailable", got)
	}
}

// TestPanicInTheDoorIsADenial: without an engine the service can only panic.
func TestPanicInTheDoorIsADenial(t *testing.T) {
	response, err := extauthz.NewService(nil).Check(t.Context(), get("/healthz"))
	if err != nil || codes.Code(response.GetStatus().GetCode()) != codes.Unavailable || response.GetDeniedResponse().GetStatus().GetCode() != 503 {
		t.Errorf("got %v, %v; want a 503 denial", response, err)
	}
}

func TestHealth(t *testing.T) {
	server, conn := dial(t, engine(t, authz.Options{}))
	client := healthv1.NewHealthClient(conn)
	for _, step := range []struct {
		do   func()
		want healthv1.HealthCheckResponse_ServingStatus
	}{
		{func() {}, healthv1.HealthCheckResponse_NOT_SERVING},
		{func() { server.SetServing(true) }, healthv1.HealthCheckResponse_SERVING},
		{server.Drain, healthv1.HealthCheckResponse_NOT_SERVING},
		{func() { server.SetServing(true) }, healthv1.HealthCheckResponse_NOT_SERVING},
	} {
		step.do()
		for _, service := range []string{"", "envoy.service.auth.v3.Authorization"} {
			got, err := client.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
			if err != nil {
				t.Fatal(err)
			}
			if got.GetStatus() != step.want {
				t.Errorf("health of %q is %v, want %v", service, got.GetStatus(), step.want)
			}
		}
	}
}
