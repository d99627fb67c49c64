package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

func (h *harness) consolidate(t *testing.T, r memory.Request) memory.Report {
	t.Helper()
	report, err := h.Consolidate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (h *harness) ids(t *testing.T) []string {
	t.Helper()
	var ids []string
	q := alma.MemoryQuery{Cursor: alma.Cursor{Limit: 200}}
	for {
		page, err := h.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			ids = append(ids, m.ID)
		}
		if q.After = page.Next; page.Next == "" {
			slices.Sort(ids)
			return ids
		}
	}
}

// typedWith returns a memory of a kind with this id and main text.
func typedWith(kind alma.MemoryType, id, text string) alma.Memory {
	data, err := json.Marshal(map[string]string{alma.MainMember(kind): text})
	if err != nil {
		panic(err)
	}
	return alma.Memory{ID: id, Type: kind, Agent: "a", ProjectID: "p", Data: data}
}

// TestConsolidateEveryKind: n equal memories become exactly one, of every kind.
func TestConsolidateEveryKind(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		batch := threeEqualOfEveryKind()
		if _, err := h.PutBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		seen := len(batch)
		report := h.consolidate(t, memory.Request{Agent: "a", ProjectID: "p"})
		if report.Considered != 20 || report.Merged != 10 || len(report.Groups) != 5 || report.DryRun {
			t.Errorf("report %+v", report)
		}
		if ids := h.ids(t); len(ids) != 10 {
			t.Errorf("left are %q, want one of each group and the one apart", ids)
		}
		events := h.announced(t, &seen)
		if len(events) != 5 {
			t.Fatalf("announced %v, want one event a group", summaries(events))
		}
		for i, ev := range events {
			g := report.Groups[i]
			want := fmt.Sprintf(`{"merged_from":%s,"merged_into":%q,"strategy":"most_confident","result":%s}`, asJSON(t, g.MergedFrom), g.MergedInto, g.Result)
			wantEvents(t, events[i:i+1], summary{alma.Consolidated, g.MergedInto, g.Type, "a", "p", want})
			stored, err := h.Get(t.Context(), ev.MemoryID)
			if err != nil || string(stored.Data) != string(g.Result) || stored.Version != 2 {
				t.Errorf("stored is version %d, %s, %v; want %s", stored.Version, stored.Data, err, g.Result)
			}
		}
		if again := h.consolidate(t, memory.Request{Agent: "a", ProjectID: "p"}); again.Merged != 0 || len(again.Groups) != 0 {
			t.Errorf("a second time: %+v", again)
		}
	})
}

