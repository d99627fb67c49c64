package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// strayEvents gives old events that stand in the default partition one of
// their own, to be dropped like any other.
func (p *pruning) strayEvents(ctx context.Context) error {
	if p.retention.Events.IsZero() {
		return nil
	}
	before := day(p.retention.Events)
	var oldest *time.Time
	if err := p.conn.QueryRow(ctx, sqlStrayDay, before).Scan(&oldest); err != nil || oldest == nil {
		return err
	}
	made, err := makePartition(ctx, p.conn, "alma_events", "appended_at", day(*oldest))
	p.done.More = made // Otherwise another time: what left of that day goes first.
	return err
}

// events takes the oldest partition out of the log, unless an event in it is
// needed. Readers do not see it any more then. It is kept under another name
// until the ids and deliveries of its events are removed.
//
// Whether it is needed is looked up before anybody has to wait, and then once
// more what may have changed, alone with the log.
func (p *pruning) events(ctx context.Context) error {
	name, err := p.oldest(ctx, "alma_events", p.retention.Events)
	if err != nil || name == "" {
		return err
	}
	p.done.More = true
	needed, err := isNeeded(ctx, p.conn, name, sqlNeededFrom)
	if err == nil && !needed {
		needed, err = p.hide(ctx, name)
	}
	if err == nil && needed {
		p.skipped = name
	}
	return err
}

// hide takes a partition out of the log, unless somebody has come to need it.
func (p *pruning) hide(ctx context.Context, name string) (needed bool, err error) {
	err = p.step(ctx, func(tx pgx.Tx) (err error) {
		if err := execAll(ctx, tx, sqlHoldExceptions, sqlHoldLog); err != nil {
			return err
		}
		if needed, err = isNeeded(ctx, tx, name, sqlOwnNeededFrom); err != nil || needed {
			return err
		}
		return execAll(ctx, tx, within(sqlDetach, name), within(sqlHide, name, "{hidden}", hiddenName(name)))
	})
	return needed, err
}

// hiddenName names a partition that left its table: alma_gone_20260128, or
// alma_gone_attempts_20260128.
func hiddenName(partition string) string {
	return "alma_gone_" + strings.TrimPrefix(strings.TrimPrefix(partition, "alma_"), "events_")
}

// isNeeded reports whether somebody needs an event of a partition; from is the
// statement that finds up to where nobody does.
func isNeeded(ctx context.Context, q queryer, partition, from string) (needed bool, err error) {
	var at place
	err = q.QueryRow(ctx, from).Scan(&at.xact, &at.seq)
	if errors.Is(err, pgx.ErrNoRows) { // Nobody reads the log.
		at, err = furthest, nil
	}
	if err != nil {
		return false, err
	}
	err = q.QueryRow(ctx, within(sqlIsNeeded, partition), at.xact, at.seq).Scan(&needed)
	return needed, err
}

// hiddenEvents removes what stands about the events of partitions that left
// the log, some in each step, and then the partition. A process that dies on
// the way leaves a partition under its other name, with which the next goes on.
func (p *pruning) hiddenEvents(ctx context.Context) error {
	var name string
	err := p.conn.QueryRow(ctx, sqlDetached).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		p.hidden = ""
		return nil
	}
	if err != nil {
		return err
	}
	if p.hidden != name {
		p.hidden, p.place = name, place{}
	}
	p.done.More = true
	rows, err := p.conn.Query(ctx, within(sqlHiddenEvents, name), p.place.xact, p.place.seq, pruneRows)
	if err != nil {
		return err
	}
	var ids []string
	var xacts, seqs []int64
	var id string
	var at place
	if _, err := pgx.ForEachRow(rows, []any{&id, &at.xact, &at.seq}, func() error {
		ids, xacts, seqs = append(ids, id), append(xacts, at.xact), append(seqs, at.seq)
		return nil
	}); err != nil {
		return err
	}
	if len(ids) == 0 {
		return p.step(ctx, func(tx pgx.Tx) error { return execAll(ctx, tx, within(sqlDrop, name)) })
	}
	if err := p.dropEvents(ctx, ids, xacts, seqs); err != nil {
		return err
	}
	p.place, p.done.Events = at, int64(len(ids))
	return nil
}

// dropEvents removes the ids of events and everything about their deliveries.
func (p *pruning) dropEvents(ctx context.Context, ids []string, xacts, seqs []int64) error {
	return p.store.retry(func() error {
		b := &pgx.Batch{}
		b.Queue(sqlForgetIDs, ids, xacts, seqs)
		for _, statement := range []string{sqlDropAttempts, sqlLeaveAt, sqlDropMessages, sqlDropExceptions, sqlDropErased} {
			b.Queue(statement, xacts, seqs)
		}
		return p.conn.SendBatch(ctx, b).Close()
	})
}
