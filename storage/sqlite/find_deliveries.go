package sqlite

import (
	"context"
	"database/sql"
	"math"

	"github.com/alma-events/alma"
)

// Bounds of the candidates that one query of a listing looks at. It begins
// with what fills a page if all match, and grows when few do.
const maxCandidates = 5000

// FindDeliveries lists deliveries, the newest event first; see
// [alma.DeliveryStore]. Without a filter, by webhook, by event, by time and by
// a status other than SUCCESS a page costs the same however many deliveries
// there are.
func (s *Store) FindDeliveries(ctx context.Context, q alma.DeliveryQuery) (alma.Page[alma.Delivery], error) {
	const operation = "find deliveries"
	f := deliveryFinder{query: q, want: q.Size() + 1, limit: q.Size() + 1}
	var err error
	if f.at.seq, f.at.webhook, err = parseCursor(q.After); err != nil {
		return alma.Page[alma.Delivery]{}, wrap(operation, err)
	}
	if q.WebhookID != "" {
		ref, ok := s.webhooks.get(q.WebhookID)
		if !ok {
			return alma.Page[alma.Delivery]{}, nil
		}
		f.webhook = ref.number
	}
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		f.span, err = f.bounds(ctx, st)
		f.ended = f.span.empty()
		return err
	})
	for err == nil && !f.ended && len(f.found) < f.want {
		err = s.read(ctx, operation, f.step)
	}
	if err != nil {
		return alma.Page[alma.Delivery]{}, err
	}
	var page alma.Page[alma.Delivery]
	page.Next = f.next()
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) (err error) {
		page.Items, err = readDeliveries(ctx, st, f.found)
		return err
	})
	return page, err
}

// deliveryRow names a delivery within the store.
type deliveryRow struct{ seq, webhook int64 }

// deliveryFinder gathers the rows of a page, some candidates at a time.
type deliveryFinder struct {
	query   alma.DeliveryQuery
	webhook int64 // 0 means all.
	want    int   // One more than the page holds.
	span    span
	at      deliveryRow // The last candidate looked at.
	limit   int         // Candidates of the next query.
	ended   bool
	found   []deliveryRow
}

// bounds returns the stretch of the log that the query is about.
func (f *deliveryFinder) bounds(ctx context.Context, q *statements) (span, error) {
	out, err := timeSpan(ctx, q, f.query.Since, f.query.Until)
	if err != nil || f.query.EventID == "" {
		return out, err
	}
	known, err := findEvents(ctx, q, []alma.Event{{ID: f.query.EventID}})
	event, ok := known[f.query.EventID]
	if err != nil || !ok {
		return span{}, err
	}
	seq := event.Position.Seq
	return span{low: max(out.low, seq), high: min(out.high, seq+1)}, nil
}

// text returns the statement for the query's filters.
func (f *deliveryFinder) text() string {
	switch one := f.webhook != 0; {
	case f.query.Status == "" && one:
		return sqlLaneCandidates
	case f.query.Status == "":
		return sqlCandidates
	case f.query.Status == alma.StatusSuccess && one:
		return sqlLaneAttempted
	case f.query.Status == alma.StatusSuccess:
		return sqlAttempted
	case f.query.Status == alma.StatusPending && one:
		return sqlLanePending
	case one:
		return sqlLaneExceptional
	default:
		return sqlExceptional
	}
}

// step looks at the next candidates.
func (f *deliveryFinder) step(ctx context.Context, q *statements) error {
	seen := 0
	before := f.span.high
	if f.at.seq < before { // Lets the index begin where the last step ended.
		before = f.at.seq + 1
	}
	err := q.query(ctx, func(rows *sql.Rows) error {
		var row deliveryRow
		var match bool
		err := rows.Scan(&row.seq, &row.webhook, &match)
		seen++
		f.at = row
		if match && len(f.found) < f.want {
			f.found = append(f.found, row)
		}
		return err
	}, f.text(), f.webhook, f.span.low, before, f.at.seq, f.at.webhook, f.limit, f.query.ProjectID, string(f.query.Status), string(f.query.Reason))
	f.ended = seen < f.limit
	f.limit = min(4*f.limit, maxCandidates)
	return err
}

// next cuts the row that was looked for beyond the page, and returns the
// cursor of the page after it.
func (f *deliveryFinder) next() string {
	if len(f.found) < f.want {
		return ""
	}
	f.found = f.found[:f.want-1]
	last := f.found[len(f.found)-1]
	if f.webhook != 0 {
		return cursorToken(last.seq, math.MaxInt64)
	}
	return cursorToken(last.seq, last.webhook)
}
