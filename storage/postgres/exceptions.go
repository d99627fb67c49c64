package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// Waiting returns the pending exceptions of webhooks; see [alma.LaneStore].
func (s *Store) Waiting(ctx context.Context, webhookIDs ...string) ([]alma.Exception, error) {
	var list []alma.Exception
	err := s.do(ctx, "read waiting deliveries", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlWaiting, webhookIDs)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.Exception, error) {
			var id string
			e, err := scanException(row, "", &id)
			e.WebhookID = id
			return e, err
		})
		return err
	})
	return list, err
}

// Exception returns one exception with its message; see [alma.LaneStore].
func (s *Store) Exception(ctx context.Context, webhookID string, pos alma.Position) (alma.Exception, error) {
	var e alma.Exception
	at := placeOf(pos)
	err := s.do(ctx, "read exception", func(ctx context.Context) (err error) {
		var message *string
		var body []byte
		e, err = scanException(s.pool.QueryRow(ctx, sqlException, webhookID, at.xact, at.seq), webhookID, &message, &body)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("delivery %s: %w", alma.DeliveryID(webhookID, pos), alma.ErrNotFound)
		}
		if err != nil || message == nil {
			return err
		}
		e.Message = &alma.Message{Body: body}
		return decodeJSON("message", *message, e.Message)
	})
	return e, err
}

// scanException reads shownColumns, and then into extra.
func scanException(row pgx.Row, webhookID string, extra ...any) (alma.Exception, error) {
	e := alma.Exception{WebhookID: webhookID}
	var p place
	var batch bool
	var next *time.Time
	var xacts, seqs []int64
	dest := []any{
		&p.xact, &p.seq, &batch, (*string)(&e.Status), &e.InFlight, &e.Attempts, &next, (*int64)(&e.Delay), &e.Manual,
		(*string)(&e.LastReason), &e.LastError, &e.LastStatusCode, &e.BatchID, &e.ReplayID, &xacts, &seqs,
	}
	if err := row.Scan(append(dest, extra...)...); err != nil {
		return alma.Exception{}, err
	}
	e.Position, e.NextAttemptAt = p.position(), utc(next)
	if batch {
		e.Members = append(e.Members, e.Position)
		for i := range xacts {
			e.Members = append(e.Members, place{xacts[i], seqs[i]}.position())
		}
	}
	return e, nil
}
