package memory_test

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

// Similar memories become one; the most confident text is kept.
func ExampleStore_Consolidate() {
	ctx := context.Background()
	store, done := open(ctx)
	defer done()
	if _, err := store.SaveBatch(ctx,
		alma.AntiPattern{ID: "m1", Agent: "qa", Pattern: "Fixed sleeps before a click", OccurrenceCount: 3},
		alma.AntiPattern{ID: "m2", Agent: "qa", Pattern: "fixed sleeps before a click", OccurrenceCount: 4},
		alma.AntiPattern{ID: "m3", Agent: "qa", Pattern: "tests that share data", OccurrenceCount: 1},
	); err != nil {
		fmt.Println(err)
		return
	}
	report, err := store.Consolidate(ctx, memory.Request{Agent: "qa"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range report.Groups {
		fmt.Println(g.MergedFrom, "into", g.MergedInto)
		fmt.Println(string(g.Result))
	}
	// Output:
	// CREATED m1
	// CREATED m2
	// CREATED m3
	// CONSOLIDATED m2
	// [m1] into m2
	// {"pattern":"fixed sleeps before a click","occurrence_count":7,"metadata":{"merged_from":["m1"],"merged_count":1}}
}
