package alma

import (
	"context"
	"time"
)

// Notice says that a delivery has failed for good and that the webhook's
// contacts are to be told.
type Notice struct {
	ID        int64 // Grows with each notice.
	WebhookID string
	Position  Position // Of the event; of the first member for a batch.
	At        time.Time
}

// Notices are those of one webhook that are to be told together.
type Notices struct {
	WebhookID string
	Notices   []Notice // Oldest first; at most as many as were asked for.
	More      int      // How many there are beyond them,
	Last      int64    // up to and with this one.
}

// NoticeStore keeps what people are to be told, until they have been.
//
// A notice is stored with the outcome that it is about: see [Exception].Notify.
// A webhook is quiet from the moment that its notices were told until the end
// of the time that was given then.
type NoticeStore interface {
	// ClaimNotices returns the oldest notices of one webhook that is not quiet,
	// at most limit of them, and keeps them from other callers for a time; nil
	// when nothing is to be told now. What is not reported as told by then is
	// returned again.
	ClaimNotices(ctx context.Context, limit int, hold time.Duration) (*Notices, error)
	// NoticesTold removes the notices of a webhook that were claimed, up to an
	// id, and makes it quiet for a time.
	NoticesTold(ctx context.Context, webhookID string, upTo int64, quiet time.Duration) error
	// NoticesQueued counts the notices that wait.
	NoticesQueued(ctx context.Context) (int64, error)
}
