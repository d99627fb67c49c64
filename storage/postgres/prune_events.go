package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// strayTable is where old events wait that stood in the default partition, for
// what stands about them to be removed. Its name is one of days that left the
// log, of which it is none.
const strayTable = "alma_gone_2_stray"

// strayEvents takes old events that nobody needs out of the default partition,
// some in each step, and then removes what stands about them.
func (p *pruning) strayEvents(ctx context.Context) error {
	if p.retention.Events.IsZero() {
		return nil
	}
	if err := p.hiddenEvents(ctx); err != nil || p.done.More {
		return err
	}
	at, err := neededFrom(ctx, p.conn, sqlNeededFrom)
	if err != nil {
		return err
	}
	rows, err := p.conn.Query(ctx, sqlStray, day(p.retention.Events), at.xact, at.seq, pruneRows)
	if err != nil {
		return err
	}
	stray, err := pgx.CollectRows(rows, scanPlace)
	if err != nil || len(stray) == 0 {
		return err
	}
	return p.hideStray(ctx, stray)
}

func scanPlace(row pgx.CollectableRow) (at place, err error) {
	err = row.Scan(&at.xact, &at.seq)
	return at, err
}

// hideStray moves events to where readers do not see them, but for those that
// somebody has come to need.
func (p *pruning) hideStray(ctx context.Context, stray []place) error {
	var xacts, seqs []int64
	for _, at := range stray {
		xacts, seqs = append(xacts, at.xact), append(seqs, at.seq)
	}
	return p.step(ctx, func(tx pgx.Tx) error {
		if err := execAll(ctx, tx, sqlHoldExceptions, sqlHoldLog); err != nil {
			return err
		}
		at, err := neededFrom(ctx, tx, sqlOwnNeededFrom)
		if err != nil {
			return err
		}
		if err := execAll(ctx, tx, p.making(sqlMakeStray, strayTable)); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, within(sqlHideStray, strayTable), xacts, seqs, at.xact, at.seq)
		if err == nil && tag.RowsAffected() == 0 {
			return execAll(ctx, tx, within(sqlDrop, strayTable))
		}
		p.done.More = err == nil
		return err
	})
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
	at, err := neededFrom(ctx, q, from)
	if err != nil {
		return false, err
	}
	err = q.QueryRow(ctx, within(sqlIsNeeded, partition), at.xact, at.seq).Scan(&needed)
	return needed, err
}

// neededFrom returns the place up to which nobody needs the log.
func neededFrom(ctx context.Context, q queryer, statement string) (at place, err error) {
	err = q.QueryRow(ctx, statement).Scan(&at.xact, &at.seq)
	if errors.Is(err, pgx.ErrNoRows) { // Nobody reads the log.
		return furthest, nil
	}
	return at, err
}

// hiddenEvents removes what stands about the events of partitions that left
// the log, some in each step, and then the partition. A process that dies on
// the way leaves a partition under its other name, with which the next goes on.
func (p *pruning) hiddenEvents(ctx context.Context) error {
	var name string
	var oid int64
	err := p.conn.QueryRow(ctx, sqlDetached).Scan(&name, &oid)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if p.hidden != oid { // Another process may have finished one of the same name.
		p.hidden, p.place = oid, place{}
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
	if p.done.Events, err = p.dropEvents(ctx, ids, xacts, seqs); err != nil {
		return err
	}
	p.place = at
	return nil
}

// dropEvents removes the ids of events and everything about their deliveries. It
// returns how many there were: another process may have been there before.
func (p *pruning) dropEvents(ctx context.Context, ids []string, xacts, seqs []int64) (n int64, err error) {
	err = p.store.retry(func() error {
		b := &pgx.Batch{}
		b.Queue(sqlForgetIDs, ids, xacts, seqs).Exec(func(tag pgconn.CommandTag) error {
			n = tag.RowsAffected()
			return nil
		})
		for _, statement := range []string{sqlDropAttempts, sqlLeaveAt, sqlDropMessages, sqlDropExceptions, sqlDropErased} {
			b.Queue(statement, xacts, seqs)
		}
		return p.conn.SendBatch(ctx, b).Close()
	})
	return n, err
}
