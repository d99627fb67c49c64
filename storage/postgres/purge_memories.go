package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// purgeMemories removes the next memories that match, and their words.
func (s *Store) purgeMemories(ctx context.Context, q *alma.PurgeQuery, after int64) (alma.Purged, error) {
	var list []int64
	err := s.change(ctx, "erase memories", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlPurgeMemories, after, q.Agent, q.ProjectID, q.MemoryID, bound(q.Since), bound(q.Until), purgeRows)
		if err != nil {
			return err
		}
		if list, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil || q.DryRun || len(list) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, sqlRemoveMemories, list)
		return err
	})
	if err != nil {
		return alma.Purged{}, err
	}
	next := purgePlace{stage: purgeTraces}
	if len(list) == purgeRows {
		next = purgePlace{stage: purgeMemories, number: list[len(list)-1]}
	}
	return alma.Purged{Memories: int64(len(list)), Next: next.String()}, nil
}

const purgeRemains = "parts of what was erased may stay in PostgreSQL's files until it uses their space again (VACUUM FULL of the alma_ tables gives it back at once), in its write-ahead log until that is recycled, and in backups and replicas of it"

// purgeTraces frees the space of erased rows. Whoever owns the tables may do
// that; for others the server's autovacuum does it in time.
func (s *Store) purgeTraces(ctx context.Context, q *alma.PurgeQuery) (alma.Purged, error) {
	if q.DryRun {
		return alma.Purged{}, nil
	}
	if s.closed.Load() {
		return alma.Purged{}, wrap("purge: tidy up", alma.ErrClosed)
	}
	if err := s.forgetAnswers(ctx); err != nil {
		return alma.Purged{}, err
	}
	// It may take longer than any other call.
	if _, err := s.pool.Exec(ctx, sqlVacuum); err != nil {
		if ctx.Err() != nil {
			return alma.Purged{}, wrap("purge: tidy up", ctx.Err())
		}
		s.log.Warn("alma: storage: cannot tidy up after a purge; the server's autovacuum will", "error", err)
	}
	return alma.Purged{Remains: purgeRemains}, nil
}
