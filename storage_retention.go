package alma

import (
	"context"
	"time"
)

// RetentionStore removes what is no longer kept: by age, and because somebody
// asks for it.
//
// Removing by age is bounded by who still needs what. An event is needed
//   - by every webhook that has not come past it: its own cursor, or the
//     watermark that it shares, lies before it, whatever its state;
//   - by a pending exception of it;
//   - by an unfinished replay between its Cursor and Last.
//
// An attempt is needed by a webhook that has not come past its event. A finished
// delivery is needed by an unfinished replay of its webhook, like its event.
// What is needed is never removed. A driver may keep more than it has to, such
// as a whole partition for the sake of one event.
type RetentionStore interface {
	// Prune removes some of what is older than r says and is not needed, and
	// reports what; More says that another call will find more. One call takes
	// a bounded time (at most about 1,000 rows, or a partition), so that appends
	// and settles come between. It may be called concurrently, and from many
	// nodes: one of them works, the others return at once with nothing.
	//
	// Positions never restart, not even in a log that was emptied. The id of a
	// removed event is forgotten with it. No reader gets removed events any
	// more.
	Prune(ctx context.Context, r Retention) (Pruned, error)

	// Purge erases what q selects, a bounded part in each call: it begins with
	// an empty place and goes on at Purged.Next until that is empty. It may be
	// repeated from the start at any time, after a crash too: what is erased
	// already is not counted again. Concurrent calls do no harm.
	//
	// Of an event the data, envelope, agent and trace go (data is {}), and Erased is
	// set; ids, types, job, project and times stay. Of its deliveries the stored
	// messages (for a batch: of the whole batch), what attempts exchanged, and
	// the texts of errors go; statuses, reasons and counts stay. A pending
	// exception becomes FAILED with [ReasonErased]; an erased member leaves its
	// batch, and the others wait on, without a stored message. Memories are
	// removed with the words by which they are found. What was answered to calls
	// that may be repeated ([CallStore]) may hold any of it and is forgotten,
	// of all calls: a repeat is refused from then on. When Next is empty, what
	// the driver can do against remains in its files is done.
	//
	// From then on no reader gets the erased data. What a settlement brings
	// later about an erased event is stored without message, exchange and error
	// text, and an exception that would be pending as FAILED.
	Purge(ctx context.Context, q PurgeQuery, place string) (Purged, error)
}

// Retention says what is old. Zero times keep all.
type Retention struct {
	// Events appended before it go, with everything about their deliveries.
	Events time.Time
	// Attempts that began before it go.
	Attempts time.Time
	// Deliveries that are finished (FAILED, SUPPRESSED) go with their messages
	// and attempts when their event was appended before it; finished replays
	// when they were finished before it.
	Deliveries time.Time
	// Audit entries that are older go.
	Audit time.Time
}

// Pruned counts what one call removed.
type Pruned struct {
	Events     int64
	Attempts   int64 // Not counting those that went with their event or delivery.
	Deliveries int64 // Likewise.
	Replays    int64
	Audit      int64 // Entries of the audit log.
	More       bool
}

// PurgeQuery selects what is erased: what is set adds up, and at least one
// member must be. It selects events by memory id, agent, project and the time
// of their append, and memories by id, agent, project, and the times when they
// were made and changed last: one of them must lie in the range.
type PurgeQuery struct {
	MemoryID  string    `json:"memory_id,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	ProjectID string    `json:"project_id,omitempty"`
	Since     time.Time `json:"since,omitzero"` // Included.
	Until     time.Time `json:"until,omitzero"` // Excluded.
	// DryRun counts and erases nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Purged is what one call of Purge erased, or would.
type Purged struct {
	Events   int64 `json:"events"`
	Memories int64 `json:"memories"`
	// Attempts counts those of which something was erased, Deliveries those
	// that were pending and have failed now.
	Attempts   int64 `json:"attempts"`
	Deliveries int64 `json:"deliveries"`
	// Erased are the places of the events of this call.
	Erased []Position `json:"-"`
	// Ended are the deliveries that were pending.
	Ended []DeliveryKey `json:"-"`
	// Remains says, with the last call, what may be left of the erased data in
	// the driver's files, and until when. Empty when nothing is.
	Remains string `json:"remains,omitempty"`
	// Next is the place to go on at; empty at the end.
	Next string `json:"-"`
}
