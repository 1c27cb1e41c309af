package extauthz_test

import (
	"context"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/authz/extauthz"
)

// FuzzCheck sends whatever decodes as a CheckRequest. Without a token only the
// one public path may pass, and no identity header may be set.
func FuzzCheck(f *testing.F) {
	for _, r := range []*authv3.CheckRequest{
		{}, get("/healthz"), get("/healthz/"), get("/healthz?x"), get("//healthz"), get("/other"),
		{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/healthz", Host: "h",
			HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "X_User_Id", RawValue: []byte("user_root")}}},
		}}}},
	} {
		seed, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	server := extauthz.NewService(engine(f, authz.Options{}))
	f.Fuzz(func(t *testing.T, wire []byte) {
		var request authv3.CheckRequest
		if proto.Unmarshal(wire, &request) != nil {
			return
		}
		response, err := server.Check(context.Background(), &request)
		if err != nil || response.GetStatus() == nil {
			t.Fatalf("no decision: %v, %v", response, err)
		}
		allowed := codes.Code(response.GetStatus().GetCode()) == codes.OK
		path, _, _ := strings.Cut(request.GetAttributes().GetRequest().GetHttp().GetPath(), "?")
		if allowed != (response.GetOkResponse() != nil) || allowed != (response.GetDeniedResponse() == nil) {
			t.Fatalf("status and response disagree: %v", response)
		}
		if allowed && !publicSpelling(path) {
			t.Fatalf("%q passed", path)
		}
		if len(response.GetOkResponse().GetHeaders()) > 0 {
			t.Fatalf("an identity out of nothing: %v", response)
		}
	})
}

// publicSpelling knows the spellings of /healthz that have no other reading:
// any letter may be percent-encoded, and one slash may follow.
func publicSpelling(path string) bool {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		high := strings.IndexByte(hex, lower(path[i+1]))
		low := strings.IndexByte(hex, lower(path[i+2]))
		if high < 0 || low < 0 {
			return false
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return strings.TrimSuffix(b.String(), "/") == "/healthz"
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'F' {
		return c + 'a' - 'A'
	}
	return c
}
