package extauthz

import (
	"context"
	"strings"

	grpcmetadata "google.golang.org/grpc/metadata"

	"github.com/clerkgate/clerkgate/authz"
)

// traceOf returns the span that a call belongs to, if its caller records it. What
// cannot be read in one way is none (W3C Trace Context, section 3.2).
func traceOf(ctx context.Context) authz.TraceContext {
	parents := grpcmetadata.ValueFromIncomingContext(ctx, "traceparent")
	if len(parents) != 1 || !sampled(parents[0]) {
		return authz.TraceContext{}
	}
	return authz.TraceContext{Parent: parents[0], State: strings.Join(grpcmetadata.ValueFromIncomingContext(ctx, "tracestate"), ",")}
}

// Where a traceparent has its flags, the last of which says that the caller records
// its span: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
const (
	flagsEnd   = 55
	maxParent  = 256 // a future version may have more, but not without end
	oddNumbers = "13579bdf"
)

// sampled reports whether a traceparent has the flag. Whether it is one at all is
// for those to say who use it.
func sampled(parent string) bool {
	return flagsEnd <= len(parent) && len(parent) <= maxParent && strings.IndexByte(oddNumbers, parent[flagsEnd-1]) >= 0
}