func threeEqualOfEveryKind() []alma.Memory {
	texts := []string{"Wait for the  Element", "wait for the element", "WAIT for\nthe element", "something else"}
	batch := make([]alma.Memory, 0, len(texts)*len(alma.MemoryTypes()))
	for _, kind := range alma.MemoryTypes() {
		for _, text := range texts {
			batch = append(batch, typedWith(kind, string(kind)+" "+text, text))
		}
	}
	return batch
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMergeRules(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		kind    alma.MemoryType
		data    []string // Of m0, m1, …
		kept    string
		want    string
		created string
	}{
		{
			"heuristic: the most confident text, sums, latest and earliest", alma.TypeHeuristic,
			[]string{
				`{"strategy":"wait","confidence":0.5,"occurrence_count":10,"success_count":2,"last_validated":"2026-03-01T00:00:00Z","created_at":"2025-02-01T00:00:00Z","category":"x"}`,
				`{"strategy":"Wait","confidence":0.9,"occurrence_count":1,"success_count":1,"last_validated":"2026-01-01T00:00:00Z","created_at":"2025-03-01T00:00:00Z","metadata":{"k":1}}`,
				`{"strategy":"WAIT","condition":"login","metadata":{"k":2,"l":3}}`,
			}, "m1",
			`{"strategy":"Wait","confidence":0.9,"occurrence_count":11,"success_count":3,"last_validated":"2026-03-01T00:00:00Z","created_at":"2025-02-01T00:00:00Z",` +
				`"metadata":{"k":1,"l":3,"merged_from":["m0","m2"],"merged_count":2},"category":"x","condition":"login"}`, "",
		},
		{
			"heuristic: ties go to the most occurrences", alma.TypeHeuristic,
			[]string{`{"strategy":"a","confidence":0.5,"occurrence_count":1}`, `{"strategy":"a","confidence":0.5,"occurrence_count":2}`}, "m1",
			`{"strategy":"a","confidence":0.5,"occurrence_count":3,"metadata":{"merged_from":["m0"],"merged_count":1}}`, "",
		},
		{
			"anti-pattern", alma.TypeAntiPattern,
			[]string{`{"pattern":"sleep","occurrence_count":3,"last_seen":"2026-01-01T00:00:00+01:00"}`, `{"pattern":"sleep","occurrence_count":4,"last_seen":"2026-01-01T00:00:00Z","why_bad":"flaky"}`}, "m1",
			`{"pattern":"sleep","occurrence_count":7,"last_seen":"2026-01-01T00:00:00Z","why_bad":"flaky","metadata":{"merged_from":["m0"],"merged_count":1}}`, "",
		},
		{
			"outcome: what was merged before is counted, and errors stay with their task", alma.TypeOutcome,
			[]string{
				`{"task_description":"d","success":false,"error_message":"e","timestamp":"2026-02-01T00:00:00Z"}`,
				`{"task_description":"d","success":true,"metadata":{"merged_from":["x","y"],"merged_count":2,"merged_outcomes":{"succeeded":2,"failed":1}}}`,
			}, "m1",
			`{"task_description":"d","success":true,"metadata":{"merged_from":["x","y","m0"],"merged_count":3,"merged_outcomes":{"failed":2,"succeeded":2}},"timestamp":"2026-02-01T00:00:00Z"}`, "",
		},
		{
			"the newest of equals, and an unstated confidence is in the middle", alma.TypePreference,
			[]string{`{"preference":"p","confidence":0.4}`, `{"preference":"p"}`, `{"preference":"p","confidence":0.5,"source":null}`}, "m2",
			`{"preference":"p","confidence":0.5,"source":null,"metadata":{"merged_from":["m1","m0"],"merged_count":2}}`, "",
		},
		{
			"sums do not overflow", alma.TypeAntiPattern,
			[]string{`{"pattern":"p","occurrence_count":9223372036854775807}`, `{"pattern":"p","occurrence_count":5}`}, "m0",
			`{"pattern":"p","occurrence_count":9223372036854775807,"metadata":{"merged_from":["m1"],"merged_count":1}}`, "",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			storage := newFakeStorage()
			h := onFake(t, storage)
			for i, data := range c.data {
				id := fmt.Sprintf("m%d", i)
				at := time.Unix(int64(1000+i), 0).UTC()
				storage.memories[id] = alma.Memory{ID: id, Type: c.kind, Version: 3, Data: raw(data), CreatedAt: at, UpdatedAt: at}
			}
			dry := h.consolidate(t, memory.Request{DryRun: true})
			report := h.consolidate(t, memory.Request{})
			if ids := h.ids(t); !slices.Equal(ids, []string{c.kept}) {
				t.Fatalf("left are %q", ids)
			}
			m, err := h.Get(t.Context(), c.kept)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(m.Data)); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			if m.Version != 4 || !m.CreatedAt.Equal(time.Unix(1000, 0)) {
				t.Errorf("version %d, created %v; want the next version and the earliest time", m.Version, m.CreatedAt)
			}
			if diff := cmp.Diff(report.Groups, dry.Groups); diff != "" {
				t.Errorf("the dry run said something else:\n%s", diff)
			}
		})
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		for _, id := range []string{"m1", "m2"} {
			h.save(t, alma.Outcome{ID: id, TaskDescription: "d"})
		}
		seen := 2
		report := h.consolidate(t, memory.Request{Type: alma.TypeOutcome, DryRun: true})
		if !report.DryRun || report.Merged != 1 || len(report.Groups) != 1 {
			t.Errorf("report %+v", report)
		}
		wantEvents(t, h.announced(t, &seen))
		if ids := h.ids(t); len(ids) != 2 {
			t.Errorf("left are %q", ids)
		}
	})
}

