// Package tracing shows the way of events to OpenTelemetry: from the append to
// the delivery to each attempt, over retries, restarts and nodes.
//
//	provider := sdktrace.NewTracerProvider(
//		sdktrace.WithBatcher(exporter),
//		sdktrace.WithIDGenerator(tracing.IDGenerator{}),
//	)
//	manager, err := webhook.New(webhook.Config{
//		Storage: store,
//		Tracer:  tracing.New(provider),
//	})
//
// # Spans
//
//   - append (producer), around the commit, in the trace of the context that
//     events are appended with. Events that name no trace of their own get this
//     one, and it is stored with them.
//   - deliver (consumer), one for each webhook and event, below append: from the
//     append to the end, which is success or the last attempt. It is made when it
//     ends, for a retry may come hours later, on another node.
//   - attempt (client), below deliver, around one exchange with the listener, who
//     gets its ids in the header traceparent.
//
// An attempt that carries several events that belong to traces is a trace of its
// own, with links to theirs; the deliver spans have links to it. A replay, and a
// retry by hand after a delivery has ended, get a deliver span of their own, in
// the trace of the event.
//
// Attributes never hold a path, a query, a header or a body.
//
// # What is needed of a provider
//
// Attempts made before and after a restart share a parent that is exported last.
// Its span id is therefore derived from trace and delivery, and a provider takes
// it only with an [IDGenerator]. Without one attempts stand right below append,
// and there is no deliver.
//
// Events are appended in transactions of the program's own
// (sqlite.Store.AppendTx) without this package: set [alma.Event].Trace to what
// [Of] returns.
//
// Where a trace is not sampled, nothing is recorded; listeners are then told what
// the caller named, if that was by [alma.WithTrace], and nothing otherwise.
package tracing
