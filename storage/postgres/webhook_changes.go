package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// WebhookChanges tells what has changed about webhooks; see [alma.NodeStore].
func (s *Store) WebhookChanges(ctx context.Context, after int64) (alma.WebhookChanges, error) {
	var c alma.WebhookChanges
	err := s.do(ctx, "read changes of webhooks", func(ctx context.Context) error {
		c = alma.WebhookChanges{Revision: after}
		rows, err := s.pool.Query(ctx, sqlWebhookChanges, after)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var w alma.Webhook
			var deleted bool
			if err := s.scanWebhook(rows, &w, &c.Revision, &deleted); err != nil {
				return err
			}
			if deleted {
				c.Deleted = append(c.Deleted, w.ID)
				continue
			}
			c.Webhooks = append(c.Webhooks, w)
		}
		return rows.Err()
	})
	if err != nil {
		return alma.WebhookChanges{}, err
	}
	return c, nil
}

// NotifyOwner makes the owner of a webhook look at it anew; see
// [alma.NodeStore].
func (s *Store) NotifyOwner(ctx context.Context, webhookID string) error {
	err := s.change(ctx, "notify the owner of a webhook", func(ctx context.Context, tx pgx.Tx) error {
		return s.touch(ctx, tx, webhookID)
	})
	if err == nil {
		s.changes.signal()
	}
	return err
}

// touch counts a webhook as changed.
func (s *Store) touch(ctx context.Context, tx pgx.Tx, webhookID string) error {
	b := &pgx.Batch{}
	b.Queue(sqlTouchWebhook, webhookID)
	b.Queue(sqlNotify, s.changeChannel())
	return tx.SendBatch(ctx, b).Close()
}

// HurryDelivery makes a waiting delivery due now; see [alma.NodeStore].
func (s *Store) HurryDelivery(ctx context.Context, key alma.DeliveryKey) error {
	id := alma.DeliveryID(key.WebhookID, key.Position)
	at := placeOf(key.Position)
	err := s.change(ctx, "hurry a delivery", func(ctx context.Context, tx pgx.Tx) error {
		// First the webhook, then what belongs to it: the order of all locks.
		if err := s.touch(ctx, tx, key.WebhookID); err != nil {
			return err
		}
		var webhook int64
		var head place
		var status alma.DeliveryStatus
		var inFlight bool
		err := tx.QueryRow(ctx, sqlHoldDelivery, key.WebhookID, at.xact, at.seq).Scan(&webhook, &head.xact, &head.seq, (*string)(&status), &inFlight)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("delivery %s: %w", id, alma.ErrNotFound)
		case err != nil:
			return err
		case status != alma.StatusPending:
			return fmt.Errorf("delivery %s is %s: %w", id, status, alma.ErrConflict)
		case inFlight:
			return fmt.Errorf("delivery %s is being attempted: %w", id, alma.ErrConflict)
		}
		_, err = tx.Exec(ctx, sqlHurryDelivery, webhook, head.xact, head.seq)
		return err
	})
	if err == nil {
		s.changes.signal()
	}
	return err
}
