package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// Bounds of one Read.
const (
	pageBytes    = 8 << 20
	maxReadLimit = 10_000
)

// Read returns events after a position; see [alma.EventLog]. A limit outside 1
// to 10,000 means 10,000. Where there is nothing to return but events that have
// committed behind an older transaction, it waits for that, at most a tenth of a
// second.
func (s *Store) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	if limit <= 0 || limit > maxReadLimit {
		limit = maxReadLimit
	}
	page := alma.LogPage{Next: after}
	from := placeOf(after)
	err := s.do(ctx, "read events", func(ctx context.Context) error {
		return s.patiently(ctx, func() (horizon int64, enough bool, err error) {
			page.Events = page.Events[:0]
			horizon, err = below(ctx, s.pool, func(rows pgx.Rows) error { return scanEvents(rows, &page.Events) },
				sqlReadLog, from.xact, from.seq, limit, int64(pageBytes))
			return horizon, len(page.Events) > 0, err
		})
	})
	if err != nil {
		return alma.LogPage{}, err
	}
	if n := len(page.Events); n > 0 {
		page.Next = page.Events[n-1].Position
		s.see(placeOf(page.Next).xact)
	}
	return page, nil
}

// scanEvents reads rows of eventRow.
func scanEvents(rows pgx.Rows, list *[]alma.Event) error {
	for rows.Next() {
		var e alma.Event
		if err := scanEvent(rows, &e); err != nil {
			return err
		}
		*list = append(*list, e)
	}
	return rows.Err()
}

func scanEvent(rows pgx.Rows, e *alma.Event) error {
	var p place
	var sec int64
	var nsec int32
	var job *string
	var records *int64
	var trace *string
	err := rows.Scan(&p.xact, &p.seq, &e.ID, (*string)(&e.Type), &e.MemoryID, (*string)(&e.MemoryType), &e.Agent, &e.ProjectID,
		&sec, &nsec, &e.AppendedAt, (*[]byte)(&e.Data), &job, &records, (*[]byte)(&e.Envelope), &trace, &e.Erased)
	e.Position, e.Timestamp, e.AppendedAt = p.position(), time.Unix(sec, int64(nsec)).UTC(), e.AppendedAt.UTC()
	if job != nil {
		e.Job = &alma.Job{ID: *job, Records: *records}
	}
	if trace != nil {
		e.Trace = alma.TraceParent(*trace)
	}
	return err
}
