package nodetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// noteChange gives a webhook the next revision.
func (s *Store) noteChange(id string) {
	s.revision++
	s.changed[id] = s.revision
	s.signal()
}

// signal wakes everybody who watches.
func (s *Store) signal() {
	for c := range s.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// CreateWebhook implements [alma.WebhookStore].
func (s *Store) CreateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	return s.change(w.ID, func() (alma.Webhook, error) { return s.Store.CreateWebhook(ctx, w) })
}

// UpdateWebhook implements [alma.WebhookStore].
func (s *Store) UpdateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	return s.change(w.ID, func() (alma.Webhook, error) { return s.Store.UpdateWebhook(ctx, w) })
}

// DeleteWebhook implements [alma.WebhookStore].
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	_, err := s.change(id, func() (alma.Webhook, error) { return alma.Webhook{}, s.Store.DeleteWebhook(ctx, id) })
	return err
}

func (s *Store) change(id string, f func() (alma.Webhook, error)) (alma.Webhook, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := f()
	if err == nil {
		s.noteChange(id)
	}
	return w, err
}

// NotifyOwner implements [alma.NodeStore].
func (s *Store) NotifyOwner(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.Webhook(ctx, id)
	if err == nil {
		s.noteChange(id)
	}
	if errors.Is(err, alma.ErrNotFound) {
		return nil
	}
	return err //nolint:wrapcheck // The driver names the operation.
}

// HurryDelivery implements [alma.NodeStore].
func (s *Store) HurryDelivery(ctx context.Context, key alma.DeliveryKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.Exception(ctx, key.WebhookID, key.Position)
	if err != nil {
		return err //nolint:wrapcheck // The driver names the operation.
	}
	if e.Status != alma.StatusPending || e.InFlight {
		return fmt.Errorf("alma: hurry: %w", alma.ErrConflict)
	}
	e.NextAttemptAt, e.Message = time.Now(), nil
	if err := s.settle(ctx, alma.Settlement{Exceptions: []alma.Exception{e}}); err != nil {
		return err
	}
	s.noteChange(key.WebhookID)
	return nil
}

// WebhookChanges implements [alma.NodeStore].
func (s *Store) WebhookChanges(ctx context.Context, after int64) (alma.WebhookChanges, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := alma.WebhookChanges{Revision: s.revision}
	for id, at := range s.changed {
		if at <= after {
			continue
		}
		w, err := s.Webhook(ctx, id)
		switch {
		case err == nil:
			c.Webhooks = append(c.Webhooks, w)
		case errors.Is(err, alma.ErrNotFound):
			c.Deleted = append(c.Deleted, id)
		default:
			return alma.WebhookChanges{}, err //nolint:wrapcheck // The driver names the operation.
		}
	}
	return c, nil
}

// WatchNodes implements [alma.NodeStore].
func (s *Store) WatchNodes(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{}, 1)
	s.watchers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, c)
	})
	return c
}
