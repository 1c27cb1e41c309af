package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// heapFloor is how large the heap may become before it is collected, in bytes.
// What stays alive is a few MiB, nine with ten thousand tokens, and by its own rule
// the runtime would collect each time that as much again is allocated: after every
// thousand checks, at a third of what they cost. Beyond the floor that rule holds.
const heapFloor = 24 << 20

// heapShare is the part of a container's memory that the floor may be. The rest is
// for the program itself, for stacks and for what the heap becomes while it is
// collected.
const heapShare = 4

// limitFiles say how much memory the container may use: control groups of version 2
// and 1, as they are mounted in one.
var limitFiles = [...]string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// runtimePercent is the runtime's own rule, GOGC=100.
const runtimePercent = 100

// leastHeap is what the runtime does not collect below, at GOGC=100. It takes GOGC
// of it as well.
const leastHeap = 4 << 20

// mostPercent bounds the rule where next to nothing is alive: with it the least heap
// is the floor.
const mostPercent = heapFloor / leastHeap * runtimePercent

// keepHeapFloor sets the rule after each collection, for as long as the process
// runs. GOGC in the environment is somebody's decision and stays; GOMEMLIMIT holds
// in any case.
func keepHeapFloor() {
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		followHeap(floorIn(os.ReadFile))
	}
}

// floorIn is the floor in this container.
func floorIn(read func(string) ([]byte, error)) uint64 {
	floor := uint64(heapFloor)
	for _, name := range limitFiles {
		text, err := read(name)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			floor = min(floor, limit/heapShare)
		}
	}
	return floor
}

func followHeap(floor uint64) {
	setHeapFloor(floor)
	runtime.AddCleanup(new(sentinel), followHeap, floor)
}

// sentinel is collected at each collection. It has a pointer so that it shares no
// memory with others.
type sentinel struct{ _ *byte }

func setHeapFloor(floor uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	var values [3]uint64
	for i := range samples {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return // a runtime that does not tell keeps its own rule
		}
		values[i] = samples[i].Value.Uint64()
	}
	debug.SetGCPercent(percentFor(floor, values[0], values[1]+values[2]))
}

// percentFor is the GOGC with which a heap of so many live bytes may grow to the
// floor. The runtime takes it of what it scans beside the heap as well.
func percentFor(floor, live, beside uint64) int {
	if live == 0 || live >= floor/2 { // nothing is known before the first collection
		return runtimePercent
	}
	percent := min((floor-live)*100/(live+beside), floor*runtimePercent/leastHeap)
	return max(runtimePercent, int(min(percent, mostPercent)))
}
