// Command embedded is a program with the whole of Alma inside: a store that
// lasts, a durable subscription, people who are told of failures, traces and
// figures.
//
//	go run ./examples/embedded
//	ALMA_DB=postgres://alma:secret@localhost/alma go run ./examples/embedded
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/postgres"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/tracing"
	"github.com/alma-events/alma/webhook"
)

func main() {
	if err := run(context.Background(), os.Stdout, cmp.Or(os.Getenv("ALMA_DB"), "embedded.db")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, db string) error {
	store, err := open(ctx, db)
	if err != nil {
		return err
	}
	defer store.Close()
	manager, err := newManager(store, out)
	if err != nil {
		return err
	}
	if err := manager.Start(ctx); err != nil { // Does not block.
		return err
	}
	defer manager.Shutdown(context.WithoutCancel(ctx)) // Lets requests in flight finish.

	invoiced := make(chan string)
	if err := subscribe(ctx, manager, invoiced); err != nil {
		return err
	}
	if _, err := manager.Append(ctx, alma.Event{Type: "ORDER_PAID", MemoryID: "order-17", ProjectID: "shop"}); err != nil {
		return err // Nothing was stored; or nobody knows: append again with the same ID.
	}
	// It is stored, and will reach everybody who wants it.
	select {
	case id := <-invoiced:
		fmt.Fprintln(out, "an invoice for", id)
	case <-ctx.Done():
		return ctx.Err()
	}
	report(out, manager)
	return nil
}

// open chooses the store: one file while one process is enough, a PostgreSQL
// database where many share the webhooks.
func open(ctx context.Context, db string) (alma.Storage, error) {
	if strings.HasPrefix(db, "postgres://") {
		return postgres.Open(ctx, db, postgres.Options{})
	}
	return sqlite.Open(ctx, db, sqlite.Options{})
}

// newManager has all the parts that a program usually gives one.
func newManager(store alma.Storage, out io.Writer) (*webhook.Manager, error) {
	// Yours has an exporter. The generator lets an event keep one span over
	// retries and restarts.
	provider := sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(tracing.IDGenerator{}))
	return webhook.New(webhook.Config{
		Storage:   store,
		Emitter:   events.New(events.Config{}), // Or leave it out, for events.Default().
		Tracer:    tracing.New(provider),
		Retention: webhook.Retention{Events: 90 * 24 * time.Hour},
		Notify:    notify(out),
	})
}

// notify tells people of deliveries that have failed for good. It is called until
// it returns nil, over restarts too.
func notify(out io.Writer) func(context.Context, webhook.Failures) error {
	return func(_ context.Context, f webhook.Failures) error {
		_, err := fmt.Fprintf(out, "%s: %d deliveries have failed\n", f.Webhook.Config.Contacts, f.Total)
		return err
	}
}

// subscribe goes on where the subscription of that name was, also when the
// process had died: at least once for each event.
func subscribe(ctx context.Context, manager *webhook.Manager, invoiced chan<- string) error {
	_, err := manager.Subscribe(ctx, webhook.Subscription{
		Name:   "invoices",
		Events: []alma.EventType{"ORDER_PAID"},
		Handle: func(ctx context.Context, ev *alma.Event) error {
			select {
			case invoiced <- ev.MemoryID:
				return nil
			case <-ctx.Done():
				return ctx.Err() // An error makes it be called again.
			}
		},
	})
	return err
}

// report reads the figures since the start, for whatever metrics library the
// program has.
func report(out io.Writer, manager *webhook.Manager) {
	totals := manager.Totals()
	fmt.Fprintf(out, "events: %d, retries: %d\n", totals.Events, totals.Retries)
}
