package extauthz_test

import (
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/metadata"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/authz/extauthz"
)

const (
	recorded  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	discarded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

// lastDecided keeps the trace of what was decided last.
type lastDecided struct {
	trace authz.TraceContext
	start time.Time
}

func (l *lastDecided) Observe(d *authz.Decided) { l.trace, l.start = d.Request.Trace, d.Start }

// TestTraces: what the metadata of a call say of the proxy's trace is handed over, if
// that is recorded and somebody wants to know. What a check says of the client's
// never is.
func TestTraces(t *testing.T) {
	all := map[string][]string{"traceparent": {recorded}, "tracestate": {"a=b", "c=d"}}
	wanted := []extauthz.Option{extauthz.Traces()}
	for name, way := range ways() {
		for _, tt := range []struct {
			name     string
			options  []extauthz.Option
			metadata map[string][]string
			want     authz.TraceContext
		}{
			{"a recorded span", wanted, all, authz.TraceContext{Parent: recorded, State: "a=b,c=d"}},
			{"without a state", wanted, map[string][]string{"traceparent": {recorded}}, authz.TraceContext{Parent: recorded}},
			{"not asked for", nil, all, authz.TraceContext{}},
			{"not recorded", wanted, map[string][]string{"traceparent": {discarded}, "tracestate": {"a=b"}}, authz.TraceContext{}},
			{"no trace", wanted, nil, authz.TraceContext{}},
			{"two", wanted, map[string][]string{"traceparent": {recorded, recorded}}, authz.TraceContext{}},
			{"too short", wanted, map[string][]string{"traceparent": {recorded[:54]}}, authz.TraceContext{}},
			{"too long", wanted, map[string][]string{"traceparent": {recorded + strings.Repeat("-", 300)}}, authz.TraceContext{}},
		} {
			t.Run(name+", "+tt.name, func(t *testing.T) {
				seen := &lastDecided{}
				before := time.Now()
				_, conn := dial(t, engine(t, authz.Options{Observer: seen}), append(tt.options, way...)...)
				check := get("/healthz")
				check.Attributes.Request.Http.Headers["traceparent"] = strings.ReplaceAll(recorded, "4bf9", "ffff")
				check.Attributes.Request.Http.Headers["tracestate"] = "forged=1"
				ctx := metadata.NewOutgoingContext(t.Context(), tt.metadata)
				if _, err := authv3.NewAuthorizationClient(conn).Check(ctx, check); err != nil {
					t.Fatal(err)
				}
				if seen.trace != tt.want {
					t.Errorf("handed over %+v, want %+v", seen.trace, tt.want)
				}
				if seen.start.Before(before) || seen.start.After(time.Now()) {
					t.Errorf("began %s", seen.start)
				}
			})
		}
	}
}
