package sqlite

import (
	"context"
	"database/sql"
	"math"

	"github.com/alma-events/alma"
)

// ListMemories lists memories, the newest created first; see
// [alma.MemoryStorage].
func (s *Store) ListMemories(ctx context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	const operation = "list memories"
	created, number, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.Memory]{}, wrap(operation, err)
	}
	text, since := sqlListMemories, int64(math.MinInt64)
	if q.Exact {
		text = sqlListExactly
	}
	if !q.Since.IsZero() {
		since = nanos(q.Since)
	}
	var page alma.Page[alma.Memory]
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) error {
		return st.query(ctx, func(rows *sql.Rows) error {
			if len(page.Items) == q.Size() { // One more was asked for, to know that it is there.
				page.Next = cursorToken(created, number)
				return nil
			}
			m, err := scanMemory(rows, &number)
			created = nanos(m.CreatedAt)
			page.Items = append(page.Items, m)
			return err
		}, text, created, number, string(q.Type), q.Agent, q.ProjectID, since, q.Size()+1)
	})
	return page, err
}
