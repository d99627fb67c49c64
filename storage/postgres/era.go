package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// eraShift is where the era begins in the first part of a place: below it
// stands the transaction's id.
const eraShift = 48

// Statements over alma_era. $1 is the furthest place that the asking process
// has met, 0 for none.
const (
	sqlEraState = `SELECT e.era, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, greatest($1::bigint,
			(SELECT xact FROM alma_events ORDER BY xact DESC, seq DESC LIMIT 1), (SELECT xact FROM alma_watermark))
		FROM alma_era AS e`

	// Looks at all places that are stored anywhere.
	sqlEraStateFull = `SELECT e.era, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, greatest($1::bigint,
			(SELECT xact FROM alma_events ORDER BY xact DESC, seq DESC LIMIT 1), (SELECT xact FROM alma_watermark),
			(SELECT max(xact) FROM alma_lanes), (SELECT max(xact) FROM alma_slots), (SELECT max(xact) FROM alma_nodes))
		FROM alma_era AS e`

	sqlSetEra = `UPDATE alma_era SET era = $1 WHERE era < $1`
)

// eraAfter returns the era that must hold when stored places reach up to
// furthest and the server's next transaction id is next.
func eraAfter(era, next, furthest int64) int64 {
	reached := furthest >> eraShift
	switch {
	case reached < era:
		return era
	case furthest-reached<<eraShift >= next:
		return reached + 1
	default:
		return reached
	}
}

// raiseEra makes sure that events appended from now on stand after all stored
// places. They would not where the server's transaction ids begin anew: in a
// database that was restored from a dump, or after a failover that lost the
// last transactions.
func raiseEra(ctx context.Context, conn *pgx.Conn, statement string, seen int64) error {
	var era, next, furthest int64
	read := func(q queryer) (int64, error) {
		err := q.QueryRow(ctx, statement, seen).Scan(&era, &next, &furthest)
		return eraAfter(era, next, furthest), err
	}
	if want, err := read(conn); err != nil || want == era {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockSchema); err != nil {
			return err
		}
		want, err := read(tx)
		if err == nil && want != era {
			_, err = tx.Exec(ctx, sqlSetEra, want)
		}
		return err
	})
}

// checkEra does so for each new connection of the pool: the server behind it
// may not be the one of before.
func (s *Store) checkEra(ctx context.Context, conn *pgx.Conn) error {
	return raiseEra(ctx, conn, sqlEraState, s.seen.Load())
}
