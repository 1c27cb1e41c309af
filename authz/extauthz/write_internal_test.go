package extauthz

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/clerkgate/clerkgate/authz"
)

// sameAnswer encodes an answer directly, decodes that, and compares it with the
// message. It returns the message.
func sameAnswer(t *testing.T, a *authz.Answer) *authv3.CheckResponse {
	t.Helper()
	want := respond(a)
	var got authv3.CheckResponse
	if err := proto.Unmarshal(appendResponse(nil, a), &got); err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	if len(got.ProtoReflect().GetUnknown()) > 0 || !proto.Equal(want, &got) {
		t.Fatalf("%+v (-message +encoded):\n%s", a, cmp.Diff(want, &got, protocmp.Transform()))
	}
	return want
}

func list(pairs ...string) (headers []authz.Header) {
	for i := 0; i < len(pairs); i += 2 {
		headers = append(headers, authz.Header{Name: pairs[i], Value: pairs[i+1]})
	}
	return headers
}

func TestAnswersEncodeTheSame(t *testing.T) {
	long := strings.Repeat("x", 200)
	for name, a := range map[string]authz.Answer{
		"nothing":              {},
		"a bare pass":          {Allow: true},
		"a pass":               {Allow: true, Set: list("x-user-id", "user_1", "x-org-id", "org_1"), Remove: []string{"x-clerk-auth-token", "authorization"}, Metadata: list("user_id", "user_1", "outcome", "pass")},
		"a pass with cookies":  {Allow: true, AddResponse: list("set-cookie", "a=1", "set-cookie", "b=2", "cache-control", "no-store")},
		"a pass, at length":    {Allow: true, Set: list(long, long), Remove: []string{long}, AddResponse: list(long, long), Metadata: list(long, long)},
		"a pass, very long":    {Allow: true, Set: list("cookie", strings.Repeat(long, 400))},
		"a pass, empty":        {Allow: true, Set: list("", ""), Remove: []string{""}, AddResponse: list("", ""), Metadata: list("", "")},
		"a pass with a status": {Allow: true, Status: 403, Kind: authz.Forbidden, ResponseHeaders: list("a", "b"), Body: []byte("no")},
		"a denial":             {Kind: authz.Unauthenticated, Status: 401, ResponseHeaders: list("content-type", "application/problem+json", "www-authenticate", `Bearer realm="clerkgate"`), Body: []byte(`{"status":401}`), Metadata: list("outcome", "deny", "reason", "token-expired")},
		"a redirect":           {Kind: authz.Unauthenticated, Status: 307, ResponseHeaders: list("location", "https://a", "set-cookie", "a=1", "set-cookie", "b=2")},
		"a denial that sets":   {Status: 403, Set: list("x-user-id", "user_root"), Remove: []string{"a"}, AddResponse: list("a", "b")},
		"metadata twice":       {Status: 403, Metadata: list("a", "1", "a", "2")},
	} {
		t.Run(name, func(t *testing.T) { sameAnswer(t, &a) })
	}
}

// TestEveryStatusEncodesTheSame: code 0 is a pass to Envoy.
func TestEveryStatusEncodesTheSame(t *testing.T) {
	for status := -1; status < 700; status++ {
		for kind := authz.Fault; kind <= authz.TooLarge; kind++ {
			if got := sameAnswer(t, &authz.Answer{Status: status, Kind: kind}); got.GetStatus().GetCode() == int32(codes.OK) {
				t.Fatalf("a denial with status %d is OK", status)
			}
		}
	}
}

func TestRandomAnswersEncodeTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	words := func() string {
		return strings.Repeat(string(rune('a'+random.IntN(26)))+[]string{"", "é", "=", "\xff"}[min(random.IntN(60), 3)], random.IntN(9)*random.IntN(9))
	}
	headers := func() (h []authz.Header) {
		for range random.IntN(5) {
			h = append(h, authz.Header{Name: words(), Value: words()})
		}
		return h
	}
	for range 5000 {
		a := authz.Answer{
			Allow: random.IntN(2) == 0, Set: headers(), AddResponse: headers(), ResponseHeaders: headers(), Metadata: headers(),
			Kind: authz.Kind(random.IntN(9)), Status: random.IntN(700), Body: []byte(words()),
		}
		for range random.IntN(4) {
			a.Remove = append(a.Remove, words())
		}
		sameAnswer(t, &a)
	}
}

