package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// Replay sends a webhook again what the log holds: a durable job with a place
// of its own, which leaves the webhook's place alone. It uses today's settings
// and filter, and shares rate and window with what is live; an ordered webhook
// stands still meanwhile. Its attempts are counted from 1 again and retried as
// the settings say. It passes over events whose delivery is pending, erased
// ones, and those of bulk jobs over the limit, unless SUPPRESSED or one event
// is asked for; max_age means nothing to it.
//
// Several replays of a webhook run one after the other, the oldest first. A
// [*alma.ValidationError] names every fault of the query; ErrNotFound says that
// there is no such webhook or event.
func (m *Manager) Replay(ctx context.Context, webhookID string, q alma.ReplayQuery) (alma.Replay, error) {
	if err := q.Validate(); err != nil {
		return alma.Replay{}, fmt.Errorf("alma: replay: %w", err)
	}
	r, err := m.store.CreateReplay(ctx, alma.Replay{ID: alma.NewReplayID(), WebhookID: webhookID, ReplayQuery: q})
	if err != nil {
		return alma.Replay{}, fmt.Errorf("alma: replay: %w", err)
	}
	m.logger.Info("replay begins", "replay", r.ID, "webhook", webhookID, "events", r.Total)
	m.replaysChanged(ctx, webhookID)
	return r, nil
}

// ReplayStatus is a replay as an operator sees it.
type ReplayStatus struct {
	alma.Replay
	// WaitsFor says, for people, why a running replay does not move; empty
	// when nothing holds it up.
	WaitsFor string
}

// Replays lists replays, newest first.
func (m *Manager) Replays(ctx context.Context, q alma.FindReplays) (alma.Page[ReplayStatus], error) {
	page, err := m.store.FindReplays(ctx, q)
	if err != nil {
		return alma.Page[ReplayStatus]{}, fmt.Errorf("alma: list replays: %w", err)
	}
	out := alma.Page[ReplayStatus]{Next: page.Next, Items: make([]ReplayStatus, len(page.Items))}
	for i, r := range page.Items {
		if out.Items[i], err = m.replayStatus(ctx, r); err != nil {
			return alma.Page[ReplayStatus]{}, err
		}
	}
	return out, nil
}

// ReplayStatus returns one replay and how it does.
func (m *Manager) ReplayStatus(ctx context.Context, id string) (ReplayStatus, error) {
	r, err := m.store.Replay(ctx, id)
	if err != nil {
		return ReplayStatus{}, fmt.Errorf("alma: replay %s: %w", id, err)
	}
	return m.replayStatus(ctx, r)
}

func (m *Manager) replayStatus(ctx context.Context, r alma.Replay) (ReplayStatus, error) {
	s := ReplayStatus{Replay: r}
	if r.State != alma.ReplayRunning {
		return s, nil
	}
	w, err := m.store.Webhook(ctx, r.WebhookID)
	if errors.Is(err, alma.ErrNotFound) {
		return s, nil // Deleted a moment ago, and the replay canceled with it.
	}
	if err != nil {
		return s, fmt.Errorf("alma: replay %s: %w", r.ID, err)
	}
	ahead, err := m.store.UnfinishedReplays(ctx, r.WebhookID)
	if err != nil {
		return s, fmt.Errorf("alma: replay %s: %w", r.ID, err)
	}
	first := slices.IndexFunc(ahead, func(o alma.Replay) bool { return o.State == alma.ReplayRunning })
	seen, err := m.sight(ctx, w)
	if err != nil {
		return s, fmt.Errorf("alma: replay %s: %w", r.ID, err)
	}
	switch {
	case w.State != alma.StateActive:
		s.WaitsFor = fmt.Sprintf("the webhook is %s", w.State)
	case seen.lane.Health.BreakerOpen:
		s.WaitsFor = "the listener seems dead: only probes are sent until it answers"
	case first >= 0 && ahead[first].ID != r.ID:
		s.WaitsFor = "another replay of the webhook comes first: " + ahead[first].ID
	}
	return s, nil
}

