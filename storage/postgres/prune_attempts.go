package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// keeping is what is being kept of a day of attempts.
type keeping struct {
	partition string
	behind    []lanePlace // The webhooks that are still to be looked at.
}

// lanePlace is a webhook, by its number, and a place in the log.
type lanePlace struct {
	webhook int64
	place
}

// Bounds of one step.
const (
	keepLanes = 100 // Webhooks,
	keepRows  = 1000
)

// attempts removes the oldest day of attempts, but for those of webhooks that
// have not come past their events. What is to be kept is copied to a table of
// its own first, some in each call, and nobody waits for that. Then that table
// takes the day's place, or nothing does, in a moment alone with the attempts;
// what left is dropped later. A process that dies on the way leaves the copy,
// or what left under its other name, and the next goes on with it.
//
// The copies hold that an attempt was made and what came of it, and not what
// was exchanged, which is as old as all that goes.
func (p *pruning) attempts(ctx context.Context) error {
	name, err := p.oldest(ctx, "alma_attempts", p.retention.Attempts)
	if err != nil || name == "" {
		return err
	}
	p.done.More = true
	if p.keeping.partition != name {
		return p.beginKeeping(ctx, name)
	}
	if len(p.keeping.behind) > 0 {
		return p.keep(ctx)
	}
	p.keeping = keeping{}
	return p.exchange(ctx, name)
}

// restName names the table of what is kept of a day: alma_rest_20260128.
func restName(partition string) string {
	return "alma_rest_" + strings.TrimPrefix(partition, "alma_attempts_")
}

// ofDay fills the bounds of a partition's day into a statement.
func ofDay(statement, partition string) (string, error) {
	d, err := time.Parse("20060102", partition[strings.LastIndexByte(partition, '_')+1:])
	from, to := d.Format(time.RFC3339), d.AddDate(0, 0, 1).Format(time.RFC3339)
	return strings.NewReplacer("{from}", from, "{to}", to).Replace(statement), err
}

// beginKeeping finds out who needs something of a day.
func (p *pruning) beginKeeping(ctx context.Context, name string) error {
	statement, err := ofDay(sqlMakeRest, name)
	if err != nil {
		return err
	}
	if _, err := p.conn.Exec(ctx, p.making(statement, restName(name))); err != nil {
		return err
	}
	rows, err := p.conn.Query(ctx, within(sqlBehind, name))
	if err != nil {
		return err
	}
	behind, err := pgx.CollectRows(rows, scanLanePlace)
	if err == nil {
		p.keeping = keeping{name, behind}
	}
	return err
}

func scanLanePlace(row pgx.CollectableRow) (l lanePlace, err error) {
	err = row.Scan(&l.webhook, &l.xact, &l.seq)
	return l, err
}

// keep copies what the next webhooks need. Those of which there is more come
// again.
func (p *pruning) keep(ctx context.Context) error {
	name, behind := p.keeping.partition, p.keeping.behind
	some := behind[:min(keepLanes, len(behind))]
	from := make(map[int64]place, len(some))
	var webhooks, xacts, seqs []int64
	for _, l := range some {
		from[l.webhook] = l.place
		webhooks, xacts, seqs = append(webhooks, l.webhook), append(xacts, l.xact), append(seqs, l.seq)
	}
	rows, err := p.conn.Query(ctx, within(sqlKeepAttempts, name, "{rest}", restName(name)), webhooks, xacts, seqs, keepRows)
	if err != nil {
		return err
	}
	more, err := pgx.CollectRows(rows, scanLanePlace)
	if err != nil {
		return err
	}
	for i := range more { // The last delivery may have further attempts.
		if again := (place{more[i].xact, more[i].seq - 1}); from[more[i].webhook] != again {
			more[i].place = again
		}
	}
	p.keeping.behind = slices.Concat(more, behind[len(some):])
	return nil
}

