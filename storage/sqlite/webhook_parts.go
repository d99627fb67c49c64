package sqlite

import (
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// webhooksTable names webhooks in the context of sealed secrets.
const webhooksTable = "alma_webhooks"

// webhookParts is what a row holds of a webhook that grows with the versions:
// two JSON objects, and an envelope around a third, of what is secret.
type webhookParts struct {
	settings, traits string
	secrets          []byte // Empty for a deleted webhook.
}

// splitWebhook prepares a webhook for its row.
func (s *Store) splitWebhook(w *alma.Webhook) (webhookParts, error) {
	settings, secrets, err := w.Split()
	if err != nil {
		return webhookParts{}, err
	}
	traits, err := json.Marshal(w.Traits())
	if err != nil {
		return webhookParts{}, fmt.Errorf("write the traits of webhook %s: %w", w.ID, err)
	}
	text, err := json.Marshal(secrets) //nolint:gosec // To be put into an envelope.
	if err != nil {
		return webhookParts{}, fmt.Errorf("write the secrets of webhook %s: %w", w.ID, err)
	}
	return webhookParts{
		settings: string(settings), traits: string(traits),
		secrets: s.keyring.Seal(text, secret.Row(webhooksTable, w.ID)),
	}, nil
}

// joinWebhook fills in what splitWebhook took apart.
func (s *Store) joinWebhook(w *alma.Webhook, p webhookParts) error {
	var traits alma.WebhookTraits
	if err := decodeJSON("traits", p.traits, &traits); err != nil {
		return fmt.Errorf("webhook %s: %w", w.ID, err)
	}
	w.SetTraits(traits)
	var secrets alma.WebhookSecrets
	if len(p.secrets) > 0 {
		if err := s.openJSON(p.secrets, secret.Row(webhooksTable, w.ID), &secrets); err != nil {
			return fmt.Errorf("the secrets of webhook %s: %w", w.ID, err)
		}
	}
	return w.Join([]byte(p.settings), secrets)
}

// openJSON reads the JSON in an envelope.
func (s *Store) openJSON(envelope []byte, row string, v any) error {
	text, err := s.keyring.Open(envelope, row)
	if err != nil {
		return err
	}
	if json.Unmarshal(text, v) != nil { // Its error might quote what is secret.
		return secret.ErrBroken
	}
	return nil
}

// weight is about the bytes that the row takes.
func (p *webhookParts) weight() int { return len(p.settings) + len(p.traits) + len(p.secrets) }
