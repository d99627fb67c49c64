package bench

import (
	"runtime/debug"
	"time"
)

// usage is what a case took.
type usage struct {
	elapsed time.Duration
	cpu     time.Duration // Of all processors.
	memory  float64       // Resident, in MiB, at its highest.
}

func (u usage) micros(n int) float64 {
	return float64(u.cpu) / float64(time.Microsecond) / float64(max(n, 1))
}

// sampleEvery is how often memory is looked at.
const sampleEvery = 50 * time.Millisecond

// measured runs f.
func measured(f func() error) (usage, error) {
	debug.FreeOSMemory() // What earlier cases left is not this one's.
	peak := watchMemory()
	cpu, start := cpuTime(), time.Now()
	err := f()
	u := usage{elapsed: time.Since(start), cpu: cpuTime() - cpu}
	u.memory = peak()
	return u, err
}

// watchMemory looks at the resident memory until the function that it returns is
// called, which tells the most that it was.
func watchMemory() (peak func() float64) {
	stop, most := make(chan struct{}), make(chan float64)
	go func() {
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		highest := 0.0
		for {
			highest = max(highest, residentMiB())
			select {
			case <-ticker.C:
			case <-stop:
				most <- max(highest, residentMiB())
				return
			}
		}
	}()
	return func() float64 { close(stop); return <-most }
}
