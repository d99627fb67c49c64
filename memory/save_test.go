package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
)

func TestSaveEveryKind(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		seen := 0
		for _, typed := range []alma.Typed{
			alma.Heuristic{ID: "m1", Agent: "qa", ProjectID: "p", Strategy: "s", Confidence: 0.9, Extra: alma.Extra{"category": raw(`"forms"`)}},
			alma.Outcome{ID: "m2", Agent: "qa", ProjectID: "p", TaskDescription: "d", Success: true},
			alma.Preference{ID: "m3", Agent: "qa", ProjectID: "p", Preference: "no emojis"},
			alma.DomainKnowledge{ID: "m4", Agent: "qa", ProjectID: "p", Fact: "tokens live a day"},
			alma.AntiPattern{ID: "m5", Agent: "qa", ProjectID: "p", Pattern: "fixed sleeps", WhyBad: "flaky"},
		} {
			saved := h.save(t, typed)
			if !saved.Created || saved.Memory.Version != 1 || saved.Memory.Type != typed.Kind() {
				t.Errorf("saved %+v", saved)
			}
			wantEvents(t, h.announced(t, &seen), summary{alma.Created, saved.Memory.ID, typed.Kind(), "qa", "p", string(saved.Memory.Data)})
			stored, err := h.Get(t.Context(), saved.Memory.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(saved.Memory, stored); diff != "" {
				t.Errorf("saved and stored differ (-saved +stored):\n%s", diff)
			}
			back, err := alma.FromMemory(stored)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(typed, back); diff != "" {
				t.Errorf("came back (-saved +read):\n%s", diff)
			}
		}
	})
}

func TestSavingAnExistingIDIsAnUpdate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		first := h.save(t, alma.Preference{ID: "m1", Agent: "a", Preference: "tabs"})
		seen := 1
		second := h.save(t, alma.Preference{ID: "m1", Agent: "a", Preference: "spaces"})
		if second.Created || second.Memory.Version != 2 || !second.Memory.CreatedAt.Equal(first.Memory.CreatedAt) || second.Memory.UpdatedAt.Before(first.Memory.UpdatedAt) {
			t.Errorf("second save: %+v", second)
		}
		wantEvents(t, h.announced(t, &seen), summary{alma.Updated, "m1", alma.TypePreference, "a", "", `{"old":{"preference":"tabs"},"new":{"preference":"spaces"}}`})
	})
}

func TestSaveMakesAnID(t *testing.T) {
	t.Parallel()
	h := onFake(t, newFakeStorage())
	if saved := h.save(t, alma.Outcome{TaskDescription: "d"}); saved.Memory.ID == "" {
		t.Error("no id")
	}
}

func TestSaveFindsEveryFault(t *testing.T) {
	t.Parallel()
	h := onFake(t, newFakeStorage())
	_, err := h.Save(t.Context(), alma.Heuristic{Agent: "a\n", Confidence: 2})
	wantFaults(t, err, "agent", "data.strategy", "data.confidence")
	_, err = h.Save(t.Context(), nil)
	wantFaults(t, err, "")
	_, err = h.Put(t.Context(), alma.Memory{Type: "item_loan", Data: raw(`{}`)})
	wantFaults(t, err, "memory_type")
	if len(h.logged(t)) != 0 {
		t.Error("a refused memory left an event")
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		seen := 0
		h.save(t, alma.Preference{ID: "m2", Preference: "old"})
		seen++
		saved, err := h.SaveBatch(t.Context(), alma.Preference{ID: "m1", Preference: "a"}, alma.Preference{ID: "m2", Preference: "b"}, alma.Outcome{ID: "m3", TaskDescription: "c"})
		if err != nil {
			t.Fatal(err)
		}
		created := []bool{saved[0].Created, saved[1].Created, saved[2].Created}
		if diff := cmp.Diff([]bool{true, false, true}, created); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		wantEvents(t, h.announced(t, &seen),
			summary{alma.Created, "m1", alma.TypePreference, "", "", `{"preference":"a"}`},
			summary{alma.Updated, "m2", alma.TypePreference, "", "", `{"old":{"preference":"old"},"new":{"preference":"b"}}`},
			summary{alma.Created, "m3", alma.TypeOutcome, "", "", `{"task_description":"c","success":false}`},
		)

		_, err = h.SaveBatch(t.Context(), alma.Preference{ID: "x", Preference: "a"}, alma.Heuristic{ID: "x"}, alma.Preference{ID: "m1", Preference: "a"})
		wantFaults(t, err, "[1].data.strategy", "[1].id")
		_, err = h.SaveBatch(t.Context(), alma.Preference{ID: "y", Preference: "a"}, alma.Outcome{ID: "m1", TaskDescription: "another kind"})
		wantError(t, err, alma.ErrConflict)
		if _, err := h.Get(t.Context(), "y"); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("a part of a refused batch was stored: %v", err)
		}
		_, err = h.SaveBatch(t.Context(), nil, alma.Outcome{Metadata: map[string]any{"x": func() {}}})
		wantFaults(t, err, "[0]", "[1]")
		if saved, err := h.SaveBatch(t.Context()); err != nil || saved != nil {
			t.Errorf("an empty batch: %v, %v", saved, err)
		}
		if more := h.announced(t, &seen); len(more) != 0 {
			t.Errorf("refused batches announced %v", summaries(more))
		}
	})
}

