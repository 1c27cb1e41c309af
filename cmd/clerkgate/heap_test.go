package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestHeapFloor(t *testing.T) {
	for _, tt := range []struct {
		live, beside uint64
		percent      int
	}{
		{0, 0, 100},
		{0, 1 << 20, 100},
		{1 << 20, 0, 600},
		{3 << 20, 1 << 20, 525},
		{6 << 20, 0, 300},
		{9 << 20, 0, 166},
		{9 << 20, 100 << 20, 100},
		{12 << 20, 0, 100},
		{100 << 20, 0, 100},
		{1 << 40, 0, 100},
	} {
		got := percentFor(heapFloor, tt.live, tt.beside)
		if got != tt.percent {
			t.Errorf("%d bytes alive beside %d: %d, want %d", tt.live, tt.beside, got, tt.percent)
		}
		if goal := tt.live + (tt.live+tt.beside)*uint64(got)/100; got > runtimePercent && goal > heapFloor {
			t.Errorf("%d bytes alive beside %d may become %d", tt.live, tt.beside, goal)
		}
	}
}

// TestHeapFloorInAContainer: a container with little memory is not filled with what
// could be collected.
func TestHeapFloorInAContainer(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"no container":        {nil, heapFloor},
		"no limit":            {map[string]string{"/sys/fs/cgroup/memory.max": "max\n"}, heapFloor},
		"no limit, version 1": {map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, heapFloor},
		"much":                {map[string]string{"/sys/fs/cgroup/memory.max": "134217728\n"}, heapFloor},
		"little":              {map[string]string{"/sys/fs/cgroup/memory.max": "33554432\n"}, 8 << 20},
		"little, version 1":   {map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "33554432\n"}, 8 << 20},
		"nothing readable":    {map[string]string{"/sys/fs/cgroup/memory.max": "-1"}, heapFloor},
	} {
		got := floorIn(func(name string) ([]byte, error) {
			if text, ok := tt.files[name]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		})
		if got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// TestHeapFloorIsNoMore: the goal of the runtime, which has a least heap of its own, is
// not beyond the floor, however little is alive.
func TestHeapFloorIsNoMore(t *testing.T) {
	before := debug.SetGCPercent(runtimePercent)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	debug.SetGCPercent(percentFor(heapFloor, 1, 0))
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/heap/live:bytes"}}
	runtime.GC()
	metrics.Read(goal)
	if most := max(heapFloor, 10*goal[1].Value.Uint64()); goal[0].Value.Uint64() > most {
		t.Errorf("%d bytes of which %d are alive, want at most %d", goal[0].Value.Uint64(), goal[1].Value.Uint64(), most)
	}
}

// TestHeapFloorIsKept: the rule follows what is alive, collection by collection.
func TestHeapFloorIsKept(t *testing.T) {
	before := debug.SetGCPercent(runtimePercent)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	runtime.GC()
	setHeapFloor(heapFloor)
	if got := debug.SetGCPercent(runtimePercent); got <= runtimePercent || got > 100*runtimePercent {
		t.Errorf("a small heap is collected at %d", got)
	}
	ballast := make([]byte, 2*heapFloor)
	runtime.GC()
	setHeapFloor(heapFloor)
	if got := debug.SetGCPercent(runtimePercent); got != runtimePercent {
		t.Errorf("a heap beyond the floor is collected at %d", got)
	}
	runtime.KeepAlive(ballast)
}
