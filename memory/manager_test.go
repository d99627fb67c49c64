package memory_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// TestBesideAManager: with a webhook manager on the same emitter and storage,
// whose tail reads the events of the memories from the log, each callback
// still runs once.
func TestBesideAManager(t *testing.T) {
	t.Parallel()
	db, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // Nothing is read afterwards.
	emitter := events.New(events.Config{})
	calls := make(chan string, 10)
	emitter.SubscribeAll(func(_ context.Context, ev *alma.Event) error {
		calls <- ev.MemoryID
		return nil
	})
	manager, err := webhook.New(webhook.Config{Storage: db, Emitter: emitter, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.SaveBatch(t.Context(), alma.Preference{ID: "m1", Preference: "a"}, alma.Preference{ID: "m2", Preference: "b"}); err != nil {
		t.Fatal(err)
	}
	// What another node appends comes from the tail, after all that is before it.
	other := alma.Event{ID: "other", Type: alma.Created, MemoryID: "other node", Timestamp: time.Now().UTC(), Data: raw(`{}`)}
	if _, err := db.Append(t.Context(), []alma.Event{other}); err != nil {
		t.Fatal(err)
	}
	got := []string{<-calls, <-calls, <-calls}
	if diff := cmp.Diff([]string{"m1", "m2", "other node"}, got); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
	if err := manager.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if n := len(calls); n != 0 {
		t.Errorf("%d callbacks more", n)
	}
}
