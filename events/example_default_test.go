package events_test

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// A test begins with a fresh default emitter.
func ExampleReset() {
	events.Reset()
	var received []*alma.Event
	events.Default().Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		received = append(received, ev)
		return nil
	})

	_ = events.Default().Emit(context.Background(), created("m1")) // The code under test.

	fmt.Println(len(received))
	// Output: 1
}
