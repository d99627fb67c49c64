package postgres

import (
	"context"

	"github.com/alma-events/alma"
)

// FindEvents lists events, newest first. It shows what has committed, also
// where Read does not yet. Filters by id, by memory and by time are quick
// however long the log is; others look through the log backwards.
func (s *Store) FindEvents(ctx context.Context, q alma.EventQuery) (alma.Page[alma.Event], error) {
	const operation = "find events"
	before, _, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.Event]{}, wrap(operation, err)
	}
	text := sqlFindEvents
	args := []any{
		before.xact, before.seq, string(q.Type), string(q.MemoryType), q.Agent, q.ProjectID, q.MemoryID,
		bound(q.Since), bound(q.Until), q.Size() + 1, // One more, to know whether another page follows.
	}
	switch {
	case len(q.IDs) > 0:
		text = sqlFindEventsByID
		args = append(args, q.IDs)
	case q.MemoryID != "":
		text = sqlFindEventsByMemory
	}
	var page alma.Page[alma.Event]
	err = s.list(ctx, operation, func(ctx context.Context) error {
		page.Items = nil
		rows, err := s.pool.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return scanEvents(rows, &page.Items)
	})
	if err != nil {
		return alma.Page[alma.Event]{}, err
	}
	if len(page.Items) > q.Size() {
		page.Items = page.Items[:q.Size()]
		page.Next = cursorToken(placeOf(page.Items[q.Size()-1].Position), 0)
	}
	return page, nil
}
