package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
)

// Retry makes a new attempt for a delivery now, before what else waits, and
// while the circuit breaker is open too: after a failed one no further retry
// follows. It fails with [alma.ErrConflict] while an attempt is under way,
// while the webhook is not active, and for suppressed deliveries. When another
// node serves the webhook, that one makes the attempt, within a second or so.
func (m *Manager) Retry(ctx context.Context, id string) (alma.Delivery, error) {
	m.admin.Lock()
	defer m.admin.Unlock()
	d, err := m.Delivery(ctx, id)
	if err != nil {
		return alma.Delivery{}, err
	}
	s, err := m.retryable(ctx, &d)
	if err != nil {
		return alma.Delivery{}, err
	}
	if d.Status == alma.StatusPending {
		err = m.hurry(ctx, s, &d)
	} else {
		err = m.reopen(ctx, s, &d)
	}
	if err != nil {
		return alma.Delivery{}, fmt.Errorf("alma: retry %s: %w", id, err)
	}
	return d, nil
}

func (m *Manager) retryable(ctx context.Context, d *alma.Delivery) (*sight, error) {
	w, err := m.store.Webhook(ctx, d.WebhookID)
	if err != nil {
		return nil, fmt.Errorf("alma: retry %s: the webhook is gone: %w", d.ID, alma.ErrConflict)
	}
	if d.Status == alma.StatusSuppressed {
		return nil, fmt.Errorf("alma: retry %s: it stands for all events of a bulk job; raise bulk_limit before the next: %w", d.ID, alma.ErrConflict)
	}
	if err := m.checkErased(ctx, d); err != nil {
		return nil, err
	}
	if w.State != alma.StateActive || !m.running.Load() {
		return nil, fmt.Errorf("alma: retry %s: the webhook is %s; resume it first: %w", d.ID, w.State, alma.ErrConflict)
	}
	s, err := m.sight(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("alma: retry %s: %w", d.ID, err)
	}
	if err := s.compiled.unusable; err != nil {
		return nil, fmt.Errorf("alma: retry %s: the settings cannot be used: %w: %w", d.ID, err, alma.ErrConflict)
	}
	return s, nil
}

// hurry makes a waiting delivery due now.
func (m *Manager) hurry(ctx context.Context, s *sight, d *alma.Delivery) error {
	switch {
	case s.hook != nil && s.hook.lane.Hurry(d.Position):
	case s.hook == nil && m.member != nil:
		if err := m.member.store.HurryDelivery(ctx, alma.DeliveryKey{WebhookID: d.WebhookID, Position: d.Position}); err != nil {
			return notWaiting(err)
		}
	default:
		return notWaiting(alma.ErrConflict)
	}
	d.NextAttemptAt = time.Now().UTC()
	return nil
}

func notWaiting(err error) error {
	if errors.Is(err, alma.ErrConflict) || errors.Is(err, alma.ErrNotFound) {
		return fmt.Errorf("an attempt is under way or about to start: %w", alma.ErrConflict)
	}
	return err
}

// reopen stores a finished delivery as pending again and has it attempted.
func (m *Manager) reopen(ctx context.Context, s *sight, d *alma.Delivery) error {
	now := time.Now().UTC()
	e := alma.Exception{
		WebhookID: d.WebhookID, Position: d.Position, Status: alma.StatusPending, Manual: true,
		Attempts: d.Attempts, NextAttemptAt: now,
		LastReason: d.LastReason, LastError: d.LastError, LastStatusCode: d.LastStatusCode,
	}
	if err := m.takeFromBatch(ctx, s.compiled, &e); err != nil {
		return err
	}
	if err := m.store.Settle(ctx, alma.Settlement{Exceptions: []alma.Exception{e}}); err != nil {
		return err //nolint:wrapcheck // The caller names the operation.
	}
	d.Status, d.NextAttemptAt = alma.StatusPending, now
	if s.hook != nil {
		s.hook.lane.Retry(lane.FromException(&e, now))
	}
	return m.notifyOwner(ctx, d.WebhookID) // Even from here: the webhook may just be going elsewhere.
}

// notifyOwner makes the node that serves a webhook look at what was stored.
func (m *Manager) notifyOwner(ctx context.Context, id string) error {
	if m.member == nil {
		return nil
	}
	return m.member.store.NotifyOwner(ctx, id) //nolint:wrapcheck // The caller names the operation.
}

// takeFromBatch gives a delivery a message of its own where the listener
// expects arrays (it gets an array of one), and where what is stored is the
// batch that the delivery was part of.
func (m *Manager) takeFromBatch(ctx context.Context, c *compiled, e *alma.Exception) error {
	stored, err := m.store.Exception(ctx, e.WebhookID, e.Position)
	if err != nil && !errors.Is(err, alma.ErrNotFound) {
		return err //nolint:wrapcheck // The caller names the operation.
	}
	if !c.batches && stored.BatchID == "" {
		return nil
	}
	if c.batches {
		e.BatchID = alma.NewBatchID()
	}
	entry, err := m.entryAt(ctx, e.Position)
	if err != nil {
		return err
	}
	message, err := m.encode(ctx, c, []*flow.Entry{entry}, c.batches)
	e.Message = &message
	return err
}
