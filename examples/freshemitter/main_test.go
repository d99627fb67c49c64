package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

// TestFailures has an emitter of its own, so it can run beside other tests.
func TestFailures(t *testing.T) {
	t.Parallel()
	emitter := almatest.NewEmitter(t) // Closed at the end of the test.
	var f failures
	f.watch(emitter)

	// Trigger your code: here a memory store over a database in memory.
	db, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.SaveBatch(t.Context(),
		alma.Outcome{TaskDescription: "checkout", Success: false},
		alma.Outcome{TaskDescription: "login", Success: true},
		alma.Preference{Preference: "short answers"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.list(), []string{"checkout"}; !slices.Equal(got, want) {
		t.Errorf("noted %v; want %v", got, want)
	}
}

// TestEmits is for code that emits: a capture keeps what it was called with.
func TestEmits(t *testing.T) {
	t.Parallel()
	emitter := almatest.NewEmitter(t)
	capture := almatest.NewCapture(t, emitter, alma.Created)

	if err := emitter.Emit(t.Context(), &alma.Event{Type: alma.Created, MemoryID: "m1"}); err != nil {
		t.Fatal(err)
	}
	received := capture.Wait(t.Context(), 1) // Asynchronous code may take a moment.
	if len(received) != 1 || received[0].MemoryID != "m1" {
		t.Errorf("received %v; want one event of m1", received)
	}
}

// TestFailed is for code that uses the shared emitter: Reset puts a fresh one
// in its place. Such tests must not run in parallel with one another.
func TestFailed(t *testing.T) {
	emitter := events.Reset()
	capture := almatest.NewCapture(t, emitter)

	if err := failed(t.Context(), "m1", "checkout"); err != nil {
		t.Fatal(err)
	}
	if received := capture.Events(); len(received) != 1 {
		t.Errorf("received %v; want one event", received)
	}
}

func TestRun(t *testing.T) {
	events.Reset()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if want := "failed: [checkout]\n"; out.String() != want {
		t.Errorf("printed %q; want %q", out.String(), want)
	}
}