// TestWhatNoResponseCanCarryIsDenied: a string that is not UTF-8 would turn the
// answer into a failed call.
func TestWhatNoResponseCanCarryIsDenied(t *testing.T) {
	for name, a := range map[string]authz.Answer{
		"a value":          {Allow: true, Set: list("cookie", "a=\xff")},
		"a name":           {Allow: true, Set: list("x-\xff", "a")},
		"a removed name":   {Allow: true, Remove: []string{"x-clerk-\xff"}},
		"metadata":         {Allow: true, Metadata: list("route", "\xff")},
		"an added header":  {Allow: true, AddResponse: list("set-cookie", "\xff")},
		"a denial's":       {Status: 401, ResponseHeaders: list("location", "\xff")},
		"a denial's body":  {Status: 401, Body: []byte("\xff")},
		"what is not said": {Allow: true, Body: []byte("\xff")},
	} {
		t.Run(name, func(t *testing.T) {
			got := sameAnswer(t, &a)
			if codes.Code(got.GetStatus().GetCode()) != codes.Unavailable || got.GetDeniedResponse().GetStatus().GetCode() != 503 {
				t.Errorf("%v, want a 503", got)
			}
			if _, err := proto.Marshal(got); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPanicBehindTheCodecIsADenial: without an engine the service can only panic.
func TestPanicBehindTheCodecIsADenial(t *testing.T) {
	s := &wireService{codec: newCodec()}
	read := func(x any) error {
		return s.codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(ofHTTP(text(httpMethod, "GET")))}, x)
	}
	for name, interceptor := range map[string]grpc.UnaryServerInterceptor{
		"alone": nil,
		"intercepted": func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if info.FullMethod != "/envoy.service.auth.v3.Authorization/Check" {
				t.Errorf("intercepted %s", info.FullMethod)
			}
			return handler(ctx, request)
		},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := checkEncoded(s, t.Context(), read, interceptor)
			if err != nil {
				t.Fatal(err)
			}
			wire, err := s.codec.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			defer wire.Free()
			var got authv3.CheckResponse
			if err := proto.Unmarshal(wire.Materialize(), &got); err != nil || !proto.Equal(&got, respond(&authz.Answer{})) {
				t.Errorf("got %v, %v; want the zero answer's denial", &got, err)
			}
		})
	}
}

// TestAnswersKeepTheirBuffers: an answer that is still being written must not be
// written over by the next.
func TestAnswersKeepTheirBuffers(t *testing.T) {
	c := newCodec()
	encode := func(a authz.Answer) mem.BufferSlice {
		x := &exchange{answer: c.answers.get()}
		*x.answer = appendResponse((*x.answer)[:0], &a)
		wire, err := c.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	first := encode(authz.Answer{Allow: true, Set: list("a", "first")})
	second := encode(authz.Answer{Allow: true, Set: list("a", strings.Repeat("second", longestKept))})
	if got := string(first.Materialize()); !strings.Contains(got, "first") {
		t.Errorf("written over: %q", got)
	}
	first.Free()
	second.Free()
	for range 10 {
		if b := c.answers.Get(10); cap(*b) > longestKept || len(*b) != 10 {
			t.Errorf("kept %d bytes", cap(*b))
		}
	}
}

// TestOtherMessagesKeepTheirCodec: health checks are plain Protocol Buffers.
func TestOtherMessagesKeepTheirCodec(t *testing.T) {
	c := newCodec()
	wire, err := c.Marshal(&healthv1.HealthCheckRequest{Service: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var got healthv1.HealthCheckRequest
	if err := c.Unmarshal(wire, &got); err != nil || got.GetService() != "a" || c.Name() != "proto" {
		t.Errorf("%v, %v, %s", &got, err, c.Name())
	}
}
