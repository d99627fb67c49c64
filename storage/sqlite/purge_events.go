package sqlite

import (
	"context"
	"database/sql"

	"github.com/alma-events/alma"
)

// purgeEvents erases the next events that match, and all about them.
func (s *Store) purgeEvents(ctx context.Context, q *alma.PurgeQuery, at int64) (alma.Purged, error) {
	var seqs []int64
	var next purgePlace
	err := s.read(ctx, "erase events", func(ctx context.Context, st *statements) (err error) {
		seqs, next, err = findErasable(ctx, st, q, at)
		return err
	})
	if err != nil {
		return alma.Purged{}, err
	}
	done, err := s.eraseEvents(ctx, seqs, q.DryRun)
	done.Next = next.String()
	return done, err
}

// findErasable looks for events that match behind a place, and tells where to
// look on.
func findErasable(ctx context.Context, st *statements, q *alma.PurgeQuery, at int64) (seqs []int64, next purgePlace, err error) {
	next = purgePlace{purgeMemories, 0}
	bounds, err := timeSpan(ctx, st, q.Since, q.Until)
	if err != nil {
		return nil, next, err
	}
	tail, err := readTail(ctx, st)
	if err != nil {
		return nil, next, err
	}
	low, high := max(at, bounds.low-1), min(tail.seq, bounds.high-1)
	if low >= high {
		return nil, next, nil
	}
	text, end := sqlPurgeSeqs, min(high, low+scanStretch)
	if q.MemoryID != "" {
		text, end = sqlPurgeSeqsOf, high
	}
	seqs, err = numbers(ctx, st, text, low, end, q.Agent, q.ProjectID, q.MemoryID, purgeRows)
	switch {
	case len(seqs) == purgeRows:
		next = purgePlace{purgeEvents, seqs[len(seqs)-1]}
	case end < high:
		next = purgePlace{purgeEvents, end}
	}
	return seqs, next, err
}

// numbers returns the first column of a query.
func numbers(ctx context.Context, q *statements, query string, args ...any) ([]int64, error) {
	var out []int64
	err := q.query(ctx, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		out = append(out, n)
		return err
	}, query, args...)
	return out, err
}

func (s *Store) eraseEvents(ctx context.Context, seqs []int64, dryRun bool) (alma.Purged, error) {
	if len(seqs) == 0 {
		return alma.Purged{}, nil
	}
	const operation = "erase events"
	if dryRun {
		var done alma.Purged
		err := s.read(ctx, operation, func(ctx context.Context, q *statements) (err error) {
			done, err = countErasing(ctx, q, seqs)
			return err
		})
		done.Events = int64(len(seqs))
		return done, err
	}
	s.purged.Store(true) // Before: what settles from now on looks for it.
	var done alma.Purged
	err := s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		return t.thoroughly(ctx, func() (err error) {
			done, err = t.eraseEvents(ctx, seqs)
			return err
		})
	}})
	if err != nil {
		return alma.Purged{}, err
	}
	return done, nil
}

// thoroughly runs f so that what it frees is overwritten.
func (t *txn) thoroughly(ctx context.Context, f func() error) (err error) {
	set := func(pragma string) error {
		return t.query(ctx, func(*sql.Rows) error { return nil }, pragma)
	}
	if err := set(sqlSecureDelete); err != nil {
		return err
	}
	defer func() {
		if back := set(sqlFastDelete); err == nil {
			err = back
		}
	}()
	return f()
}

func countErasing(ctx context.Context, q *statements, seqs []int64) (alma.Purged, error) {
	var done alma.Purged
	list := jsonList(seqs)
	if err := q.one(ctx, []any{&done.Attempts}, sqlCountErasing, list); err != nil {
		return alma.Purged{}, err
	}
	err := q.query(ctx, func(rows *sql.Rows) error {
		var key alma.DeliveryKey
		err := rows.Scan(&key.WebhookID, &key.Position.Seq)
		done.Ended = append(done.Ended, key)
		return err
	}, sqlErasePending, list)
	done.Deliveries = int64(len(done.Ended))
	return done, err
}

// eraseEvents erases events that another call may have erased meanwhile.
func (t *txn) eraseEvents(ctx context.Context, seqs []int64) (alma.Purged, error) {
	done, err := countErasing(ctx, t.statements, seqs)
	if err != nil {
		return alma.Purged{}, err
	}
	list := jsonList(seqs)
	if done.Events, err = t.exec(ctx, sqlEraseEvents, list); err != nil {
		return alma.Purged{}, err
	}
	w := settling{txn: t, ctx: ctx}
	w.eraseDeliveries(list, done.Ended)
	if w.err != nil {
		return alma.Purged{}, w.err
	}
	done.Erased = positions(seqs)
	t.forget(seqs[len(seqs)-1])
	return done, nil
}
