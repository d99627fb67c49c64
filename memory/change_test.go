package memory_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

func TestUpdate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		if _, err := h.Put(t.Context(), alma.Memory{ID: "m1", Type: alma.TypeHeuristic, Agent: "a", Data: raw(`{"z":1.50,"strategy":"s","tags":{"x":1,"y":2}}`)}); err != nil {
			t.Fatal(err)
		}
		seen := 1
		m, err := h.Update(t.Context(), "m1", 1, raw(`{ "confidence": 0.70, "tags": {"x": null, "w": 3}, "gone": null }`))
		if err != nil {
			t.Fatal(err)
		}
		const after = `{"z":1.50,"strategy":"s","tags":{"y":2,"w":3},"confidence":0.70}`
		if string(m.Data) != after || m.Version != 2 {
			t.Errorf("updated to version %d: %s", m.Version, m.Data)
		}
		stored, err := h.Get(t.Context(), "m1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, stored); diff != "" {
			t.Errorf("returned and stored differ:\n%s", diff)
		}
		wantEvents(t, h.announced(t, &seen), summary{alma.Updated, "m1", alma.TypeHeuristic, "a", "",
			`{"old":{"z":1.50,"strategy":"s","tags":{"x":1,"y":2}},"new":` + after + `}`})

		_, err = h.Update(t.Context(), "m1", 1, raw(`{"a":1}`))
		wantError(t, err, alma.ErrConflict)
		_, err = h.Update(t.Context(), "none", 0, raw(`{"a":1}`))
		wantError(t, err, alma.ErrNotFound)
		_, err = h.Update(t.Context(), "m1", 0, raw(`{"strategy":null,"confidence":"high"}`))
		wantFaults(t, err, "data.strategy", "data.confidence")
		for _, bad := range []string{``, `[]`, `null`, `{`, `{"a":1}{}`} {
			_, err = h.Update(t.Context(), "m1", 0, raw(bad))
			wantFaults(t, err, "data")
		}
		wantEvents(t, h.announced(t, &seen))
	})
}

// TestConcurrentUpdates: without a version every change gets in, and versions
// and events count them all.
func TestConcurrentUpdates(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	h.emitter.Unsubscribe(1) // The harness counts without a lock.
	h.save(t, alma.Preference{ID: "m1", Preference: "x"})
	const writers = 16
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if _, err := h.Update(t.Context(), "m1", 0, raw(fmt.Sprintf(`{"w%d":true}`, i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	m, err := h.Get(t.Context(), "m1")
	if err != nil {
		t.Fatal(err)
	}
	typed, err := alma.DecodeMemory[alma.Preference](m)
	if err != nil || m.Version != writers+1 || len(typed.Extra) != writers || len(storage.events) != writers+1 {
		t.Errorf("version %d, %d members, %d events, %v", m.Version, len(typed.Extra), len(storage.events), err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		h.save(t, alma.Preference{ID: "m1", Agent: "a", ProjectID: "p", Preference: "x"})
		seen := 1
		wantError(t, h.DeleteVersion(t.Context(), "m1", 7), alma.ErrConflict)
		if err := h.Delete(t.Context(), "m1"); err != nil {
			t.Fatal(err)
		}
		wantEvents(t, h.announced(t, &seen), summary{alma.Deleted, "m1", alma.TypePreference, "a", "p", `{}`})
		_, err := h.Get(t.Context(), "m1")
		wantError(t, err, alma.ErrNotFound)
		wantError(t, h.Delete(t.Context(), "m1"), alma.ErrNotFound)
		if saved := h.save(t, alma.Outcome{ID: "m1", TaskDescription: "the id is free again"}); !saved.Created || saved.Memory.Version != 1 {
			t.Errorf("saved anew: %+v", saved)
		}
	})
}

func TestGetAndListEmitNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		for i := range 3 {
			h.save(t, alma.Preference{ID: fmt.Sprintf("m%d", i), Agent: "a", Preference: "x"})
		}
		seen := 3
		page, err := h.List(t.Context(), alma.MemoryQuery{Agent: "a", Type: alma.TypePreference, Cursor: alma.Cursor{Limit: 2}})
		if err != nil || len(page.Items) != 2 || page.Items[0].ID != "m2" || page.Next == "" {
			t.Errorf("first page %+v, %v", page, err)
		}
		page, err = h.List(t.Context(), alma.MemoryQuery{Agent: "a", Cursor: alma.Cursor{Limit: 2, After: page.Next}})
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != "m0" || page.Next != "" {
			t.Errorf("second page %+v, %v", page, err)
		}
		if _, err := h.Get(t.Context(), "m0"); err != nil {
			t.Error(err)
		}
		wantEvents(t, h.announced(t, &seen))
	})
}
