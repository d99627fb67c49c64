package bench

import (
	"runtime"
	"time"
)

// usage is what a case took.
type usage struct {
	elapsed time.Duration
	cpu     time.Duration // Of all processors.
	memory  float64       // Resident, in MiB, at the end.
}

func (u usage) micros(n int) float64 {
	return float64(u.cpu) / float64(time.Microsecond) / float64(max(n, 1))
}

// measured runs f.
func measured(f func() error) (usage, error) {
	runtime.GC() // What earlier cases left is not this one's.
	cpu, start := cpuTime(), time.Now()
	err := f()
	return usage{elapsed: time.Since(start), cpu: cpuTime() - cpu, memory: residentMiB()}, err
}
