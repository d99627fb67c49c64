package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/alma-events/alma"
)

// Bounds of one Read.
const (
	pageBytes    = 8 << 20
	maxReadLimit = 10_000
)

// errEnough ends a scan that has all it wants.
var errEnough = errors.New("enough")

// Read returns events after a position; see [alma.EventLog]. The events are
// shared with other readers: treat them, their data and their jobs as
// read-only. A limit outside 1 to 10,000 means 10,000.
func (s *Store) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	const operation = "read events"
	if s.queue.isClosed() {
		return alma.LogPage{}, wrap(operation, alma.ErrClosed)
	}
	if limit <= 0 || limit > maxReadLimit {
		limit = maxReadLimit
	}
	// What a host has committed since the writer last looked, the ring misses.
	if !s.hosts.open() {
		if events, ok := s.ring.read(after.Seq, limit); ok {
			return logPage(after, events), nil
		}
	}
	var events []alma.Event
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) (err error) {
		events, err = readEvents(ctx, q, after.Seq, limit)
		return err
	})
	return logPage(after, events), err
}

func logPage(after alma.Position, events []alma.Event) alma.LogPage {
	if len(events) == 0 {
		return alma.LogPage{Next: after}
	}
	return alma.LogPage{Events: events, Next: events[len(events)-1].Position}
}

func readEvents(ctx context.Context, q *statements, after int64, limit int) ([]alma.Event, error) {
	var events []alma.Event
	size := 0
	err := q.query(ctx, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		events = append(events, e)
		if size += weigh(&e); size >= pageBytes {
			return errEnough
		}
		return nil
	}, sqlReadEvents, after, limit)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return events, err
}

// Horizon returns the end of the log.
func (s *Store) Horizon(ctx context.Context) (alma.Position, error) {
	if !s.hosts.open() && !s.queue.isClosed() {
		return position(s.ring.end()), nil
	}
	var tail logTail
	err := s.read(ctx, "read the end of the log", func(ctx context.Context, q *statements) (err error) {
		tail, err = readTail(ctx, q)
		return err
	})
	return position(tail.seq), err
}
