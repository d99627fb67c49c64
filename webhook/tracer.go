package webhook

import (
	"context"

	"github.com/alma-events/alma"
)

// Tracer follows events on their way, for distributed tracing. Package tracing
// makes one of an OpenTelemetry provider. Its methods may be called
// concurrently, and hold up what they follow while they run.
type Tracer interface {
	// Append is called before events are committed. Those that have no Trace get
	// the one in which they happen, if any. end is called once, with what the
	// commit returned.
	Append(ctx context.Context, events []alma.Event) (end func(error))

	// Attempt is called before an attempt of a delivery some of whose events
	// belong to a trace. The attempt is made with the context that it returns,
	// and the listener is told the trace that it returns, none when that is
	// empty. end is called once, when the attempt has ended.
	Attempt(ctx context.Context, a *TracedAttempt) (_ context.Context, told alma.TraceParent, end func(TracedOutcome))
}

// TracedAttempt is an attempt that is about to be made. It holds nothing that
// must not be told.
type TracedAttempt struct {
	WebhookID  string
	DeliveryID string // Of the batch, where it is one.
	ReplayID   string // Empty when it is live.
	Number     int    // 1, 2, …
	Manual     bool   // A person asked for it, after the delivery had ended; no retry follows.
	Host       string // The listener's, without the port; empty for a durable subscription.
	Port       int
	// Events are those of the message that belong to a trace: one at least.
	Events []alma.EventTrace
}

// TracedOutcome is how an attempt ended.
type TracedOutcome struct {
	StatusCode int         // 0 when there was no answer.
	Reason     alma.Reason // Empty on success.
	Canceled   bool        // It was given up, and will be made anew.
	// Ended says that no further attempt follows: the delivery has succeeded, or
	// failed for good.
	Ended bool
}

// passOn is the tracer of those who trace nothing: what callers name reaches the
// listeners.
type passOn struct{}

func (passOn) Append(ctx context.Context, events []alma.Event) func(error) {
	if t := alma.TraceOf(ctx); t != "" {
		for i := range events {
			if events[i].Trace == "" {
				events[i].Trace = t
			}
		}
	}
	return noted
}

func noted(error) {}

func (passOn) Attempt(ctx context.Context, a *TracedAttempt) (context.Context, alma.TraceParent, func(TracedOutcome)) {
	t := a.Common()
	return alma.WithTrace(ctx, t), t, func(TracedOutcome) {}
}

// Common returns the trace of all the events; empty where they belong to
// several: a header names one.
func (a *TracedAttempt) Common() alma.TraceParent {
	t := a.Events[0].Trace
	for i := range a.Events {
		if a.Events[i].Trace != t {
			return ""
		}
	}
	return t
}
