package lane

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/wire"
)

// Node is what all lanes of a process share: the stages before and behind
// them, as functions. All of them may be called concurrently.
type Node struct {
	// Deliver makes one attempt.
	Deliver func(ctx context.Context, job *Job) Outcome
	// Record hands outcomes to the settling stage. It does not block.
	Record func(...flow.Record)
	// Healthy reports whether outcomes can be stored; without it no attempt starts.
	Healthy func() bool
	// Store gives what lanes read for themselves.
	Store Store
	// TryAttach calls attach while no event is being offered to lanes, if the
	// tail has not come further than pos; it reports whether it did.
	TryAttach func(l *Lane, pos alma.Position, attach func()) bool
	// Fed returns up to where the log was offered to a lane; it may lag. It
	// must not call the lane.
	Fed func(s *Settings) alma.Position
	// Disabled is told that a lane has disabled its webhook. It must not call
	// the lane.
	Disabled func(webhookID, reason string)
	// Breaker is told that a breaker opened, and why, or closed. It must not call
	// the lane. May be nil.
	Breaker func(webhookID string, open bool, reason alma.Reason, cause string)
	Logger  *slog.Logger

	// Slots bounds the requests in flight on the node: its capacity. Doubtful
	// bounds those of them whose listeners have not answered yet, or timed out
	// last, so that very many that hang leave room for those that do not. nil
	// means no such bound.
	Slots    chan struct{}
	Doubtful chan struct{}
	queued   atomic.Int64 // Workers that wait for a slot.
	// Reads bounds how many lanes read in the log at a time; nil means no bound.
	Reads chan struct{}
	held  atomic.Int64 // Bytes that lanes have read for themselves and hold.
	// Context ends when requests in flight are to be given up.
	Context context.Context //nolint:containedctx // The life of the node, not of a call.
	// Workers counts the goroutines of all lanes.
	Workers Gate
}

// Store is what lanes need of storage.
type Store interface {
	Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error)
	Settled(ctx context.Context, webhookID string, after alma.Position) ([]alma.Position, error)
	ReadReplay(ctx context.Context, r alma.Replay, after alma.Position, limit int) (alma.LogPage, error)
}

// Job is one attempt to be made.
type Job struct {
	Settings *Settings
	// Entries are the events of a first attempt.
	Entries []*flow.Entry
	// Retry is the exception that a later attempt is for; nil for a first one.
	Retry *Waiting
	// Number is the attempt's number: 1, 2, …
	Number  int
	BatchID string // The X-ALMA-Delivery of a batch.

	kind    jobKind
	span    *span
	started time.Time
	parked  bool // Stored as an exception in flight.
	probe   bool // Sent while the breaker is open.
	message messageBox
	replay  *replay // Whose first attempt it is; nil for a live one.
	number  int64   // The first event's number in the replay.
}

type jobKind int

const (
	attemptJob jobKind = iota
	readJob            // Read on in the log.
	loadJob            // Learn which positions are settled already.
	replayJob          // Read on for a replay.
)

// SetMessage says what is being sent, so that the lane can store it when the
// attempt takes long. Deliver calls it before it sends.
func (j *Job) SetMessage(m *alma.Message) { j.message.Store(m) }

// Key names the delivery: the first member's for a batch.
func (j *Job) Key() alma.DeliveryKey {
	key := alma.DeliveryKey{WebhookID: j.Settings.WebhookID}
	if j.Retry != nil {
		key.Position = j.Retry.Position
	} else {
		key.Position = j.Entries[0].Position()
	}
	return key
}

// ReplayID names the replay that the attempt belongs to; empty for none.
func (j *Job) ReplayID() string {
	switch {
	case j.replay != nil:
		return j.replay.info.ID
	case j.Retry != nil:
		return j.Retry.ReplayID
	default:
		return ""
	}
}

// positions lists the events that the attempt is for.
func (j *Job) positions() []alma.Position {
	if j.Retry != nil {
		return j.Retry.all()
	}
	out := make([]alma.Position, len(j.Entries))
	for i, e := range j.Entries {
		out[i] = e.Position()
	}
	return out
}

// Outcome is how an attempt ended.
type Outcome struct {
	Verdict wire.Verdict
	Attempt alma.Attempt
	// Canceled says that the attempt was given up, because the process ends, or
	// the node may not make it any more; it counts for nothing and is made
	// again, by this lane or after the next start.
	Canceled bool
	// Postponed says that a retry was not made, because the store could not
	// give what to send. It counts for nothing and is made a little later.
	Postponed bool
}
