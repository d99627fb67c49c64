package alma

import (
	"context"
	"time"
)

// LaneStore keeps how far each webhook has come: one position, and rows for
// the deliveries that are an exception to "attempted once, succeeded".
type LaneStore interface {
	// Checkpoint returns what the engine resumes from.
	Checkpoint(ctx context.Context) (Checkpoint, error)
	// Lanes returns one record for each of the webhooks that exists, in any
	// order, whether or not there is anything to remember about it. Where it is
	// Shared, Cursor is the watermark that the webhook follows.
	Lanes(ctx context.Context, webhookIDs []string) ([]LaneRecord, error)
	// Settled returns the positions after a place, in order, for which a
	// webhook already has an attempt or an exception: the engine must not
	// make a first attempt for them again.
	Settled(ctx context.Context, webhookID string, after Position) ([]Position, error)
	// Waiting returns the pending exceptions of webhooks, those of each
	// together and in log order, without their messages.
	Waiting(ctx context.Context, webhookIDs ...string) ([]Exception, error)
	// Exception returns one exception with its message, or ErrNotFound. Any
	// member of a batch leads to the batch's exception.
	Exception(ctx context.Context, webhookID string, pos Position) (Exception, error)
	// Settle records outcomes in one transaction. What it holds about webhooks
	// that are deleted is reduced to the record of their attempts.
	Settle(ctx context.Context, s Settlement) error
}

// Checkpoint is where deliveries stood at the last settle.
type Checkpoint struct {
	// Watermark is the position up to which every webhook without a cursor of
	// its own has been served.
	Watermark Position
	// Lanes holds one record for each webhook that has a cursor of its own,
	// pending exceptions, unfinished replays, or health to remember.
	Lanes []LaneRecord
}

// LaneRecord is what is stored about a webhook's progress.
type LaneRecord struct {
	WebhookID string
	Shared    bool     // It follows the watermark; only [LaneStore].Lanes fills Cursor then.
	Cursor    Position // Everything up to here is done or an exception.
	Waiting   int      // Pending exceptions; a batch counts once.
	Replays   int      // Unfinished replays.
	Health    LaneHealth
}

// LaneHealth is what a lane remembers about its listener over restarts.
type LaneHealth struct {
	// FailingSince is when unbroken failure began; zero when the last attempt
	// succeeded.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// BreakerOpen says that only probes are sent, the next one at ProbeAt.
	BreakerOpen bool      `json:"breaker_open,omitempty"`
	ProbeAt     time.Time `json:"probe_at,omitzero"`
	// Probes counts the failed probes since the breaker opened.
	Probes int `json:"probes,omitempty"`
	// Expired counts the events that were older than max_age and not sent.
	Expired int64 `json:"expired,omitempty"`
	// Erased counts the events that were erased before they could be sent.
	Erased int64 `json:"erased,omitempty"`
	// Lost counts the events that retention took away before they could be
	// sent, because the webhook was behind for longer than is kept.
	Lost int64 `json:"lost,omitempty"`
}

// Exception is a delivery (or a batch of them) that is waiting, in flight for
// long, failed or suppressed.
type Exception struct {
	WebhookID string
	// Position is that of the event; of the first member for a batch.
	Position Position
	// Members are the positions of a batch, the first included; nil for a
	// single event.
	Members []Position
	// BatchID is the X-ALMA-Delivery of a batch; empty for a single event.
	BatchID string
	Status  DeliveryStatus
	// InFlight says that an attempt was under way: after a crash it is due at once.
	InFlight      bool
	Attempts      int // Finished attempts.
	NextAttemptAt time.Time
	// Delay is the wait that leads to NextAttemptAt: when a clock jumped or a
	// restart came between, what remains is never longer.
	Delay          time.Duration
	Notify         bool   // In a Settlement, of a failed one: store a [Notice] with it.
	Manual         bool   // A person asked for the next attempt: no further retry follows it.
	ReplayID       string // The replay that its attempts belong to; empty for none.
	LastReason     Reason
	LastError      string
	LastStatusCode int
	// Message is what retries send again, byte for byte. In a Settlement nil
	// means: keep what is stored.
	Message *Message
}