// PauseReplay stops a replay where it is; its retries that wait go on.
func (m *Manager) PauseReplay(ctx context.Context, id string) (alma.Replay, error) {
	return m.setReplay(ctx, id, alma.ReplayPaused, "")
}

// ResumeReplay lets a paused replay go on.
func (m *Manager) ResumeReplay(ctx context.Context, id string) (alma.Replay, error) {
	return m.setReplay(ctx, id, alma.ReplayRunning, "")
}

// CancelReplay ends a replay for good; its retries that wait go on. ErrConflict
// when it is finished already.
func (m *Manager) CancelReplay(ctx context.Context, id string) (alma.Replay, error) {
	return m.setReplay(ctx, id, alma.ReplayCanceled, "canceled by an operator")
}

func (m *Manager) setReplay(ctx context.Context, id string, state alma.ReplayState, reason string) (alma.Replay, error) {
	r, err := m.store.SetReplayState(ctx, id, state, reason)
	if err != nil {
		return alma.Replay{}, err //nolint:wrapcheck // The driver names the operation and the replay.
	}
	m.logger.Info("replay changed its state", "replay", id, "webhook", r.WebhookID, "state", string(state))
	m.replaysChanged(ctx, r.WebhookID)
	return r, nil
}

// RetryFilter selects failed deliveries; zero members select all.
type RetryFilter struct {
	WebhookIDs []string
	Reason     alma.Reason
	// Since (included) and Until (excluded) mean the time of the event's append.
	Since time.Time
	Until time.Time
}

// RetryFailed tries failed deliveries again: by one replay with the status
// FAILED for each webhook that has any. The replays' totals say how many they
// are.
func (m *Manager) RetryFailed(ctx context.Context, f RetryFilter) ([]alma.Replay, error) {
	q := alma.ReplayQuery{Status: alma.StatusFailed, Reason: f.Reason, Since: f.Since, Until: f.Until}
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("alma: retry failed deliveries: %w", err)
	}
	ids, err := m.withFailed(ctx, &f)
	if err != nil {
		return nil, fmt.Errorf("alma: retry failed deliveries: %w", err)
	}
	var out []alma.Replay
	for _, id := range ids {
		r, err := m.Replay(ctx, id, q)
		switch {
		case errors.Is(err, alma.ErrNotFound): // The webhook is gone, and what failed with it.
		case err != nil:
			return out, err
		case r.Total > 0:
			out = append(out, r)
		default: // None failed for the reason.
			if err := m.dropEmpty(ctx, r.ID); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// dropEmpty ends a replay that has nothing to do. Else that of a webhook which
// is paused would stay, and keep the log from its place on.
func (m *Manager) dropEmpty(ctx context.Context, id string) error {
	_, err := m.setReplay(ctx, id, alma.ReplayCanceled, "there is nothing to try again")
	if errors.Is(err, alma.ErrConflict) {
		return nil // It has ended by itself.
	}
	return err
}

// withFailed returns the webhooks with failed deliveries in the filter's time.
func (m *Manager) withFailed(ctx context.Context, f *RetryFilter) ([]string, error) {
	ids := f.WebhookIDs
	if len(ids) == 0 {
		webhooks, err := m.store.Webhooks(ctx)
		if err != nil {
			return nil, err //nolint:wrapcheck // The caller names the operation.
		}
		for i := range webhooks {
			ids = append(ids, webhooks[i].ID)
		}
	}
	var out []string
	for _, id := range ids {
		page, err := m.store.FindDeliveries(ctx, alma.DeliveryQuery{
			WebhookID: id, Status: alma.StatusFailed, Since: f.Since, Until: f.Until, Cursor: alma.Cursor{Limit: 1},
		})
		if err != nil {
			return nil, err //nolint:wrapcheck // The caller names the operation.
		}
		if len(page.Items) > 0 {
			out = append(out, id)
		}
	}
	return out, nil
}
