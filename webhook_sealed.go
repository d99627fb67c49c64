package alma

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// WebhookSecrets are the parts of a webhook that nobody else may read. Drivers
// keep them apart from the rest, and sealed where they have a key.
type WebhookSecrets struct {
	Secret       string            `json:"secret,omitempty"`
	FormerSecret string            `json:"former_secret,omitempty"`
	ClientKey    string            `json:"client_key,omitempty"`
	Headers      map[string]string `json:"headers,omitempty"`
}

// Split returns the settings as JSON without anything secret, and what was
// left out. Join is the reverse.
func (w *Webhook) Split() (settings []byte, secrets WebhookSecrets, err error) {
	secrets = WebhookSecrets{
		Secret: w.Config.Secret, FormerSecret: w.FormerSecret, ClientKey: w.Config.ClientKey, Headers: w.Config.Headers,
	}
	settings, err = json.Marshal(w.Config.Masked())
	if err != nil {
		return nil, secrets, fmt.Errorf("alma: write the settings of webhook %s: %w", w.ID, err)
	}
	return settings, secrets, nil
}

// Join fills in the settings that Split returned.
func (w *Webhook) Join(settings []byte, secrets WebhookSecrets) error {
	if err := w.Config.readStored(settings); err != nil {
		return fmt.Errorf("alma: read the settings of webhook %s: %w", w.ID, err)
	}
	w.Config.Secret, w.FormerSecret, w.Config.ClientKey = secrets.Secret, secrets.FormerSecret, secrets.ClientKey
	if secrets.Headers != nil {
		w.Config.Headers = maps.Clone(secrets.Headers)
	}
	return nil
}

// WebhookTraits are what drivers store about a webhook in one JSON object: what
// nobody searches for, and what grows with the versions.
type WebhookTraits struct {
	Consent     *Consent  `json:"consent,omitempty"`
	FormerUntil time.Time `json:"former_until,omitzero"`
}

// Traits returns what is stored so.
func (w *Webhook) Traits() WebhookTraits {
	return WebhookTraits{Consent: w.Consent, FormerUntil: w.FormerUntil.UTC().Round(0)}
}

// SetTraits fills in what Traits returned.
func (w *Webhook) SetTraits(t WebhookTraits) { w.Consent, w.FormerUntil = t.Consent, t.FormerUntil }
