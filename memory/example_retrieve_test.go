package memory_test

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

// What an agent knows about something, best first.
func ExampleStore_Retrieve() {
	ctx := context.Background()
	store, done := open(ctx)
	defer done()
	if _, err := store.SaveBatch(ctx,
		alma.Heuristic{ID: "m1", Agent: "qa", Strategy: "validate the form field by field", Confidence: 0.9},
		alma.AntiPattern{ID: "m2", Agent: "qa", Pattern: "fixed sleeps before clicking"},
	); err != nil {
		fmt.Println(err)
		return
	}
	found, err := store.Retrieve(ctx, memory.Query{Text: "How do I validate a form?", Agent: "qa", Limit: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range found.Memories {
		h, err := alma.DecodeMemory[alma.Heuristic](m.Memory)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s (%.2f): %s\n", m.ID, m.Score, h.Strategy)
	}
	// Output:
	// CREATED m1
	// CREATED m2
	// ACCESSED
	// m1 (0.98): validate the form field by field
}
