package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a store and all that it announces.
type harness struct {
	*memory.Store
	emitter *events.Emitter
	called  []alma.Event                    // By callbacks.
	logged  func(t *testing.T) []alma.Event // In the log.
}

// onEach runs a test over the fake driver, SQLite, and a third-party backend.
func onEach(t *testing.T, test func(t *testing.T, h *harness)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		test(t, onFake(t, newFakeStorage()))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, onSQLite(t, memory.Config{}))
	})
	t.Run("backend", func(t *testing.T) {
		t.Parallel()
		log := &fakeLog{}
		h := newHarness(t, memory.Config{Log: log}, func(cfg memory.Config) (*memory.Store, error) {
			return memory.EventAware(newFakeBackend(), cfg)
		})
		h.logged = func(*testing.T) []alma.Event { return log.events }
		test(t, h)
	})
}

func onFake(t *testing.T, storage *fakeStorage) *harness {
	t.Helper()
	h := newHarness(t, memory.Config{Storage: storage}, memory.New)
	h.logged = func(*testing.T) []alma.Event { return storage.events }
	return h
}

func onSQLite(t *testing.T, cfg memory.Config) *harness {
	t.Helper()
	db, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg.Storage = db
	h := newHarness(t, cfg, memory.New)
	h.logged = func(t *testing.T) []alma.Event {
		t.Helper()
		page, err := db.Read(t.Context(), alma.Position{}, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		return page.Events
	}
	return h
}

func newHarness(t *testing.T, cfg memory.Config, build func(memory.Config) (*memory.Store, error)) *harness {
	t.Helper()
	h := &harness{emitter: events.New(events.Config{})}
	h.emitter.SubscribeAll(func(_ context.Context, ev *alma.Event) error {
		h.called = append(h.called, *ev)
		return nil
	})
	cfg.Emitter = h.emitter
	cfg.Logger = slog.New(slog.DiscardHandler)
	store, err := build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.Store = store
	return h
}

// announced returns the events since the last call, after checking that log
// and callbacks agree.
func (h *harness) announced(t *testing.T, since *int) []alma.Event {
	t.Helper()
	list := h.logged(t)
	if n := len(h.called); n != len(list) {
		t.Fatalf("%d events in the log, %d called back", len(list), n)
	}
	for i := range list {
		if list[i].ID != h.called[i].ID {
			t.Errorf("event %d is %s in the log and %s in the callback", i, list[i].ID, h.called[i].ID)
		}
	}
	fresh := slices.Clone(list[*since:])
	*since = len(list)
	return fresh
}

func (h *harness) save(t *testing.T, typed alma.Typed) memory.Saved {
	t.Helper()
	saved, err := h.Save(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// summary is what most tests want to know of an event.
type summary struct {
	Type       alma.EventType
	MemoryID   string
	MemoryType alma.MemoryType
	Agent      string
	ProjectID  string
	Data       string
}

func summaries(list []alma.Event) []summary {
	out := make([]summary, len(list))
	for i, ev := range list {
		out[i] = summary{ev.Type, ev.MemoryID, ev.MemoryType, ev.Agent, ev.ProjectID, string(ev.Data)}
	}
	return out
}

func wantEvents(t *testing.T, got []alma.Event, want ...summary) {
	t.Helper()
	if want == nil {
		want = []summary{}
	}
	if diff := cmp.Diff(want, summaries(got)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func wantFaults(t *testing.T, err error, fields ...string) {
	t.Helper()
	var got []string
	var invalid *alma.ValidationError
	switch {
	case errors.As(err, &invalid):
		for _, f := range invalid.Faults {
			got = append(got, f.Field)
		}
	case err != nil:
		t.Fatalf("got %v, want a validation error", err)
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want an error that is %q", err, want)
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }
