package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/alma-events/alma"
)

// purgeRows bounds what one step of a purge erases.
const purgeRows = 250

// Purge erases a part of what is asked for; see [alma.RetentionStore]. Freed
// content is overwritten, and the index of words is merged so that none of a
// removed memory is left in it. What SQLite leaves behind when it moves rows
// between pages only a VACUUM removes: a purge ends with one when the file has
// at most 256 MiB, and says so in Remains when it has more. Appends and settles
// wait meanwhile, about a second for 100 MiB. At last SQLite's log is emptied
// into the file.
func (s *Store) Purge(ctx context.Context, q alma.PurgeQuery, place string) (alma.Purged, error) {
	const operation = "purge"
	if err := q.Validate(); err != nil {
		return alma.Purged{}, wrap(operation, err)
	}
	p, err := parsePurgePlace(place)
	if err != nil {
		return alma.Purged{}, wrap(operation, err)
	}
	switch p.stage {
	case purgeEvents:
		return s.purgeEvents(ctx, &q, p.at)
	case purgeMemories:
		return s.purgeMemories(ctx, &q, p.at)
	default:
		return s.purgeTraces(ctx, &q)
	}
}

// The stages of a purge.
const (
	purgeEvents   = "e"
	purgeMemories = "m"
	purgeTraces   = "t"
)

// purgePlace is where a purge goes on: a stage, and the last row it came to.
type purgePlace struct {
	stage string
	at    int64
}

func (p purgePlace) String() string { return p.stage + strconv.FormatInt(p.at, 36) }

func parsePurgePlace(text string) (purgePlace, error) {
	if text == "" {
		return purgePlace{stage: purgeEvents}, nil
	}
	p := purgePlace{stage: text[:1]}
	var err error
	p.at, err = strconv.ParseInt(text[1:], 36, 64)
	if err != nil || !slices.Contains([]string{purgeEvents, purgeMemories, purgeTraces}, p.stage) {
		return purgePlace{}, fmt.Errorf("%q is no place of a purge: want Purged.Next of the call before", text)
	}
	return p, nil
}

