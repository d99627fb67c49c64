package webhook

import (
	"fmt"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// prepare brings events into the form in which they are stored; every fault of
// every event is in the error.
func prepare(evs []alma.Event) ([]alma.Event, error) {
	var faults alma.Faults
	now := time.Now()
	list := make([]alma.Event, len(evs))
	for i := range evs {
		list[i] = evs[i]
		prefix := ""
		if len(evs) > 1 {
			prefix = fmt.Sprintf("[%d]", i)
		}
		var own alma.Faults
		alma.CheckReserved(&own, "event_type", list[i].Type)
		faults.Merge(prefix, own.Err())
		faults.Merge(prefix, list[i].Prepare(now))
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// formatNames lists the formats for a message.
func formatNames() string {
	var names []string
	for _, f := range wire.Formats() {
		names = append(names, string(f.Name()))
	}
	return strings.Join(names, ", ")
}
