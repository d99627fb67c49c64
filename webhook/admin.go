package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/lane"
)

// Masked stands for a header value that is not shown. A configuration that
// brings it back changes nothing.
const Masked = alma.Masked

// Add registers a webhook. It sees exactly the events that are appended after
// its commit. Where its format wants the listener's consent, Add asks for it:
// see [Manager.Activate]. Without a secret one is generated, unless the
// configuration says that it is unsigned, or sends e-mail; the returned webhook
// holds it. A [*alma.ValidationError] names every fault.
func (m *Manager) Add(ctx context.Context, cfg alma.WebhookConfig) (alma.Webhook, error) {
	now := time.Now().UTC()
	if wantsSecret(&cfg) {
		cfg.Secret = newSecret(&cfg)
	}
	w := alma.Webhook{
		ID: alma.NewWebhookID(), Config: cfg, State: alma.StateActive,
		Version: 1, CreatedAt: now, UpdatedAt: now, SecretSetAt: now,
	}
	if cfg.Active != nil && !*cfg.Active {
		w.State, w.StateReason = alma.StatePaused, "created inactive"
	}
	c, err := m.compileNew(w, "")
	if err != nil {
		return alma.Webhook{}, err
	}
	m.withhold(&w)
	if w, err = m.create(ctx, w, c); err != nil {
		return alma.Webhook{}, err
	}
	return m.askIfPending(ctx, w)
}

// create stores a new webhook and puts it to work.
func (m *Manager) create(ctx context.Context, w alma.Webhook, c *compiled) (alma.Webhook, error) {
	m.admin.Lock()
	defer m.admin.Unlock()
	var err error
	if w, err = m.store.CreateWebhook(ctx, w); err != nil {
		return alma.Webhook{}, fmt.Errorf("alma: add webhook: %w", err)
	}
	c.webhook = keep(w)
	if !m.running.Load() || !m.serves(w.ID) {
		return w, nil
	}
	if err := m.employ(ctx, c); err != nil {
		// Not left behind: it would be there, and deliver nothing.
		return alma.Webhook{}, errors.Join(err, m.store.DeleteWebhook(context.WithoutCancel(ctx), w.ID))
	}
	return w, nil
}

// Validate returns every fault that Add would find in a configuration.
func (m *Manager) Validate(cfg alma.WebhookConfig) error {
	if wantsSecret(&cfg) {
		cfg.Secret = newSecret(&cfg) // As Add would.
	}
	_, err := m.compileNew(alma.Webhook{Config: cfg}, "")
	return err
}

// compileNew compiles settings that somebody asks for now. They are a
// webhook's, whatever the url says. One that stays as it was is no fault of
// this edit, even if its address is no longer allowed.
func (m *Manager) compileNew(w alma.Webhook, oldURL string) (*compiled, error) {
	var faults alma.Faults
	c, err := m.compileWebhook(w)
	faults.Merge("", err)
	if w.Config.URL != oldURL {
		faults.Merge("", m.checkAddress(w.Config.URL))
		m.checkMailer(&faults, &w.Config)
	}
	checkAnnounced(&faults, &w.Config)
	return c, faults.Err()
}

// employ puts a webhook that was just created to work.
func (m *Manager) employ(ctx context.Context, c *compiled) error {
	record, err := m.startRecord(ctx, c.webhook.ID)
	if err != nil {
		return err
	}
	h := m.install(c, lane.Config{Active: c.runs(), Record: record}, time.Now())
	h.lane.Kick()
	return nil
}

// startRecord returns where a new webhook begins: it reads up to the others for
// itself.
func (m *Manager) startRecord(ctx context.Context, id string) (*alma.LaneRecord, error) {
	lanes, err := m.store.Lanes(ctx, []string{id})
	if err != nil {
		return nil, fmt.Errorf("alma: read the place of webhook %s: %w", id, err)
	}
	if len(lanes) == 0 {
		return nil, fmt.Errorf("alma: read the place of webhook %s: the store holds none", id)
	}
	lanes[0].Shared = false
	return &lanes[0], nil
}

