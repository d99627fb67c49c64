package webhook

import (
	"context"
	"errors"
	"fmt"

	"github.com/alma-events/alma"
)

// RequestBody is what the last attempt of a delivery sent.
type RequestBody struct {
	ContentType string
	Body        []byte
	// Exact says that these are the bytes that were sent: they were stored for
	// the retries, or the settings have not changed since. Else they were made
	// anew from the event, with the settings that the webhook has now; of a batch
	// that succeeded, with this event alone.
	Exact bool
}

// RequestBody returns the body of the last attempt of a delivery that
// [Manager.Delivery] has returned. It is nil when no request was made, or when
// there is nothing left to make it from: the event was erased, or is no longer
// in the log, or the webhook was removed.
func (m *Manager) RequestBody(ctx context.Context, d *alma.Delivery) (*RequestBody, error) {
	if len(d.Log) == 0 {
		return nil, nil //nolint:nilnil // As documented.
	}
	last := &d.Log[len(d.Log)-1]
	if last.Reason == alma.ReasonEncode || last.Reason == alma.ReasonErased {
		return nil, nil //nolint:nilnil // Nothing was sent.
	}
	e, err := m.store.Exception(ctx, d.WebhookID, d.Position)
	switch {
	case err != nil && !errors.Is(err, alma.ErrNotFound):
		return nil, fmt.Errorf("alma: the request of %s: %w", d.ID, err)
	case e.Message != nil && e.BatchID == last.BatchID:
		return &RequestBody{ContentType: e.Message.ContentType, Body: e.Message.Body, Exact: true}, nil
	case e.BatchID != last.BatchID:
		e.Members = nil // Of another attempt.
	}
	return m.remade(ctx, d, last, e.Members)
}

// remade encodes the event, or the members of a batch, anew.
func (m *Manager) remade(ctx context.Context, d *alma.Delivery, last *alma.Attempt, members []alma.Position) (*RequestBody, error) {
	w, err := m.store.Webhook(ctx, d.WebhookID)
	if err != nil && !errors.Is(err, alma.ErrNotFound) {
		return nil, fmt.Errorf("alma: the request of %s: %w", d.ID, err)
	}
	c := m.settingsOf(ctx, d.WebhookID)
	if err != nil || c == nil || c.format == nil {
		return nil, nil //nolint:nilerr,nilnil // The webhook is gone, or is a durable subscription.
	}
	message, err := m.encodeAgain(ctx, c, d.Position, members, last.BatchID != "")
	if errors.Is(err, errUnread) {
		return nil, fmt.Errorf("alma: the request of %s: %w", d.ID, err)
	}
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // The event is gone, or does not fit the format of today.
	}
	whole := last.BatchID == "" || members != nil
	return &RequestBody{ContentType: message.ContentType, Body: message.Body, Exact: whole && !w.UpdatedAt.After(last.At)}, nil
}
