package extauthz

import (
	"context"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/clerkgate/clerkgate/authz"
)

// BenchmarkRead reads a browser's check in both ways.
func BenchmarkRead(b *testing.B) {
	for i, wire := range recordedChecks(b) {
		text := string(wire)
		if len(wire) < 1000 {
			continue
		}
		name := map[bool]string{true: "joined", false: "raw"}[i < 3]
		b.Run(name+"/encoded", func(b *testing.B) {
			r := newReader()
			b.ReportAllocs()
			for b.Loop() {
				if err := new(exchange).read(r, text); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/decoded", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var check authv3.CheckRequest
				if err := proto.Unmarshal(wire, &check); err != nil {
					b.Fatal(err)
				}
				readRequest(&check)
			}
		})
	}
}

// BenchmarkWrite writes a pass in both ways.
func BenchmarkWrite(b *testing.B) {
	a := &authz.Answer{Allow: true, Set: list("x-user-id", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "x-org-id", "org_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
		Metadata: list("user_id", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "org_id", "org_2NNEqL2nrIRdJ194ndJqAHwEfxC", "org_role", "org:admin",
			"session_id", "sess_2NNEqL2nrIRdJ194ndJqAHwEfxC", "token_type", "session_token", "route", "pay", "outcome", "pass")}
	b.Run("encoded", func(b *testing.B) {
		b.ReportAllocs()
		var room []byte
		for b.Loop() {
			room = appendResponse(room[:0], a)
		}
	})
	b.Run("decoded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := proto.Marshal(respond(a)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkTraceOf looks for the proxy's trace in metadata as Envoy sends them.
func BenchmarkTraceOf(b *testing.B) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"
	for name, value := range map[string]string{"none": "", "not recorded": parent + "0", "recorded": parent + "1"} {
		md := grpcmetadata.Pairs(":authority", "clerkgate", "content-type", "application/grpc", "user-agent", "envoy", "x-envoy-internal", "true",
			"x-forwarded-for", "10.0.0.1", "x-request-id", "6c1ad9ff-ae2c-4f60-bb0b-e9b1f9c1a2ed")
		if value != "" {
			md.Set("traceparent", value)
		}
		b.Run(name, func(b *testing.B) {
			ctx := grpcmetadata.NewIncomingContext(context.Background(), md)
			b.ReportAllocs()
			for b.Loop() {
				_ = traceOf(ctx)
			}
		})
	}
}
