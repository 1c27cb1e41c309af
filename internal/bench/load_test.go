package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// encoded is a codec that sends bytes and keeps bytes, so that the client costs
// little beside the server.
type encoded struct{}

// Marshal implements encoding.CodecV2.
func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

// Unmarshal implements encoding.CodecV2.
func (encoded) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2.
func (encoded) Name() string { return "proto" }

// passed is what [statusOf] says of a pass.
const passed = 200

// statusOf reads a CheckResponse: 200 if it lets pass, else the HTTP status of the
// denial, 0 if it is neither.
func statusOf(response []byte) int {
	status, _ := field(response, 1)
	code, _ := field(status, 1) // left out if it is OK
	if _, allowed := field(response, 3); allowed && number(code) == 0 {
		return passed
	}
	denied, _ := field(response, 2)
	httpStatus, _ := field(denied, 1)
	code, _ = field(httpStatus, 1)
	return int(number(code))
}

// field finds the first field of a message with this number: the bytes of its
// value, without a length in front of them.
func field(message []byte, wanted protowire.Number) (value []byte, found bool) {
	for len(message) > 0 {
		at, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(at, kind, message)
		switch {
		case n < 0:
			return nil, false
		case at == wanted && kind == protowire.BytesType:
			value, _ = protowire.ConsumeBytes(message)
			return value, true
		case at == wanted:
			return message[:n], true
		}
		message = message[n:]
	}
	return nil, false
}

// number reads an integer, 0 if it was left out.
func number(value []byte) uint64 {
	n, _ := protowire.ConsumeVarint(value)
	return n
}

// stream is what a server is asked: checks, one after the other and then from the
// first on again, and the status that each has to be answered with.
type stream struct {
	checks [][]byte
	status int
	next   atomic.Int64
}

func (s *stream) check() []byte {
	return s.checks[int(s.next.Add(1)-1)%len(s.checks)]
}

// load asks one server over one connection, as one worker of Envoy does.
type load struct{ conn *grpc.ClientConn }

// connect makes a load for a target of gRPC.
func connect(b *testing.B, target string) *load {
	b.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(encoded{}), grpc.WaitForReady(true)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &load{conn}
}

// ask sends the stream's next check. An answer with another status is an error: a
// quick failure must not pass for a quick answer.
func (l *load) ask(ctx context.Context, s *stream) error {
	var answer []byte
	if err := l.conn.Invoke(ctx, authv3.Authorization_Check_FullMethodName, s.check(), &answer); err != nil {
		return err
	}
	if got := statusOf(answer); got != s.status {
		return fmt.Errorf("answered %d, want %d: %q", got, s.status, answer)
	}
	return nil
}

// patience bounds what a server is asked at a time.
const patience = 2 * time.Minute

// askMany asks n times in all, so many at once. It returns how long all took, and
// how long each, in nanoseconds and in no order.
func (l *load) askMany(b *testing.B, s *stream, n, inFlight int) (all time.Duration, each []int64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	share := max(n/inFlight, 1)
	each = make([]int64, share*inFlight)
	errs := make(chan error, inFlight)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range inFlight {
		wg.Go(func() { errs <- l.askInTurn(ctx, s, each[i*share:(i+1)*share]) })
	}
	wg.Wait()
	all = time.Since(began)
	for range inFlight {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	return all, each
}

// askInTurn asks once for each of the times that it fills in.
func (l *load) askInTurn(ctx context.Context, s *stream, times []int64) error {
	for i := range times {
		began := time.Now()
		if err := l.ask(ctx, s); err != nil {
			return err
		}
		times[i] = int64(time.Since(began))
	}
	return nil
}
