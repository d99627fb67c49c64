package alma

import (
	"context"
	"time"
)

// ReplayStore keeps replays: jobs that send a webhook again what the log
// holds. A replay is a second cursor in the log; the webhook's own stays where
// it is. How far a replay has come is stored with the outcomes it led to (see
// [Settlement].Replays).
type ReplayStore interface {
	// CreateReplay stores a new replay; ErrNotFound when there is no such
	// webhook, or no event of the query's EventID. ID, WebhookID and the query
	// are the caller's. The store sets the rest: State running, the times, the stretch of the log (Cursor and
	// Last: no event of the query lies outside it, and Last is never beyond the
	// horizon, so that a replay ends), and Total. Which bulk jobs are meant by
	// a query for SUPPRESSED is settled here too: those that are suppressed
	// for the webhook now.
	CreateReplay(ctx context.Context, r Replay) (Replay, error)
	// Replay returns one replay, or ErrNotFound.
	Replay(ctx context.Context, id string) (Replay, error)
	// FindReplays lists replays, newest first.
	FindReplays(ctx context.Context, q FindReplays) (Page[Replay], error)
	// UnfinishedReplays returns the replays of webhooks that are running or
	// paused, oldest first.
	UnfinishedReplays(ctx context.Context, webhookIDs ...string) ([]Replay, error)
	// SetReplayState changes the state of an unfinished replay to running,
	// paused, canceled or failed, and returns it. Setting the state that it has
	// changes nothing. ErrConflict when it is finished, ErrNotFound when there
	// is none.
	SetReplayState(ctx context.Context, id string, state ReplayState, reason string) (Replay, error)
	// ReadReplay returns the events that a replay concerns after a position, in
	// log order, at most limit of them and about 8 MiB: those in its stretch of
	// the log that its query selects, erased ones included, except those whose
	// delivery to the webhook is pending. With a status, only those whose
	// delivery stands so at the time of the read. With SUPPRESSED, the events
	// of the bulk jobs that the replay is about, from the place on where their
	// suppression began, other than JOB_END, for which no attempt is recorded
	// and no other exception is kept.
	//
	// Next is where to read on, as in a read of the log. A page without events
	// is the end; then Next is r.Last.
	ReadReplay(ctx context.Context, r Replay, after Position, limit int) (LogPage, error)
}

// ReplayState says how a replay stands.
type ReplayState string

// The states of a replay. Running ones of the same webhook take turns: the
// oldest first, the others after it.
const (
	ReplayRunning  ReplayState = "running"  // It works, or waits for its turn.
	ReplayPaused   ReplayState = "paused"   // By the operator; keeps its place.
	ReplayDone     ReplayState = "done"     // Each of its events was attempted. What failed is retried like any delivery.
	ReplayCanceled ReplayState = "canceled" // By the operator, or its webhook was deleted.
	ReplayFailed   ReplayState = "failed"   // It cannot go on; see the reason.
)

// Finished reports whether nothing follows the state.
func (s ReplayState) Finished() bool { return s != ReplayRunning && s != ReplayPaused }

// ReplayQuery selects what is sent again. Zero members select all; what is set
// adds up.
type ReplayQuery struct {
	// EventID selects one event.
	EventID string `json:"event_id,omitempty"`
	// Since (included) and Until (excluded) mean the time of the append.
	// Whatever Until says, a replay ends where the log ended when it was made.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// From and To are places in the log, both included.
	From Position `json:"from,omitzero"`
	To   Position `json:"to,omitzero"`
	// Status selects deliveries that stand so: SUCCESS, FAILED or SUPPRESSED.
	Status DeliveryStatus `json:"status,omitempty"`
	// Reason selects, with FAILED, those that failed for this reason last.
	Reason Reason `json:"reason,omitempty"`
}

// Replay is a job that sends a webhook again what the log holds.
type Replay struct {
	ID        string `json:"id"` // "rpl_…".
	WebhookID string `json:"webhook_id"`
	ReplayQuery
	State       ReplayState `json:"state"`
	StateReason string      `json:"state_reason,omitempty"` // Why it is canceled or failed, for people.

	// Cursor is how far it has come: every event up to here was attempted or
	// passed over. Last is where it ends.
	Cursor Position `json:"cursor"`
	Last   Position `json:"last"`

	// Total is about how many events the query selected when the replay was
	// made (exactly, up to 1,000), and Looked how many of them lie behind the
	// cursor, those that the webhook's filter does not want included.
	Total  int64 `json:"total"`
	Looked int64 `json:"looked"`
	// Delivered and Failed count events that the replay's attempts came to a
	// success or to a final failure with, retries included; they may grow after
	// the replay is done. Retrying ones have failed and wait for the next
	// attempt. After a crash, what was in flight may be counted twice.
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	Retrying  int64 `json:"retrying"`
	// Passed counts events that were not sent although the webhook wants them:
	// erased or removed ones, those of bulk jobs over the limit, and those
	// whose delivery was on its way anyway.
	Passed int64 `json:"passed"`

	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// FindReplays selects replays; zero members select all.
type FindReplays struct {
	WebhookIDs []string // Of one of these webhooks.
	States     []ReplayState
	Cursor
}

// ReplayProgress is what a settlement tells of a replay.
type ReplayProgress struct {
	ReplayID string
	// Cursor moves the replay forward; one that lies before the stored one, or
	// zero, moves nothing.
	Cursor Position
	// The counts are added to the stored ones, of finished replays too.
	Looked, Delivered, Failed, Retrying, Passed int64
	// State, when set, ends an unfinished replay: done or failed. A finished
	// one stays what it is.
	State  ReplayState
	Reason string
}
