package sqlite

import (
	"context"
	"database/sql"

	"github.com/alma-events/alma/internal/failed"
)

// failedStride is how many webhooks are asked for at a time.
const failedStride = 100

// failedFinder gathers the groups of a page, webhook by webhook.
type failedFinder struct {
	failed.Finder[int64]
	span     span
	named    bool    // Only certain webhooks are asked for.
	webhooks []int64 // Those to look at next.
}

// take notes a webhook that was asked for, unless it lies on a page before.
func (f *failedFinder) take(number int64) {
	if number <= f.At.Webhook {
		f.webhooks = append(f.webhooks, number)
	}
}

// step counts what failed at the next webhook.
func (f *failedFinder) step(ctx context.Context, q *statements) error {
	if len(f.webhooks) == 0 && !f.named {
		if err := f.more(ctx, q); err != nil {
			return err
		}
	}
	if len(f.webhooks) == 0 {
		f.Ended = true
		return nil
	}
	webhook := f.webhooks[0]
	f.webhooks = f.webhooks[1:]
	all, looked, err := f.count(ctx, q, webhook)
	if err == nil {
		f.Add(all, webhook, looked)
	}
	return err
}

// more finds the next webhooks that may have failed deliveries.
func (f *failedFinder) more(ctx context.Context, q *statements) error {
	return q.query(ctx, func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		f.webhooks = append(f.webhooks, number)
		return err
	}, sqlExceptionalWebhooks, f.At.Webhook, failedStride)
}

// count returns the groups of one webhook. One delivery more than is counted
// tells whether there are others.
func (f *failedFinder) count(ctx context.Context, q *statements, webhook int64) (all []failed.Group[int64], looked int64, err error) {
	most := int64(f.Query.Counted())
	err = q.query(ctx, func(rows *sql.Rows) error {
		g, reason := failed.Group[int64]{Webhook: webhook}, sql.NullString{}
		err := rows.Scan(&reason, &g.Count, &g.Oldest, &g.Newest)
		g.Reason, g.Matched = reason.String, reason.Valid
		all = append(all, g)
		return err
	}, sqlFailedGroups, webhook, f.span.low, f.span.high, most+1, f.Query.ProjectID, string(f.Query.Reason))
	return all, failed.Bound(all, most, func(a, b int64) bool { return a < b }), err
}
