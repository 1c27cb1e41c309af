package telemetry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP collector that keeps what it gets.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer
	Endpoint string // for the protocol that it speaks

	mu       sync.Mutex
	batches  []*tracev1.ResourceSpans
	headers  []string // x-team of each call
	paths    []string
	contents []string
}

// newHTTPCollector speaks http/protobuf and http/json.
func newHTTPCollector(t *testing.T) *collector {
	c := &collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.Endpoint = server.URL
	return c
}

// newGRPCCollector speaks grpc.
func newGRPCCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	c.Endpoint = "http://" + listener.Addr().String()
	return c
}

// Export implements the gRPC service.
func (c *collector) Export(ctx context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.keep(r, strings.Join(metadata.ValueFromIncomingContext(ctx, "x-team"), ","), "", "")
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	r, content := &collectorv1.ExportTraceServiceRequest{}, request.Header.Get("content-type")
	switch {
	case err != nil:
	case content == "application/json":
		err = protojson.Unmarshal(body, r)
	default:
		err = proto.Unmarshal(body, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.keep(r, request.Header.Get("x-team"), request.URL.Path, content)
}

func (c *collector) keep(r *collectorv1.ExportTraceServiceRequest, header, path, content string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches = append(c.batches, r.GetResourceSpans()...)
	c.headers, c.paths, c.contents = append(c.headers, header), append(c.paths, path), append(c.contents, content)
}

// spans writes what was collected, one span a line.
func (c *collector) spans() (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, batch := range c.batches {
		for _, scope := range batch.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				lines = append(lines, fmt.Sprintf("%s %s<%s %s%s%s", s.GetName(), id(s.GetTraceId(), 16), id(s.GetParentSpanId(), 8),
					strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"), attributes(s.GetAttributes()), status(s)))
			}
		}
	}
	return lines
}

// id writes an id. OTLP in JSON has ids in hexadecimal, where Protocol Buffers in JSON
// have base64.
func id(bytes []byte, size int) string {
	if len(bytes) == size {
		return fmt.Sprintf("%x", bytes)
	}
	return strings.ToLower(base64.StdEncoding.EncodeToString(bytes))
}

// resources writes the attributes of the first batch, without those of the SDK.
func (c *collector) resources(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.batches) == 0 {
		t.Fatal("nothing was collected")
	}
	all := c.batches[0].GetResource().GetAttributes()
	return strings.TrimSpace(attributes(slices.DeleteFunc(all, func(a *commonv1.KeyValue) bool { return strings.HasPrefix(a.GetKey(), "telemetry.sdk.") })))
}

func attributes(list []*commonv1.KeyValue) string {
	var all []string
	for _, a := range list {
		value := a.GetValue().GetStringValue()
		if _, number := a.GetValue().GetValue().(*commonv1.AnyValue_IntValue); number {
			value = fmt.Sprint(a.GetValue().GetIntValue())
		}
		all = append(all, " "+strings.TrimPrefix(a.GetKey(), "clerkgate.")+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

func status(s *tracev1.Span) string {
	if code := s.GetStatus().GetCode(); code != tracev1.Status_STATUS_CODE_UNSET {
		return " " + strings.TrimPrefix(code.String(), "STATUS_CODE_") + " " + s.GetStatus().GetMessage()
	}
	return ""
}
