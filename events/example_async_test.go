package events_test

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// An asynchronous callback has a goroutine of its own: the emitter does not
// wait for it. Close works off what is queued.
func ExampleEmitter_SubscribeAsync() {
	emitter := events.New(events.Config{})
	emitter.SubscribeAsync(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Println("told the other service about", ev.MemoryID)
		return nil
	}, events.AsyncOptions{Queue: 100, WhenFull: events.Drop})

	_ = emitter.Emit(context.Background(), created("m1"))
	_ = emitter.Emit(context.Background(), created("m2"))
	if err := emitter.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// told the other service about m1
	// told the other service about m2
}
