package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The log and the attempts are partitioned by day, so that retention drops
// whole days. Partitions are made some days ahead. The default partition takes
// what falls outside: attempts of a node whose clock is wrong, or everything
// after a jump of the server's clock, or when nobody could make partitions for
// days. Its rows move when the partition of their day is made.
const (
	daysAhead = 3
	// movedRows is how many rows move at most, for everybody waits meanwhile. A
	// day of which there are more stays where it is.
	movedRows = 10_000
)

// partitioned are the tables, with the column that tells the day.
var partitioned = []struct{ table, column string }{{"alma_events", "appended_at"}, {"alma_attempts", "at"}}

// dayTable is a day of a table.
type dayTable struct {
	table, column string
	day           time.Time // Where it begins.
}

// partitionName names the partition of a day: alma_events_20260128.
func partitionName(table string, d time.Time) string { return table + "_" + d.Format("20060102") }

// names are what the partition is called, and what may stand in its place: a
// day that left its table and is not dropped yet, for a new one could not leave
// then, and what was kept of a day of attempts.
func (d *dayTable) names() []string {
	name := partitionName(d.table, d.day)
	return []string{name, hiddenName(name), restName(name)}
}

// statement fills in the names and the bounds of the day.
func (d *dayTable) statement(text, schema string) string {
	return strings.NewReplacer(
		"{table}", d.table, "{column}", d.column, "{default}", d.table+"_default",
		"{partition}", pgx.Identifier{schema, partitionName(d.table, d.day)}.Sanitize(),
		"{from}", d.day.Format(time.RFC3339), "{to}", d.day.AddDate(0, 0, 1).Format(time.RFC3339),
	).Replace(text)
}

// makePartitions makes the missing partitions from yesterday until some days
// ahead.
func (s *Store) makePartitions(ctx context.Context, conn *pgx.Conn) error {
	missing, err := s.missingDays(ctx, conn)
	if err != nil {
		return err
	}
	for i := range missing {
		if err := s.makePartition(ctx, conn, &missing[i]); err != nil {
			return fmt.Errorf("make the partition %s: %w", missing[i].names()[0], err)
		}
	}
	return nil
}

// missingDays returns what is to be made. The times of this process's appends
// may be ahead of a clock that was set back.
func (s *Store) missingDays(ctx context.Context, q queryer) ([]dayTable, error) {
	var now time.Time
	if err := q.QueryRow(ctx, sqlToday).Scan(&now); err != nil {
		return nil, err
	}
	var days []time.Time
	for n := -1; n <= daysAhead; n++ {
		days = append(days, day(now).AddDate(0, 0, n))
	}
	if ahead := day(s.appender.notBefore()); ahead.After(days[len(days)-1]) {
		days = append(days, ahead)
	}
	var all []dayTable
	var names [3][]string
	for _, at := range days {
		for _, p := range partitioned {
			d := dayTable{p.table, p.column, at}
			all = append(all, d)
			for i, name := range d.names() {
				names[i] = append(names[i], name)
			}
		}
	}
	rows, err := q.Query(ctx, sqlMissingDays, names[0], names[1], names[2])
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dayTable, error) {
		var n int
		err := row.Scan(&n)
		return all[n-1], err
	})
}

// makePartition makes one partition, unless it is there. What arrives
// meanwhile waits, and goes where it belongs: an insert that had found its way
// to the default partition before would be refused there after (SQLSTATE
// 23514), and a read would not see what moved. Therefore it is alone with the
// table, for a moment, and gives up soon when it cannot be: everybody else
// would wait behind it.
func (s *Store) makePartition(ctx context.Context, conn *pgx.Conn, d *dayTable) error {
	if many, err := d.many(ctx, conn); err != nil || many {
		return err
	}
	return soon(ctx, conn, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, sqlPartitionExists, d.names()).Scan(&there); err != nil || there { // Another node was quicker.
			return err
		}
		if err := execAll(ctx, tx, d.statement(sqlHoldTable, "")); err != nil {
			return err
		}
		if many, err := d.many(ctx, tx); err != nil || many {
			return err
		}
		return execAll(ctx, tx, d.statement(sqlMakeDay, s.ours.schema), d.statement(sqlMoveDay, s.ours.schema), d.statement(sqlAttachDay, s.ours.schema))
	}, sqlLockSchema)
}

// many reports whether too many rows would have to move.
func (d *dayTable) many(ctx context.Context, q queryer) (many bool, err error) {
	err = q.QueryRow(ctx, d.statement(sqlManyOfDay, ""), movedRows).Scan(&many)
	return many, err
}