func TestPutChecksTheVersion(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		read := h.save(t, alma.Preference{ID: "m1", Preference: "a"}).Memory
		read.Data = raw(`{"preference":"b"}`)
		saved, err := h.Put(t.Context(), read)
		if err != nil || saved.Memory.Version != 2 {
			t.Fatalf("put back: %+v, %v", saved, err)
		}
		_, err = h.Put(t.Context(), read)
		wantError(t, err, alma.ErrConflict)
		read.ID = "gone"
		_, err = h.Put(t.Context(), read)
		wantError(t, err, alma.ErrConflict)
	})
}

func TestAMemoryKeepsItsIdentity(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		h.save(t, alma.Preference{ID: "m1", Agent: "a", ProjectID: "p", Preference: "x"})
		for name, other := range map[string]alma.Typed{
			"kind":    alma.Outcome{ID: "m1", Agent: "a", ProjectID: "p", TaskDescription: "x"},
			"agent":   alma.Preference{ID: "m1", Agent: "b", ProjectID: "p", Preference: "x"},
			"project": alma.Preference{ID: "m1", Agent: "a", Preference: "x"},
		} {
			if _, err := h.Save(t.Context(), other); !errors.Is(err, alma.ErrConflict) {
				t.Errorf("another %s: %v, want ErrConflict", name, err)
			}
		}
	})
}

func TestCallbacksRunAfterTheCommit(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		h.emitter.Subscribe(alma.Created, func(ctx context.Context, ev *alma.Event) error {
			if _, err := h.Get(ctx, ev.MemoryID); err != nil {
				t.Errorf("the callback cannot read the memory: %v", err)
			}
			if ev.AppendedAt.IsZero() && ev.Position.IsZero() {
				return nil // The fake log tells neither.
			}
			_, err := h.Update(ctx, ev.MemoryID, 0, raw(`{"seen":true}`))
			return err
		}, events.Named("reader"))
		h.save(t, alma.Preference{ID: "m1", Preference: "x"})
		for _, s := range h.emitter.Stats().Subscriptions {
			if s.Errors+s.Panics > 0 {
				t.Errorf("%s failed", s.Name)
			}
		}
	})
}

func TestAFailedCommitCallsNobody(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	for _, failure := range []error{alma.ErrLowDisk, alma.ErrUnavailable} {
		storage.beforeApply = func([]alma.MemoryChange) error { return failure }
		_, err := h.Save(t.Context(), alma.Preference{Preference: "x"})
		wantError(t, err, failure)
	}
	storage.failRead = alma.ErrUnavailable
	_, err := h.Save(t.Context(), alma.Preference{Preference: "x"})
	wantError(t, err, alma.ErrUnavailable)
	if len(h.called) != 0 {
		t.Errorf("callbacks ran: %v", summaries(h.called))
	}
}

func TestAChangeGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("caller left")
	attempts := 0
	storage.beforeApply = func([]alma.MemoryChange) error {
		if attempts++; attempts == 3 {
			cancel(left)
		}
		return alma.ErrConflict
	}
	_, err := h.Save(ctx, alma.Preference{Preference: "x"})
	wantError(t, err, left)
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := memory.New(memory.Config{Log: &fakeLog{}, Ranking: memory.Ranking{Text: -1}})
	wantFaults(t, err, "Storage", "Log", "Ranking.Text", "Ranking.HalfLife")
}

func TestDefaultEmitter(t *testing.T) { // Not parallel: it changes the default emitter.
	emitter := events.Reset()
	calls := 0
	emitter.SubscribeAll(func(context.Context, *alma.Event) error { calls++; return nil })
	store, err := memory.New(memory.Config{Storage: newFakeStorage()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Save(t.Context(), alma.Preference{Preference: "x"}); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

type countingPublisher struct{ calls int }

func (p *countingPublisher) Publish(ctx context.Context, _ []alma.Event, commit func(context.Context) ([]alma.Appended, error)) ([]alma.Appended, error) {
	p.calls++
	return commit(ctx)
}

func TestPublisherOfItsOwn(t *testing.T) {
	t.Parallel()
	storage, publisher := newFakeStorage(), &countingPublisher{}
	store, err := memory.New(memory.Config{Storage: storage, Publisher: publisher})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Save(t.Context(), alma.Preference{Preference: "x"}); err != nil || publisher.calls != 1 || len(storage.events) != 1 {
		t.Errorf("%d calls, %d events, %v", publisher.calls, len(storage.events), err)
	}
}
