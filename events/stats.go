package events

import "github.com/alma-events/alma"

// Stats counts what an emitter did since it was made.
type Stats struct {
	// Emitted is the number of events that went to callbacks, by Emit or Dispatch.
	Emitted uint64
	// Subscriptions are those of now, in the order of subscription.
	Subscriptions []SubscriptionStats
}

// SubscriptionStats counts what happened to one subscription.
type SubscriptionStats struct {
	ID    ID
	Name  string
	Type  alma.EventType // Empty for all types.
	Async bool

	Delivered uint64 // Calls that returned nil.
	Errors    uint64 // Calls that returned an error.
	Panics    uint64 // Calls that panicked.
	Dropped   uint64 // Events that an asynchronous queue did not take, or gave up.
	Queued    int    // Events that wait in the queue now.
}

// Stats returns the counts. Those of a moment when events are being emitted
// need not fit each other exactly.
func (e *Emitter) Stats() Stats {
	stats := Stats{Emitted: e.emitted.Load()}
	for _, s := range e.state.Load().subs {
		stats.Subscriptions = append(stats.Subscriptions, s.stats())
	}
	return stats
}

func (s *subscription) stats() SubscriptionStats {
	out := SubscriptionStats{
		ID: s.id, Name: s.name, Type: s.eventType, Async: s.queue != nil,
		Delivered: s.delivered.Load(), Errors: s.errors.Load(), Panics: s.panics.Load(), Dropped: s.dropped.Load(),
	}
	if s.queue != nil {
		out.Queued = len(s.queue.events)
	}
	return out
}
