package main

import (
	"context"
	"math"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/metrics"
	"github.com/alma-events/alma/storage/postgres"
	"github.com/alma-events/alma/storage/sqlite"
)

// storeFigures returns what asks a driver for its figures.
func storeFigures(store alma.Storage) func(context.Context) (metrics.StoreFigures, error) {
	switch s := store.(type) {
	case *sqlite.Store:
		return func(ctx context.Context) (metrics.StoreFigures, error) {
			st, err := s.Stats(ctx)
			f := metrics.StoreFigures{Commits: st.Commits, Committing: st.Committing, Changes: st.Jobs, Queued: st.Queued, SizeBytes: st.SizeBytes}
			if st.FreeBytes < math.MaxInt64 { // Else it is unknown.
				f.FreeBytes = st.FreeBytes
			}
			return f, err //nolint:wrapcheck // It says what failed.
		}
	case *postgres.Store:
		return func(ctx context.Context) (metrics.StoreFigures, error) {
			st, err := s.Stats(ctx)
			return metrics.StoreFigures{
				Commits: st.Commits, Committing: st.Committing, Changes: st.Appends, Queued: st.Queued, SizeBytes: st.SizeBytes,
				Pool: &metrics.PoolFigures{Open: st.Connections, Busy: st.Busy, Waits: st.Waits},
			}, err //nolint:wrapcheck // It says what failed.
		}
	default:
		return nil
	}
}
