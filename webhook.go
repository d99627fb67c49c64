package alma

import "time"

// WebhookState says whether deliveries to a webhook run.
type WebhookState string

// The states of a webhook. While it is not active, its events wait in the log.
const (
	StateActive   WebhookState = "active"
	StatePaused   WebhookState = "paused"             // By the operator.
	StatePending  WebhookState = "pending_activation" // The format's handshake has not passed.
	StateDisabled WebhookState = "disabled"           // By a 410, or failing for too long; see the reason.
)

// Webhook is a registered listener.
type Webhook struct {
	ID string
	// Config is what the caller said; Config.WithDefaults gives the settings
	// in effect. It holds the secret, if there is one.
	Config      WebhookConfig
	State       WebhookState
	StateReason string // Why it is not active, for people.
	Version     int64  // One more with each change; 1 when created.
	CreatedAt   time.Time
	UpdatedAt   time.Time
	// SecretSetAt says since when there is the present secret.
	SecretSetAt time.Time
	// FormerSecret is the secret before the last rotation; it is used beside
	// the present one, or instead of it where a format has room for one
	// signature, until FormerUntil.
	FormerSecret string
	FormerUntil  time.Time
	// Consent is what the listener has agreed to; nil before its format's
	// handshake has passed, and where there is none.
	Consent *Consent
}

// Consent is a listener's agreement to get deliveries.
type Consent struct {
	URL    string    `json:"url"` // Where it was given.
	Format Format    `json:"format"`
	At     time.Time `json:"at"`
	// Rate is the most requests per minute that the listener allows; 0 for no
	// limit.
	Rate int64 `json:"rate,omitempty"`
}

// Secrets returns the secrets that are valid at a time, the newest first.
func (w *Webhook) Secrets(now time.Time) []string {
	var out []string
	if w.Config.Secret != "" {
		out = append(out, w.Config.Secret)
	}
	if w.FormerSecret != "" && now.Before(w.FormerUntil) {
		out = append(out, w.FormerSecret)
	}
	return out
}
