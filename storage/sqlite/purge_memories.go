package sqlite

import (
	"context"
	"math"

	"github.com/alma-events/alma"
)

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
