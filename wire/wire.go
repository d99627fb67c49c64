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
	// Check notes what a configuration asks for that the format cannot do. The
	// configuration is as the caller gave it, without defaults.
	Check(faults *alma.Faults, cfg alma.WebhookConfig)
	// NewSecret draws a strong secret in the form that the format's listeners
	// expect, for a scheme that Check has passed.
	NewSecret(scheme alma.SignatureScheme) string
	// Selects returns the event types that a name in a webhook's events stands
	// for: itself, and in some formats what it is the group of.
	Selects(name alma.EventType) []alma.EventType
	// Carries reports whether the format can carry an event; one that it
	// cannot carry does not match.
	Carries(e *alma.Event) bool
	// Encode returns the message for one event, or for a batch, in a form. It
	// fails when the format cannot carry an event, or there are several and the
	// form is no batch.
	Encode(events []*alma.Event, form Form) (alma.Message, error)
	// Decode reads the events of a request's body.
	Decode(header http.Header, body []byte) ([]alma.Event, error)
	// Sign returns the headers of one attempt: the message's own, the
	// attempt's, and, with a secret, the signature, in the order and the case
	// in which they go on the wire. secrets are those that are valid now, the
	// newest first; during a rotation there are two. A format with room for
	// several signatures signs with each. One with room for one signs with the
	// last, which listeners have known for longest.
	Sign(msg *alma.Message, secrets []string, attempt Attempt) []alma.HeaderField
	// Verify checks the signature of a request over its raw body against the
	// secrets that are valid now, in constant time.
	Verify(header http.Header, body []byte, secrets []string, now time.Time) error
	// Verdict judges a complete answer.
	Verdict(status int, header http.Header, now time.Time) Verdict
}

// Handshaker is a format that may ask a listener for its consent before the
// first delivery.
type Handshaker interface {
	// Ask returns the question that a listener has to answer before it gets
	// deliveries, or nil when the settings, defaults filled in, want none.
	// origin names the sender, as a host name.
	Ask(cfg alma.WebhookConfig, origin string) (*Question, error)
	// Answer answers a question on the listening side, and reports whether the
	// request was one.
	Answer(w http.ResponseWriter, r *http.Request) bool
}

// Sampler is a format that cannot carry every event, and so says itself what a
// test of a webhook sends.
type Sampler interface {
	// Sample returns an event that listeners take for what it is: nothing has
	// happened. project may be empty.
	Sample(webhookID, project string) alma.Event
}

// Question is a request that asks for consent. It is never signed.
type Question struct {
	Method, URL string
	Header      []alma.HeaderField
	Timeout     time.Duration // Of the whole exchange; 0 for the webhook's.
	// Judge reads a complete answer. An error says, for people, why it is no
	// consent. The body holds the first 64 KiB.
	Judge func(status int, header http.Header, body []byte) (Permission, error)
}

// Permission is what a listener allows.
type Permission struct {
	Rate int64 // Requests per minute; 0 for no limit.
}

// Form is one of the forms that a format's messages take. The zero value is
// what every format has: one event, in JSON.
type Form struct {
	Batch    bool // An array, even of one.
	XML      bool // For exlibris.
	OmitNull bool // For exlibris.
	Binary   bool // For cloudevents.
}

// FormOf returns the form of a webhook's messages.
func FormOf(cfg alma.WebhookConfig) Form {
	return Form{
		Batch: cfg.BatchSize > 1, XML: cfg.ContentType == "xml", OmitNull: cfg.OmitNull,
		Binary: cfg.ContentMode == alma.ModeBinary,
	}
}

// Attempt is what changes from attempt to attempt of one delivery.
type Attempt struct {
	DeliveryID string // Constant over retries.
	Number     int    // 1, 2, …
	At         time.Time
	// Origin names the sender, as a host name: the one that a handshake was
	// made with (see Handshaker). Empty where the format has none.
	Origin string
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
