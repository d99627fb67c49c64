package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// ListMemories lists memories, the newest created first; see
// [alma.MemoryStorage].
func (s *Store) ListMemories(ctx context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	const operation = "list memories"
	at, number, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.Memory]{}, wrap(operation, err)
	}
	var created *time.Time
	if q.After != "" {
		created = new(time.UnixMicro(at.xact))
	}
	text := sqlListMemories
	if q.Exact {
		text = sqlListExactly
	}
	var page alma.Page[alma.Memory]
	err = s.list(ctx, operation, func(ctx context.Context) error {
		page = alma.Page[alma.Memory]{}
		rows, err := s.pool.Query(ctx, text, created, number, string(q.Type), q.Agent, q.ProjectID, bound(q.Since), q.Size()+1)
		if err != nil {
			return err
		}
		return collectPage(rows, q.Size(), &page)
	})
	return page, err
}

// collectPage reads a page; one row more was asked for, to know whether
// another page follows.
func collectPage(rows pgx.Rows, size int, page *alma.Page[alma.Memory]) error {
	defer rows.Close()
	var number int64
	for rows.Next() {
		if len(page.Items) == size {
			page.Next = cursorToken(place{xact: page.Items[size-1].CreatedAt.UnixMicro()}, number)
			return nil
		}
		m, err := scanMemory(rows, &number)
		if err != nil {
			return err
		}
		page.Items = append(page.Items, m)
	}
	return rows.Err()
}
