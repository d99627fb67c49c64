package memory_test

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
)

// Any store with four methods becomes event-aware.
func ExampleEventAware() {
	emitter := events.New(events.Config{})
	emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Println("created:", ev.MemoryID)
		return nil
	})
	store, err := memory.EventAware(newFakeBackend(), memory.Config{Emitter: emitter})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.Save(context.Background(), alma.Preference{ID: "m1", Preference: "no emojis"}); err != nil {
		fmt.Println(err)
	}
	// Output: created: m1
}
