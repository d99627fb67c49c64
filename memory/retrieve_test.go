package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

func found(r memory.Retrieval) []string {
	ids := make([]string, 0, len(r.Memories))
	for _, m := range r.Memories {
		ids = append(ids, m.ID)
	}
	return ids
}

func (h *harness) retrieve(t *testing.T, q memory.Query) memory.Retrieval {
	t.Helper()
	r, err := h.Retrieve(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Memories {
		if m.Score < 0 || m.Score > 1 || math.IsNaN(m.Score) {
			t.Errorf("%s has score %v", m.ID, m.Score)
		}
	}
	return r
}

func TestRetrieve(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		if _, err := h.SaveBatch(t.Context(),
			alma.Heuristic{ID: "sure", Agent: "a", ProjectID: "p", Strategy: "validate the form step by step", Confidence: 0.9},
			alma.Heuristic{ID: "unsure", Agent: "a", ProjectID: "p", Strategy: "validate the form step by step", Confidence: 0.1},
			alma.Outcome{ID: "outcome", Agent: "a", ProjectID: "p", TaskDescription: "the form was sent"},
			alma.Preference{ID: "unrelated", Agent: "a", ProjectID: "p", Preference: "dark mode"},
			alma.Heuristic{ID: "other-agent", Agent: "b", ProjectID: "p", Strategy: "validate the form"},
			alma.Heuristic{ID: "other-project", Agent: "a", ProjectID: "q", Strategy: "validate the form"},
			alma.Heuristic{ID: "no-project", Agent: "a", Strategy: "validate the form"},
		); err != nil {
			t.Fatal(err)
		}
		seen := 7
		r := h.retrieve(t, memory.Query{Text: "validate form", Agent: "a", ProjectID: "p"})
		if diff := cmp.Diff([]string{"sure", "unsure", "outcome"}, found(r)); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		events := h.announced(t, &seen)
		wantAccessed(t, events, r, `"validate form"`, `{"agent":"a","project_id":"p","memory_types":[],"limit":10}`)

		r = h.retrieve(t, memory.Query{Text: "form", Agent: "a", ProjectID: "p", Types: []alma.MemoryType{alma.TypeOutcome}, Limit: 1})
		if diff := cmp.Diff([]string{"outcome"}, found(r)); diff != "" {
			t.Errorf("of one kind (-want +got):\n%s", diff)
		}
		events = h.announced(t, &seen)
		wantAccessed(t, events, r, `"form"`, `{"agent":"a","project_id":"p","memory_types":["outcome"],"limit":1}`)
		if events[0].MemoryType != alma.TypeOutcome {
			t.Errorf("the event is of kind %q", events[0].MemoryType)
		}
		if got := found(h.retrieve(t, memory.Query{Text: "form", Agent: "a"})); !slices.Equal(got, []string{"no-project"}) {
			t.Errorf("without a project: %v", got)
		}
		if got := found(h.retrieve(t, memory.Query{Text: "nothing like it", Agent: "nobody"})); len(got) != 0 {
			t.Errorf("of nobody: %v", got)
		}
	})
}

func wantAccessed(t *testing.T, events []alma.Event, r memory.Retrieval, query, filters string) {
	t.Helper()
	if len(events) != 1 {
		t.Fatalf("announced %v, want one event", summaries(events))
	}
	ev := events[0]
	var data struct {
		Query, Filters json.RawMessage
		Results        []struct {
			ID    string
			Score float64
		}
	}
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		t.Fatal(err)
	}
	if ev.Type != alma.Accessed || ev.MemoryID != r.ID || !strings.HasPrefix(r.ID, "ret_") || string(data.Query) != query || string(data.Filters) != filters {
		t.Errorf("event %s about %s: %s", ev.Type, ev.MemoryID, ev.Data)
	}
	for i, m := range r.Memories {
		if len(data.Results) != len(r.Memories) || data.Results[i].ID != m.ID || data.Results[i].Score != m.Score {
			t.Fatalf("results %+v, want those of %+v", data.Results, r.Memories)
		}
	}
}