// Message is an encoded event or batch: all of a request that stays the same
// over retries.
type Message struct {
	Format      Format        `json:"format"`
	ContentType string        `json:"content_type"`
	Header      []HeaderField `json:"header,omitempty"` // The format's own, in order; without signature and attempt.
	Body        []byte        `json:"-"`
	// Traces are of those events of the message that belong to a trace, so that
	// retries know of it after a restart, and on other nodes.
	Traces []EventTrace `json:"traces,omitempty"`
}

// EventTrace is what an attempt knows of an event that belongs to a trace.
type EventTrace struct {
	EventID    string      `json:"event_id"`
	EventType  EventType   `json:"event_type"`
	DeliveryID string      `json:"delivery_id"` // Of the event alone, in a batch too.
	Since      time.Time   `json:"since"`       // When the event was appended; for a replay, when its turn came.
	Trace      TraceParent `json:"traceparent"`
}

// HeaderField is a header with its name in exactly the case that goes on the wire.
type HeaderField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Settlement is a group of outcomes, of many lanes, stored together.
type Settlement struct {
	// ID names the settlement, where storing it twice would not be the same as
	// once (Suppressed, Replays, Disabled, Exceptions to Notify of). A
	// driver that may store one without being able to say so (its server is at
	// the other end of a network) stores nothing when the last one of the Node
	// comes again, and returns no error. Whoever settles repeats one until it
	// succeeds, before the next.
	ID string
	// Node is the session that settles; [ErrFenced] when it has ended, and then
	// nothing is stored. Empty for outcomes that no node's lanes came to, and
	// with a storage that belongs to one process.
	Node string
	// Watermark moves the shared position (the node's, where there are nodes)
	// forward; one that lies before the stored one changes nothing.
	Watermark Position
	// Joined slots follow the node's watermark, this one included, from now on.
	// Only slots of the node count.
	Joined   []Slot
	Lanes    []LaneUpdate
	Attempts []SettledAttempt
	// Exceptions are inserted, or replace the one at their position.
	Exceptions []Exception
	// Resolved exceptions go away: an attempt of theirs succeeded.
	Resolved   []DeliveryKey
	Suppressed []Suppression
	// Disabled webhooks leave the active state.
	Disabled []Disabling
	// Replays moved on.
	Replays []ReplayProgress
}

// LaneUpdate stores a webhook's own progress.
type LaneUpdate struct {
	WebhookID string
	Shared    bool // From now on it follows the watermark.
	Cursor    Position
	Health    LaneHealth
}

// SettledAttempt is a finished attempt and the positions it was for: one, or
// those of a batch.
type SettledAttempt struct {
	WebhookID string
	Positions []Position
	Attempt   Attempt
}

// DeliveryKey names a delivery by webhook and position.
type DeliveryKey struct {
	WebhookID string
	Position  Position
}

// Suppression counts events of one bulk job that were not sent to a webhook:
// a driver keeps one exception a webhook and job, at the first position.
type Suppression struct {
	WebhookID string
	JobID     string
	Position  Position
	Count     int64
}

// Disabling is the engine's own end of a webhook's active state.
type Disabling struct {
	WebhookID string
	Reason    string
}

// DeliveryStore answers questions about deliveries. It knows those that have
// been attempted or are exceptions; the engine adds those that still wait in
// the log.
type DeliveryStore interface {
	// FindDeliveries lists deliveries, the newest event first, without attempt logs.
	FindDeliveries(ctx context.Context, q DeliveryQuery) (Page[Delivery], error)
	// FailedGroups counts failed deliveries by webhook and reason: the webhooks
	// that were made last first, the reasons of each in the order of their names.
	// A page takes a bounded time: it may be short, and still name a next one.
	FailedGroups(ctx context.Context, q FailedQuery) (Page[FailedGroup], error)
	// Delivery returns one delivery with its attempts, or ErrNotFound.
	Delivery(ctx context.Context, webhookID string, pos Position) (Delivery, error)
}

// DeliveryQuery selects deliveries; zero members select all. Since is
// inclusive, Until exclusive; both mean the time of the event's append.
type DeliveryQuery struct {
	WebhookID string
	EventID   string
	Status    DeliveryStatus
	Reason    Reason // With StatusFailed: those that failed for it last.
	ProjectID string
	Since     time.Time
	Until     time.Time
	Cursor
}
