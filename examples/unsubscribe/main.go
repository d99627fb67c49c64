// Command unsubscribe shows how a subscription ends: by its id, from outside
// and from within the callback.
//
// It answers "Unsubscribing" of the guide.
//
//	go run ./examples/unsubscribe
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	emitter := events.New(events.Config{})

	// Subscribe returns the subscription's id.
	id := emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Fprintln(out, "handler:", ev.MemoryID)
		return nil
	})

	// A callback may end its own subscription: this one runs once.
	var once events.ID
	once = emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Fprintln(out, "only the first:", ev.MemoryID)
		emitter.Unsubscribe(once)
		return nil
	})

	for _, memoryID := range []string{"first", "second"} {
		if err := emitter.Emit(ctx, &alma.Event{Type: alma.Created, MemoryID: memoryID}); err != nil {
			return err
		}
	}

	// Unsubscribe reports whether there was such a subscription.
	fmt.Fprintln(out, "ended:", emitter.Unsubscribe(id))
	fmt.Fprintln(out, "ended again:", emitter.Unsubscribe(id))
	return emitter.Emit(ctx, &alma.Event{Type: alma.Created, MemoryID: "third"}) // Nobody is called.
}
