package bench

import (
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// settings are those of grpc-go that may matter, each alone, by name.
func settings() map[string][]grpc.ServerOption {
	const window = 1 << 20
	return map[string][]grpc.ServerOption{
		"default":            nil,
		"workers 1":          {grpc.NumStreamWorkers(1)},
		"workers 2":          {grpc.NumStreamWorkers(2)},
		"workers 16":         {grpc.NumStreamWorkers(16)},
		"read buffer 4K":     {grpc.ReadBufferSize(4 << 10)},
		"read buffer 128K":   {grpc.ReadBufferSize(128 << 10)},
		"write buffer 4K":    {grpc.WriteBufferSize(4 << 10)},
		"write buffer 128K":  {grpc.WriteBufferSize(128 << 10)},
		"static windows":     {grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(window)},
		"1000 streams":       {grpc.MaxConcurrentStreams(1000)},
		"keepalive enforced": {grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true})},
	}
}

// BenchmarkSettings compares the allow-all server with itself under each setting.
func BenchmarkSettings(b *testing.B) {
	r := newReport("settings")
	wire := check(b, token(newClerk()))
	c := contest{checks: 10_000, inFlight: 16}
	c.enter("default", startAllowAll(b, "default"), always(wire, passed))
	for _, name := range slices.Sorted(maps.Keys(settings())) {
		if name != "default" {
			c.enter(name, startAllowAll(b, name), always(wire, passed))
		}
	}
	for b.Loop() {
		c.round(b)
	}
	c.standings(r, "setting")
	r.publish(b)
}
