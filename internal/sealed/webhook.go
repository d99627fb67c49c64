// Package sealed takes webhooks and sources apart for the rows of a database:
// what anybody who reads it may see, and an envelope around what is secret.
package sealed

import (
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// The tables of what is sealed. Their names are part of the context that an
// envelope is bound to, so that rows cannot be swapped.
const (
	Webhooks = "alma_webhooks"
	Sources  = "alma_sources"
)

// Webhook is what a row holds of a webhook that grows with the versions: two
// JSON objects, and an envelope around a third, of what is secret.
type Webhook struct {
	Settings, Traits string
	Secrets          []byte // Empty for a deleted webhook.
}

// SplitWebhook prepares a webhook for its row.
func SplitWebhook(k *secret.Keyring, w *alma.Webhook) (Webhook, error) {
	settings, secrets, err := w.Split()
	if err != nil {
		return Webhook{}, err //nolint:wrapcheck // It names the webhook.
	}
	traits, err := json.Marshal(w.Traits())
	if err != nil {
		return Webhook{}, fmt.Errorf("write the traits of webhook %s: %w", w.ID, err)
	}
	text, err := json.Marshal(secrets) //nolint:gosec // To be put into an envelope.
	if err != nil {
		return Webhook{}, fmt.Errorf("write the secrets of webhook %s: %w", w.ID, err)
	}
	return Webhook{Settings: string(settings), Traits: string(traits), Secrets: k.Seal(text, secret.Row(Webhooks, w.ID))}, nil
}

// Join fills in what SplitWebhook took apart. w.ID must be set.
func (p *Webhook) Join(k *secret.Keyring, w *alma.Webhook) error {
	var traits alma.WebhookTraits
	if p.Traits != "" {
		if err := json.Unmarshal([]byte(p.Traits), &traits); err != nil {
			return fmt.Errorf("webhook %s: stored traits: %w", w.ID, err)
		}
	}
	w.SetTraits(traits)
	var secrets alma.WebhookSecrets
	if len(p.Secrets) > 0 {
		if err := openJSON(k, p.Secrets, secret.Row(Webhooks, w.ID), &secrets); err != nil {
			return fmt.Errorf("the secrets of webhook %s: %w", w.ID, err)
		}
	}
	return w.Join([]byte(p.Settings), secrets) //nolint:wrapcheck // It names the webhook.
}

// Weight is about the bytes that the row takes.
func (p *Webhook) Weight() int { return len(p.Settings) + len(p.Traits) + len(p.Secrets) }

// openJSON reads the JSON in an envelope.
func openJSON(k *secret.Keyring, envelope []byte, row string, v any) error {
	text, err := k.Open(envelope, row)
	if err != nil {
		return err //nolint:wrapcheck // The callers name the row.
	}
	if json.Unmarshal(text, v) != nil { // Its error might quote what is secret.
		return secret.ErrBroken
	}
	return nil
}
