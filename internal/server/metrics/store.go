package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// StoreFigures are what a storage driver tells of itself, at this node.
type StoreFigures struct {
	Commits   int64 // Groups of changes committed.
	Changes   int64 // Changes that shared the commits.
	Queued    int   // Changes that wait now.
	SizeBytes int64 // Of the database.
	FreeBytes int64 // Of the disk; 0 where the driver does not know.
}

var (
	storeCommits = desc("store_commits_total", "Groups of changes that were committed: with PostgreSQL groups of appends.")
	storeChanges = desc("store_changes_total", "Changes that shared the commits.")
	storeQueued  = desc("store_changes_queued", "Changes that wait for a commit.")
	storeSize    = desc("store_size_bytes", "Size of the database.")
	storeFree    = desc("store_free_bytes", "Free space of the disk that holds the database; SQLite only.")
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
	counter(ch, storeChanges, f.driver.Changes)
	gauge(ch, storeQueued, float64(f.driver.Queued))
	gauge(ch, storeSize, float64(f.driver.SizeBytes))
	if f.driver.FreeBytes > 0 {
		gauge(ch, storeFree, float64(f.driver.FreeBytes))
	}
}
