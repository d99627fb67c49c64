package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/sealed"
)

// CreateWebhook stores a webhook; see [alma.WebhookStore]. CreatedAt defaults
// to now, UpdatedAt is set to now. ErrConflict when the id is taken, by a
// deleted webhook too.
func (s *Store) CreateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	const operation = "create webhook"
	parts, err := sealed.SplitWebhook(s.keyring, &w)
	if err != nil {
		return alma.Webhook{}, wrap(operation, err)
	}
	var made alma.Webhook
	err = s.write(ctx, &job{operation: operation, weight: parts.Weight(), isolated: true, run: func(ctx context.Context, t *txn) error {
		made = w
		made.Version, made.UpdatedAt = 1, t.now.UTC().Round(0)
		if made.CreatedAt.IsZero() {
			made.CreatedAt = made.UpdatedAt
		}
		return t.insertWebhook(ctx, made, parts)
	}})
	if err != nil {
		return alma.Webhook{}, err
	}
	return made, nil
}

func (t *txn) insertWebhook(ctx context.Context, w alma.Webhook, parts sealed.Webhook) error {
	var ref webhookRef
	err := t.one(ctx, []any{&ref.number}, sqlInsertWebhook, w.ID, parts.Settings, parts.Secrets, parts.Traits, string(w.State), w.StateReason,
		nanos(w.CreatedAt), nanos(w.UpdatedAt), nanos(w.SecretSetAt), w.Config.URL)
	if isConstraint(err) {
		return fmt.Errorf("webhook %s: %w: the id is taken", w.ID, alma.ErrConflict)
	}
	if err != nil {
		return err
	}
	tail, err := t.logTail(ctx)
	if err != nil {
		return err
	}
	t.setRef(w.ID, ref)
	_, err = t.exec(ctx, sqlSetLane, ref.number, false, tail.seq, "")
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
	err = s.write(ctx, &job{operation: operation, weight: parts.Weight(), isolated: true, run: func(ctx context.Context, t *txn) error {
		ref, ok := t.ref(w.ID)
		if !ok || ref.deleted {
			return noWebhook(w.ID)
		}
		n, err := t.exec(ctx, sqlUpdateWebhook, parts.Settings, parts.Secrets, parts.Traits, string(w.State), w.StateReason,
			nanos(t.now), nanos(w.SecretSetAt), w.Config.URL, ref.number, w.Version)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("webhook %s: %w: version %d is not the stored one; read it again", w.ID, alma.ErrConflict, w.Version)
		}
		updated, err = s.readWebhook(ctx, t.statements, w.ID)
		return err
	}})
	if err != nil {
		return alma.Webhook{}, err
	}
	return updated, nil
}

func noWebhook(id string) error { return fmt.Errorf("webhook %s: %w", id, alma.ErrNotFound) }

// DeleteWebhook removes a webhook; see [alma.WebhookStore].
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	return s.write(ctx, &job{operation: "delete webhook", isolated: true, run: func(ctx context.Context, t *txn) error {
		ref, ok := t.ref(id)
		if !ok || ref.deleted {
			return noWebhook(id)
		}
		ref.deleted = true
		t.setRef(id, ref)
		for _, step := range []struct {
			query string
			args  []any
		}{
			{sqlDeleteWebhook, []any{nanos(t.now), ref.number}},
			{sqlDeleteLane, []any{ref.number}},
			{sqlDeletePendingMessages, []any{ref.number}},
			{sqlDeleteNotices, []any{ref.number}},
			{sqlUnqueue, []any{ref.number}},
			{sqlFailPending, []any{string(alma.ReasonWebhookDeleted), webhookDeletedError, ref.number}},
			{sqlCancelReplays, []any{webhookDeletedReplay, nanos(t.now), ref.number}},
		} {
			if _, err := t.exec(ctx, step.query, step.args...); err != nil {
				return err
			}
		}
		return nil
	}})
}

// Webhook returns one webhook, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, id string) (alma.Webhook, error) {
	var w alma.Webhook
	err := s.read(ctx, "read webhook", func(ctx context.Context, q *statements) (err error) {
		w, err = s.readWebhook(ctx, q, id)
		return err
	})
	return w, err
}

// Webhooks returns all webhooks, oldest first.
func (s *Store) Webhooks(ctx context.Context) ([]alma.Webhook, error) {
	var list []alma.Webhook
	err := s.read(ctx, "list webhooks", func(ctx context.Context, q *statements) error {
		list = nil
		return q.query(ctx, func(rows *sql.Rows) error {
			w, err := s.scanWebhook(rows)
			list = append(list, w)
			return err
		}, sqlWebhooks)
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
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) error {
		page = alma.Page[alma.Webhook]{}
		var last int64
		return st.query(ctx, func(rows *sql.Rows) error {
			if len(page.Items) == q.Size() { // One more than the page holds.
				page.Next = cursorToken(last, 0)
				return nil
			}
			w, err := s.scanWebhook(rows, &last)
			page.Items = append(page.Items, w)
			return err
		}, sqlFindWebhooks, after, q.ProjectID, q.Size()+1)
	})
	return page, err
}

func (s *Store) readWebhook(ctx context.Context, q *statements, id string) (alma.Webhook, error) {
	var w alma.Webhook
	found := false
	err := q.query(ctx, func(rows *sql.Rows) (err error) {
		found = true
		w, err = s.scanWebhook(rows)
		return err
	}, sqlWebhook, id)
	if err == nil && !found {
		err = noWebhook(id)
	}
	return w, err
}

// scanWebhook reads webhookColumns, and then into extra.
func (s *Store) scanWebhook(rows *sql.Rows, extra ...any) (alma.Webhook, error) {
	var w alma.Webhook
	var parts sealed.Webhook
	var created, updated, secretSet int64
	dest := []any{&w.ID, &w.Version, &parts.Settings, &parts.Secrets, &parts.Traits, (*string)(&w.State), &w.StateReason, &created, &updated, &secretSet}
	if err := rows.Scan(append(dest, extra...)...); err != nil {
		return alma.Webhook{}, err
	}
	if err := parts.Join(s.keyring, &w); err != nil {
		return alma.Webhook{}, err
	}
	w.CreatedAt, w.UpdatedAt, w.SecretSetAt = fromNanos(created), fromNanos(updated), fromNanos(secretSet)
	return w, nil
}
