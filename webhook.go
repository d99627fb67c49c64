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
	// SecretSetAt says since when the present secret is used.
	SecretSetAt time.Time
}
