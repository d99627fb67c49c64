package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

const (
	// failedAPage bounds the work for a page of groups, in webhooks of which as
	// many deliveries are looked at as may be: the rest is left to the next page.
	failedAPage = 4
	// failedStride is how many webhooks are counted at a time.
	failedStride = 4
)

// failedGroup is a group within the store.
type failedGroup struct {
	webhook        int64
	reason         string
	count          int64
	oldest, newest place
	matched        bool // Else it holds what the query does not ask for.
	atLeast        bool
}

// failedFinder gathers the groups of a page, some webhooks at a time.
type failedFinder struct {
	query     alma.FailedQuery
	low, high place
	at        failedPlace // What comes next.
	named     bool        // Only certain webhooks are asked for.
	webhooks  []int64     // Those to look at next.
	ended     bool
	looked    int64
	found     []failedGroup
}

func (f *failedFinder) done() bool {
	return f.ended || len(f.found) > f.query.Size() || f.looked >= failedAPage*int64(f.query.Counted())
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
		f.ended = true
		return nil
	}
	f.webhooks = f.webhooks[len(some):]
	all, err := f.count(ctx, q, some)
	if err != nil {
		return err
	}
	for _, g := range all {
		if !g.matched || g.count == 0 || f.at.behind && f.at.webhook == g.webhook && g.reason <= f.at.reason {
			continue // Not asked for, or on the page before.
		}
		f.found = append(f.found, g)
	}
	f.at = failedPlace{webhook: some[len(some)-1] - 1}
	return nil
}

// more finds the next webhooks that may have failed deliveries.
func (f *failedFinder) more(ctx context.Context, q queryer) error {
	rows, err := q.Query(ctx, sqlExceptionalWebhooks, f.at.webhook, failedStride)
	if err != nil {
		return err
	}
	f.webhooks, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	return err
}

// count returns the groups of some webhooks. One delivery more than is counted
// tells whether a webhook has others.
func (f *failedFinder) count(ctx context.Context, q queryer, webhooks []int64) ([]failedGroup, error) {
	most := int64(f.query.Counted())
	rows, err := q.Query(ctx, sqlFailedGroups, webhooks, f.low.xact, f.low.seq, f.high.xact, f.high.seq, most+1,
		f.query.ProjectID, string(f.query.Reason), bound(f.query.Since), bound(f.query.Until))
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g failedGroup, err error) {
		var reason *string
		var oldest, newest []int64
		if err := row.Scan(&g.webhook, &reason, &g.count, &oldest, &newest); err != nil {
			return g, err
		}
		if g.matched = reason != nil; g.matched {
			g.reason = *reason
		}
		g.oldest, g.newest = place{oldest[0], oldest[1]}, place{newest[0], newest[1]}
		return g, nil
	})
	for rest := all; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(g failedGroup) bool { return g.webhook != rest[0].webhook })
		if n < 0 {
			n = len(rest)
		}
		f.looked += bounded(rest[:n], most)
		rest = rest[n:]
	}
	return all, err
}

// bounded marks the groups of a webhook that has more than are counted, takes
// the one too many out, and returns how many there are.
func bounded(groups []failedGroup, most int64) (looked int64) {
	first := 0
	for i, g := range groups {
		looked += g.count
		if g.oldest.before(groups[first].oldest) {
			first = i
		}
	}
	if looked <= most {
		return looked
	}
	groups[first].count--
	for i := range groups {
		groups[i].atLeast = true
	}
	return looked
}

// next cuts what was found beyond the page, and returns the cursor of the page
// after it.
func (f *failedFinder) next() string {
	if size := f.query.Size(); len(f.found) > size {
		f.found = f.found[:size]
		last := f.found[size-1]
		return failedPlace{webhook: last.webhook, behind: true, reason: last.reason}.token()
	}
	if f.ended {
		return ""
	}
	return f.at.token()
}
