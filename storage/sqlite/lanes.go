package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
)

// webhookDeletedError is shown with deliveries that a webhook's end cut short.
const webhookDeletedError = "the webhook was deleted before the delivery succeeded"

// Checkpoint returns what the engine resumes from; see [alma.LaneStore].
func (s *Store) Checkpoint(ctx context.Context) (alma.Checkpoint, error) {
	var c alma.Checkpoint
	err := s.read(ctx, "read the checkpoint", func(ctx context.Context, q *statements) error {
		if err := q.one(ctx, []any{&c.Watermark.Seq}, sqlWatermark); err != nil {
			return err
		}
		return q.query(ctx, func(rows *sql.Rows) error {
			r, err := scanLane(rows)
			c.Lanes = append(c.Lanes, r)
			return err
		}, sqlLanes)
	})
	return c, err
}

// Lanes returns the records of some webhooks; see [alma.LaneStore].
func (s *Store) Lanes(ctx context.Context, webhookIDs []string) ([]alma.LaneRecord, error) {
	numbers := make([]int64, 0, len(webhookIDs))
	for _, id := range webhookIDs {
		if ref, ok := s.webhooks.get(id); ok && !ref.deleted {
			numbers = append(numbers, ref.number)
		}
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	var list []alma.LaneRecord
	err := s.read(ctx, "read lanes", func(ctx context.Context, q *statements) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			r, err := scanLane(rows)
			list = append(list, r)
			return err
		}, sqlLanesOf, jsonList(numbers))
	})
	return list, err
}

func scanLane(rows *sql.Rows) (alma.LaneRecord, error) {
	var r alma.LaneRecord
	var health string
	if err := rows.Scan(&r.WebhookID, &r.Shared, &r.Cursor.Seq, &health, &r.Waiting, &r.Replays); err != nil {
		return r, err
	}
	return r, decodeJSON("health of a lane", health, &r.Health)
}

// healthText stores health; none is empty.
func healthText(h alma.LaneHealth) (string, error) {
	if h == (alma.LaneHealth{}) {
		return "", nil
	}
	b, err := json.Marshal(h)
	return string(b), err
}

// Settled returns what has been attempted after a place; see [alma.LaneStore].
func (s *Store) Settled(ctx context.Context, webhookID string, after alma.Position) ([]alma.Position, error) {
	ref, ok := s.webhooks.get(webhookID)
	if !ok {
		return nil, nil
	}
	var list []alma.Position
	err := s.read(ctx, "read settled positions", func(ctx context.Context, q *statements) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			var seq int64
			err := rows.Scan(&seq)
			list = append(list, position(seq))
			return err
		}, sqlSettled, ref.number, after.Seq)
	})
	return list, err
}

// Waiting returns the pending exceptions of a webhook; see [alma.LaneStore].
func (s *Store) Waiting(ctx context.Context, webhookIDs ...string) ([]alma.Exception, error) {
	var list []alma.Exception
	err := s.readEach(ctx, "read waiting deliveries", webhookIDs, func(ctx context.Context, q *statements, id string, number int64) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			e, err := scanException(rows, id)
			list = append(list, e)
			return err
		}, sqlWaiting, number)
	})
	return list, err
}

// readEach reads something of each of the webhooks that exist or did.
func (s *Store) readEach(ctx context.Context, operation string, ids []string, f func(ctx context.Context, q *statements, id string, number int64) error) error {
	return s.read(ctx, operation, func(ctx context.Context, q *statements) error {
		for _, id := range ids {
			ref, ok := s.webhooks.get(id)
			if !ok {
				continue
			}
			if err := f(ctx, q, id, ref.number); err != nil {
				return err
			}
		}
		return nil
	})
}

// Exception returns one exception with its message; see [alma.LaneStore].
func (s *Store) Exception(ctx context.Context, webhookID string, pos alma.Position) (alma.Exception, error) {
	const operation = "read exception"
	ref, _ := s.webhooks.get(webhookID) // No webhook has the number 0.
	var e alma.Exception
	found := false
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) error {
		return q.query(ctx, func(rows *sql.Rows) (err error) {
			found = true
			e, err = scanExceptionMessage(rows, webhookID)
			return err
		}, sqlException, ref.number, pos.Seq)
	})
	if err == nil && !found {
		err = wrap(operation, fmt.Errorf("delivery %s: %w", alma.DeliveryID(webhookID, pos), alma.ErrNotFound))
	}
	return e, err
}

// scanException reads exceptionColumns, and then into extra.
func scanException(rows *sql.Rows, webhookID string, extra ...any) (alma.Exception, error) {
	e := alma.Exception{WebhookID: webhookID}
	var next int64
	var members string
	dest := []any{&e.Position.Seq, (*string)(&e.Status), &e.InFlight, &e.Attempts, &next, (*int64)(&e.Delay), &e.Manual, (*string)(&e.LastReason), &e.LastError, &e.LastStatusCode, &e.BatchID, &members, &e.ReplayID}
	if err := rows.Scan(append(dest, extra...)...); err != nil {
		return alma.Exception{}, err
	}
	e.NextAttemptAt = fromNanos(next)
	list, err := parseMembers(members)
	if len(list) > 0 {
		e.Members = positions(list)
	}
	return e, err
}

func scanExceptionMessage(rows *sql.Rows, webhookID string) (alma.Exception, error) {
	var message sql.NullString
	var body []byte
	e, err := scanException(rows, webhookID, &message, &body)
	if err != nil || !message.Valid {
		return e, err
	}
	e.Message = &alma.Message{Body: body}
	return e, decodeJSON("message", message.String, e.Message)
}

// parseMembers reads the members column: the positions of a batch.
func parseMembers(text string) (list []int64, err error) {
	err = decodeJSON("members of a batch", text, &list)
	return list, err
}
