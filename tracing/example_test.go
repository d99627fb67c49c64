package tracing_test

import (
	"context"
	"fmt"
	"log"

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
		log.Fatal(err)
	}
	defer store.Close()
	manager, err := webhook.New(webhook.Config{
		Storage: store,
		Emitter: events.New(events.Config{}),
		Tracer:  tracing.New(provider),
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx, span := provider.Tracer("shop").Start(ctx, "pay an order")
	if _, err := manager.Append(ctx, alma.Event{Type: "ORDER_PAID", MemoryID: "order-1"}); err != nil {
		log.Fatal(err)
	}
	span.End()

	recorded := exporter.GetSpans()
	for _, s := range recorded {
		fmt.Println(s.Name, s.SpanContext.TraceID() == span.SpanContext().TraceID())
	}
	page, err := store.FindEvents(ctx, alma.EventQuery{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("stored with the event:", page.Items[0].Trace.SpanID() == recorded[0].SpanContext.SpanID().String())
	// Output:
	// append true
	// pay an order true
	// stored with the event: true
}