// AnyVersion lets an update apply to whatever version is stored.
const AnyVersion = 0

// Update changes a webhook's settings. edit gets the configuration as it was
// given, secret and headers included; header values that it leaves at [Masked]
// stay as they were. A version other than [AnyVersion] must be the stored one.
// Attempts that start after Update returns follow the new settings.
func (m *Manager) Update(ctx context.Context, id string, version int64, edit func(*alma.WebhookConfig) error) (alma.Webhook, error) {
	w, err := m.change(ctx, id, version, func(w *alma.Webhook) error {
		old := w.Config
		if err := edit(&w.Config); err != nil {
			return err
		}
		unmask(w.Config.Headers, old.Headers)
		keepSecret(w, old)
		followActive(w, old)
		forgetRefusal(w, old)
		return nil
	})
	if err != nil {
		return alma.Webhook{}, err
	}
	return m.askIfPending(ctx, w)
}

func unmask(headers, old map[string]string) {
	for name, value := range headers {
		if before, ok := old[name]; ok && value == Masked {
			headers[name] = before
		}
	}
}

// keepSecret generates a secret where an edit took it away without asking for
// an unsigned webhook, and notes when a secret changed.
func keepSecret(w *alma.Webhook, old alma.WebhookConfig) {
	if (w.Config.Unsigned || w.Config.SendsMail()) && w.Config.Secret == old.Secret {
		w.Config.Secret = ""
	}
	if wantsSecret(&w.Config) {
		w.Config.Secret = newSecret(&w.Config)
	}
	if w.Config.Secret != old.Secret {
		w.SecretSetAt = time.Now().UTC()
		w.FormerSecret, w.FormerUntil = "", time.Time{}
	}
}

// followActive turns a change of the setting active into a change of state.
func followActive(w *alma.Webhook, old alma.WebhookConfig) {
	was, is := isActive(old.Active), isActive(w.Config.Active)
	switch {
	case was && !is:
		w.State, w.StateReason = alma.StatePaused, "paused by an operator"
	case !was && is && w.State == alma.StatePaused:
		w.State, w.StateReason = alma.StateActive, ""
	}
}

func isActive(p *bool) bool { return p == nil || *p }

// Pause stops new attempts; those under way finish. Events wait.
func (m *Manager) Pause(ctx context.Context, id string) (alma.Webhook, error) {
	return m.PauseVersion(ctx, id, AnyVersion)
}

// PauseVersion is Pause for the version that must be stored, as in Update.
func (m *Manager) PauseVersion(ctx context.Context, id string, version int64) (alma.Webhook, error) {
	return m.change(ctx, id, version, func(w *alma.Webhook) error {
		if w.State != alma.StateDisabled {
			w.State, w.StateReason = alma.StatePaused, "paused by an operator"
		}
		w.Config.Active = new(false)
		return nil
	})
}

// Resume starts attempts again, from where the webhook stopped. It also ends
// the disabled state. A listener that has not given the consent that its format
// wants is asked for it first: see [Manager.Activate].
func (m *Manager) Resume(ctx context.Context, id string) (alma.Webhook, error) {
	return m.ResumeVersion(ctx, id, AnyVersion)
}

// ResumeVersion is Resume for the version that must be stored, as in Update.
func (m *Manager) ResumeVersion(ctx context.Context, id string, version int64) (alma.Webhook, error) {
	w, err := m.change(ctx, id, version, func(w *alma.Webhook) error {
		w.State, w.StateReason = alma.StateActive, ""
		w.Config.Active = new(true)
		return nil
	})
	if err != nil {
		return alma.Webhook{}, err
	}
	return m.askIfPending(ctx, w)
}

