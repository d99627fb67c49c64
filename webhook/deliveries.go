package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/wire"
)

// RecentDeliveries lists the newest deliveries of all webhooks, with URL,
// status, attempts and last error; at most limit, and at most
// [alma.MaxPageSize].
func (m *Manager) RecentDeliveries(ctx context.Context, limit int) ([]alma.Delivery, error) {
	page, err := m.Deliveries(ctx, alma.DeliveryQuery{Cursor: alma.Cursor{Limit: limit}})
	return page.Items, err
}

// Deliveries lists deliveries, the newest event first. Those that still wait in
// the log are listed where webhook and event are both named.
func (m *Manager) Deliveries(ctx context.Context, q alma.DeliveryQuery) (alma.Page[alma.Delivery], error) {
	page, err := m.store.FindDeliveries(ctx, q)
	if err != nil {
		return page, fmt.Errorf("alma: list deliveries: %w", err)
	}
	if len(page.Items) > 0 || q.WebhookID == "" || q.EventID == "" || q.After != "" {
		return page, nil
	}
	d, err := m.unattempted(ctx, q.WebhookID, q.EventID)
	if err != nil || d == nil || q.Status != "" && q.Status != d.Status || q.ProjectID != "" && q.ProjectID != d.ProjectID {
		return page, err
	}
	page.Items = []alma.Delivery{*d}
	return page, nil
}

// EventDeliveries lists the deliveries of one event, one for each webhook that
// wants it, those included that wait in the log.
func (m *Manager) EventDeliveries(ctx context.Context, ev *alma.Event) ([]alma.Delivery, error) {
	var out []alma.Delivery
	q := alma.DeliveryQuery{EventID: ev.ID, Cursor: alma.Cursor{Limit: alma.MaxPageSize}}
	seen := map[string]bool{}
	for {
		page, err := m.store.FindDeliveries(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("alma: list the deliveries of %s: %w", ev.ID, err)
		}
		for _, d := range page.Items {
			seen[d.WebhookID] = true
			out = append(out, d)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for _, h := range m.allHooks() {
		if d := h.waits(ev); d != nil && !seen[h.id] {
			out = append(out, *d)
		}
	}
	return out, nil
}

func (m *Manager) allHooks() []*hook {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]*hook, 0, len(m.hooks))
	for _, h := range m.hooks {
		out = append(out, h)
	}
	return out
}

// unattempted returns the delivery of an event that a webhook wants and has
// not come to yet, or nil.
func (m *Manager) unattempted(ctx context.Context, webhookID, eventID string) (*alma.Delivery, error) {
	h := m.hook(webhookID)
	if h == nil {
		return nil, nil //nolint:nilnil // Nothing waits for an unknown webhook.
	}
	page, err := m.store.FindEvents(ctx, alma.EventQuery{IDs: []string{eventID}})
	if err != nil || len(page.Items) == 0 {
		return nil, err //nolint:wrapcheck // The driver names the operation.
	}
	return h.waits(&page.Items[0]), nil
}

// waits returns the pending delivery of an event that lies between the lane's
// low-water mark and the head of the log.
func (h *hook) waits(ev *alma.Event) *alma.Delivery {
	s := h.lane.Status()
	if !s.Busy || !s.Low.Before(ev.Position) || ev.Erased {
		return nil
	}
	c := h.compiled.Load()
	if c.unusable != nil {
		return nil
	}
	if ok, err := c.selection.Match(flow.NewEntry(ev)); !ok || err != nil {
		return nil
	}
	return &alma.Delivery{
		ID: alma.DeliveryID(h.id, ev.Position), WebhookID: h.id, EventID: ev.ID, EventType: ev.Type,
		URL: c.webhook.Config.URL, Status: alma.StatusPending, CreatedAt: ev.AppendedAt,
		Position: ev.Position, ProjectID: ev.ProjectID,
	}
}

// Delivery returns one delivery with its attempts.
func (m *Manager) Delivery(ctx context.Context, id string) (alma.Delivery, error) {
	webhookID, pos, err := alma.ParseDeliveryID(id)
	if err != nil {
		return alma.Delivery{}, fmt.Errorf("alma: delivery: %w: %w", err, alma.ErrNotFound)
	}
	d, err := m.store.Delivery(ctx, webhookID, pos)
	if err == nil {
		m.fillDetails(ctx, &d)
		return d, nil
	}
	if !errors.Is(err, alma.ErrNotFound) {
		return alma.Delivery{}, fmt.Errorf("alma: delivery %s: %w", id, err)
	}
	h := m.hook(webhookID)
	e, eventErr := m.entryAt(ctx, pos)
	if h == nil || eventErr != nil {
		return alma.Delivery{}, fmt.Errorf("alma: delivery %s: %w", id, err)
	}
	if d := h.waits(e.Event); d != nil {
		return *d, nil
	}
	return alma.Delivery{}, fmt.Errorf("alma: delivery %s: %w", id, err)
}

// fillDetails adds the request headers of attempts that succeeded at once: they
// are not stored, because they follow from the event, the attempt and the
// settings.
func (m *Manager) fillDetails(ctx context.Context, d *alma.Delivery) {
	h := m.hook(d.WebhookID)
	if h == nil {
		return
	}
	c := h.compiled.Load()
	if c.format == nil {
		return // A durable subscription sends nothing.
	}
	for i := range d.Log {
		a := &d.Log[i]
		if a.Detail != nil || a.BatchID != "" || a.Reason == alma.ReasonEncode || a.At.Before(c.webhook.SecretSetAt) {
			continue
		}
		e, err := m.entryAt(ctx, d.Position)
		if err != nil || e.Event.Erased {
			return
		}
		message, err := e.Message(c.format)
		if err != nil {
			return
		}
		attempt := wire.Attempt{DeliveryID: d.ID, Number: a.Number, At: a.At}
		a.Detail = &alma.AttemptDetail{RequestHeaders: map[string]string{}}
		for _, f := range c.format.Sign(&message, c.webhook.Config.Secret, attempt) {
			a.Detail.RequestHeaders[f.Name] = f.Value
		}
		for _, f := range c.headers {
			a.Detail.RequestHeaders[f.Name] = Masked
		}
	}
}

