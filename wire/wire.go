// Package wire holds the wire formats: how an event looks on the way to a
// listener, how it is signed, and which answers mean "try again".
//
// A [Format] is stateless and may be used concurrently. The engine encodes an
// event once per format, stores the [alma.Message] where a retry is due, and
// signs it anew for each attempt; package receive does the reverse.
package wire

import (
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

// Format is a codec with rules.
type Format interface {
	// Name returns the name used in webhook settings.
	Name() alma.Format
	// Defaults returns the settings that differ from format to format.
	Defaults() alma.FormatDefaults
	// Check notes what a configuration asks for that the format cannot do.
	Check(faults *alma.Faults, cfg alma.WebhookConfig)
	// Encode returns the message for one event, or for a batch: then the body
	// holds an array, even of one. It fails when the format cannot carry an
	// event.
	Encode(events []*alma.Event, batch bool) (alma.Message, error)
	// Decode reads the events of a request's body.
	Decode(header http.Header, body []byte) ([]alma.Event, error)
	// Sign returns the headers of one attempt: the message's own, the
	// attempt's, and, with a secret, the signature, in the order and the case
	// in which they go on the wire.
	Sign(msg *alma.Message, secret string, attempt Attempt) []alma.HeaderField
	// Verify checks the signature of a request over its raw body against the
	// secrets that are valid now, in constant time.
	Verify(header http.Header, body []byte, secrets []string, now time.Time) error
	// Verdict judges a complete answer.
	Verdict(status int, header http.Header, now time.Time) Verdict
}

// Attempt is what changes from attempt to attempt of one delivery.
type Attempt struct {
	DeliveryID string // Constant over retries.
	Number     int    // 1, 2, …
	At         time.Time
}

// Verdict is what an answer means for a delivery.
type Verdict struct {
	Outcome Outcome
	// Reason says why it was no success.
	Reason alma.Reason
	// RetryAfter is the least wait that the listener asked for; 0 for none.
	RetryAfter time.Duration
}

// Outcome is one of four ends of an attempt.
type Outcome int

// The ends of an attempt.
const (
	Success Outcome = iota // Delivered.
	Retry                  // Try again as the schedule says.
	Final                  // Failed; trying again is of no use.
	Gone                   // Failed, and the webhook wants no more: disable it.
)
