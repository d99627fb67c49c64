package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// Bounds of one step of a purge: what it looks at, and what it erases.
const (
	purgeLooks = 20_000
	purgeRows  = 250
)

// The stages of a purge.
const (
	purgeEvents   = "e"
	purgeMemories = "m"
	purgeTraces   = "t"
)

// purgePlace is where a purge goes on: a stage, and the last row it came to.
type purgePlace struct {
	stage  string
	at     place
	number int64
}

func (p purgePlace) String() string { return p.stage + cursorToken(p.at, p.number) }

func parsePurgePlace(text string) (p purgePlace, err error) {
	if text == "" {
		return purgePlace{stage: purgeEvents}, nil
	}
	p.stage = text[:1]
	p.at, p.number, err = parseCursor(text[1:])
	if err != nil || len(text) == 1 || p.stage != purgeEvents && p.stage != purgeMemories && p.stage != purgeTraces {
		return purgePlace{}, fmt.Errorf("%q is no place of a purge: want Purged.Next of the call before", text)
	}
	return p, nil
}

// Purge erases a part of what is asked for; see [alma.RetentionStore]. It ends
// with a VACUUM of the tables. PostgreSQL reuses the space of erased rows in
// time, and does not overwrite it before; Remains says so.
func (s *Store) Purge(ctx context.Context, q alma.PurgeQuery, at string) (alma.Purged, error) {
	const operation = "purge"
	if err := q.Validate(); err != nil {
		return alma.Purged{}, wrap(operation, err)
	}
	p, err := parsePurgePlace(at)
	if err != nil {
		return alma.Purged{}, wrap(operation, err)
	}
	switch p.stage {
	case purgeEvents:
		return s.purgeEvents(ctx, &q, p.at)
	case purgeMemories:
		return s.purgeMemories(ctx, &q, p.number)
	default:
		return s.purgeTraces(ctx, &q)
	}
}

// erasing are events that a step erases.
type erasing struct {
	xacts, seqs []int64
	times       []time.Time
}

func (e *erasing) positions() []alma.Position {
	list := make([]alma.Position, len(e.xacts))
	for i := range e.xacts {
		list[i] = place{e.xacts[i], e.seqs[i]}.position()
	}
	return list
}

// purgeEvents erases the next events that match, and all about them.
func (s *Store) purgeEvents(ctx context.Context, q *alma.PurgeQuery, at place) (alma.Purged, error) {
	var done alma.Purged
	err := s.change(ctx, "erase events", func(ctx context.Context, tx pgx.Tx) error {
		done = alma.Purged{}
		if !q.DryRun {
			if _, err := tx.Exec(ctx, sqlHoldPurge); err != nil {
				return err
			}
		}
		found, next, err := findErasing(ctx, tx, q, at)
		if err != nil {
			return err
		}
		if len(found.xacts) > 0 {
			if err := s.eraseEvents(ctx, tx, found, q.DryRun, &done); err != nil {
				return err
			}
		}
		done.Next = next.String()
		return nil
	})
	return done, err
}

// findErasing looks at a stretch of the log. It returns what of it is to be
// erased now, and where to go on.
func findErasing(ctx context.Context, tx pgx.Tx, q *alma.PurgeQuery, at place) (*erasing, purgePlace, error) {
	text := sqlPurgeEvents
	if q.MemoryID != "" {
		text = sqlPurgeEventsOfMemory
	}
	rows, err := tx.Query(ctx, text, at.xact, at.seq, q.Agent, q.ProjectID, q.MemoryID, bound(q.Since), bound(q.Until), purgeLooks)
	if err != nil {
		return nil, purgePlace{}, err
	}
	defer rows.Close()
	found := &erasing{}
	looked := 0
	for ; rows.Next() && len(found.xacts) < purgeRows; looked++ {
		var t time.Time
		var match bool
		if err := rows.Scan(&at.xact, &at.seq, &t, &match); err != nil {
			return nil, purgePlace{}, err
		}
		if match {
			found.xacts, found.seqs, found.times = append(found.xacts, at.xact), append(found.seqs, at.seq), append(found.times, t)
		}
	}
	rows.Close()
	if looked < purgeLooks && len(found.xacts) < purgeRows {
		return found, purgePlace{stage: purgeMemories}, rows.Err()
	}
	return found, purgePlace{stage: purgeEvents, at: at}, rows.Err()
}

// erasedError is shown with deliveries that a purge ended.
const erasedError = "the event's data was erased before the delivery succeeded"

// eraseEvents erases events and what stands about them in their deliveries,
// and counts that.
func (s *Store) eraseEvents(ctx context.Context, tx pgx.Tx, found *erasing, dryRun bool, done *alma.Purged) error {
	if err := tx.QueryRow(ctx, sqlCountErasing, found.xacts, found.seqs).Scan(&done.Attempts); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, sqlErasePending, found.xacts, found.seqs)
	if err != nil {
		return err
	}
	done.Ended, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (key alma.DeliveryKey, err error) {
		var p place
		err = row.Scan(&key.WebhookID, &p.xact, &p.seq)
		key.Position = p.position()
		return key, err
	})
	done.Events, done.Deliveries = int64(len(found.xacts)), int64(len(done.Ended))
	if err != nil || dryRun {
		return err
	}
	done.Erased = found.positions()
	b := &pgx.Batch{}
	b.Queue(sqlEraseEvents, found.xacts, found.seqs, found.times)
	b.Queue(sqlMarkErased, found.xacts, found.seqs)
	b.Queue(sqlEraseDeliveries, found.xacts, found.seqs, string(alma.ReasonErased), erasedError)
	return tx.SendBatch(ctx, b).Close()
}