// exchange puts what is kept of a day in the place of the day.
func (p *pruning) exchange(ctx context.Context, name string) error {
	kept := restName(name)
	attach, err := ofDay(sqlAttachRest, name)
	if err != nil {
		return err
	}
	var rows bool
	if err := p.conn.QueryRow(ctx, within(sqlHasRows, kept)).Scan(&rows); err != nil {
		return err
	}
	last := sqlDrop
	if rows {
		last = attach
	}
	return p.step(ctx, func(tx pgx.Tx) error {
		return execAll(ctx, tx, within(sqlDetachAttempts, name), within(sqlHide, name, "{hidden}", hiddenName(name)), within(last, kept))
	})
}

// hiddenAttempts drops a day that has left the attempts.
func (p *pruning) hiddenAttempts(ctx context.Context) error {
	var name string
	err := p.conn.QueryRow(ctx, sqlHiddenAttempts).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	p.done.More = true
	all, err := p.rowsAbout(ctx, name)
	if err != nil {
		return err
	}
	kept, err := p.rowsAbout(ctx, restName(strings.Replace(name, "_gone_", "_", 1)))
	if err != nil {
		return err
	}
	err = p.step(ctx, func(tx pgx.Tx) error { return execAll(ctx, tx, within(sqlDrop, name)) })
	if err == nil {
		p.done.Attempts = max(0, all-kept)
	}
	return err
}

// rowsAbout returns how many rows a table has: exactly while they are few. One
// that is not there has none.
func (p *pruning) rowsAbout(ctx context.Context, name string) (n int64, err error) {
	var there bool
	if err := p.conn.QueryRow(ctx, sqlPartitionExists, []string{name}).Scan(&there); err != nil || !there {
		return 0, err
	}
	count := func() error { return p.conn.QueryRow(ctx, within(sqlRowsAbout, name), name).Scan(&n) }
	if err = count(); err == nil && n < 0 {
		if _, err = p.conn.Exec(ctx, within(sqlAnalyze, name)); err == nil {
			err = count()
		}
	}
	return n, err
}

// restAttempts removes attempts that were kept and are needed no more, and
// their table with the last of them.
func (p *pruning) restAttempts(ctx context.Context) error {
	if p.retention.Attempts.IsZero() {
		return nil
	}
	rows, err := p.conn.Query(ctx, sqlRests, day(p.retention.Attempts).Format("20060102"))
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if name <= p.skipped {
			continue
		}
		p.done.More = true
		return p.thin(ctx, name)
	}
	return nil
}

// thin removes from a table of kept attempts.
func (p *pruning) thin(ctx context.Context, name string) error {
	n, err := p.dropStray(ctx, name)
	if err != nil || n == pruneRows {
		return err
	}
	p.skipped = name
	return p.step(ctx, func(tx pgx.Tx) error {
		var rows bool
		if err := tx.QueryRow(ctx, within(sqlHasRows, name)).Scan(&rows); err != nil || rows {
			return err
		}
		if err := execAll(ctx, tx, sqlHoldAttempts); err != nil {
			return err
		}
		// Somebody may have stored a late one meanwhile.
		if err := tx.QueryRow(ctx, within(sqlHasRows, name)).Scan(&rows); err != nil || rows {
			return err
		}
		return execAll(ctx, tx, within(sqlDetachAttempts, name), within(sqlDrop, name))
	})
}

// strayAttempts removes old attempts that stand in the default partition.
func (p *pruning) strayAttempts(ctx context.Context) error {
	if p.retention.Attempts.IsZero() {
		return nil
	}
	n, err := p.dropStray(ctx, "alma_attempts_default")
	p.done.More = n == pruneRows
	return err
}

func (p *pruning) dropStray(ctx context.Context, table string) (int64, error) {
	tag, err := p.conn.Exec(ctx, within(sqlDropStrayAttempts, table), p.retention.Attempts, pruneRows)
	p.done.Attempts = tag.RowsAffected()
	return tag.RowsAffected(), err
}
