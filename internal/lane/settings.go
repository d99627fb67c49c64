package lane

import (
	"time"

	"github.com/alma-events/alma/internal/flow"
)

// Settings are a webhook's settings as its lane needs them, defaults filled in.
type Settings struct {
	WebhookID string
	// Match reports whether the webhook wants an event; asked when the lane
	// reads the log for itself.
	Match func(*flow.Entry) bool
	// Delay returns the wait after the attempt of a number has failed, and
	// false when no further attempt follows.
	Delay        func(attempt int) (time.Duration, bool)
	Window       int // Most concurrent requests.
	BatchSize    int // Over 1: deliver arrays.
	BatchDelay   time.Duration
	Rate         float64 // Requests per second; 0 for no limit.
	Ordered      bool
	MaxAge       time.Duration // 0 for no limit.
	BulkLimit    int64         // 0 for no limit.
	DisableAfter time.Duration // 0 for never.
	Notify       bool          // People are to be told of failed deliveries.
	// Target is what Deliver needs to know: the lane only carries it.
	Target any
}

// window returns the largest number of concurrent requests.
func (s *Settings) window() int {
	if s.Ordered {
		return 1
	}
	return max(1, s.Window)
}

func (s *Settings) batches() bool { return s.BatchSize > 1 }
