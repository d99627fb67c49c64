package main

import (
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/memory"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `SQLite
  CREATED anti_pattern m1 {"pattern":"fixed sleeps before a click","occurrence_count":0}
  UPDATED anti_pattern m1 {"old":{"pattern":"fixed sleeps before a click","occurrence_count":0},"new":{"pattern":"fixed sleeps before a click","occurrence_count":2}}
a store of another make
  CREATED preference m2 {"preference":"short answers"}
  UPDATED preference m2 {"old":{"preference":"short answers"},"new":{"preference":"short answers","confidence":0.9}}
  DELETED preference m2 {}
one function
  ORDER_SAVED order order-17 {"total":12}
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}

// TestShelf: what is retrieved from a store of another make is ranked too, and
// stays within project and agent.
func TestShelf(t *testing.T) {
	t.Parallel()
	emitter := almatest.NewEmitter(t)
	store, err := memory.EventAware(newShelf(), memory.Config{Emitter: emitter})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.SaveBatch(t.Context(),
		alma.Heuristic{ID: "m1", Agent: "qa", Strategy: "validate forms field by field"},
		alma.Heuristic{ID: "m2", Agent: "qa", Strategy: "retry once"},
		alma.Heuristic{ID: "m3", Agent: "other", Strategy: "validate forms"},
	)
	if err != nil {
		t.Fatal(err)
	}
	capture := almatest.NewCapture(t, emitter, alma.Accessed)
	found, err := store.Retrieve(t.Context(), memory.Query{Text: "validate forms", Agent: "qa"})
	if err != nil || len(found.Memories) != 1 || found.Memories[0].ID != "m1" {
		t.Errorf("found %+v, %v; want m1 alone", found.Memories, err)
	}
	if n := len(capture.Events()); n != 1 {
		t.Errorf("%d ACCESSED events; want 1", n)
	}
}