func TestConsolidateStaysInItsScope(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, h *harness) {
		for _, m := range []alma.Outcome{
			{ID: "in1", Agent: "a", ProjectID: "p"}, {ID: "in2", Agent: "a", ProjectID: "p"},
			{ID: "agent", Agent: "b", ProjectID: "p"}, {ID: "project", Agent: "a", ProjectID: "q"}, {ID: "none"},
		} {
			m.TaskDescription = "the same"
			h.save(t, m)
		}
		h.save(t, alma.Preference{ID: "kind", Agent: "a", ProjectID: "p", Preference: "the same"})
		h.consolidate(t, memory.Request{Agent: "a", ProjectID: "p"})
		if diff := cmp.Diff([]string{"agent", "in2", "kind", "none", "project"}, h.ids(t)); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

func TestThreshold(t *testing.T) {
	t.Parallel()
	texts := []string{
		"always wait for the element to be visible before clicking it",
		"always wait for the element to be visible before clicking on it",
		"never store passwords in plain text",
	}
	for threshold, want := range map[float64]int{0: 2, 0.85: 2, 0.95: 3, 1: 3, 0.0001: 2} {
		storage := newFakeStorage()
		h := onFake(t, storage)
		for i, text := range texts {
			h.save(t, alma.DomainKnowledge{ID: strconv.Itoa(i), Fact: text})
		}
		h.consolidate(t, memory.Request{Threshold: threshold})
		if n := len(storage.memories); n != want {
			t.Errorf("threshold %v leaves %d memories, want %d", threshold, n, want)
		}
	}
}

func TestConsolidateFaults(t *testing.T) {
	t.Parallel()
	h := onFake(t, newFakeStorage())
	_, err := h.Consolidate(t.Context(), memory.Request{Type: "bib", Threshold: 1.1})
	wantFaults(t, err, "memory_type", "threshold")
	_, err = h.Consolidate(t.Context(), memory.Request{Threshold: -0.1})
	wantFaults(t, err, "threshold")
}

// TestConcurrentChange: a member that changes between grouping and merging is
// looked at again; nothing that was written meanwhile is lost.
func TestConcurrentChange(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	for _, id := range []string{"m1", "m2", "m3"} {
		h.save(t, alma.Outcome{ID: id, TaskDescription: "the same"})
	}
	storage.beforeApply = func([]alma.MemoryChange) error {
		storage.beforeApply = nil
		_, err := h.Update(t.Context(), "m2", 0, raw(`{"task_description":"something different now"}`))
		return err
	}
	report := h.consolidate(t, memory.Request{})
	if report.Merged != 1 || len(report.Groups) != 1 {
		t.Errorf("report %+v, want m1 and m3 merged", report)
	}
	if diff := cmp.Diff([]string{"m2", "m3"}, h.ids(t)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestGroupThatKeepsChangingIsSkipped(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	for _, id := range []string{"m1", "m2"} {
		h.save(t, alma.Outcome{ID: id, TaskDescription: "the same"})
	}
	storage.beforeApply = func([]alma.MemoryChange) error { return alma.ErrConflict }
	report := h.consolidate(t, memory.Request{})
	if report.Merged != 0 || len(report.Groups) != 1 || report.Groups[0].Skipped == "" || len(storage.memories) != 2 {
		t.Errorf("report %+v, %d left", report, len(storage.memories))
	}
	storage.beforeApply = func([]alma.MemoryChange) error { return alma.ErrLowDisk }
	_, err := h.Consolidate(t.Context(), memory.Request{})
	wantError(t, err, alma.ErrLowDisk)
}

func TestMergeThatWouldBeTooLargeIsSkipped(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	for i := range 2 {
		extra := alma.Extra{fmt.Sprintf("x%d", i): raw(asJSON(t, strings.Repeat("x", alma.MaxMemoryBytes*2/3)))}
		h.save(t, alma.Preference{Preference: "p", Extra: extra})
	}
	report := h.consolidate(t, memory.Request{})
	if len(report.Groups) != 1 || !strings.Contains(report.Groups[0].Skipped, "bytes") || len(storage.memories) != 2 {
		t.Errorf("report of %d groups, %d left", len(report.Groups), len(storage.memories))
	}
}

// TestManyEqual: a group whose ids do not fit one event is merged in steps.
func TestManyEqual(t *testing.T) {
	t.Parallel()
	storage := newFakeStorage()
	h := onFake(t, storage)
	const n = 400
	for i := range n {
		id := fmt.Sprintf("%03d", i) + strings.Repeat("😀", 250) // A kilobyte each.
		storage.memories[id] = alma.Memory{ID: id, Type: alma.TypeAntiPattern, Version: 1, Data: raw(`{"pattern":"p","occurrence_count":2}`)}
	}
	report := h.consolidate(t, memory.Request{})
	if report.Merged != n-1 || len(storage.memories) != 1 || len(report.Groups) < 2 {
		t.Fatalf("%d merged in %d steps, %d left", report.Merged, len(report.Groups), len(storage.memories))
	}
	for _, m := range storage.memories {
		typed, err := alma.DecodeMemory[alma.AntiPattern](m)
		if err != nil || typed.OccurrenceCount != 2*n || fmt.Sprint(typed.Metadata["merged_count"]) != strconv.Itoa(n-1) {
			t.Errorf("counts %d and %v, %v", typed.OccurrenceCount, typed.Metadata["merged_count"], err)
		}
	}
}

// TestConsolidateLeavesOneOfEachGroup: whatever the texts, nothing vanishes
// but into a memory it resembles, and what is left does not resemble.
func TestConsolidateLeavesOneOfEachGroup(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(alma.MemoryTypes()).Draw(rt, "kind")
		texts := rapid.SliceOfN(rapid.StringMatching(`[abAB]( [abcäx]){0,4}`), 1, 12).Draw(rt, "texts")
		storage := newFakeStorage()
		h := onFake(t, storage)
		for i, text := range texts {
			if _, err := h.Put(t.Context(), typedWith(kind, strconv.Itoa(i), text)); err != nil {
				rt.Fatal(err)
			}
		}
		report := h.consolidate(t, memory.Request{Agent: "a", ProjectID: "p", Threshold: rapid.Float64Range(0.05, 1).Draw(rt, "threshold")})
		left := map[string]bool{}
		for _, id := range h.ids(t) {
			left[id] = true
		}
		for _, g := range report.Groups {
			if !left[g.MergedInto] {
				rt.Fatalf("%s was merged into, and is gone", g.MergedInto)
			}
			for _, id := range g.MergedFrom {
				if left[id] {
					rt.Fatalf("%s was merged, and is left", id)
				}
				left[id] = true
			}
		}
		if len(left) != len(texts) {
			rt.Fatalf("%d of %d memories are accounted for", len(left), len(texts))
		}
		distinct := map[string]bool{}
		for _, text := range texts {
			distinct[strings.ToLower(text)] = true
		}
		if n := len(texts) - report.Merged; n > len(distinct) {
			rt.Fatalf("%d left of %d different texts", n, len(distinct))
		}
	})
}

func TestConsolidateByMeaning(t *testing.T) {
	t.Parallel()
	embedder := &topics{}
	h := onSQLite(t, memory.Config{Embedder: embedder})
	for id, text := range map[string]string{"m1": "drives a car", "m2": "owns a vehicle", "m3": "eats apples", "m4": "unknown topic", "m5": "Unknown  topic"} {
		h.save(t, alma.Preference{ID: id, Preference: text})
	}
	embedder.texts = nil
	report := h.consolidate(t, memory.Request{})
	if report.Merged != 2 || len(h.ids(t)) != 3 || len(embedder.texts) != 0 {
		t.Errorf("report %+v, left %v, embedded %q", report, h.ids(t), embedder.texts)
	}
}

func TestConsolidateStopsWithItsContext(t *testing.T) {
	t.Parallel()
	h := onFake(t, newFakeStorage())
	h.save(t, alma.Preference{Preference: "x"})
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("caller left")
	cancel(left)
	_, err := h.Consolidate(ctx, memory.Request{})
	wantError(t, err, left)
}