// change edits a stored webhook and brings it into effect. Changes of webhooks
// happen one at a time.
func (m *Manager) change(ctx context.Context, id string, version int64, edit func(*alma.Webhook) error) (alma.Webhook, error) {
	m.admin.Lock()
	defer m.admin.Unlock()
	w, err := m.stored(ctx, id)
	if err != nil {
		return alma.Webhook{}, err
	}
	if version != AnyVersion && version != w.Version {
		return alma.Webhook{}, fmt.Errorf("alma: webhook %s is at version %d, not %d: %w", id, w.Version, version, alma.ErrConflict)
	}
	before, oldURL := w.State, w.Config.URL
	w.Config.Headers = cloneHeaders(w.Config.Headers)
	if err := edit(&w); err != nil {
		return alma.Webhook{}, err
	}
	c, err := m.compileNew(w, oldURL)
	if err != nil {
		return alma.Webhook{}, err
	}
	m.withhold(&w)
	w.UpdatedAt = time.Now().UTC()
	if w, err = m.store.UpdateWebhook(ctx, w); err != nil {
		return alma.Webhook{}, fmt.Errorf("alma: change webhook %s: %w", id, err)
	}
	c.webhook = keep(w)
	m.takeEffect(c, before)
	return w, nil
}

func cloneHeaders(h map[string]string) map[string]string {
	out := make(map[string]string, len(h))
	for k, v := range h {
		out[k] = v
	}
	return out
}

func (m *Manager) takeEffect(c *compiled, before alma.WebhookState) {
	h := m.hook(c.webhook.ID)
	if h == nil {
		return // Not running, or another node's.
	}
	unusable := h.compiled.Load().unusable != nil
	m.reinstall(h, c)
	if before != c.webhook.State || unusable {
		// Only then: the lane may have disabled itself a moment ago.
		m.setActive(h, c.webhook.State == alma.StateActive)
		m.logger.Info("webhook changed its state", "webhook", h.id, "state", string(c.webhook.State), "reason", c.webhook.StateReason)
	}
}

func (m *Manager) setActive(h *hook, active bool) {
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	if h.lane.SetActive(active, m.offered(h)) {
		m.list(h.lane)
	}
}

// laneDisabled is told by a lane, which holds its lock, that it ended its own
// active state. The store learns it with the outcome that was the reason.
func (m *Manager) laneDisabled(id, reason string) {
	m.logger.Warn("webhook disabled; its events wait until it is resumed", "webhook", id, "reason", reason)
}

// Remove ends a webhook. Deliveries that are pending become FAILED
// (webhook_deleted); a request in flight still ends on its own.
func (m *Manager) Remove(ctx context.Context, id string) error {
	return m.remove(ctx, id, AnyVersion, isWebhook)
}

// RemoveVersion is Remove for the version that must be stored, as in Update.
func (m *Manager) RemoveVersion(ctx context.Context, id string, version int64) error {
	return m.remove(ctx, id, version, isWebhook)
}

func (m *Manager) remove(ctx context.Context, id string, version int64, kind func(*alma.Webhook) bool) error {
	m.admin.Lock()
	defer m.admin.Unlock()
	w, err := m.store.Webhook(ctx, id)
	if err == nil && !kind(&w) {
		err = alma.ErrNotFound
	}
	if err == nil && version != AnyVersion {
		// A change of nothing to just that version: if another node has edited it
		// since, this fails, and an edit that comes now does.
		w.Version = version
		_, err = m.store.UpdateWebhook(ctx, w)
	}
	if err == nil {
		err = m.store.DeleteWebhook(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("alma: remove webhook %s: %w", id, err)
	}
	m.dismiss(id)
	return nil
}

// dismiss ends the lane of a webhook that is gone, if it has one here. What
// waited there has failed.
func (m *Manager) dismiss(id string) {
	m.mu.Lock()
	h := m.hooks[id]
	delete(m.hooks, id)
	m.mu.Unlock()
	if h != nil {
		h.index.Remove(id)
		m.meter.Failed(alma.ReasonWebhookDeleted, int64(h.lane.Status().Waiting))
		h.lane.Close()
	}
}
