package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// Nothing is read at or beyond the horizon: the first transaction that could
// still bring events. It is the oldest one with an id that is open in this
// database, or the next one when none is. (pg_snapshot_xmin would say the same
// of the whole server: a long transaction in another database of it would hold
// the log up.)
//
// The order matters. First a snapshot is taken: xids below its xmax have been
// given out, and stand in shared memory as long as their transactions are open.
// Then the open ones of this database are read from there; a transaction that
// is prepared moves from the sessions to the prepared ones, so those come
// second. The statement that reads the log follows, with a snapshot of its own:
// what was not open by then is decided, and visible to it if it committed.
//
// backend_xid has 32 bits. A difference of more than half of them means an xid
// that was given out after the snapshot.
const sqlHorizon = `WITH next AS MATERIALIZED (
		SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid
	), open AS MATERIALIZED (
		SELECT a.backend_xid::text::bigint AS xid FROM pg_stat_get_activity(NULL) AS a
		WHERE a.backend_xid IS NOT NULL AND a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
		UNION ALL
		SELECT p.transaction::text::bigint FROM pg_prepared_xacts AS p WHERE p.database = current_database()
	)
	SELECT set_config('alma.horizon', ((e.era << 48) + n.xid - coalesce((
			SELECT max((n.xid - o.xid) & 4294967295) FROM open AS o WHERE (n.xid - o.xid) & 4294967295 < 2147483648
		), 0))::text, false)::bigint
	FROM alma_era AS e CROSS JOIN next AS n`

// beyond is what a statement after sqlHorizon, on the same connection, compares with.
const beyond = `current_setting('alma.horizon')::bigint`

const (
	sqlHead = `SELECT xact, seq FROM alma_events WHERE xact < ` + beyond + ` ORDER BY xact DESC, seq DESC LIMIT 1`
	// By the index: a search for any row beyond would look at all of them when
	// there is none.
	sqlBeyond = `SELECT coalesce((SELECT xact FROM alma_events ORDER BY xact DESC, seq DESC LIMIT 1) >= $1, false)`
)

// Events that have committed, but cannot be read because an older transaction
// is open, are waited for: most transactions take a few milliseconds.
const (
	shortestLook = time.Millisecond
	longestWait  = 100 * time.Millisecond
)

// below runs a statement that reads what lies below the horizon.
func below(ctx context.Context, q queryer, scan func(pgx.Rows) error, statement string, args ...any) (horizon int64, err error) {
	b := &pgx.Batch{}
	b.Queue(sqlHorizon).QueryRow(func(row pgx.Row) error { return row.Scan(&horizon) })
	b.Queue(statement, args...).Query(scan)
	return horizon, q.SendBatch(ctx, b).Close()
}

// head returns the position of the newest event below the horizon.
func (s *Store) head(ctx context.Context) (p place, horizon int64, err error) {
	horizon, err = below(ctx, s.pool, func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&p.xact, &p.seq); err != nil {
				return err
			}
		}
		return rows.Err()
	}, sqlHead)
	return p, horizon, err
}

// Horizon returns the position of the newest event that can be read. Where
// committed events lie behind it because an older transaction is open, it
// waits for that, at most a tenth of a second.
func (s *Store) Horizon(ctx context.Context) (alma.Position, error) {
	var p place
	err := s.do(ctx, "read the end of the log", func(ctx context.Context) error {
		return s.patiently(ctx, func() (horizon int64, enough bool, err error) {
			p, horizon, err = s.head(ctx)
			return horizon, false, err
		})
	})
	if err != nil {
		return alma.Position{}, err
	}
	return p.position(), nil
}

// patiently calls look until it says that it has enough, or no committed event
// lies beyond the horizon that it met, or the longest wait is over.
func (s *Store) patiently(ctx context.Context, look func() (horizon int64, enough bool, err error)) error {
	wait := shortestLook
	for start := time.Now(); ; wait *= 2 {
		horizon, enough, err := look()
		if err != nil || enough {
			return err
		}
		var more bool
		if err := s.pool.QueryRow(ctx, sqlBeyond, horizon).Scan(&more); err != nil || !more {
			return err
		}
		if time.Since(start)+wait > longestWait {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
