package extauthz

import (
	"net/http"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/clerkgate/clerkgate/authz"
)

// respond writes an answer down as a CheckResponse. To Envoy a missing status
// means OK, so every path through here sets one, and only an answer that says
// Allow gets code OK. An answer that no response can carry is denied.
func respond(a *authz.Answer) *authv3.CheckResponse {
	if !encodable(a) {
		a = &authz.Answer{}
	}
	response := &authv3.CheckResponse{DynamicMetadata: metadata(a.Metadata)}
	if a.Allow {
		response.Status = status.New(codes.OK, "").Proto()
		response.HttpResponse = &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:              overwrites(a.Set),
			HeadersToRemove:      a.Remove,
			ResponseHeadersToAdd: additions(a.AddResponse),
		}}
		return response
	}
	httpStatus, code, message := denial(a)
	response.Status = status.New(code, message).Proto()
	response.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
		Status:  &typev3.HttpStatus{Code: httpStatus},
		Headers: overwrites(a.ResponseHeaders),
		Body:    string(a.Body),
	}}
	return response
}

// denial is what a denial says: its HTTP status, and its gRPC code with a
// message.
func denial(a *authz.Answer) (httpStatus typev3.StatusCode, code codes.Code, message string) {
	s := a.Status
	if (s < 400 || s > 599) && s != http.StatusTemporaryRedirect {
		s = http.StatusServiceUnavailable // a denial that says nothing, or something that is no denial
	}
	return typev3.StatusCode(s), grpcCode(s, a.Kind), http.StatusText(s)
}

// grpcCode gives a denial its gRPC code. None of them is OK. What a redirect
// stands for, its kind tells.
func grpcCode(httpStatus int, kind authz.Kind) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusTemporaryRedirect:
		if kind == authz.Unauthenticated {
			return codes.Unauthenticated
		}
	}
	return codes.PermissionDenied
}

// overwrites says "replace whatever the client sent" in every dialect: append
// unset means overwrite to Envoy up to 1.36 and from 1.38, and append to 1.37,
// where a forged value would survive; append_action alone is not read by 1.36.
//
// In a denial it means "a line of its own" for each entry, whatever their names:
// every version from 1.36 to 1.40 keeps several Set-Cookie apart, and loses those
// that say append.
func overwrites(headers []authz.Header) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, len(headers))
	for i, h := range headers {
		out[i] = &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return out
}

// additions says "beside what the service sends" in every dialect: for the
// headers of a response that passes, append counts more than append_action, and
// each entry becomes a line of its own.
func additions(headers []authz.Header) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, len(headers))
	for i, h := range headers {
		out[i] = &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			Append:       wrapperspb.Bool(true),
			AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
		}
	}
	return out
}

func metadata(fields []authz.Header) *structpb.Struct {
	if len(fields) == 0 {
		return nil
	}
	s := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(fields))}
	for _, f := range fields {
		s.Fields[f.Name] = structpb.NewStringValue(f.Value)
	}
	return s
}
