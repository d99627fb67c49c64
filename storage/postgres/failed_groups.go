package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/failed"
)

// FailedGroups counts failed deliveries by webhook and reason; see
// [alma.DeliveryStore].
func (s *Store) FailedGroups(ctx context.Context, q alma.FailedQuery) (alma.Page[alma.FailedGroup], error) {
	const operation = "count failed deliveries"
	f := failedFinder{named: len(q.WebhookIDs) > 0}
	var err error
	if f.Finder, err = failed.New[place](q); err != nil {
		return alma.Page[alma.FailedGroup]{}, wrap(operation, err)
	}
	var page alma.Page[alma.FailedGroup]
	err = s.list(ctx, operation, func(ctx context.Context) error {
		if err := f.prepare(ctx, s.pool, s.numbers); err != nil {
			return err
		}
		for !f.Done() {
			if err := f.step(ctx, s.pool); err != nil {
				return err
			}
		}
		page.Next = f.Cut()
		page.Items, err = f.show(ctx, s.pool)
		return err
	})
	return page, err
}

// prepare finds the stretch of the log and the webhooks that the query is about.
func (f *failedFinder) prepare(ctx context.Context, q queryer, numbers *numbers) error {
	span := deliveryFinder{query: alma.DeliveryQuery{Since: f.Query.Since, Until: f.Query.Until}, at: deliveryRow{place: furthest}}
	if err := span.prepare(ctx, q, numbers); err != nil {
		return err
	}
	f.low, f.high, f.Ended = span.low, span.at.place, span.ended
	asked := map[string]struct{}{}
	for _, id := range f.Query.WebhookIDs {
		asked[id] = struct{}{}
	}
	if err := numbers.learn(ctx, q, asked); err != nil {
		return err
	}
	for id := range asked {
		if number, ok := numbers.get(id); ok && number <= f.At.Webhook {
			f.webhooks = append(f.webhooks, number)
		}
	}
	slices.SortFunc(f.webhooks, func(a, b int64) int { return cmp.Compare(b, a) })
	return nil
}

// show reads what is told of the groups: the newest delivery of each, and when
// the oldest was appended.
func (f *failedFinder) show(ctx context.Context, q queryer) ([]alma.FailedGroup, error) {
	var rows []deliveryRow
	f.Ends(func(webhook int64, at place) { rows = append(rows, deliveryRow{at, webhook}) })
	list, err := readDeliveries(ctx, q, rows)
	if err != nil {
		return nil, err
	}
	return f.Tell(list)
}
