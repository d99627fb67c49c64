package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma/internal/failed"
)

// failedStride is how many webhooks are counted at a time.
const failedStride = 4

// failedFinder gathers the groups of a page, some webhooks at a time.
type failedFinder struct {
	failed.Finder[place]
	low, high place
	named     bool    // Only certain webhooks are asked for.
	webhooks  []int64 // Those to look at next.
}

// step counts what failed at the next webhooks.
func (f *failedFinder) step(ctx context.Context, q queryer) error {
	if len(f.webhooks) == 0 && !f.named {
		if err := f.more(ctx, q); err != nil {
			return err
		}
	}
	some := f.webhooks[:min(failedStride, len(f.webhooks))]
	if len(some) == 0 {
		f.Ended = true
		return nil
	}
	f.webhooks = f.webhooks[len(some):]
	all, looked, err := f.count(ctx, q, some)
	if err == nil {
		f.Add(all, some[len(some)-1], looked)
	}
	return err
}

// more finds the next webhooks that may have failed deliveries.
func (f *failedFinder) more(ctx context.Context, q queryer) error {
	rows, err := q.Query(ctx, sqlExceptionalWebhooks, f.At.Webhook, failedStride)
	if err != nil {
		return err
	}
	f.webhooks, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	return err
}

// count returns the groups of some webhooks. One delivery more than is counted
// tells whether a webhook has others.
func (f *failedFinder) count(ctx context.Context, q queryer, webhooks []int64) (all []failed.Group[place], looked int64, err error) {
	most := int64(f.Query.Counted())
	rows, err := q.Query(ctx, sqlFailedGroups, webhooks, f.low.xact, f.low.seq, f.high.xact, f.high.seq, most+1,
		f.Query.ProjectID, string(f.Query.Reason), bound(f.Query.Since), bound(f.Query.Until))
	if err != nil {
		return nil, 0, err
	}
	all, err = pgx.CollectRows(rows, scanFailedGroup)
	for rest := all; len(rest) > 0; { // The groups of a webhook stand together.
		n := slices.IndexFunc(rest, func(g failed.Group[place]) bool { return g.Webhook != rest[0].Webhook })
		if n < 0 {
			n = len(rest)
		}
		looked += failed.Bound(rest[:n], most, place.before)
		rest = rest[n:]
	}
	return all, looked, err
}

func scanFailedGroup(row pgx.CollectableRow) (g failed.Group[place], err error) {
	var reason *string
	var oldest, newest []int64
	if err := row.Scan(&g.Webhook, &reason, &g.Count, &oldest, &newest); err != nil {
		return g, err
	}
	if g.Matched = reason != nil; g.Matched {
		g.Reason = *reason
	}
	g.Oldest, g.Newest = place{oldest[0], oldest[1]}, place{newest[0], newest[1]}
	return g, nil
}
