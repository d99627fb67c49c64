// Command eventawarestore shows three ways to a store whose changes are
// events: Alma's own over SQLite, any other store made event-aware, and one
// function that emits after it succeeded.
//
// It answers "Event-Aware Storage" and "Using the Decorator" of the guide:
// memory.New and memory.EventAware are what EventAwareStorageMixin is there,
// and an embedded struct with one method of its own is Go's emit_on_save.
//
//	go run ./examples/eventawarestore
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	emitter := events.New(events.Config{})
	emitter.SubscribeAll(func(_ context.Context, ev *alma.Event) error {
		fmt.Fprintf(out, "  %s %s %s %s\n", ev.Type, ev.MemoryType, ev.MemoryID, ev.Data)
		return nil
	})
	for _, way := range []struct {
		title string
		run   func(context.Context, *events.Emitter) error
	}{
		{"SQLite", overSQLite},
		{"a store of another make", overAnotherStore},
		{"one function", oneFunction},
	} {
		fmt.Fprintln(out, way.title)
		if err := way.run(ctx, emitter); err != nil {
			return err
		}
	}
	return nil
}

// overSQLite commits each change together with its event.
func overSQLite(ctx context.Context, emitter *events.Emitter) error {
	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		return err
	}
	if _, err := store.Save(ctx, alma.AntiPattern{ID: "m1", Pattern: "fixed sleeps before a click"}); err != nil {
		return err
	}
	// Saving an id again is an update, and says so.
	_, err = store.Save(ctx, alma.AntiPattern{ID: "m1", Pattern: "fixed sleeps before a click", OccurrenceCount: 2})
	return err
}

// overAnotherStore makes shelf, which knows nothing of events, event-aware.
func overAnotherStore(ctx context.Context, emitter *events.Emitter) error {
	store, err := memory.EventAware(newShelf(), memory.Config{Emitter: emitter})
	if err != nil {
		return err
	}
	if _, err := store.Save(ctx, alma.Preference{ID: "m2", Preference: "short answers"}); err != nil {
		return err
	}
	if _, err := store.Update(ctx, "m2", 0, json.RawMessage(`{"confidence":0.9}`)); err != nil {
		return err
	}
	return store.Delete(ctx, "m2")
}

// oneFunction is for code that does not save memories, or not by the five
// kinds: its own method stands before the one that it embeds, and emits.
func oneFunction(ctx context.Context, emitter *events.Emitter) error {
	orders := eventAwareOrders{orders: &orders{}, emitter: emitter}
	return orders.Save(ctx, "order-17", 12)
}

// orders is code that was there before.
type orders struct{ totals map[string]int }

// Save keeps an order.
func (o *orders) Save(_ context.Context, id string, total int) error {
	if o.totals == nil {
		o.totals = map[string]int{}
	}
	o.totals[id] = total
	return nil
}

// eventAwareOrders is orders, with an event after each that was saved.
type eventAwareOrders struct {
	*orders
	emitter *events.Emitter
}

// Save keeps an order and emits ORDER_SAVED.
func (o eventAwareOrders) Save(ctx context.Context, id string, total int) error {
	if err := o.orders.Save(ctx, id, total); err != nil {
		return err
	}
	return o.emitter.Emit(ctx, &alma.Event{
		Type: "ORDER_SAVED", MemoryID: id, MemoryType: "order", Data: fmt.Appendf(nil, `{"total":%d}`, total),
	})
}
