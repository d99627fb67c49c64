package alma

import (
	"time"
)

// DeliveryStatus says how far a delivery is.
type DeliveryStatus string

// The states of a delivery.
const (
	StatusPending    DeliveryStatus = "PENDING"    // Not attempted yet, in flight, or waiting for a retry.
	StatusSuccess    DeliveryStatus = "SUCCESS"    // Answered with a 2xx.
	StatusFailed     DeliveryStatus = "FAILED"     // Given up; can be retried by hand.
	StatusSuppressed DeliveryStatus = "SUPPRESSED" // Deliberately not sent.
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID             string         `json:"id"`
	WebhookID      string         `json:"webhook_id"`
	EventID        string         `json:"event_id"`
	EventType      EventType      `json:"event_type"`
	URL            string         `json:"url"`
	Status         DeliveryStatus `json:"status"`
	Attempts       int            `json:"attempts"`
	LastError      string         `json:"last_error"`
	LastReason     Reason         `json:"last_reason"`
	LastStatusCode int            `json:"last_status_code,omitempty"`
	NextAttemptAt  time.Time      `json:"next_attempt_at,omitzero"` // Set while a retry waits.
	CreatedAt      time.Time      `json:"created_at"`               // When the event was appended.
	Log            []Attempt      `json:"attempt_log,omitempty"`    // Only where one delivery is asked for.

	Position  Position `json:"-"` // Of the event.
	ProjectID string   `json:"-"` // Of the event.
}

// Attempt is one HTTP exchange made for a delivery, or one conversation with a
// mail server.
type Attempt struct {
	Number     int           `json:"number"` // 1, 2, …
	At         time.Time     `json:"at"`     // When it began.
	Duration   time.Duration `json:"-"`
	StatusCode int           `json:"status_code,omitempty"` // Of HTTP or SMTP; 0 when there was no answer.
	Reason     Reason        `json:"reason,omitempty"`      // Empty on success.
	Error      string        `json:"error,omitempty"`

	// Detail is kept for failed attempts, and for successful ones whose
	// answer had a body.
	Detail *AttemptDetail `json:"-"`

	BatchID  string `json:"batch_id,omitempty"`  // The X-ALMA-Delivery of the batch that carried the event.
	ReplayID string `json:"replay_id,omitempty"` // The replay that made the attempt.
}

// AttemptDetail is what was sent and answered, secrets masked. Header values
// of the webhook's own settings are always masked.
type AttemptDetail struct {
	RequestHeaders  map[string]string `json:"request_headers,omitempty"`
	ResponseHeaders map[string]string `json:"response_headers,omitempty"`
	ResponseBody    string            `json:"response_body,omitempty"` // At most 64 KiB; invalid UTF-8 replaced.
}

// Reason says in one word why an attempt failed. The set is closed, so that it
// can label metrics.
type Reason string

// Why attempts fail.
const (
	ReasonTimeout        Reason = "timeout"         // No complete answer in time.
	ReasonDNS            Reason = "dns"             // The host name did not resolve.
	ReasonConnect        Reason = "connect"         // No connection, or it broke.
	ReasonTLS            Reason = "tls"             // The certificate or handshake failed.
	ReasonBlockedAddress Reason = "blocked_address" // The address guard refused.
	ReasonRedirect       Reason = "redirect"        // A 3xx, which is not followed.
	ReasonStatus4xx      Reason = "status_4xx"      // Of a mail server: not now.
	ReasonStatus5xx      Reason = "status_5xx"      // Of a mail server: never.
	ReasonGone           Reason = "gone"            // 410: the listener wants no more.
	ReasonTooLarge       Reason = "too_large"       // The answer broke a limit, or the body would.
	ReasonHandshake      Reason = "handshake"       // A challenge or consent was not answered.
	ReasonEncode         Reason = "encode"          // The event cannot be put into the format.
	ReasonWebhookDeleted Reason = "webhook_deleted" // The webhook was removed before the delivery succeeded.
	ReasonCallback       Reason = "callback"        // The function of a durable subscription failed.
	ReasonProtocol       Reason = "protocol"        // The answer was not understandable HTTP.
	ReasonErased         Reason = "erased"          // The event's data was erased before the delivery succeeded.
	ReasonExpired        Reason = "expired"         // Retention took the event away before the delivery succeeded.
)
