package sqlite

import (
	"context"
	"database/sql"
	"math"

	"github.com/alma-events/alma"
)

// scanStretch is how many positions one query of a filtered listing looks at.
// A rare event is found in many short reads instead of one long one, which
// would keep SQLite from tidying up its log.
const scanStretch = 20_000

// FindEvents lists events, newest first. Filters by id, by memory and by time
// are quick however long the log is; others look through the log backwards.
func (s *Store) FindEvents(ctx context.Context, q alma.EventQuery) (alma.Page[alma.Event], error) {
	const operation = "find events"
	before, _, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.Event]{}, wrap(operation, err)
	}
	f := eventFinder{query: q, want: q.Size() + 1}
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		f.left, err = f.bounds(ctx, st, before)
		return err
	})
	for err == nil && !f.done() {
		err = s.read(ctx, operation, f.step)
	}
	if err != nil {
		return alma.Page[alma.Event]{}, err
	}
	return f.page(), nil
}

// eventFinder gathers a page, stretch by stretch.
type eventFinder struct {
	query alma.EventQuery
	want  int  // One more than the page holds, to know whether another follows.
	left  span // What has not been looked at.
	found []alma.Event
}

func (f *eventFinder) done() bool { return len(f.found) >= f.want || f.left.empty() }

// bounds returns the stretch of the log that can hold matches.
func (f *eventFinder) bounds(ctx context.Context, q *statements, before int64) (span, error) {
	out, err := timeSpan(ctx, q, f.query.Since, f.query.Until)
	if err != nil {
		return span{}, err
	}
	var start int64
	if err := q.one(ctx, []any{&start}, sqlLogStart); err != nil {
		return span{}, err
	}
	tail, err := readTail(ctx, q)
	return span{low: max(out.low, start), high: min(out.high, before, tail.seq+1)}, err
}

// step runs the next query. Where an index finds the few candidates, one query
// looks at all of what is left.
func (f *eventFinder) step(ctx context.Context, q *statements) error {
	query, low := sqlFindEvents, max(f.left.low, f.left.high-scanStretch)
	args := []any{int64(0), f.left.high, string(f.query.Type), string(f.query.MemoryType), f.query.Agent, f.query.ProjectID, f.query.MemoryID, f.want - len(f.found)}
	switch {
	case len(f.query.IDs) > 0:
		query, low = sqlFindEventsByID, f.left.low
		args = append(args, jsonList(f.query.IDs))
	case f.query.MemoryID != "":
		query, low = sqlFindEventsByMemory, f.left.low
	}
	args[0] = low
	f.left.high = low
	return q.query(ctx, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		f.found = append(f.found, e)
		return err
	}, query, args...)
}

func (f *eventFinder) page() alma.Page[alma.Event] {
	if len(f.found) < f.want {
		return alma.Page[alma.Event]{Items: f.found}
	}
	items := f.found[:f.want-1]
	return alma.Page[alma.Event]{Items: items, Next: cursorToken(items[len(items)-1].Position.Seq, math.MaxInt64)}
}
