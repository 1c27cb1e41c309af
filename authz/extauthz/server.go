// Package extauthz is the door through which Envoy asks: the ext_authz v3 gRPC
// service (envoy.service.auth.v3.Authorization) in front of an [authz.Engine].
//
// [NewServer] returns a grpc.Server that answers Check and the standard health
// service (grpc.health.v1); serve it on a TCP or unix listener.
//
//	s := extauthz.NewServer(engine)
//	go s.Serve(listener)
//	s.SetServing(true)
//
// # Guarantees
//
//   - Check returns a response, never a Go error, for everything that was
//     decided: to Envoy an error is not a denial but a failed call, which an
//     operator may have set to let requests through.
//   - Only an answer that explicitly allows becomes code OK. An empty or
//     unreadable check, a panic and a zero value become denials.
//   - A header is either set or removed. Set means overwrite in each Envoy
//     version and in agentgateway. Cookies stay apart, on passes beside those of
//     the service, on denials as lines of their own.
//   - Both encodings of headers are read: the joined map, and the raw list that
//     encode_raw_headers sends.
//
// The package translates and nothing else; it is the only one that knows
// Envoy's types.
package extauthz

import (
	"context"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/clerkgate/clerkgate/authz"
)

// minPing is how often a client may ping, connection in use or not. grpc-go's
// own limit of 5 minutes would cut off an Envoy whose connection_keepalive is
// set to the usual seconds, and each cut is a burst of failed checks.
const minPing = time.Second

// streamWorkers answer one check after another, so that not each has to grow a
// stack of its own. If all are busy, or wait for a key, a check gets a goroutine.
// It is about as many checks as one of Envoy's workers has under way when it is
// busy.
//
// The other settings of gRPC are left alone: windows, buffers and a limit of
// streams make no difference (internal/bench/RESULTS.md), and connections have no
// age, since each new one costs a burst of checks their patience.
const streamWorkers = 16

// Server is the gRPC server with its services. Create it with [NewServer].
type Server struct {
	*grpc.Server
	health *health.Server
}

// Option is a choice about a [Server].
type Option func(*choices)

type choices struct{ fullDecode, traces bool }

// FullDecode makes the server decode every check completely, and encode every
// answer from a message. It decides the same and costs more. It is there to hold
// the server against itself, and for the day when a check is misread without it.
func FullDecode() Option { return func(c *choices) { c.fullDecode = true } }

// Traces makes the server look for the proxy's own trace: in the metadata of each
// call, where Envoy's gRPC client puts traceparent and tracestate, and never among
// the headers of the request that the call is about. It hands over what names a span
// that is recorded.
func Traces() Option { return func(c *choices) { c.traces = true } }

func choose(options []Option) (c choices) {
	for _, choose := range options {
		choose(&c)
	}
	return c
}

// NewServer returns a server that answers by the engine. Its health is
// NOT_SERVING until [Server.SetServing].
func NewServer(engine *authz.Engine, options ...Option) *Server {
	c := choose(options)
	s := &Server{health: health.NewServer()}
	settings := []grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.NumStreamWorkers(streamWorkers),
	}
	if c.fullDecode {
		s.Server = grpc.NewServer(settings...)
		authv3.RegisterAuthorizationServer(s.Server, NewService(engine, options...))
	} else {
		fast := &wireService{engine: engine, codec: newCodec(), traces: c.traces}
		s.Server = grpc.NewServer(append(settings, grpc.ForceServerCodecV2(fast.codec))...)
		s.RegisterService(fast.desc(), fast)
	}
	healthv1.RegisterHealthServer(s.Server, s.health)
	s.SetServing(false)
	return s
}

// SetServing sets what the health service says about the whole server ("") and
// about the authorization service by name.
func (s *Server) SetServing(serving bool) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthv1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
	s.health.SetServingStatus(authv3.Authorization_ServiceDesc.ServiceName, status)
}

// Drain makes the health service say NOT_SERVING from now on, whatever is set
// later; checks are still answered.
func (s *Server) Drain() { s.health.Shutdown() }

// NewService returns the authorization service alone, to be registered at a
// gRPC server that has others as well. It decodes every check completely.
func NewService(engine *authz.Engine, options ...Option) authv3.AuthorizationServer {
	return &service{engine: engine, traces: choose(options).traces}
}

// service implements the Check method.
type service struct {
	authv3.UnimplementedAuthorizationServer
	engine *authz.Engine
	traces bool
}

// Check answers one ext_authz call. Its error is always nil.
func (s *service) Check(ctx context.Context, check *authv3.CheckRequest) (response *authv3.CheckResponse, _ error) {
	defer func() {
		if recover() != nil { // the engine recovers its own; this is for the translation
			response = respond(&authz.Answer{})
		}
	}()
	request := readRequest(check)
	if s.traces {
		request.Trace = traceOf(ctx)
	}
	answer := s.engine.Check(ctx, &request)
	return respond(&answer), nil
}
