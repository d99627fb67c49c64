package tracing_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/tracing"
	"github.com/alma-events/alma/webhook"
)

// A program with a provider of its own hands it to the manager. What happens
// within a span of the program's is in its trace.
func Example() {
	ctx := context.Background()
	exporter := tracetest.NewInMemoryExporter() // Yours sends them to a collector.
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSyncer(exporter),
		sdktrace.WithIDGenerator(tracing.IDGenerator{}),
	)
	store, err := sqlite.OpenMemory(ctx)
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	manager, err := webhook.New(webhook.Config{
		Storage: store,
		Emitter: events.New(events.Config{}),
		Tracer:  tracing.New(provider),
	})
	if err != nil {
		panic(err)
	}

	ctx, span := provider.Tracer("shop").Start(ctx, "pay an order")
	if _, err := manager.Append(ctx, alma.Event{Type: "ORDER_PAID", MemoryID: "order-1"}); err != nil {
		panic(err)
	}
	span.End()

	recorded := exporter.GetSpans()
	for _, s := range recorded {
		fmt.Println(s.Name, s.SpanContext.TraceID() == span.SpanContext().TraceID())
	}
	page, err := store.FindEvents(ctx, alma.EventQuery{})
	if err != nil {
		panic(err)
	}
	fmt.Println("stored with the event:", page.Items[0].Trace.SpanID() == recorded[0].SpanContext.SpanID().String())
	// Output:
	// append true
	// pay an order true
	// stored with the event: true
}

// An event of a transaction of the program's own is told its trace by hand.
func ExampleOf() {
	ctx := alma.WithTrace(context.Background(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	event := alma.Event{Type: "ORDER_PAID", MemoryID: "order-1", Trace: tracing.Of(ctx)}
	fmt.Println(event.Trace.TraceID()) // … store.AppendTx(ctx, tx, event) …
	// Output: 4bf92f3577b34da6a3ce929d0e0e4736
}
