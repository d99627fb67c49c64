package sqlite

import (
	"context"
	"database/sql"

	"github.com/alma-events/alma"
)

const (
	// failedAPage bounds the work for a page of groups, in webhooks of which as
	// many deliveries are looked at as may be: the rest is left to the next page.
	failedAPage = 4
	// failedStride is how many webhooks are asked for at a time.
	failedStride = 100
)

// failedGroup is a group within the store.
type failedGroup struct {
	webhook        int64
	reason         string
	count          int64
	oldest, newest int64
	matched        bool // Else it holds what the query does not ask for.
	atLeast        bool
}

// failedFinder gathers the groups of a page, webhook by webhook.
type failedFinder struct {
	query    alma.FailedQuery
	span     span
	at       failedPlace // What comes next.
	named    bool        // Only certain webhooks are asked for.
	webhooks []int64     // Those to look at next.
	ended    bool
	looked   int64
	found    []failedGroup
}

// take notes a webhook that was asked for, unless it lies on a page before.
func (f *failedFinder) take(number int64) {
	if number <= f.at.webhook {
		f.webhooks = append(f.webhooks, number)
	}
}

func (f *failedFinder) done() bool {
	return f.ended || f.span.empty() || len(f.found) > f.query.Size() || f.looked >= failedAPage*int64(f.query.Counted())
}

// step counts what failed at the next webhook.
func (f *failedFinder) step(ctx context.Context, q *statements) error {
	if len(f.webhooks) == 0 && !f.named {
		if err := f.more(ctx, q); err != nil {
			return err
		}
	}
	if len(f.webhooks) == 0 {
		f.ended = true
		return nil
	}
	webhook := f.webhooks[0]
	f.webhooks = f.webhooks[1:]
	all, err := f.count(ctx, q, webhook)
	if err != nil {
		return err
	}
	for _, g := range all {
		if !g.matched || g.count == 0 || f.at.behind && f.at.webhook == webhook && g.reason <= f.at.reason {
			continue // Not asked for, or on the page before.
		}
		f.found = append(f.found, g)
	}
	f.at = failedPlace{webhook: webhook - 1}
	return nil
}

// more finds the next webhooks that may have failed deliveries.
func (f *failedFinder) more(ctx context.Context, q *statements) error {
	return q.query(ctx, func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		f.webhooks = append(f.webhooks, number)
		return err
	}, sqlExceptionalWebhooks, f.at.webhook, failedStride)
}

// count returns the groups of one webhook. One delivery more than is counted
// tells whether there are others.
func (f *failedFinder) count(ctx context.Context, q *statements, webhook int64) ([]failedGroup, error) {
	var all []failedGroup
	most := int64(f.query.Counted())
	err := q.query(ctx, func(rows *sql.Rows) error {
		g, reason := failedGroup{webhook: webhook}, sql.NullString{}
		err := rows.Scan(&reason, &g.count, &g.oldest, &g.newest)
		g.reason, g.matched = reason.String, reason.Valid
		all = append(all, g)
		return err
	}, sqlFailedGroups, webhook, f.span.low, f.span.high, most+1, f.query.ProjectID, string(f.query.Reason))
	f.looked += bounded(all, most)
	return all, err
}

// bounded marks the groups of a webhook that has more than are counted, takes
// the one too many out, and returns how many there are.
func bounded(groups []failedGroup, most int64) (looked int64) {
	first := 0
	for i, g := range groups {
		looked += g.count
		if g.oldest < groups[first].oldest {
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
	if f.ended || f.span.empty() {
		return ""
	}
	return f.at.token()
}
