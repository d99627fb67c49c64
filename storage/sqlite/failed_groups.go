package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/failed"
)

// FailedGroups counts failed deliveries by webhook and reason; see
// [alma.DeliveryStore]. Each webhook is counted in a read of its own.
func (s *Store) FailedGroups(ctx context.Context, q alma.FailedQuery) (alma.Page[alma.FailedGroup], error) {
	const operation = "count failed deliveries"
	f := failedFinder{named: len(q.WebhookIDs) > 0}
	var err error
	if f.Finder, err = failed.New[int64](q); err != nil {
		return alma.Page[alma.FailedGroup]{}, wrap(operation, err)
	}
	for _, id := range q.WebhookIDs {
		if ref, ok := s.webhooks.get(id); ok {
			f.take(ref.number)
		}
	}
	slices.SortFunc(f.webhooks, func(a, b int64) int { return cmp.Compare(b, a) })
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		f.span, err = timeSpan(ctx, st, q.Since, q.Until)
		f.Ended = f.span.empty()
		return err
	})
	for err == nil && !f.Done() {
		err = s.read(ctx, operation, f.step)
	}
	if err != nil {
		return alma.Page[alma.FailedGroup]{}, err
	}
	page := alma.Page[alma.FailedGroup]{Next: f.Cut()}
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		page.Items, err = f.show(ctx, st)
		return err
	})
	return page, err
}

// show reads what is told of the groups: the newest delivery of each, and when
// the oldest was appended.
func (f *failedFinder) show(ctx context.Context, q *statements) ([]alma.FailedGroup, error) {
	var rows []deliveryRow
	f.Ends(func(webhook, seq int64) { rows = append(rows, deliveryRow{seq, webhook}) })
	list, err := readDeliveries(ctx, q, rows)
	if err != nil {
		return nil, err
	}
	return f.Tell(list) //nolint:wrapcheck // The caller names the operation.
}
