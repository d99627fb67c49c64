package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StoreFigures are what a storage driver tells of itself, at this node.
type StoreFigures struct {
	Commits    int64         // Groups of changes committed.
	Committing time.Duration // How long they took together.
	Changes    int64         // Changes that shared the commits.
	Queued     int           // Changes that wait now.
	SizeBytes  int64         // Of the database.
	FreeBytes  int64         // Of the disk; 0 where the driver does not know.
	Pool       *PoolFigures  // nil where there is none.
}

// PoolFigures are those of the connections that calls share.
type PoolFigures struct {
	Open, Busy int
	Waits      int64 // How often a call found none free.
}

var (
	storeCommits = desc("store_commits_total", "Groups of changes that were committed: with PostgreSQL groups of appends.")
	commitTime   = desc("store_commit_duration_seconds", "How long the commits took: with PostgreSQL the whole round trip of an append.")
	storeChanges = desc("store_changes_total", "Changes that shared the commits.")
	storeQueued  = desc("store_changes_queued", "Changes that wait for a commit.")
	storeSize    = desc("store_size_bytes", "Size of the database.")
	storeFree    = desc("store_free_bytes", "Free space of the disk that holds the database; SQLite only.")
	poolConns    = desc("postgres_pool_connections", "Connections of the pool that calls share, busy or idle; PostgreSQL only.", "state")
	poolWaits    = desc("postgres_pool_waits_total", "How often a call had to wait for a connection of the pool; PostgreSQL only.")
)

// readStore asks the driver, if there is a way to.
func (e *engine) readStore(ctx context.Context, f *figures) error {
	if e.driver == nil {
		return nil
	}
	s, err := e.driver(ctx)
	if err == nil {
		f.driver = &s
	}
	return err
}

func (f *figures) ofStore(ch chan<- prometheus.Metric) {
	if f.driver == nil {
		return
	}
	counter(ch, storeCommits, f.driver.Commits)
	ch <- prometheus.MustNewConstSummary(commitTime, uint64(f.driver.Commits), f.driver.Committing.Seconds(), nil) //nolint:gosec // A count.
	counter(ch, storeChanges, f.driver.Changes)
	gauge(ch, storeQueued, float64(f.driver.Queued))
	gauge(ch, storeSize, float64(f.driver.SizeBytes))
	if f.driver.FreeBytes > 0 {
		gauge(ch, storeFree, float64(f.driver.FreeBytes))
	}
	if p := f.driver.Pool; p != nil {
		gauge(ch, poolConns, float64(p.Busy), "busy")
		gauge(ch, poolConns, float64(p.Open-p.Busy), "idle")
		counter(ch, poolWaits, p.Waits)
	}
}