// Retry makes a new attempt for a delivery now, before what else waits, and
// while the circuit breaker is open too: after a failed one no further retry
// follows. It fails with [alma.ErrConflict] while an attempt is under way,
// while the webhook is not active, and for suppressed deliveries.
func (m *Manager) Retry(ctx context.Context, id string) (alma.Delivery, error) {
	m.admin.Lock()
	defer m.admin.Unlock()
	d, err := m.Delivery(ctx, id)
	if err != nil {
		return alma.Delivery{}, err
	}
	h, err := m.retryable(ctx, &d)
	if err != nil {
		return alma.Delivery{}, err
	}
	if d.Status == alma.StatusPending {
		if !h.lane.Hurry(d.Position) {
			return alma.Delivery{}, fmt.Errorf("alma: retry %s: an attempt is under way or about to start: %w", id, alma.ErrConflict)
		}
		d.NextAttemptAt = time.Now().UTC()
		return d, nil
	}
	if err := m.reopen(ctx, h, &d); err != nil {
		return alma.Delivery{}, err
	}
	return d, nil
}

func (m *Manager) retryable(ctx context.Context, d *alma.Delivery) (*hook, error) {
	w, err := m.store.Webhook(ctx, d.WebhookID)
	if err != nil {
		return nil, fmt.Errorf("alma: retry %s: the webhook is gone: %w", d.ID, alma.ErrConflict)
	}
	h := m.hook(w.ID)
	if d.Status == alma.StatusSuppressed {
		return nil, fmt.Errorf("alma: retry %s: it stands for all events of a bulk job; raise bulk_limit before the next: %w", d.ID, alma.ErrConflict)
	}
	if err := m.checkErased(ctx, d); err != nil {
		return nil, err
	}
	if w.State != alma.StateActive || h == nil {
		return nil, fmt.Errorf("alma: retry %s: the webhook is %s; resume it first: %w", d.ID, w.State, alma.ErrConflict)
	}
	return h, nil
}

// reopen stores a finished delivery as pending again and attempts it.
func (m *Manager) reopen(ctx context.Context, h *hook, d *alma.Delivery) error {
	now := time.Now().UTC()
	e := alma.Exception{
		WebhookID: d.WebhookID, Position: d.Position, Status: alma.StatusPending, Manual: true,
		Attempts: d.Attempts, NextAttemptAt: now,
		LastReason: d.LastReason, LastError: d.LastError, LastStatusCode: d.LastStatusCode,
	}
	if err := m.takeFromBatch(ctx, h.compiled.Load(), &e); err != nil {
		return fmt.Errorf("alma: retry %s: %w", d.ID, err)
	}
	if err := m.store.Settle(ctx, alma.Settlement{Exceptions: []alma.Exception{e}}); err != nil {
		return fmt.Errorf("alma: retry %s: %w", d.ID, err)
	}
	d.Status, d.NextAttemptAt = alma.StatusPending, now
	h.lane.Retry(lane.FromException(&e, now))
	return nil
}

// takeFromBatch gives a delivery a message of its own where the listener
// expects arrays (it gets an array of one), and where what is stored is the
// batch that the delivery was part of.
func (m *Manager) takeFromBatch(ctx context.Context, c *compiled, e *alma.Exception) error {
	stored, err := m.store.Exception(ctx, e.WebhookID, e.Position)
	if err != nil && !errors.Is(err, alma.ErrNotFound) {
		return err //nolint:wrapcheck // The caller names the operation.
	}
	batches := c.effective.BatchSize > 1
	if !batches && stored.BatchID == "" {
		return nil
	}
	if batches {
		e.BatchID = alma.NewBatchID()
	}
	entry, err := m.entryAt(ctx, e.Position)
	if err != nil {
		return err
	}
	message, err := encode(c, []*flow.Entry{entry}, batches)
	e.Message = &message
	return err
}

// Test sends a synthetic event to a webhook, once, outside the log, and returns
// the attempt. It works in every state of the webhook.
func (m *Manager) Test(ctx context.Context, id string) (alma.Attempt, error) {
	w, err := m.stored(ctx, id)
	if err != nil {
		return alma.Attempt{}, err
	}
	c, err := m.compile(w)
	if err != nil {
		return alma.Attempt{}, err
	}
	ev := alma.Event{
		Type: alma.ReservedEventPrefix + "TEST", MemoryID: w.ID, ProjectID: w.Config.ProjectID,
		Data: []byte(`{"message":"A test of this webhook. Nothing has changed."}`),
	}
	if err := ev.Prepare(time.Now()); err != nil {
		return alma.Attempt{}, fmt.Errorf("alma: test webhook %s: %w", id, err)
	}
	message, err := encode(c, []*flow.Entry{flow.NewEntry(&ev)}, c.effective.BatchSize > 1)
	if err != nil {
		return alma.Attempt{}, fmt.Errorf("alma: test webhook %s: %w", id, err)
	}
	out := m.exchange(ctx, c, c.format, &message, wire.Attempt{DeliveryID: "test_" + ev.ID, Number: 1, At: time.Now()}, true)
	if out.Canceled {
		return alma.Attempt{}, fmt.Errorf("alma: test webhook %s: %w", id, context.Cause(ctx))
	}
	return out.Attempt, nil
}
