package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
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
	InFlight     int   // Requests under way, as far as this node knows.
	Expired      int64 // Events not sent because of max_age.
	Erased       int64 // Events not sent because their data were erased before.
	Lost         int64 // Events given up because the webhook was too far behind (see Retention).
	// FilterErrors counts the events for which the filter could not be
	// evaluated since the start, and FilterError is the last of the errors. Only
	// the node that serves the webhook knows them.
	FilterErrors int64
	FilterError  string
}

// Get returns one webhook and how it does.
func (m *Manager) Get(ctx context.Context, id string) (Status, error) {
	w, err := m.stored(ctx, id)
	if err != nil {
		return Status{}, err
	}
	seen, err := m.sight(ctx, w)
	if err != nil {
		return Status{}, fmt.Errorf("alma: webhook %s: %w", id, err)
	}
	return m.status(ctx, w, seen, m.lagReader())
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
	seen, err := m.sights(ctx, webhooks)
	if err != nil {
		return nil, fmt.Errorf("alma: list webhooks: %w", err)
	}
	out, reader := make([]Status, len(webhooks)), m.lagReader()
	for i, w := range webhooks {
		if out[i], err = m.status(ctx, w, seen[i], reader); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// status describes a webhook as it was seen.
func (m *Manager) status(ctx context.Context, w alma.Webhook, seen *sight, reader *lagReader) (Status, error) {
	s := Status{Webhook: w, Effective: effective(w.Config), Health: seen.health()}
	s.State, s.StateReason = seen.state(w.State, w.StateReason)
	ls := &seen.lane
	s.Waiting, s.InFlight = ls.Waiting, ls.InFlight
	s.Expired, s.FailingSince = ls.Health.Expired, ls.Health.FailingSince
	s.Erased, s.Lost = ls.Health.Erased, ls.Health.Lost
	if h := seen.hook; h != nil {
		s.FilterErrors = h.filterErrors.Load()
		if text := h.filterError.Load(); text != nil {
			s.FilterError = *text
		}
	}
	if !ls.Busy {
		return s, nil
	}
	var err error
	s.Lag, s.LagTime, err = reader.lag(ctx, seen)
	return s, err
}

// health says how the listener does.
func (s *sight) health() Health {
	switch {
	case s.lane.Health.BreakerOpen:
		return Dead
	case !s.lane.Health.FailingSince.IsZero():
		return Failing
	}
	return Healthy
}

// state returns the stored state and its reason, or that the settings are of no
// use to this program.
func (s *sight) state(stored alma.WebhookState, reason string) (alma.WebhookState, string) {
	if err := s.compiled.unusable; err != nil {
		return alma.StateDisabled, "this program cannot use the stored settings: " + err.Error()
	}
	return stored, reason
}
