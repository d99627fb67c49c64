package memory_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

// open returns a store whose events are printed.
func open(ctx context.Context) (*memory.Store, func()) {
	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		panic(err)
	}
	emitter := events.New(events.Config{})
	emitter.SubscribeAll(func(_ context.Context, ev *alma.Event) error {
		if ev.Type == alma.Accessed { // The id is one of the retrieval, and random.
			fmt.Println(ev.Type)
			return nil
		}
		fmt.Println(ev.Type, ev.MemoryID)
		return nil
	})
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		panic(err)
	}
	return store, func() { _ = db.Close() } //nolint:contextcheck // Close takes none.
}

// Saving, changing and deleting a memory, and the events of it.
func ExampleStore_Save() {
	ctx := context.Background()
	store, done := open(ctx)
	defer done()

	saved, err := store.Save(ctx, alma.Heuristic{
		ID: "m1", Agent: "qa_tester", ProjectID: "my-project",
		Condition: "form with many required fields", Strategy: "Use incremental validation", Confidence: 0.85,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("created:", saved.Created)

	m, err := store.Update(ctx, "m1", saved.Memory.Version, json.RawMessage(`{"confidence": 0.9}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("version:", m.Version)

	if err := store.Delete(ctx, "m1"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// CREATED m1
	// created: true
	// UPDATED m1
	// version: 2
	// DELETED m1
}
