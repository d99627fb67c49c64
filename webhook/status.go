package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Health is how a listener does, in one word.
type Health string

// The healths of a listener.
const (
	Healthy Health = "healthy" // Its last attempt succeeded, or there was none.
	Failing Health = "failing" // Its last attempts failed.
	Dead    Health = "dead"    // The circuit breaker is open: only probes are sent.
)

// Status is a webhook as an operator sees it.
type Status struct {
	alma.Webhook
	// Effective are the settings with the defaults of the format filled in.
	Effective alma.WebhookConfig
	// Lag is the number of events that wait for their first attempt. Over
	// 1,000 it is an upper bound: events that do not match count too.
	Lag int64
	// LagTime is how long the oldest of them has waited.
	LagTime time.Duration
	Health  Health
	// FailingSince is when unbroken failure began; zero when it has not.
	FailingSince time.Time
	Waiting      int   // Deliveries that wait for a retry.
	InFlight     int   // Requests under way.
	Expired      int64 // Events not sent because of max_age.
	Erased       int64 // Events not sent because their data were erased before.
	Lost         int64 // Events given up because the webhook was too far behind (see Retention).
	// FilterErrors counts the events for which the filter could not be
	// evaluated since the start, and FilterError is the last of the errors.
	FilterErrors int64
	FilterError  string
}

// Get returns one webhook and how it does.
func (m *Manager) Get(ctx context.Context, id string) (Status, error) {
	w, err := m.stored(ctx, id)
	if err != nil {
		return Status{}, err
	}
	return m.status(ctx, w)
}

// stored reads a webhook; durable subscriptions are none to the outside.
func (m *Manager) stored(ctx context.Context, id string) (alma.Webhook, error) {
	w, err := m.store.Webhook(ctx, id)
	if err == nil && isSubscription(&w) {
		err = alma.ErrNotFound
	}
	if err != nil {
		return alma.Webhook{}, fmt.Errorf("alma: webhook %s: %w", id, err)
	}
	return w, nil
}

// List returns all webhooks and how they do, the oldest first.
func (m *Manager) List(ctx context.Context) ([]Status, error) {
	webhooks, err := m.store.Webhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("alma: list webhooks: %w", err)
	}
	webhooks = slices.DeleteFunc(webhooks, func(w alma.Webhook) bool { return isSubscription(&w) })
	out := make([]Status, len(webhooks))
	for i, w := range webhooks {
		if out[i], err = m.status(ctx, w); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *Manager) status(ctx context.Context, w alma.Webhook) (Status, error) {
	s := Status{Webhook: w, Effective: effective(w.Config), Health: Healthy}
	h := m.hook(w.ID)
	if h == nil {
		return s, nil
	}
	if err := h.compiled.Load().unusable; err != nil {
		s.State, s.StateReason = alma.StateDisabled, "this program cannot use the stored settings: "+err.Error()
	}
	ls := h.lane.Status()
	s.Waiting, s.InFlight = ls.Waiting, ls.InFlight
	s.Expired, s.FailingSince = ls.Health.Expired, ls.Health.FailingSince
	s.Erased, s.Lost = ls.Health.Erased, ls.Health.Lost
	s.FilterErrors = h.filterErrors.Load()
	if text := h.filterError.Load(); text != nil {
		s.FilterError = *text
	}
	switch {
	case ls.Health.BreakerOpen:
		s.Health = Dead
	case !ls.Health.FailingSince.IsZero():
		s.Health = Failing
	}
	if !ls.Busy {
		return s, nil
	}
	var err error
	s.Lag, s.LagTime, err = m.lag(ctx, h, ls.Low)
	return s, err
}

const lagCounted = 1000

// lag counts what waits after a position: exactly while it is little.
func (m *Manager) lag(ctx context.Context, h *hook, low alma.Position) (int64, time.Duration, error) {
	page, err := m.store.Read(ctx, low, lagCounted)
	if err != nil {
		return 0, 0, fmt.Errorf("alma: count the lag of %s: %w", h.id, err)
	}
	var lag int64
	var oldest time.Time
	selection := &h.compiled.Load().selection
	for i := range page.Events {
		ev := &page.Events[i]
		if ok, err := selection.Match(flow.NewEntry(ev)); !ok || err != nil {
			continue
		}
		if lag++; oldest.IsZero() {
			oldest = ev.AppendedAt
		}
	}
	if len(page.Events) == lagCounted {
		head, err := m.store.Horizon(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("alma: count the lag of %s: %w", h.id, err)
		}
		lag += max(0, head.Seq-page.Next.Seq)
	}
	if oldest.IsZero() {
		return lag, 0, nil
	}
	return lag, max(0, time.Since(oldest)), nil
}
