package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
	"github.com/alma-events/alma/wire"
)

// A format may ask a listener for its consent before the first delivery. Until
// that is given the webhook is pending_activation: its events wait, and its
// reason says what is missing. It is asked when a webhook is created or
// activated, and when its url or format changes.

// unasked is the reason of a webhook between its storing and the answer of the
// listener. Who finds it later learns that the program ended in between.
const unasked = "the listener was not asked for its consent to the end; activate the webhook to ask it again"

// Activate asks the listener for its consent, where the format wants that, and
// makes the webhook active; else it stays pending_activation, with the reason.
// That is no error: the returned webhook says which. Where nothing is to be
// asked, Activate does what Resume does.
func (m *Manager) Activate(ctx context.Context, id string) (alma.Webhook, error) {
	return m.ActivateVersion(ctx, id, AnyVersion)
}

// ActivateVersion is Activate for the version that must be stored, as in Update.
func (m *Manager) ActivateVersion(ctx context.Context, id string, version int64) (alma.Webhook, error) {
	w, err := m.change(ctx, id, version, func(w *alma.Webhook) error {
		w.State, w.StateReason, w.Consent = alma.StateActive, "", nil
		w.Config.Active = new(true)
		return nil
	})
	if err != nil {
		return alma.Webhook{}, err
	}
	return m.askIfPending(ctx, w)
}

// withhold takes a webhook out of the active state when its listener has not
// agreed to what is stored now, and lets it go when nothing is to be asked.
func (m *Manager) withhold(w *alma.Webhook) {
	if w.State != alma.StateActive && w.State != alma.StatePending {
		return
	}
	switch {
	case !asks(w):
		w.State, w.StateReason, w.Consent = alma.StateActive, "", nil
	case w.Consent != nil && w.Consent.URL == w.Config.URL && w.Consent.Format == formatOf(w):
		w.State, w.StateReason = alma.StateActive, ""
	case w.State == alma.StateActive || w.StateReason == "":
		w.State, w.StateReason, w.Consent = alma.StatePending, unasked, nil
	}
}

// forgetRefusal has a listener asked anew that had not agreed, when something
// about the question has changed.
func forgetRefusal(w *alma.Webhook, old alma.WebhookConfig) {
	if w.State == alma.StatePending && (w.Config.URL != old.URL || w.Config.Format != old.Format || w.Config.Challenge != old.Challenge) {
		w.StateReason = ""
	}
}

func formatOf(w *alma.Webhook) alma.Format { return cmp.Or(w.Config.Format, alma.FormatAlma) }

// asks reports whether a webhook's format wants the listener's consent.
func asks(w *alma.Webhook) bool {
	q, err := question(w, "")
	return q != nil || err != nil
}

// question returns what the listener is to be asked, nil for nothing.
func question(w *alma.Webhook, origin string) (*wire.Question, error) {
	format, _ := wire.Lookup(formatOf(w))
	h, ok := format.(wire.Handshaker)
	if !ok {
		return nil, nil //nolint:nilnil // No question.
	}
	return h.Ask(effective(w.Config), origin) //nolint:wrapcheck // It is shown as it is.
}

// askIfPending asks the listener of a webhook that is waiting for that, and
// stores what came of it. The caller may give up; the answer counts all the
// same.
func (m *Manager) askIfPending(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	if w.State != alma.StatePending || w.StateReason != unasked {
		return w, nil
	}
	ctx = context.WithoutCancel(ctx)
	permission, err := m.ask(ctx, &w)
	refusal := ""
	if err != nil {
		refusal = err.Error()
	}
	return m.change(ctx, w.ID, AnyVersion, func(now *alma.Webhook) error {
		if now.State != alma.StatePending || now.Config.URL != w.Config.URL || formatOf(now) != formatOf(&w) {
			return nil // Whoever changed that has asked anew, or did not want to.
		}
		if refusal != "" {
			now.StateReason = refusal
			return nil
		}
		now.Consent = &alma.Consent{URL: w.Config.URL, Format: formatOf(&w), At: time.Now().UTC().Truncate(time.Millisecond), Rate: permission.Rate}
		return nil
	})
}

// ask puts the question. The error says, for people, why the listener did not
// agree.
func (m *Manager) ask(ctx context.Context, w *alma.Webhook) (wire.Permission, error) {
	q, err := question(w, m.cfg.Origin)
	if err != nil || q == nil {
		return wire.Permission{}, err
	}
	c, err := m.compile(*w)
	if err != nil {
		return wire.Permission{}, err
	}
	result := m.sender.Send(ctx, send.Request{
		Method: q.Method, URL: q.URL, Header: append(q.Header, c.headers...), Timeout: cmp.Or(q.Timeout, c.timeout), Client: c.client,
	})
	m.logger.Info("asked a listener for its consent", "webhook", w.ID, "status", result.StatusCode, "duration", result.Duration)
	if result.Err != nil {
		return wire.Permission{}, errors.New(c.redact(fmt.Sprintf("the listener could not be asked for its consent (%s): %s", result.Reason, result.Err)))
	}
	permission, err := q.Judge(result.StatusCode, nonNil(result.Header), result.Body)
	if err != nil {
		return permission, errors.New(c.redact(err.Error()))
	}
	return permission, nil
}

func nonNil(h http.Header) http.Header {
	if h == nil {
		return http.Header{}
	}
	return h
}
