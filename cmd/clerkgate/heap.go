package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is how large the heap may become before it is collected, in bytes.
// What stays alive is a few MiB, and by its own rule the runtime would collect
// each time that as much again is allocated: after every thousand checks, at a
// third of what they cost. Beyond the floor that rule holds.
const heapFloor = 16 << 20

// runtimePercent is the runtime's own rule, GOGC=100.
const runtimePercent = 100

// mostPercent bounds the rule where next to nothing is alive: the runtime collects no
// heap below 4 MiB, and takes GOGC of these as well. So it is the floor again.
const mostPercent = heapFloor / (4 << 20) * runtimePercent

// keepHeapFloor sets the rule after each collection, for as long as the process
// runs. GOGC in the environment is somebody's decision and stays; GOMEMLIMIT holds
// in any case.
func keepHeapFloor() {
	if _, chosen := os.LookupEnv("GOGC"); chosen {
		return
	}
	setHeapFloor()
	runtime.AddCleanup(new(sentinel), func(struct{}) { keepHeapFloor() }, struct{}{})
}

// sentinel is collected at each collection. It has a pointer so that it shares no
// memory with others.
type sentinel struct{ _ *byte }

func setHeapFloor() {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	var values [3]uint64
	for i := range samples {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return // a runtime that does not tell keeps its own rule
		}
		values[i] = samples[i].Value.Uint64()
	}
	debug.SetGCPercent(percentFor(values[0], values[1]+values[2]))
}

// percentFor is the GOGC with which a heap of so many live bytes may grow to the
// floor. The runtime takes it of what it scans beside the heap as well.
func percentFor(live, beside uint64) int {
	if live == 0 || live >= heapFloor/2 { // nothing is known before the first collection
		return runtimePercent
	}
	return max(runtimePercent, int(min((heapFloor-live)*100/(live+beside), mostPercent)))
}
