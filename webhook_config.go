package alma

import (
	"strings"
	"time"
)

// Format names a wire format: how an event looks, is signed, and which answers
// mean retry. Package wire holds them.
type Format string

// The wire formats.
const (
	FormatAlma        Format = "alma"
	FormatExlibris    Format = "exlibris"
	FormatStandard    Format = "standard"
	FormatCloudEvents Format = "cloudevents"
)

// WebhookConfig is what a caller says about a webhook. What it leaves out is
// filled with the defaults of its format (see [WebhookConfig.WithDefaults]).
//
// In JSON the members have the names given here and durations are numbers of
// seconds; an absent or null member means its default, except that a null
// secret means an unsigned webhook.
type WebhookConfig struct {
	// URL is where deliveries go (url). Required: http or https, without
	// credentials; http is taken only for addresses that the operator allowed.
	// Or mailto: and e-mail addresses, separated by commas, for a webhook that
	// tells people of operational events.
	URL string
	// Events are the types to deliver (events). Defaults to all but the
	// operational ones (ALMA_…), which must be named.
	Events []EventType
	// Format is the wire format (format). Defaults to FormatAlma.
	Format Format
	// Secret signs deliveries (secret). Defaults to a generated one.
	Secret string
	// Unsigned says that there is no secret (secret: null). Only some formats
	// allow it.
	Unsigned bool
	// Signature says how deliveries are signed (signature), and thereby what a
	// generated secret looks like. Defaults to what the secret is for, and to
	// SignatureHMAC without one; SignatureEd25519 exists in formats standard and
	// cloudevents.
	Signature SignatureScheme
	// Headers are sent with each request (headers). They may not replace the
	// signature, content or framing headers. Their values are never shown.
	Headers map[string]string

	// RetryCount is the number of attempts after the first (retry_count), at
	// most 50. Defaults to the format's; 3 for alma.
	RetryCount *int
	// RetryDelay is the wait after the first attempt (retry_delay), at most
	// 24 h. Defaults to the format's; 5 s for alma.
	RetryDelay *time.Duration
	// RetryBackoff multiplies the wait after each further attempt
	// (retry_backoff), 1 to 100. Waits are capped at 24 h. Defaults to the
	// format's; 2 for alma.
	RetryBackoff *float64
	// RetrySchedule lists the waits (retry_schedule) and replaces the three
	// settings above, which must be absent then; 1 to 50 waits of at most 24 h.
	RetrySchedule []time.Duration
	// RetryJitter spreads each wait by up to this fraction of it, 0 to 1
	// (retry_jitter). Defaults to 0: exact delays.
	RetryJitter float64

	// AgentFilter delivers events of these agents only (agent_filter). Defaults to all.
	AgentFilter []string
	// ProjectFilter delivers events of these projects only (project_filter). Defaults to all.
	ProjectFilter []string
	// TypeFilter delivers events of these memory types only (type_filter). Defaults to all.
	TypeFilter []MemoryType
	// Filter is a CEL expression over the variable event (filter). Events for
	// which it is false, or fails, do not match. Defaults to none.
	Filter string

	// Timeout bounds one whole exchange (timeout), at most 60 s. Defaults to
	// the format's; 30 s for alma.
	Timeout time.Duration
	// BatchSize is the number of events in a request (batch_size), 1 to
	// 1,000; over 1 the body is an array. Defaults to 1.
	BatchSize int
	// BatchDelay is how long a batch waits to fill (batch_delay), at most 1 h.
	// Defaults to 1 s.
	BatchDelay *time.Duration
	// MaxInFlight bounds the concurrent requests (max_in_flight), 1 to 1,000.
	// Defaults to 64; it shrinks while requests time out.
	MaxInFlight int
	// RateLimit bounds the requests per second (rate_limit). Defaults to 0: no limit.
	RateLimit float64
	// Ordered delivers strictly one after another, in log order (ordered).
	Ordered bool
	// MaxAge is the age over which events are not sent, but counted (max_age).
	// Defaults to 0: no limit.
	MaxAge time.Duration

	// ProjectID is the owner (project_id): such a webhook sees events of this
	// project alone. Defaults to none: it sees all projects.
	ProjectID string
	// Contacts are e-mail addresses to tell of failed deliveries (contacts).
	Contacts []string
	// BulkLimit suppresses events of jobs with more records (bulk_limit); 0 =
	// never. Defaults to the format's; 0 for alma.
	BulkLimit *int64
	// DisableAfter disables the webhook after so much unbroken failure
	// (disable_after); 0 = never. Defaults to the format's; 5 days for alma.
	DisableAfter *time.Duration
	// ContentType is "json", or "xml" for exlibris (content_type). Defaults to "json".
	ContentType string
	// OmitNull leaves null members out of the object (omit_null); for exlibris.
	OmitNull bool
	// ContentMode is how a CloudEvent goes on the wire (content_mode).
	// Defaults to ModeStructured; batches have a mode of their own.
	ContentMode ContentMode
	// Challenge asks the listener to answer a challenge before the first
	// delivery (challenge), as exlibris always does; for alma.
	Challenge bool
	// ClientCertificate is the certificate chain, PEM, that Alma shows to
	// listeners which ask for one (client_certificate). Defaults to none.
	ClientCertificate string
	// ClientKey is the private key of ClientCertificate, PEM (client_key). It
	// is never shown.
	ClientKey string
	// Active says whether deliveries run (active); false means paused.
	// Defaults to true.
	Active *bool
	// Description is for people (description).
	Description string
	// Name is by which a declaration knows the webhook (name); see the config
	// file of `alma serve`. Defaults to none.
	Name string
}

