package extauthz

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/clerkgate/clerkgate/authz"
)

type httpAttributes = authv3.AttributeContext_HttpRequest

func checkOf(h *httpAttributes) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request:           &authv3.AttributeContext_Request{Http: h},
		ContextExtensions: map[string]string{"tier": "gold"},
	}}
}

func raw(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

func TestBothEncodingsSayTheSame(t *testing.T) {
	want := authz.Request{
		Method: "GET", Path: "/a?b=c", Host: "h", Scheme: "https",
		Headers: []authz.Header{{Name: ":path", Value: "/a?b=c"}, {Name: "accept", Value: "*/*"}},
		Context: map[string]string{"tier": "gold"},
	}
	base := func() *httpAttributes {
		return &httpAttributes{Method: "GET", Path: "/a?b=c", Host: "h", Scheme: "https"}
	}
	joined, list, both := base(), base(), base()
	joined.Headers = map[string]string{":path": "/a?b=c", "accept": "*/*"}
	list.HeaderMap = raw(":path", "/a?b=c", "accept", "*/*")
	both.Headers, both.HeaderMap = joined.Headers, list.HeaderMap
	sorted := cmpopts.SortSlices(func(a, b authz.Header) bool { return a.Name < b.Name })
	for name, h := range map[string]*httpAttributes{"headers": joined, "header_map": list, "both": both} {
		if diff := cmp.Diff(want, readRequest(checkOf(h)), sorted); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatCannotBeReadIsMalformed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check *authv3.CheckRequest
		why   string
	}{
		{"nothing", nil, "the check has no HTTP attributes"},
		{"empty", &authv3.CheckRequest{}, "the check has no HTTP attributes"},
		{"a TCP connection", &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Source: &authv3.AttributeContext_Peer{}}}, "the check has no HTTP attributes"},
		{"encodings with other values", checkOf(&httpAttributes{Headers: map[string]string{"a": "1"}, HeaderMap: raw("a", "2")}), "headers and header_map disagree"},
		{"encodings with other names", checkOf(&httpAttributes{Headers: map[string]string{"a": "1"}, HeaderMap: raw("b", "1")}), "headers and header_map disagree"},
		{"more in the map", checkOf(&httpAttributes{Headers: map[string]string{"a": "1", "authorization": "x"}, HeaderMap: raw("a", "1")}), "headers and header_map disagree"},
		{"more in the list", checkOf(&httpAttributes{Headers: map[string]string{"a": "1"}, HeaderMap: raw("a", "1", "authorization", "x")}), "headers and header_map disagree"},
		{"two values in one header", checkOf(&httpAttributes{HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
			{Key: "authorization", Value: "Bearer a", RawValue: []byte("Bearer b")}}}}), "a header has two values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readRequest(tt.check).Malformed; got != tt.why {
				t.Errorf("malformed: %q, want %q", got, tt.why)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	for _, tt := range []struct {
		name      string
		raw, text string
		want      string
		malformed string
	}{
		{"none", "", "", "", ""},
		{"as bytes", "a\xff", "", "a\xff", ""},
		{"as text", "", "a!", "a!", ""},
		{"as both", "a", "a", "a", ""},
		{"as both, where text cannot say it", "a\xff", "a!", "a\xff", ""},
		{"as two", "a", "b", "", "body and raw_body disagree"},
		{"as two, in part", "ab", "a", "", "body and raw_body disagree"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := readRequest(checkOf(&httpAttributes{Headers: map[string]string{"a": "1"}, RawBody: []byte(tt.raw), Body: tt.text}))
			if string(got.Body) != tt.want || got.Malformed != tt.malformed || (got.Body == nil) != (tt.want == "") {
				t.Errorf("body %q, malformed %q", got.Body, got.Malformed)
			}
		})
	}
}

func TestDuplicatesStayApartInTheList(t *testing.T) {
	got := readRequest(checkOf(&httpAttributes{
		Headers:   map[string]string{"cookie": "a=1,b=2", "x": "!"},
		HeaderMap: raw("cookie", "a=1", "cookie", "b=2", "x", "\xff"),
	}))
	want := []authz.Header{{Name: "cookie", Value: "a=1"}, {Name: "cookie", Value: "b=2"}, {Name: "x", Value: "\xff"}}
	if diff := cmp.Diff(want, got.Headers); diff != "" || got.Malformed != "" {
		t.Errorf("malformed %q (-want +got):\n%s", got.Malformed, diff)
	}
}

