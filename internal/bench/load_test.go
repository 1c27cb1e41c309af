package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// inFlight is how many checks are asked at once, on one connection, as one worker
// of Envoy does.
const inFlight = 16

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

// load asks one server.
type load struct{ conn *grpc.ClientConn }

func connect(b *testing.B, socket string) *load {
	b.Helper()
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(encoded{}), grpc.WaitForReady(true)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &load{conn}
}

func (l *load) ask(ctx context.Context, check []byte) (answer []byte, err error) {
	err = l.conn.Invoke(ctx, authv3.Authorization_Check_FullMethodName, check, &answer)
	return answer, err
}

// askOnce asks, and fails unless the answer has this code.
func (l *load) askOnce(b *testing.B, check []byte, want codes.Code) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	wire, err := l.ask(ctx, check)
	if err != nil {
		b.Fatal(err)
	}
	var answer authv3.CheckResponse
	if err := proto.Unmarshal(wire, &answer); err != nil {
		b.Fatal(err)
	}
	if got := codes.Code(answer.GetStatus().GetCode()); got != want {
		b.Fatalf("answered %v, want %v: %v", got, want, &answer)
	}
}

// askMany asks n times in all, inFlight at once.
func (l *load) askMany(b *testing.B, check []byte, n int) {
	b.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, inFlight)
	for range inFlight {
		wg.Go(func() {
			for range n / inFlight {
				if _, err := l.ask(b.Context(), check); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		b.Fatal(err)
	default:
	}
}

// perRound is how many checks each server gets in a round: some 0.8 s of CPU, of
// which one tick is about 1 %.
const perRound = 40_000

// contest compares servers in rounds. The first of them is the measure.
type contest struct {
	servers []*server
	costs   [][]time.Duration // by server and round, for perRound checks
}

// round asks each server in turn, from another one on each time.
func (c *contest) round(b *testing.B, check func(*server) []byte) {
	b.Helper()
	if c.costs == nil {
		c.costs = make([][]time.Duration, len(c.servers))
		for _, s := range c.servers {
			s.load.askOnce(b, check(s), codes.OK)
			s.load.askMany(b, check(s), perRound/8) // caches, pools and the heap fill up
		}
	}
	first := len(c.costs[0])
	for i := range c.servers {
		i = (i + first) % len(c.servers)
		s, wire := c.servers[i], check(c.servers[i])
		s.load.askOnce(b, wire, codes.OK)
		before := s.cpu(b)
		s.load.askMany(b, wire, perRound)
		c.costs[i] = append(c.costs[i], s.cpu(b)-before)
	}
}

// report writes the medians down.
func (c *contest) report(b *testing.B) {
	b.Helper()
	for i, s := range c.servers {
		var ratios, each []float64
		for round, cost := range c.costs[i] {
			ratios = append(ratios, float64(cost)/float64(c.costs[0][round]))
			each = append(each, cost.Seconds()*1e6/perRound)
		}
		slices.Sort(ratios)
		slices.Sort(each)
		n := len(ratios)
		fmt.Printf("%-40s %.2fx (%.2f–%.2f)  %.1f µs CPU per check\n", s.name, ratios[n/2], ratios[n/4], ratios[n-1-n/4], each[n/2])
		if i == 1 {
			b.ReportMetric(ratios[n/2], "x-allow-all")
		}
	}
}
