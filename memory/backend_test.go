package memory_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
)

func eventAware(t *testing.T, backend memory.Backend, cfg memory.Config) *memory.Store {
	t.Helper()
	if cfg.Emitter == nil {
		cfg.Emitter = events.New(events.Config{})
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	store, err := memory.EventAware(backend, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestEventAwareWithoutALog(t *testing.T) {
	t.Parallel()
	emitter := events.New(events.Config{})
	var got []alma.Event
	emitter.SubscribeAll(func(_ context.Context, ev *alma.Event) error { got = append(got, *ev); return nil })
	store := eventAware(t, newFakeBackend(), memory.Config{Emitter: emitter})

	// Each kind of event, in process.
	if _, err := store.SaveBatch(t.Context(), alma.Outcome{ID: "m1", TaskDescription: "d"}, alma.Outcome{ID: "m2", TaskDescription: "d"}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Update(t.Context(), "m1", 0, raw(`{"success":true}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Retrieve(t.Context(), memory.Query{Text: "d"}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Consolidate(t.Context(), memory.Request{}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), "m2"); err != nil {
		t.Fatal(err)
	}
	types := make([]alma.EventType, 0, len(got))
	for _, ev := range got {
		types = append(types, ev.Type)
	}
	want := []alma.EventType{alma.Created, alma.Created, alma.Updated, alma.Accessed, alma.Consolidated, alma.Deleted}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	// With a sink on the emitter, it takes the events.
	var sunk []string
	failing := errors.New("disk full")
	if _, err := emitter.Attach(func(_ context.Context, evs ...*alma.Event) error {
		for _, ev := range evs {
			if ev.MemoryID == "lost" {
				return failing
			}
			sunk = append(sunk, ev.MemoryID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Save(t.Context(), alma.Outcome{ID: "m3", TaskDescription: "e"}); err != nil || !slices.Equal(sunk, []string{"m3"}) {
		t.Errorf("the sink got %q, %v", sunk, err)
	}
	_, err := store.Save(t.Context(), alma.Outcome{ID: "lost", TaskDescription: "e"})
	wantError(t, err, memory.ErrEventNotAppended)
	wantError(t, err, failing)
	if _, err := store.Get(t.Context(), "lost"); err != nil {
		t.Errorf("the change does not stand: %v", err)
	}
}

func TestEventAwareTakesBack(t *testing.T) {
	t.Parallel()
	backend, log := newFakeBackend(), &fakeLog{}
	store := eventAware(t, backend, memory.Config{Log: log})
	if _, err := store.Save(t.Context(), alma.Outcome{ID: "old", TaskDescription: "before"}); err != nil {
		t.Fatal(err)
	}
	before, err := store.Get(t.Context(), "old")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	cases := map[string]func(){
		"the log fails": func() { log.fail = broken },
		"the second change fails": func() {
			backend.failSave = func(m alma.Memory) error {
				if m.ID == "new" {
					return broken
				}
				return nil
			}
		},
	}
	for name, arrange := range cases {
		log.fail, backend.failSave = nil, nil
		arrange()
		_, err := store.SaveBatch(t.Context(), alma.Outcome{ID: "old", TaskDescription: "after"}, alma.Outcome{ID: "new", TaskDescription: "n"})
		if !errors.Is(err, broken) || errors.Is(err, memory.ErrEventNotAppended) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := store.Get(t.Context(), "new"); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("%s: the new memory stayed: %v", name, err)
		}
		if now, err := store.Get(t.Context(), "old"); err != nil || !cmp.Equal(before, now) {
			t.Errorf("%s: the old memory is %+v, %v", name, now, err)
		}
	}

	log.fail = broken
	backend.failSave = func(m alma.Memory) error {
		if m.Version == 1 {
			return errors.New("cannot take back")
		}
		return nil
	}
	_, err = store.Update(t.Context(), "old", 0, raw(`{"success":true}`))
	wantError(t, err, broken)
	wantError(t, err, memory.ErrEventNotAppended)
}

// TestEventAwareVersions: concurrent changes through one store all count.
func TestEventAwareVersions(t *testing.T) {
	t.Parallel()
	log := &fakeLog{}
	store := eventAware(t, newFakeBackend(), memory.Config{Log: log})
	if _, err := store.Save(t.Context(), alma.Outcome{ID: "m", TaskDescription: "d"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if _, err := store.Update(t.Context(), "m", 0, raw(fmt.Sprintf(`{"w%d":1}`, i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m, err := store.Get(t.Context(), "m"); err != nil || m.Version != 11 || len(log.events) != 11 {
		t.Errorf("version %d, %d events, %v", m.Version, len(log.events), err)
	}
}

// atomicBackend is a backend that is a storage driver too.
type atomicBackend struct {
	*fakeBackend
	*fakeStorage
}

func (a atomicBackend) Save(context.Context, alma.Memory) error {
	return errors.New("the storage driver should have been used")
}

func TestEventAwarePrefersAtomicity(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	store := eventAware(t, atomicBackend{newFakeBackend(), storage}, memory.Config{})
	if _, err := store.Save(t.Context(), alma.Outcome{TaskDescription: "d"}); err != nil || len(storage.events) != 1 {
		t.Errorf("%d events in the storage, %v", len(storage.events), err)
	}
}

// searchingBackend finds one memory, whatever is asked.
type searchingBackend struct{ *fakeBackend }

func (searchingBackend) Search(context.Context, alma.MemorySearch) ([]alma.ScoredMemory, error) {
	return []alma.ScoredMemory{{Memory: alma.Memory{ID: "found", Type: alma.TypeOutcome, Data: raw(`{}`)}, Score: 1}}, nil
}

func TestEventAwareUsesTheBackendsSearch(t *testing.T) {
	t.Parallel()
	store := eventAware(t, searchingBackend{newFakeBackend()}, memory.Config{})
	r, err := store.Retrieve(t.Context(), memory.Query{Text: "x"})
	if err != nil || !slices.Equal(found(r), []string{"found"}) {
		t.Errorf("found %v, %v", found(r), err)
	}
}

func TestScanRanksByRareWords(t *testing.T) {
	t.Parallel()
	store := eventAware(t, newFakeBackend(), memory.Config{Embedder: &topics{}, Ranking: memory.Ranking{Text: 1, HalfLife: 1}})
	batch := make([]alma.Typed, 0, 254)
	for i := range 250 { // More than a page.
		batch = append(batch, alma.Outcome{ID: fmt.Sprintf("common%03d", i), TaskDescription: "the form was sent"})
	}
	batch = append(batch, alma.Outcome{ID: "rare", TaskDescription: "captcha"}, alma.Outcome{ID: "both", TaskDescription: "the captcha form"},
		alma.Preference{ID: "kind", Preference: "the captcha form"}, alma.Outcome{ID: "meaning", TaskDescription: "Apple"})
	if _, err := store.SaveBatch(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	r, err := store.Retrieve(t.Context(), memory.Query{Text: "form captcha", Types: []alma.MemoryType{alma.TypeOutcome}, Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"both", "rare"}, found(r)[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventAwareRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := memory.EventAware(nil, memory.Config{Storage: newFakeStorage()})
	wantFaults(t, err, "backend", "Storage")
	_, err = memory.EventAware(newFakeBackend(), memory.Config{Publisher: events.New(events.Config{})})
	wantFaults(t, err, "Publisher")
	_, err = memory.EventAware(atomicBackend{newFakeBackend(), newFakeStorage()}, memory.Config{Log: &fakeLog{}})
	wantFaults(t, err, "Log")
}
