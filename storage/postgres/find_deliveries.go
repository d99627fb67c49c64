package postgres

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

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
	if f.at.place, f.at.webhook, err = parseCursor(q.After); err != nil {
		return alma.Page[alma.Delivery]{}, wrap(operation, err)
	}
	var page alma.Page[alma.Delivery]
	err = s.list(ctx, operation, func(ctx context.Context) error {
		if err := f.prepare(ctx, s.pool, s.numbers); err != nil {
			return err
		}
		for !f.ended && len(f.found) < f.want {
			if err := f.step(ctx, s.pool); err != nil {
				return err
			}
		}
		page.Next = f.next()
		page.Items, err = readDeliveries(ctx, s.pool, f.found)
		return err
	})
	return page, err
}

// deliveryRow names a delivery within the store.
type deliveryRow struct {
	place
	webhook int64
}

// deliveryFinder gathers the rows of a page, some candidates at a time.
type deliveryFinder struct {
	query   alma.DeliveryQuery
	webhook int64       // 0 means all.
	want    int         // One more than the page holds.
	low     place       // No candidate lies before.
	at      deliveryRow // The last candidate looked at.
	limit   int         // Candidates of the next query.
	ended   bool
	found   []deliveryRow
}

// prepare finds the stretch of the log that the query is about.
func (f *deliveryFinder) prepare(ctx context.Context, q queryer, numbers *numbers) error {
	if f.query.WebhookID != "" {
		if err := numbers.learn(ctx, q, map[string]struct{}{f.query.WebhookID: {}}); err != nil {
			return err
		}
		number, ok := numbers.get(f.query.WebhookID)
		f.webhook, f.ended = number, !ok
	}
	for _, b := range []struct {
		use    bool
		query  string
		arg    any
		narrow func(place)
	}{
		{!f.query.Since.IsZero(), sqlFirstSince, day(f.query.Since), f.from},
		{!f.query.Until.IsZero(), sqlLastUntil, day(f.query.Until).Add(24 * time.Hour), f.upTo},
		{f.query.EventID != "", sqlEventPlace, f.query.EventID, func(p place) { f.from(p); f.upTo(p) }},
	} {
		if !b.use || f.ended {
			continue
		}
		var p place
		err := q.QueryRow(ctx, b.query, b.arg).Scan(&p.xact, &p.seq)
		if errors.Is(err, pgx.ErrNoRows) {
			f.ended = true
			return nil
		}
		if err != nil {
			return err
		}
		b.narrow(p)
	}
	return nil
}

// day returns where the partition of a time begins.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// from leaves out what lies before a place.
func (f *deliveryFinder) from(p place) {
	if f.low.before(p) {
		f.low = p
	}
}

// upTo leaves out what lies after a place.
func (f *deliveryFinder) upTo(p place) {
	if end := (place{p.xact, p.seq + 1}); end.before(f.at.place) {
		f.at = deliveryRow{place: end, webhook: math.MinInt64}
	}
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
	case one:
		return sqlLaneExceptional
	default:
		return sqlExceptional
	}
}

// step looks at the next candidates.
func (f *deliveryFinder) step(ctx context.Context, q queryer) error {
	rows, err := q.Query(ctx, f.text(), f.webhook, f.low.xact, f.low.seq, f.at.xact, f.at.seq, f.at.webhook, f.limit,
		f.query.ProjectID, string(f.query.Status), bound(f.query.Since), bound(f.query.Until), string(f.query.Reason))
	if err != nil {
		return err
	}
	defer rows.Close()
	seen := 0
	for ; rows.Next(); seen++ {
		var match bool
		if err := rows.Scan(&f.at.xact, &f.at.seq, &f.at.webhook, &match); err != nil {
			return err
		}
		if match && len(f.found) < f.want {
			f.found = append(f.found, f.at)
		}
	}
	f.ended = seen < f.limit
	f.limit = min(4*f.limit, maxCandidates)
	return rows.Err()
}

// next cuts the row that was looked for beyond the page, and returns the
// cursor of the page after it.
func (f *deliveryFinder) next() string {
	if len(f.found) < f.want {
		return ""
	}
	f.found = f.found[:f.want-1]
	last := f.found[len(f.found)-1]
	return cursorToken(last.place, last.webhook)
}
