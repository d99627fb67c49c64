package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// readDeliveries returns what is shown of deliveries, in the order of rows.
func readDeliveries(ctx context.Context, q queryer, list []deliveryRow) ([]alma.Delivery, error) {
	if len(list) == 0 {
		return nil, nil
	}
	xacts, seqs, webhooks := make([]int64, len(list)), make([]int64, len(list)), make([]int64, len(list))
	for i, r := range list {
		xacts[i], seqs[i], webhooks[i] = r.xact, r.seq, r.webhook
	}
	rows, err := q.Query(ctx, sqlDeliveries, xacts, seqs, webhooks)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDelivery)
}

func scanDelivery(row pgx.CollectableRow) (d alma.Delivery, err error) {
	var p place
	var appended, next *time.Time
	var records, suppressed int64
	var job string
	err = row.Scan(&d.WebhookID, &d.URL, &p.xact, &p.seq, &d.EventID, (*string)(&d.EventType), &d.ProjectID, &appended, &records,
		&d.Attempts, (*string)(&d.Status), &next, (*string)(&d.LastReason), &d.LastError, &d.LastStatusCode, &job, &suppressed)
	d.Position = p.position()
	d.ID = alma.DeliveryID(d.WebhookID, d.Position)
	d.CreatedAt, d.NextAttemptAt = utc(appended), utc(next)
	if d.Status == alma.StatusSuppressed {
		d.LastError = suppressedText(job, records, suppressed)
	}
	return d, err
}

func suppressedText(job string, records, events int64) string {
	noun := "events"
	if events == 1 {
		noun = "event"
	}
	return fmt.Sprintf("job %s: %d records; %d %s not sent", job, records, events, noun)
}

// Delivery returns one delivery with its attempts, oldest first; see
// [alma.DeliveryStore].
func (s *Store) Delivery(ctx context.Context, webhookID string, pos alma.Position) (alma.Delivery, error) {
	at := placeOf(pos)
	f := deliveryFinder{query: alma.DeliveryQuery{WebhookID: webhookID}, want: 1, limit: 1, low: at, at: deliveryRow{place: place{at.xact, at.seq + 1}}}
	var d alma.Delivery
	err := s.do(ctx, "read delivery", func(ctx context.Context) error {
		if err := f.prepare(ctx, s.pool, s.numbers); err != nil {
			return err
		}
		if !f.ended {
			if err := f.step(ctx, s.pool); err != nil {
				return err
			}
		}
		list, err := readDeliveries(ctx, s.pool, f.found)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("delivery %s: %w", alma.DeliveryID(webhookID, pos), alma.ErrNotFound)
		}
		d = list[0]
		d.Log, err = readAttempts(ctx, s.pool, f.webhook, at)
		if n := len(d.Log); n > 0 { // Attempts may go earlier than the delivery.
			d.Attempts = n
		}
		return err
	})
	return d, err
}

func readAttempts(ctx context.Context, q queryer, webhook int64, at place) ([]alma.Attempt, error) {
	rows, err := q.Query(ctx, sqlAttemptLog, webhook, at.xact, at.seq)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a alma.Attempt, err error) {
		var detail string
		if err := row.Scan(&a.At, &a.Number, (*int64)(&a.Duration), &a.StatusCode, (*string)(&a.Reason), &a.Error, &a.BatchID, &a.ReplayID, &detail); err != nil {
			return a, err
		}
		a.At = a.At.UTC()
		if detail != "" {
			a.Detail = &alma.AttemptDetail{}
		}
		return a, decodeJSON("detail of an attempt", detail, a.Detail)
	})
}
