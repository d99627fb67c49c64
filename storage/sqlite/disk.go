package sqlite

import (
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

// checkInterval is how long a measurement of the free space holds.
const checkInterval = time.Second

// diskGuard refuses appends while less than the reserve is free, so that there
// is room left to record the outcomes of deliveries.
type diskGuard struct {
	folder  string
	reserve int64
	measure func(folder string) (int64, error)
	log     *slog.Logger

	next atomic.Int64 // When to measure again, in nanoseconds since 1970.
	free atomic.Int64
}

// newDiskGuard returns a guard for a folder. An empty folder (in-memory
// databases) and a negative reserve have nothing to guard.
func newDiskGuard(folder string, o Options) *diskGuard {
	g := &diskGuard{folder: folder, reserve: o.FreeSpaceReserve, measure: o.FreeSpace, log: o.Logger}
	g.free.Store(math.MaxInt64)
	return g
}

// check returns an error that wraps ErrLowDisk when too little space is free.
func (g *diskGuard) check() error {
	if g.reserve < 0 || g.folder == "" {
		return nil
	}
	if free := g.current(); free < g.reserve {
		return fmt.Errorf("%w: %d MiB free in %s, appends need %d MiB; make room, deliveries go on meanwhile", alma.ErrLowDisk, free>>20, g.folder, g.reserve>>20)
	}
	return nil
}

// current returns the free bytes, measured at most once an interval. Whoever
// moves the time of the next measurement makes this one; others meanwhile use
// the one before.
func (g *diskGuard) current() int64 {
	now, next := time.Now().UnixNano(), g.next.Load()
	if g.folder == "" || now < next && next-now <= int64(checkInterval) || !g.next.CompareAndSwap(next, now+int64(checkInterval)) {
		return g.free.Load()
	}
	free, err := g.measure(g.folder)
	if err != nil {
		// Not knowing is no reason to refuse: a full disk shows itself anyway.
		g.log.Warn("alma: cannot measure the free disk space", "folder", g.folder, "error", err)
		free = math.MaxInt64
	}
	g.free.Store(free)
	return free
}
