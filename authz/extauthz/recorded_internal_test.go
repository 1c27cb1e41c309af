package extauthz

import (
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

var record = flag.Bool("record", false, "ask Envoy for the checks of testdata/checks anew")

// recorder is a codec that keeps what it is to decode, and decodes nothing.
type recorder struct{ last []byte }

// Unmarshal keeps the data.
func (r *recorder) Unmarshal(data mem.BufferSlice, _ any) error {
	r.last = data.Materialize()
	return nil
}

// Marshal answers with a refusal, whatever the service says.
func (r *recorder) Marshal(any) (mem.BufferSlice, error) {
	wire, err := proto.Marshal(&authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_DeniedResponse{}, Status: nil})
	return mem.BufferSlice{mem.SliceBuffer(wire)}, err
}

// Name is that of Protocol Buffers, which Envoy sends.
func (r *recorder) Name() string { return "proto" }

var _ encoding.CodecV2 = (*recorder)(nil)

// requests are sent to each Envoy: a browser's, a program's with a body, and one
// with what only odd clients send.
func requests() map[string]string {
	return map[string]string{
		"browser": envoytest.Lines("GET /orgs/acme/invoices/7?page=2 HTTP/1.1", "Host: app.example.com", "connection: keep-alive",
			`sec-ch-ua: "Chromium";v="142", "Not=A?Brand";v="24"`, "sec-ch-ua-mobile: ?0", `sec-ch-ua-platform: "Linux"`, "upgrade-insecure-requests: 1",
			"user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
			"accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "sec-fetch-site: same-origin",
			"sec-fetch-mode: navigate", "sec-fetch-user: ?1", "sec-fetch-dest: document", "referer: https://app.example.com/orgs/acme",
			"accept-encoding: gzip, deflate, br, zstd", "accept-language: en-GB,en;q=0.9", "cookie: __client_uat=1764000000; __session=abc.def.ghi; theme=dark",
			"priority: u=0, i"),
		"program": "POST /orgs/acme/invoices HTTP/1.1\r\nHost: api.example.com\r\nauthorization: Bearer abc.def.ghi\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"total\":7}",
		"odd":     envoytest.Lines("GET /a HTTP/1.1", "Host: app.example.com", "cookie: a=1", "cookie: b=\xff", "X-Many: 1", "x-many: 2", "x-empty:", "x-utf8: \xc3\xa9"),
	}
}

// askEnvoys stores what Envoys ask, of this process, so that others need none.
func askEnvoys(t *testing.T) {
	t.Helper()
	codec := &recorder{}
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec))
	authv3.RegisterAuthorizationServer(server, authv3.UnimplementedAuthorizationServer{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	for form, raw := range map[string]bool{"raw": true, "joined": false} {
		envoy := envoytest.Start(t, envoytest.Config{
			AuthzAddress: listener.Addr().String(), UpstreamAddress: "127.0.0.1:9", RawHeaders: raw, Unsafe: true,
			Patch: func(d *envoyconfig.Document) error {
				return errors.Join(
					d.Add(envoyconfig.Filter("with_request_body"), map[string]any{"max_request_bytes": 1024, "allow_partial_message": true, "pack_as_bytes": raw}),
					d.Add(envoyconfig.Filter("include_peer_certificate"), true),
				)
			},
		})
		for name, request := range requests() {
			codec.last = nil
			if a := envoytest.HTTP1(t, envoy.Addr, request); a.Status == http.StatusOK || codec.last == nil {
				t.Fatalf("%s, %s: %d, and nothing was asked", form, name, a.Status)
			}
			if err := os.WriteFile(filepath.Join("testdata", "checks", form+"-"+name+".binpb"), codec.last, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
