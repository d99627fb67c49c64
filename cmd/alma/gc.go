package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The garbage collector runs when the heap has doubled, as a rule. This
// program's live heap is small and its deliveries leave much garbage, so the
// rule makes it collect dozens of times a second for the sake of a few MiB. A
// heap of at least heapFloor costs a fifth less processor time.
const (
	heapFloor    = 32 << 20
	leastPercent = 100 // The runtime's default.
	mostPercent  = 1000
)

// tuneCollector keeps the heap from being collected below heapFloor, unless the
// operator has set GOGC.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	afterEachCollection(func() {
		debug.SetGCPercent(collectAt(liveHeap()))
	})
}

// collectAt returns by how many percent a live heap may grow.
func collectAt(live uint64) int {
	if live == 0 {
		return mostPercent
	}
	percent := 100 * (heapFloor - float64(live)) / float64(live)
	return int(max(leastPercent, min(percent, mostPercent)))
}

// liveHeap returns what the last collection found in use, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// afterEachCollection calls f now and after each collection: an object that
// nothing refers to is cleaned up then, and f makes the next.
func afterEachCollection(f func()) {
	f()
	runtime.AddCleanup(&struct{ _ [16]byte }{}, afterEachCollection, f)
}
