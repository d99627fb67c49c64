package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The log and the attempts are partitioned by day, so that retention drops
// whole days. Partitions are made some days ahead. The default partition takes
// what falls outside: attempts of a node whose clock is wrong, or everything
// when nobody made partitions for days. Its rows move when a partition for
// their day is made.
const daysAhead = 3

// partitioned are the tables, with the column that tells the day.
var partitioned = []struct{ table, column string }{{"alma_events", "appended_at"}, {"alma_attempts", "at"}}

const (
	sqlToday = `SELECT clock_timestamp()`

	// Looked up in the catalogue itself: to_regclass may answer from a cache
	// that waiting for a lock does not renew.
	sqlPartitionExists = `SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = ANY($1::text[]) AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'alma_events'::regclass))`
)

// makePartitions makes the missing partitions from yesterday until some days
// ahead.
func (s *Store) makePartitions(ctx context.Context, conn *pgx.Conn) error {
	var now time.Time
	if err := conn.QueryRow(ctx, sqlToday).Scan(&now); err != nil {
		return err
	}
	for d := day(now).AddDate(0, 0, -1); d.Before(now.AddDate(0, 0, daysAhead)); d = d.AddDate(0, 0, 1) {
		for _, p := range partitioned {
			if _, err := makePartition(ctx, conn, p.table, p.column, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// partitionName names the partition of a day: alma_events_20260128.
func partitionName(table string, d time.Time) string { return table + "_" + d.Format("20060102") }

// makePartition makes one partition, unless it is there, and says whether it
// did. It is made apart and then attached, which has to be alone with the
// default partition for a moment. It gives up soon when it cannot be: everybody
// else would wait behind it.
func makePartition(ctx context.Context, conn *pgx.Conn, table, column string, d time.Time) (made bool, err error) {
	name := partitionName(table, d)
	// While the day that left its table is not dropped, a new one could not leave:
	// the default partition serves until then.
	names := []string{name, hiddenName(name)}
	if table == "alma_attempts" { // What was kept of the day stands in its place.
		names = append(names, restName(name))
	}
	exists := func(q queryer) (there bool, err error) {
		err = q.QueryRow(ctx, sqlPartitionExists, names).Scan(&there)
		return there, err
	}
	if there, err := exists(conn); err != nil || there {
		return false, err
	}
	from, to := d.Format(time.RFC3339), d.AddDate(0, 0, 1).Format(time.RFC3339)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlSoonLocks); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlLockSchema); err != nil {
			return err
		}
		if there, err := exists(tx); err != nil || there { // Another node was quicker.
			return err
		}
		for _, statement := range []string{
			fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`, name, table),
			fmt.Sprintf(`WITH moved AS (DELETE FROM %[1]s_default WHERE %[2]s >= '%[4]s' AND %[2]s < '%[5]s' RETURNING *) INSERT INTO %[3]s SELECT * FROM moved`, table, column, name, from, to),
			fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`, table, name, from, to),
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		made = true
		return nil
	})
	return made && err == nil, err
}
