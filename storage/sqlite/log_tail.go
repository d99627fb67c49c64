package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/alma-events/alma"
)

// logTail is the end of the log as the transaction that holds the write lock
// sees it. It gives out positions: whoever holds the lock is alone.
type logTail struct {
	seq int64 // The highest position ever given.
	at  int64 // When the newest event was appended, in microseconds.
}

func readTail(ctx context.Context, q *statements) (logTail, error) {
	var t logTail
	err := q.one(ctx, []any{&t.seq, &t.at}, sqlLogTail)
	return t, err
}

// appended is what an insert has to tell.
type appended struct {
	answers    []alma.Appended
	stored     []alma.Event // Without the duplicates, as readers see them.
	duplicates bool
}

// insert appends events. The time of an append never goes back, even when the
// clock does: positions can then be found by time.
func (l *logTail) insert(ctx context.Context, q *statements, events []alma.Event, now time.Time) (appended, error) {
	l.at = max(l.at, now.UnixMicro())
	out := appended{answers: make([]alma.Appended, 0, len(events)), stored: make([]alma.Event, 0, len(events))}
	args := make([]any, 0, 15*min(len(events), chunkSizes[0]))
	for len(events) > 0 {
		n := chunk(len(events))
		if err := l.insertChunk(ctx, q, events[:n], args, &out); err != nil {
			return appended{}, err
		}
		events = events[n:]
	}
	return out, nil
}

func (l *logTail) insertChunk(ctx context.Context, q *statements, events []alma.Event, args []any, out *appended) error {
	first := l.seq + 1
	for i := range events {
		args = appendEventArgs(args, &events[i], first+int64(i), l.at)
	}
	inserted, err := q.exec(ctx, sqlInsertEvents[len(events)], args...)
	if err != nil {
		return err
	}
	known := map[string]alma.Appended{}
	if int(inserted) < len(events) {
		out.duplicates = true
		if known, err = findEvents(ctx, q, events); err != nil {
			return err
		}
	}
	at := fromMicros(l.at)
	for i := range events {
		e := &events[i]
		seq := first + int64(i)
		if a, ok := known[e.ID]; ok && a.Position.Seq != seq {
			a.Duplicate = true
			out.answers = append(out.answers, a)
			continue
		}
		l.seq = seq
		out.answers = append(out.answers, alma.Appended{ID: e.ID, Position: position(seq), AppendedAt: at})
		out.stored = append(out.stored, asStored(*e, seq, at))
	}
	return nil
}

// asStored returns an event as a query would.
func asStored(e alma.Event, seq int64, at time.Time) alma.Event {
	e.Position, e.AppendedAt, e.Erased = position(seq), at, false
	e.Timestamp = e.Timestamp.Round(0).UTC() // Without the monotonic clock.
	return e
}

// findEvents returns where events of these ids stand.
func findEvents(ctx context.Context, q *statements, events []alma.Event) (map[string]alma.Appended, error) {
	ids := make([]string, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	known := make(map[string]alma.Appended, len(ids))
	err := q.query(ctx, func(rows *sql.Rows) error {
		var a alma.Appended
		var at int64
		err := rows.Scan(&a.ID, &a.Position.Seq, &at)
		a.AppendedAt = fromMicros(at)
		known[a.ID] = a
		return err
	}, sqlEventsByID, jsonList(ids))
	return known, err
}

func appendEventArgs(args []any, e *alma.Event, seq, at int64) []any {
	args = append(args, seq, e.ID, string(e.Type), e.MemoryID, string(e.MemoryType), e.Agent, e.ProjectID,
		e.Timestamp.Unix(), int64(e.Timestamp.Nanosecond()), at, string(e.Data))
	if e.Job != nil {
		args = append(args, e.Job.ID, e.Job.Records)
	} else {
		args = append(args, nil, nil)
	}
	return append(args, null(string(e.Envelope)), null(e.Trace))
}

// scanEvent reads a row of eventRow.
func scanEvent(rows *sql.Rows) (alma.Event, error) {
	var e alma.Event
	var sec, nsec, at int64
	var job sql.NullString
	var records sql.NullInt64
	var trace sql.NullString
	err := rows.Scan(&e.Position.Seq, &e.ID, (*string)(&e.Type), &e.MemoryID, (*string)(&e.MemoryType), &e.Agent, &e.ProjectID,
		&sec, &nsec, &at, (*[]byte)(&e.Data), &job, &records, (*[]byte)(&e.Envelope), &trace, &e.Erased)
	e.Timestamp, e.AppendedAt, e.Trace = time.Unix(sec, nsec).UTC(), fromMicros(at), alma.TraceParent(trace.String)
	if job.Valid {
		e.Job = &alma.Job{ID: job.String, Records: records.Int64}
	}
	return e, err
}