// purgeEvents erases the next events that match, and all about them.
func (s *Store) purgeEvents(ctx context.Context, q *alma.PurgeQuery, at int64) (alma.Purged, error) {
	const operation = "erase events"
	var seqs []int64
	next := purgePlace{purgeMemories, 0}
	err := s.read(ctx, operation, func(ctx context.Context, st *statements) error {
		bounds, err := timeSpan(ctx, st, q.Since, q.Until)
		if err != nil {
			return err
		}
		tail, err := readTail(ctx, st)
		if err != nil {
			return err
		}
		low, high := max(at, bounds.low-1), min(tail.seq, bounds.high-1)
		if low >= high {
			return nil
		}
		text, end := sqlPurgeSeqs, min(high, low+scanStretch)
		if q.MemoryID != "" {
			text, end = sqlPurgeSeqsOf, high
		}
		if seqs, err = numbers(ctx, st, text, low, end, q.Agent, q.ProjectID, q.MemoryID, purgeRows); err != nil {
			return err
		}
		switch {
		case len(seqs) == purgeRows:
			next = purgePlace{purgeEvents, seqs[len(seqs)-1]}
		case end < high:
			next = purgePlace{purgeEvents, end}
		}
		return nil
	})
	if err != nil {
		return alma.Purged{}, err
	}
	done, err := s.eraseEvents(ctx, seqs, q.DryRun)
	done.Next = next.String()
	return done, err
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

// erasedError is shown with deliveries that a purge ended.
const erasedError = "the event's data was erased before the delivery succeeded"

// eraseDeliveries removes what stands about events in the deliveries, and fails
// those that are pending.
func (w *settling) eraseDeliveries(list string, pending []alma.DeliveryKey) {
	w.exec(sqlEraseBatchDetails, list)
	w.exec(sqlEraseAttempts, list)
	w.exec(sqlEraseMessages, list)
	w.exec(sqlEraseErrors, list)
	for _, key := range pending {
		ref, ok := w.ref(key.WebhookID)
		if !ok || w.err != nil {
			continue
		}
		var attempts int
		var replay string
		if w.err = w.one(w.ctx, []any{&attempts, &replay}, sqlAttemptsOf, ref.number, key.Position.Seq); w.err != nil {
			return
		}
		w.storeException(ref.number, &alma.Exception{
			WebhookID: key.WebhookID, Position: key.Position, Status: alma.StatusFailed, Attempts: attempts, ReplayID: replay,
			LastReason: alma.ReasonErased, LastError: erasedError,
		})
	}
}

// eraseLate takes out of a settlement what came too late: its events were
// erased while its attempts were under way. Only then there is work to do.
func (w *settling) eraseLate(st *alma.Settlement) {
	if w.err != nil || !w.store.purged.Load() {
		return
	}
	var seqs []int64
	for i := range st.Exceptions {
		seqs = append(seqs, memberSeqs(&st.Exceptions[i])...)
	}
	for i := range st.Attempts {
		if a := &st.Attempts[i].Attempt; a.Detail != nil || a.Error != "" {
			for _, p := range st.Attempts[i].Positions {
				seqs = append(seqs, p.Seq)
			}
		}
	}
	if len(seqs) == 0 {
		return
	}
	var erased []int64
	if erased, w.err = numbers(w.ctx, w.statements, sqlErasedAmong, jsonList(seqs)); len(erased) == 0 || w.err != nil {
		return
	}
	done, err := countErasing(w.ctx, w.statements, erased)
	if w.err = err; err == nil {
		w.eraseDeliveries(jsonList(erased), done.Ended)
	}
}

// purgeMemories removes the next memories that match, and their words.
func (s *Store) purgeMemories(ctx context.Context, q *alma.PurgeQuery, at int64) (alma.Purged, error) {
	const operation = "erase memories"
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() {
		since = nanos(q.Since)
	}
	if !q.Until.IsZero() {
		until = nanos(q.Until)
	}
	find := func(ctx context.Context, st *statements) ([]int64, error) {
		return numbers(ctx, st, sqlPurgeMemories, at, q.Agent, q.ProjectID, q.MemoryID, since, until, purgeRows)
	}
	var list []int64
	var err error
	if q.DryRun {
		err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
			list, err = find(ctx, st)
			return err
		})
	} else {
		err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) (err error) {
			if list, err = find(ctx, t.statements); err != nil || len(list) == 0 {
				return err
			}
			return t.thoroughly(ctx, func() error { return t.deleteMemories(ctx, list) })
		}})
	}
	if err != nil {
		return alma.Purged{}, err
	}
	next := purgePlace{purgeTraces, 0}
	if len(list) == purgeRows {
		next = purgePlace{purgeMemories, list[len(list)-1]}
	}
	return alma.Purged{Memories: int64(len(list)), Next: next.String()}, nil
}

func (t *txn) deleteMemories(ctx context.Context, numbers []int64) error {
	list := jsonList(numbers)
	for _, query := range []string{sqlDeleteTexts, sqlDeleteMemories} {
		if _, err := t.exec(ctx, query, list); err != nil {
			return err
		}
	}
	return nil
}

// purgeTraces removes what erased content has left in the file: words in
// segments of the index, free pages, and the rest.
func (s *Store) purgeTraces(ctx context.Context, q *alma.PurgeQuery) (alma.Purged, error) {
	const operation = "purge: tidy up"
	if q.DryRun {
		return alma.Purged{}, nil
	}
	more := false
	err := s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		return t.thoroughly(ctx, func() (err error) {
			if _, err = t.exec(ctx, sqlOptimizeText); err != nil {
				return err
			}
			more, err = freePages(ctx, t.statements)
			return err
		})
	}})
	if err != nil {
		return alma.Purged{}, err
	}
	if more {
		return alma.Purged{Next: purgePlace{purgeTraces, 0}.String()}, nil
	}
	remains, err := s.scrub(ctx)
	return alma.Purged{Remains: remains}, wrap(operation, err)
}
