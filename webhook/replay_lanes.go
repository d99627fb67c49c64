package webhook

import (
	"context"
	"fmt"
)

// replaysChanged makes the lane of a webhook look at its replays anew, here or
// on the node that owns it. The change is stored already; what cannot be read
// now is read with the next upkeep.
func (m *Manager) replaysChanged(ctx context.Context, webhookID string) {
	ctx = context.WithoutCancel(ctx)
	if err := m.notifyOwner(ctx, webhookID); err != nil {
		m.logger.Warn("the node that serves a webhook could not be told of its replays", "webhook", webhookID, "error", err)
	}
	h := m.hook(webhookID)
	if h == nil {
		return
	}
	if err := m.refreshReplays(ctx, h); err != nil {
		h.replaysStale.Store(true)
		m.logger.Warn("cannot read the replays of a webhook; trying again", "webhook", webhookID, "error", err)
	}
}

// refreshReplays brings the lane's replays to what the store holds. It may be
// called at any time.
func (m *Manager) refreshReplays(ctx context.Context, h *hook) error {
	h.replaying.Lock() // An older list must not follow a newer one.
	defer h.replaying.Unlock()
	for {
		seen := h.lane.Replays()
		list, err := m.store.UnfinishedReplays(ctx, h.id)
		if err != nil {
			return fmt.Errorf("read the replays of %s: %w", h.id, err)
		}
		if h.lane.SetReplays(seen, list) {
			h.replaysStale.Store(false)
			return nil
		}
	}
}

// refreshStale reads replays that could not be read before.
func (m *Manager) refreshStale(ctx context.Context) {
	for _, h := range m.allHooks() {
		if h.replaysStale.Load() {
			if err := m.refreshReplays(ctx, h); err != nil {
				m.logger.Warn("cannot read the replays of a webhook; trying again", "webhook", h.id, "error", err)
			}
		}
	}
}
