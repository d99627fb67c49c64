package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// readDeliveries returns what is shown of deliveries, in the order of rows.
func readDeliveries(ctx context.Context, q *statements, rows []deliveryRow) ([]alma.Delivery, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	keys := make([][2]int64, len(rows))
	for i, r := range rows {
		keys[i] = [2]int64{r.seq, r.webhook}
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	list := make([]alma.Delivery, 0, len(rows))
	err = q.query(ctx, func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		list = append(list, d)
		return err
	}, sqlDeliveries, string(text))
	return list, err
}

func scanDelivery(rows *sql.Rows) (alma.Delivery, error) {
	var d alma.Delivery
	var appended, next, records, suppressed int64
	var job string
	err := rows.Scan(&d.WebhookID, &d.URL, &d.Position.Seq, &d.EventID, (*string)(&d.EventType), &d.ProjectID, &appended, &records,
		&d.Attempts, (*string)(&d.Status), &next, (*string)(&d.LastReason), &d.LastError, &d.LastStatusCode, &job, &suppressed)
	d.ID = alma.DeliveryID(d.WebhookID, d.Position)
	d.CreatedAt, d.NextAttemptAt = fromMicros(appended), fromNanos(next)
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
	const operation = "read delivery"
	absent := wrap(operation, fmt.Errorf("delivery %s: %w", alma.DeliveryID(webhookID, pos), alma.ErrNotFound))
	ref, ok := s.webhooks.get(webhookID)
	if !ok {
		return alma.Delivery{}, absent
	}
	f := deliveryFinder{webhook: ref.number, want: 1, limit: 1, span: span{low: pos.Seq, high: pos.Seq + 1}, at: deliveryRow{seq: pos.Seq + 1}}
	var list []alma.Delivery
	var log []alma.Attempt
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) (err error) {
		if err = f.step(ctx, q); err != nil {
			return err
		}
		if list, err = readDeliveries(ctx, q, f.found); err != nil {
			return err
		}
		log, err = readAttempts(ctx, q, ref.number, pos.Seq)
		return err
	})
	if err != nil {
		return alma.Delivery{}, err
	}
	if len(list) == 0 {
		return alma.Delivery{}, absent
	}
	list[0].Log = log
	return list[0], nil
}

func readAttempts(ctx context.Context, q *statements, webhook, seq int64) ([]alma.Attempt, error) {
	var log []alma.Attempt
	err := q.query(ctx, func(rows *sql.Rows) error {
		var a alma.Attempt
		var at, duration int64
		var detail string
		if err := rows.Scan(&at, &a.Number, &duration, &a.StatusCode, (*string)(&a.Reason), &a.Error, &a.BatchID, &a.ReplayID, &detail); err != nil {
			return err
		}
		a.At, a.Duration = fromNanos(at), time.Duration(duration)
		if detail != "" {
			a.Detail = &alma.AttemptDetail{}
		}
		log = append(log, a)
		return decodeJSON("detail of an attempt", detail, a.Detail)
	}, sqlAttemptLog, webhook, seq)
	return log, err
}