// SignatureScheme says how deliveries are signed.
type SignatureScheme string

// The signature schemes.
const (
	SignatureHMAC    SignatureScheme = "hmac-sha256" // With a secret that both sides know.
	SignatureEd25519 SignatureScheme = "ed25519"     // With a private key; listeners verify with the public one.
)

// ContentMode is how a CloudEvent goes on the wire.
type ContentMode string

// The content modes of a single CloudEvent.
const (
	ModeStructured ContentMode = "structured" // All of the event is the body.
	ModeBinary     ContentMode = "binary"     // The body is the data; the rest is headers.
)

// FormatDefaults are the settings that differ from format to format.
type FormatDefaults struct {
	RetryCount    int
	RetryDelay    time.Duration
	RetryBackoff  float64
	RetrySchedule []time.Duration // Replaces the three above when set.
	Timeout       time.Duration
	DisableAfter  time.Duration
	BulkLimit     int64
}

// Defaults that hold for every format.
const (
	DefaultBatchDelay  = time.Second
	DefaultMaxInFlight = 64
)

// WithDefaults returns the configuration as it takes effect: what c leaves out
// is taken from d and from the defaults named at the fields. Where a retry
// schedule takes effect, the three settings that it replaces are nil. A
// missing secret stays missing. Webhooks that send e-mail have defaults of their
// own, those whose names begin with DefaultMail.
func (c WebhookConfig) WithDefaults(d FormatDefaults) WebhookConfig {
	if c.Format == "" {
		c.Format = FormatAlma
	}
	c.retryDefaults(c.mailDefaults(d))
	if c.Timeout == 0 {
		c.Timeout = d.Timeout
	}
	if c.BatchSize == 0 {
		c.BatchSize = 1
	}
	if c.BatchDelay == nil {
		c.BatchDelay = new(DefaultBatchDelay)
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.BulkLimit == nil {
		c.BulkLimit = new(d.BulkLimit)
	}
	if c.DisableAfter == nil {
		c.DisableAfter = new(d.DisableAfter)
	}
	if c.ContentType == "" {
		c.ContentType = "json"
	}
	if c.Signature == "" && !c.Unsigned && !c.SendsMail() {
		c.Signature = schemeOf(c.Secret)
	}
	if c.ContentMode == "" && c.Format == FormatCloudEvents {
		c.ContentMode = ModeStructured
	}
	if c.Active == nil {
		c.Active = new(true)
	}
	return c
}

// schemeOf returns what a secret is for: those that Standard Webhooks prefixes
// with whsk_ are private keys.
func schemeOf(secret string) SignatureScheme {
	if strings.HasPrefix(secret, "whsk_") {
		return SignatureEd25519
	}
	return SignatureHMAC
}

func (c *WebhookConfig) retryDefaults(d FormatDefaults) {
	if c.RetrySchedule != nil {
		return
	}
	if c.RetryCount == nil && c.RetryDelay == nil && c.RetryBackoff == nil && d.RetrySchedule != nil {
		c.RetrySchedule = d.RetrySchedule
		return
	}
	if c.RetryCount == nil {
		c.RetryCount = new(d.RetryCount)
	}
	if c.RetryDelay == nil {
		c.RetryDelay = new(d.RetryDelay)
	}
	if c.RetryBackoff == nil {
		c.RetryBackoff = new(d.RetryBackoff)
	}
}
