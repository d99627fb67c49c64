package flow

import (
	"time"

	"github.com/alma-events/alma"
)

// Record is one outcome and what it changes in the store. Members that are nil
// or empty change nothing.
type Record struct {
	Owner      Owner // May be nil.
	Attempt    *alma.SettledAttempt
	Exception  *alma.Exception
	Resolved   *alma.DeliveryKey
	Lane       *alma.LaneUpdate
	Suppressed *alma.Suppression
	Disabled   *alma.Disabling
	Replay     *alma.ReplayProgress
	// Latency is how long it took from the append of an event to its delivery by
	// a live first attempt; 0 where that does not apply.
	Latency time.Duration
	// Urgent says that the owner can do little before this record is durable.
	Urgent bool
	// Tag is for the owner's own use.
	Tag any
}

// Owner is told when records of its own have become durable.
type Owner interface {
	Settled(records []Record)
}
