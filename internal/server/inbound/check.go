package inbound

import (
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// check returns a refusal with every fault of events that were decoded, after
// those that the decoding found: one for each place, for what a later check
// says of a member that could not be read would only confuse.
func check(events []alma.Event, decoding error, array bool) error {
	var all alma.Faults
	all.Merge("", decoding)
	now := time.Now()
	for i := range events {
		e := events[i] // Append prepares the events themselves.
		prefix := ""
		if array {
			prefix = fmt.Sprintf("[%d]", i)
		}
		var own alma.Faults
		alma.CheckReserved(&own, "event_type", e.Type)
		all.Merge(prefix, own.Err())
		all.Merge(prefix, e.Prepare(now))
	}
	invalid, ok := all.Err().(*alma.ValidationError) //nolint:errorlint // Faults.Err returns nothing else.
	if !ok {
		return nil
	}
	var once alma.ValidationError
	known := map[string]bool{}
	for _, f := range invalid.Faults {
		if !known[f.Field] {
			once.Faults = append(once.Faults, f)
		}
		known[f.Field] = true
	}
	return malformed(&once)
}
