package alma

import "time"

// FailedQuery selects failed deliveries to be counted; zero members select all.
// Since is inclusive, Until exclusive; both mean the time of the event's append.
type FailedQuery struct {
	WebhookIDs []string
	ProjectID  string // Of the event.
	Reason     Reason
	Since      time.Time
	Until      time.Time
	// Most is how many failed deliveries of one webhook are looked at, the newest
	// ones of that time. Defaults to [FailedCounted], and to a tenth of that with a
	// project or a time, because the event of each has to be looked at then.
	Most int
	Cursor
}

// FailedCounted is how many failed deliveries of one webhook are counted one by
// one: more would keep a person waiting, and tell little else.
const FailedCounted = 100_000

// Counted returns how many failed deliveries of a webhook are looked at.
func (q *FailedQuery) Counted() int {
	switch {
	case q.Most > 0:
		return q.Most
	case q.ProjectID != "" || !q.Since.IsZero() || !q.Until.IsZero():
		return FailedCounted / 10
	}
	return FailedCounted
}

// FailedGroup is what failed at one webhook for one reason.
type FailedGroup struct {
	WebhookID string
	Reason    Reason // That of the last attempt; of a batch for each of its members.
	Count     int64
	// AtLeast says that the webhook has more failed deliveries than are looked at
	// (FailedQuery.Most): Count is how many of the newest belong to the group, and
	// there may be more, older than Oldest.
	AtLeast bool
	// Oldest and Newest are when the first and the last of their events were
	// appended.
	Oldest time.Time
	Newest time.Time
	// Example is the newest delivery of the group, without its attempts.
	Example Delivery
}
