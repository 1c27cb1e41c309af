package bench

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// undecoded is the allow-all server that does not even decode the check: what gRPC
// alone costs.
const undecoded = "not decoding"

// constantAnswer is what a server that does not decode the check answers always: a
// pass with so many headers set and removed, and so many fields of metadata.
type constantAnswer struct {
	name                 string
	set, removed, fields int
}

func constantAnswers() []constantAnswer {
	return []constantAnswer{
		{name: undecoded},
		{name: "1 header set", set: 1},
		{name: "2 headers set", set: 2},
		{name: "8 headers set", set: 8},
		{name: "2 headers set, 1 removed", set: 2, removed: 1},
		{name: "2 headers set, 6 removed", set: 2, removed: 6},
		{name: "1 field of metadata", fields: 1},
		{name: "4 fields of metadata", fields: 4},
		{name: "8 fields of metadata", fields: 8},
		{name: "2 headers set, 8 fields of metadata, as Clerkgate has it", set: 2, fields: 8},
	}
}

// answerOf finds an answer by its name.
func answerOf(name string) (answer *authv3.CheckResponse, ok bool) {
	for _, a := range constantAnswers() {
		if a.name == name {
			return a.response(), true
		}
	}
	return nil, false
}

func (a constantAnswer) response() *authv3.CheckResponse {
	response := pass()
	ok := response.GetOkResponse()
	for i := range a.set {
		ok.Headers = append(ok.Headers, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: fmt.Sprintf("x-clerk-%d", i), Value: admin().User},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	for i := range a.removed {
		ok.HeadersToRemove = append(ok.HeadersToRemove, fmt.Sprintf("x-clerk-removed-%d", i))
	}
	if a.fields > 0 {
		response.DynamicMetadata = metadataOf(a.fields)
	}
	return response
}

// metadataOf has so many fields, half of them as long as ids and half as short as
// names.
func metadataOf(fields int) *structpb.Struct {
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for i := range fields {
		value := "pass"
		if i%2 == 0 {
			value = admin().User
		}
		s.Fields[fmt.Sprintf("field_%d", i)] = structpb.NewStringValue(value)
	}
	return s
}