func TestRespondWritesAPass(t *testing.T) {
	got := respond(&authz.Answer{
		Allow:    true,
		Set:      []authz.Header{{Name: "x-user-id", Value: "user_1"}},
		Remove:   []string{"x-org-id"},
		Metadata: []authz.Header{{Name: "outcome", Value: "pass"}},
		AddResponse: []authz.Header{
			{Name: "set-cookie", Value: "a=1; Path=/"}, {Name: "set-cookie", Value: "b=2; Path=/"},
		},
	})
	want := &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{{
				Header:       &corev3.HeaderValue{Key: "x-user-id", Value: "user_1"},
				Append:       wrapperspb.Bool(false),
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
			HeadersToRemove: []string{"x-org-id"},
			ResponseHeadersToAdd: []*corev3.HeaderValueOption{{
				Header:       &corev3.HeaderValue{Key: "set-cookie", Value: "a=1; Path=/"},
				Append:       wrapperspb.Bool(true),
				AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
			}, {
				Header:       &corev3.HeaderValue{Key: "set-cookie", Value: "b=2; Path=/"},
				Append:       wrapperspb.Bool(true),
				AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
			}},
		}},
		DynamicMetadata: &structpb.Struct{Fields: map[string]*structpb.Value{"outcome": structpb.NewStringValue("pass")}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

func TestRespondWritesADenial(t *testing.T) {
	got := respond(&authz.Answer{Status: 401, Body: []byte("{}"), ResponseHeaders: []authz.Header{{Name: "cache-control", Value: "no-store"}}})
	want := &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.Unauthenticated), Message: "Unauthorized"},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: 401},
			Headers: []*corev3.HeaderValueOption{{
				Header:       &corev3.HeaderValue{Key: "cache-control", Value: "no-store"},
				Append:       wrapperspb.Bool(false),
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
			Body: "{}",
		}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

// TestRedirects: what the client lacks is told by the code, and each cookie keeps
// its line.
func TestRedirects(t *testing.T) {
	for kind, want := range map[authz.Kind]codes.Code{authz.Unauthenticated: codes.Unauthenticated, authz.Forbidden: codes.PermissionDenied, authz.Fault: codes.PermissionDenied} {
		got := respond(&authz.Answer{Status: 307, Kind: kind, ResponseHeaders: []authz.Header{
			{Name: "location", Value: "https://accounts.example.com/sign-in"}, {Name: "set-cookie", Value: "a=1"}, {Name: "set-cookie", Value: "b=2"},
		}})
		denied := got.GetDeniedResponse()
		if codes.Code(got.GetStatus().GetCode()) != want || denied.GetStatus().GetCode() != typev3.StatusCode_TemporaryRedirect {
			t.Errorf("kind %d: %v", kind, got)
		}
		cookies := []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "set-cookie", Value: "a=1"},
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}, {
			Header:       &corev3.HeaderValue{Key: "set-cookie", Value: "b=2"},
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}
		if diff := cmp.Diff(cookies, denied.GetHeaders()[1:], protocmp.Transform()); diff != "" {
			t.Errorf("kind %d: cookies (-want +got):\n%s", kind, diff)
		}
	}
}

// TestNoDenialIsOK walks every status: to Envoy code 0 is a pass whatever else
// the response says.
func TestNoDenialIsOK(t *testing.T) {
	want := map[int]codes.Code{400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 404: codes.PermissionDenied, 413: codes.InvalidArgument, 503: codes.Unavailable, 307: codes.PermissionDenied}
	for status := -1; status < 700; status++ {
		got := respond(&authz.Answer{Status: status})
		if got.GetStatus().GetCode() == int32(codes.OK) || got.GetOkResponse() != nil {
			t.Fatalf("a denial with status %d is OK", status)
		}
		if s := int(got.GetDeniedResponse().GetStatus().GetCode()); (s < 400 || s > 599) && (s != 307 || status != 307) {
			t.Errorf("status %d became %d", status, s)
		}
		if code, ok := want[status]; ok && got.GetStatus().GetCode() != int32(code) {
			t.Errorf("status %d has code %v, want %v", status, codes.Code(got.GetStatus().GetCode()), code)
		}
	}
}
