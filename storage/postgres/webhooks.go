package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/sealed"
)

// CreateWebhook stores a webhook; see [alma.WebhookStore]. CreatedAt defaults
// to now, UpdatedAt is set to now. ErrConflict when the id is taken, by a
// deleted webhook too.
//
// It will see the events whose transactions had not committed when it was made:
// its cursor stands before the oldest transaction that was open then, and
// Settled names those events behind it that had committed.
func (s *Store) CreateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	const operation = "create webhook"
	parts, err := sealed.SplitWebhook(s.keyring, &w)
	if err != nil {
		return alma.Webhook{}, wrap(operation, err)
	}
	var made alma.Webhook
	err = s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.holdKey(ctx, tx); err != nil {
			return err
		}
		var horizon int64
		if err := tx.QueryRow(ctx, sqlHorizon).Scan(&horizon); err != nil {
			return err
		}
		row := tx.QueryRow(ctx, sqlInsertWebhook, w.ID, int16(alma.SlotOf(w.ID)), parts.Settings, parts.Secrets, parts.Traits, //nolint:gosec // Less than alma.Slots.
			string(w.State), plain(w.StateReason), orNull(w.CreatedAt), orNull(w.SecretSetAt), horizon, w.Config.URL)
		err := s.scanWebhook(row, &made)
		if isUnique(err) {
			return fmt.Errorf("webhook %s: %w: the id is taken", w.ID, alma.ErrConflict)
		}
		if err == nil {
			err = s.tellChange(ctx, tx)
		}
		return err
	})
	if err != nil {
		return alma.Webhook{}, err
	}
	s.changes.signal()
	return made, nil
}

// tellChange tells all nodes at the commit that webhooks or slots changed.
// These are rare, so the notice may travel within the transaction.
func (s *Store) tellChange(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, sqlNotify, s.changeChannel())
	return err
}

// UpdateWebhook replaces a webhook; see [alma.WebhookStore]. CreatedAt stays
// what it was, UpdatedAt is set to now.
func (s *Store) UpdateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	const operation = "update webhook"
	parts, err := sealed.SplitWebhook(s.keyring, &w)
	if err != nil {
		return alma.Webhook{}, wrap(operation, err)
	}
	var updated alma.Webhook
	err = s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.holdKey(ctx, tx); err != nil {
			return err
		}
		row := tx.QueryRow(ctx, sqlUpdateWebhook, w.ID, w.Version, parts.Settings, parts.Secrets, parts.Traits,
			string(w.State), plain(w.StateReason), orNull(w.SecretSetAt), w.Config.URL)
		err := s.scanWebhook(row, &updated)
		if errors.Is(err, pgx.ErrNoRows) {
			return notUpdated(ctx, tx, &w)
		}
		if err == nil {
			err = s.tellChange(ctx, tx)
		}
		return err
	})
	if err != nil {
		return alma.Webhook{}, err
	}
	s.changes.signal()
	return updated, nil
}

// notUpdated says why no webhook has the id and version.
func notUpdated(ctx context.Context, q queryer, w *alma.Webhook) error {
	var exists bool
	if err := q.QueryRow(ctx, sqlWebhookExists, w.ID).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		return noWebhook(w.ID)
	}
	return fmt.Errorf("webhook %s: %w: version %d is not the stored one; read it again", w.ID, alma.ErrConflict, w.Version)
}

func noWebhook(id string) error { return fmt.Errorf("webhook %s: %w", id, alma.ErrNotFound) }

// DeleteWebhook removes a webhook; see [alma.WebhookStore].
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	err := s.change(ctx, "delete webhook", func(ctx context.Context, tx pgx.Tx) error {
		var number int64
		err := tx.QueryRow(ctx, sqlDeleteWebhook, id).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			return noWebhook(id)
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(sqlDeleteLane, number)
		b.Queue(sqlDeletePendingMessages, number)
		b.Queue(sqlDeleteNotices, number)
		b.Queue(sqlUnqueue, number)
		b.Queue(sqlFailPending, number, string(alma.ReasonWebhookDeleted), webhookDeletedError)
		b.Queue(sqlCancelReplays, number, webhookDeletedReplay)
		b.Queue(sqlNotify, s.changeChannel())
		return tx.SendBatch(ctx, b).Close()
	})
	if err == nil {
		s.changes.signal()
	}
	return err
}

// Webhook returns one webhook, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, id string) (alma.Webhook, error) {
	var w alma.Webhook
	err := s.do(ctx, "read webhook", func(ctx context.Context) error {
		err := s.scanWebhook(s.pool.QueryRow(ctx, sqlWebhook, id), &w)
		if errors.Is(err, pgx.ErrNoRows) {
			err = noWebhook(id)
		}
		return err
	})
	return w, err
}

// Webhooks returns all webhooks, oldest first.
func (s *Store) Webhooks(ctx context.Context) ([]alma.Webhook, error) {
	var list []alma.Webhook
	err := s.do(ctx, "list webhooks", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlWebhooks)
		if err != nil {
			return err
		}
		list, err = s.collectWebhooks(rows)
		return err
	})
	return list, err
}

// FindWebhooks lists webhooks, the oldest first; see [alma.WebhookStore]. A page
// costs the same however many there are, but for those of other projects.
func (s *Store) FindWebhooks(ctx context.Context, q alma.WebhookQuery) (alma.Page[alma.Webhook], error) {
	const operation = "find webhooks"
	after, err := parseRisingCursor(q.After)
	if err != nil {
		return alma.Page[alma.Webhook]{}, wrap(operation, err)
	}
	var page alma.Page[alma.Webhook]
	err = s.do(ctx, operation, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlFindWebhooks, after, q.ProjectID, q.Size()+1)
		if err != nil {
			return err
		}
		var numbers []int64
		page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w alma.Webhook, err error) {
			var number int64
			err = s.scanWebhook(row, &w, &number)
			numbers = append(numbers, number)
			return w, err
		})
		if len(page.Items) > q.Size() { // One more than the page holds.
			page.Items, page.Next = page.Items[:q.Size()], cursorToken(place{}, numbers[q.Size()-1])
		}
		return err
	})
	return page, err
}

func (s *Store) collectWebhooks(rows pgx.Rows) ([]alma.Webhook, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (w alma.Webhook, err error) {
		err = s.scanWebhook(row, &w)
		return w, err
	})
}

// scanWebhook reads webhookColumns, and then into extra.
func (s *Store) scanWebhook(row pgx.Row, w *alma.Webhook, extra ...any) error {
	var parts sealed.Webhook
	var secretSet *time.Time
	dest := []any{&w.ID, &w.Version, &parts.Settings, &parts.Secrets, &parts.Traits, (*string)(&w.State), &w.StateReason, &w.CreatedAt, &w.UpdatedAt, &secretSet}
	if err := row.Scan(append(dest, extra...)...); err != nil {
		return err
	}
	if err := parts.Join(s.keyring, w); err != nil {
		return err
	}
	w.CreatedAt, w.UpdatedAt, w.SecretSetAt = w.CreatedAt.UTC(), w.UpdatedAt.UTC(), utc(secretSet)
	return nil
}
