package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
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

// FailedGroups counts failed deliveries by webhook and reason, the webhooks that
// were made last first. Of each webhook the newest are counted, and a group says
// when there are more: see [alma.FailedQuery].
func (m *Manager) FailedGroups(ctx context.Context, q alma.FailedQuery) (alma.Page[alma.FailedGroup], error) {
	page, err := m.store.FailedGroups(ctx, q)
	if err != nil {
		return page, fmt.Errorf("alma: count failed deliveries: %w", err)
	}
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
	waiting, err := m.unattemptedOf(ctx, ev, seen)
	if err != nil {
		return nil, fmt.Errorf("alma: list the deliveries of %s: %w", ev.ID, err)
	}
	return append(out, waiting...), nil
}

// unattemptedOf lists the deliveries of an event that no attempt was made for,
// but those of webhooks that were seen.
func (m *Manager) unattemptedOf(ctx context.Context, ev *alma.Event, seen map[string]bool) ([]alma.Delivery, error) {
	var sights []*sight
	if m.member == nil {
		for _, h := range m.allHooks() {
			sights = append(sights, h.sight())
		}
	} else {
		webhooks, err := m.store.Webhooks(ctx)
		if err != nil {
			return nil, err //nolint:wrapcheck // The caller names the operation.
		}
		if sights, err = m.sights(ctx, webhooks); err != nil {
			return nil, err
		}
	}
	var out []alma.Delivery
	for _, s := range sights {
		if d := s.unattempted(ev); d != nil && !seen[d.WebhookID] {
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
	page, err := m.store.FindEvents(ctx, alma.EventQuery{IDs: []string{eventID}})
	if err != nil || len(page.Items) == 0 {
		return nil, err //nolint:wrapcheck // The driver names the operation.
	}
	return m.awaited(ctx, webhookID, &page.Items[0])
}

// awaited returns the pending delivery of an event that a webhook has not come
// to yet, or nil.
func (m *Manager) awaited(ctx context.Context, webhookID string, ev *alma.Event) (*alma.Delivery, error) {
	w, err := m.store.Webhook(ctx, webhookID)
	if errors.Is(err, alma.ErrNotFound) {
		return nil, nil //nolint:nilnil // Nothing waits for an unknown webhook.
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // The driver names the operation.
	}
	s, err := m.sight(ctx, w)
	if err != nil {
		return nil, err
	}
	return s.unattempted(ev), nil
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
	e, eventErr := m.entryAt(ctx, pos)
	if eventErr != nil {
		return alma.Delivery{}, fmt.Errorf("alma: delivery %s: %w", id, err)
	}
	waiting, readErr := m.awaited(ctx, webhookID, e.Event)
	if readErr != nil {
		return alma.Delivery{}, fmt.Errorf("alma: delivery %s: %w", id, readErr)
	}
	if waiting == nil {
		return alma.Delivery{}, fmt.Errorf("alma: delivery %s: %w", id, err)
	}
	return *waiting, nil
}

// fillDetails adds the request headers of attempts that succeeded at once: they
// are not stored, because they follow from the event, the attempt and the
// settings.
func (m *Manager) fillDetails(ctx context.Context, d *alma.Delivery) {
	c := m.settingsOf(ctx, d.WebhookID)
	if !c.posts() {
		return // A durable subscription sends nothing, and attempts of e-mails are stored whole.
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
		message, err := e.Message(c.format, c.form)
		if err != nil {
			return
		}
		attempt := wire.Attempt{DeliveryID: d.ID, Number: a.Number, At: a.At, Origin: m.cfg.Origin}
		a.Detail = &alma.AttemptDetail{RequestHeaders: map[string]string{}}
		if t := e.Event.Trace; t != "" && c.tellsTrace(c.format) {
			a.Detail.RequestHeaders[alma.HeaderTraceParent] = string(t)
		}
		for _, f := range c.format.Sign(&message, c.signing(a.At), attempt) {
			a.Detail.RequestHeaders[f.Name] = f.Value
		}
		for _, f := range c.headers {
			a.Detail.RequestHeaders[f.Name] = Masked
		}
	}
}

// settingsOf returns the settings of a webhook, wherever it lives; nil when they
// cannot be had.
func (m *Manager) settingsOf(ctx context.Context, id string) *compiled {
	if h := m.hook(id); h != nil {
		return h.compiled.Load()
	}
	w, err := m.store.Webhook(ctx, id)
	if err != nil {
		return nil
	}
	return m.distant(w).compiled
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
	ev := testEvent(c.format, &w)
	if err := ev.Prepare(time.Now()); err != nil {
		return alma.Attempt{}, fmt.Errorf("alma: test webhook %s: %w", id, err)
	}
	message, err := m.encode(ctx, c, []*flow.Entry{flow.NewEntry(&ev)}, c.batches)
	if err != nil {
		return alma.Attempt{}, fmt.Errorf("alma: test webhook %s: %w", id, err)
	}
	out := m.exchange(ctx, c, c.format, &message, wire.Attempt{DeliveryID: "test_" + ev.ID, Number: 1, At: time.Now(), Origin: m.cfg.Origin}, "", true)
	if out.Canceled {
		return alma.Attempt{}, fmt.Errorf("alma: test webhook %s: %w", id, context.Cause(ctx))
	}
	return out.Attempt, nil
}

// testEvent returns what a test sends: an event of its own type, or the format's
// where it cannot carry that.
func testEvent(format wire.Format, w *alma.Webhook) alma.Event {
	if s, ok := format.(wire.Sampler); ok {
		return s.Sample(w.ID, w.Config.ProjectID)
	}
	return alma.Event{
		Type: alma.ReservedEventPrefix + "TEST", MemoryID: w.ID, ProjectID: w.Config.ProjectID,
		Data: []byte(`{"message":"A test of this webhook. Nothing has changed."}`),
	}
}
