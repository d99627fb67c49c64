// Command basiccallback shows a callback that runs when a memory is created.
//
// It answers "Basic Usage" and "Event Object" of the guide: the emitter that
// the whole program shares, a subscription to one event type, and what an
// event holds.
//
//	go run ./examples/basiccallback
package main

import (
	"context"
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
	// The emitter that everything in this program uses unless told otherwise.
	emitter := events.Default()

	id := emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Fprintln(out, "Memory created:", ev.MemoryID)
		fmt.Fprintln(out, "Agent:", ev.Agent)
		fmt.Fprintln(out, "Type:", ev.MemoryType)
		return describe(out, ev)
	})
	defer emitter.Unsubscribe(id)

	db, err := sqlite.OpenMemory(ctx) // sqlite.Open keeps a file.
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := memory.New(memory.Config{Storage: db})
	if err != nil {
		return err
	}

	// The memory and its event are committed together; then the callback runs,
	// before Save returns.
	_, err = store.Save(ctx, alma.Heuristic{
		ID:         "550e8400-e29b-41d4-a716-446655440000", // One is made when it is left out.
		Agent:      "qa_tester",
		ProjectID:  "my-project",
		Strategy:   "Use incremental validation for large forms",
		Confidence: 0.85,
	})
	return err
}

// describe prints the rest of what an event holds. The event is shared by all
// callbacks: read it, do not change it.
func describe(out io.Writer, ev *alma.Event) error {
	fmt.Fprintln(out, "Project:", ev.ProjectID)
	fmt.Fprintln(out, "Data:", string(ev.Data))

	// The data is JSON, and the memory's kind says what is in it.
	h, err := alma.DecodeMemory[alma.Heuristic](alma.Memory{ID: ev.MemoryID, Type: ev.MemoryType, Data: ev.Data})
	if err != nil {
		return err // It is logged and counted; nobody else notices.
	}
	fmt.Fprintf(out, "Strategy: %s (%.0f %%)\n", h.Strategy, 100*h.Confidence)
	return nil
}