func TestRetrieveWithoutAText(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		if _, err := h.SaveBatch(t.Context(),
			alma.Preference{ID: "low", Preference: "x", Confidence: 0.2},
			alma.Outcome{ID: "neutral", TaskDescription: "x"},
			alma.Preference{ID: "high", Preference: "x", Confidence: 0.9},
		); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", " ?! "} {
			if diff := cmp.Diff([]string{"high", "neutral", "low"}, found(h.retrieve(t, memory.Query{Text: text}))); diff != "" {
				t.Errorf("%q (-want +got):\n%s", text, diff)
			}
		}
		if diff := cmp.Diff([]string{"high", "low"}, found(h.retrieve(t, memory.Query{Types: []alma.MemoryType{alma.TypePreference}}))); diff != "" {
			t.Errorf("of one kind (-want +got):\n%s", diff)
		}
	})
}

// TestRecency puts memories of different ages straight into the storage.
func TestRecency(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	day := 24 * time.Hour
	for id, age := range map[string]time.Duration{"new": 0, "month": 30 * day, "year": 365 * day, "future": -day} {
		at := time.Now().Add(-age)
		storage.memories[id] = alma.Memory{ID: id, Type: alma.TypePreference, Version: 1, Data: raw(`{"preference":"dark mode","confidence":1}`), CreatedAt: at, UpdatedAt: at}
	}
	h := onFake(t, storage)
	r := h.retrieve(t, memory.Query{Text: "dark"})
	if diff := cmp.Diff([]string{"future", "new", "month", "year"}, found(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Weights 0.6, 0.2, 0.2: all parts are 1, but for recency.
	for i, want := range []float64{1, 1, 0.9, 0.8} {
		if got := r.Memories[i].Score; math.Abs(got-want) > 0.001 {
			t.Errorf("%s has score %v, want %v", r.Memories[i].ID, got, want)
		}
	}
}

func TestRankingIsConfigurable(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	store, err := memory.New(memory.Config{Storage: storage, Ranking: memory.Ranking{Confidence: 1, HalfLife: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.SaveBatch(t.Context(), alma.Preference{ID: "fits", Preference: "dark mode", Confidence: 0.3}, alma.Preference{ID: "sure", Preference: "mode", Confidence: 0.7}); err != nil {
		t.Fatal(err)
	}
	r, err := store.Retrieve(t.Context(), memory.Query{Text: "dark mode"})
	if err != nil || !slices.Equal(found(r), []string{"sure", "fits"}) || r.Memories[0].Score != 0.7 {
		t.Errorf("found %+v, %v", r, err)
	}
}

func TestEqualScoresHaveAnOrder(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	at := time.Now()
	for _, id := range []string{"b", "c", "a"} {
		storage.memories[id] = alma.Memory{ID: id, Type: alma.TypePreference, Version: 1, Data: raw(`{"preference":"x"}`), CreatedAt: at, UpdatedAt: at}
	}
	h := onFake(t, storage)
	for range 5 {
		if got := found(h.retrieve(t, memory.Query{Text: "x"})); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Fatalf("found %v", got)
		}
	}
}

func TestQueryFaults(t *testing.T) {
	t.Parallel()
	h := onFake(t, newFakeStorage())
	_, err := h.Retrieve(t.Context(), memory.Query{Text: "a\xff" + strings.Repeat("x", memory.MaxQueryBytes), Types: []alma.MemoryType{"outcome", "bib"}, Limit: 201})
	wantFaults(t, err, "query", "query", "memory_types[1]", "limit")
	_, err = h.Retrieve(t.Context(), memory.Query{Limit: -1})
	wantFaults(t, err, "limit")
	_, err = h.Retrieve(t.Context(), memory.Query{Agent: "a\n"})
	wantFaults(t, err, "agent")
}

func TestRetrieveFails(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	h.save(t, alma.Preference{ID: "m1", Preference: "x"})
	storage.beforeApply = func([]alma.MemoryChange) error { return alma.ErrLowDisk }
	r, err := h.Retrieve(t.Context(), memory.Query{Text: "x"})
	wantError(t, err, alma.ErrLowDisk)
	if !slices.Equal(found(r), []string{"m1"}) {
		t.Errorf("the memories that were found are missing: %+v", r)
	}
	storage.failRead = alma.ErrUnavailable
	for _, text := range []string{"", "x"} {
		_, err = h.Retrieve(t.Context(), memory.Query{Text: text})
		wantError(t, err, alma.ErrUnavailable)
	}
}

// topics is an embedder for which texts are alike when they share a topic.
type topics struct {
	fail  error
	texts []string
}

func (e *topics) Embed(_ context.Context, texts []string) ([][]float32, error) {
	e.texts = append(e.texts, texts...)
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		vectors[i] = []float32{0.01, 0, 0}
		for axis, topic := range []string{"car automobile vehicle", "fruit apple pear"} {
			for w := range strings.FieldsSeq(topic) {
				if strings.Contains(strings.ToLower(text), w) {
					vectors[i][axis+1] = 1
				}
			}
		}
	}
	return vectors, e.fail
}

func TestEmbedder(t *testing.T) {
	t.Parallel()
	embedder := &topics{}
	h := onSQLite(t, memory.Config{Embedder: embedder})
	if _, err := h.SaveBatch(t.Context(),
		alma.Preference{ID: "car", Preference: "drives an automobile"},
		alma.Preference{ID: "fruit", Preference: "likes pears"},
	); err != nil {
		t.Fatal(err)
	}
	r := h.retrieve(t, memory.Query{Text: "which vehicle?"})
	if len(r.Memories) == 0 || r.Memories[0].ID != "car" || r.Memories[0].Embedding != nil {
		t.Errorf("found %+v, want the car first, without its embedding", r.Memories)
	}
	for _, ev := range h.logged(t) {
		if strings.Contains(string(ev.Data), "mbedding") {
			t.Errorf("an embedding travels in %s", ev.Data)
		}
	}

	// A text that stays keeps its embedding; another text gets another one.
	embedder.texts = nil
	if _, err := h.Update(t.Context(), "car", 0, raw(`{"confidence":0.9}`)); err != nil || len(embedder.texts) != 0 {
		t.Errorf("embedded again: %q, %v", embedder.texts, err)
	}
	if _, err := h.Update(t.Context(), "car", 0, raw(`{"preference":"eats apples"}`)); err != nil || !slices.Equal(embedder.texts, []string{"eats apples"}) {
		t.Errorf("embedded %q, %v", embedder.texts, err)
	}
	if r := h.retrieve(t, memory.Query{Text: "vehicle", Limit: 1}); len(r.Memories) > 0 && r.Memories[0].Score > 0.6 {
		t.Errorf("the old embedding is still found: %+v", r.Memories)
	}
}

func TestEmbedderThatFails(t *testing.T) {
	t.Parallel()
	embedder := &topics{fail: errors.New("quota")}
	h := onSQLite(t, memory.Config{Embedder: embedder})
	h.save(t, alma.Preference{ID: "car", Preference: "drives an automobile"})
	if got := found(h.retrieve(t, memory.Query{Text: "automobile"})); !slices.Equal(got, []string{"car"}) {
		t.Errorf("found %v by text", got)
	}
	_, err := h.Consolidate(t.Context(), memory.Request{})
	if err == nil {
		t.Error("consolidation went on without the embeddings it needs")
	}
	embedder.fail = nil
	if _, err := h.Update(t.Context(), "car", 0, raw(`{"source":"user"}`)); err != nil {
		t.Fatal(err)
	}
	if got := found(h.retrieve(t, memory.Query{Text: "vehicle"})); !slices.Equal(got, []string{"car"}) {
		t.Errorf("found %v by meaning, after it was saved again", got)
	}
}
