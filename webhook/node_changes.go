package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// followChanges brings into effect what other nodes changed about webhooks that
// live here. What fails is asked for again.
func (m *Manager) followChanges(ctx context.Context, s *session) error {
	changes, err := m.member.store.WebhookChanges(ctx, s.revision)
	if err != nil {
		return err //nolint:wrapcheck // The driver names the operation.
	}
	for _, w := range changes.Webhooks {
		if err := m.adopt(ctx, w); err != nil {
			return err
		}
	}
	for _, id := range changes.Deleted {
		m.drop(id)
	}
	s.revision = changes.Revision
	return nil
}

// adopt brings a webhook that somebody changed into effect, if it lives here.
func (m *Manager) adopt(ctx context.Context, w alma.Webhook) error {
	m.admin.Lock()
	defer m.admin.Unlock()
	if !m.serves(w.ID) {
		return nil
	}
	h := m.hook(w.ID)
	if h == nil {
		return m.welcome(ctx, w)
	}
	if h.compiled.Load().webhook.Version < w.Version {
		m.apply(h, w)
	}
	return m.refresh(ctx, h)
}

// welcome puts a webhook to work that another node has created.
func (m *Manager) welcome(ctx context.Context, w alma.Webhook) error {
	record, err := m.startRecord(ctx, w.ID)
	if err != nil {
		return err
	}
	stood, err := m.stoodAt(ctx, []alma.LaneRecord{*record})
	if err != nil {
		return err
	}
	m.restore(w, stood[w.ID], time.Now()).lane.Kick()
	return nil
}

// apply brings changed settings and a changed state into effect.
func (m *Manager) apply(h *hook, w alma.Webhook) {
	c, err := m.compile(w)
	if err != nil {
		m.disqualify(h, w, err)
		return
	}
	m.reinstall(h, c)
	if !h.lane.Disabling() { // What the lane has ended itself, no earlier edit starts again.
		m.setActive(h, c.runs())
	}
}

// refresh looks anew at what another node may have stored about the deliveries
// and replays of a webhook that lives here. The caller holds admin.
func (m *Manager) refresh(ctx context.Context, h *hook) error {
	waiting, err := m.store.Waiting(ctx, h.id)
	if err != nil {
		return fmt.Errorf("read the waiting deliveries of %s: %w", h.id, err)
	}
	h.lane.Refresh(waiting)
	if err := m.dropErased(ctx, h, waiting); err != nil {
		return err
	}
	return m.refreshReplays(ctx, h)
}

// drop ends a webhook that another node has deleted.
func (m *Manager) drop(id string) {
	m.admin.Lock()
	defer m.admin.Unlock()
	m.dismiss(id)
}
