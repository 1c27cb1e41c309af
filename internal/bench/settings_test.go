package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/clerkgate/clerkgate/internal/clerktest"
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
	clerk := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	var names []string
	for name := range settings() {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if a == "default" || b == "default" {
			return map[bool]int{true: -1, false: 1}[a == "default"]
		}
		return strings.Compare(a, b)
	})
	c := contest{}
	for _, name := range names {
		c.servers = append(c.servers, startAllowAll(b, name))
	}
	wire := check(b, token(clerk))
	for b.Loop() {
		c.round(b, func(*server) []byte { return wire })
	}
	c.report(b)
}
