package wire

import (
	"time"

	"github.com/alma-events/alma"
)

// standardDefaults are those of the formats standard and cloudevents: the
// retries that Standard Webhooks 1.0.0 proposes, three days in all. Who sets
// one of the single retry settings gets the others of the format alma.
func standardDefaults() alma.FormatDefaults {
	return alma.FormatDefaults{
		RetryCount:   9,
		RetryDelay:   5 * time.Second,
		RetryBackoff: 2,
		RetrySchedule: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		},
		Timeout:      20 * time.Second,
		DisableAfter: 5 * 24 * time.Hour,
	}
}
