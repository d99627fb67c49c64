package alma_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

func TestToMemory(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 28, 13, 0, 0, 0, time.FixedZone("CET", 3600))
	cases := []struct {
		typed alma.Typed
		want  string
	}{
		{
			alma.Heuristic{
				Condition: "form with many fields", Strategy: "Use <incremental> validation & wait", Confidence: 0.85, OccurrenceCount: 4, SuccessCount: 3,
				LastValidated: at, CreatedAt: at, Metadata: map[string]any{"a": 1}, Extra: alma.Extra{"z": json.RawMessage("1e2"), "category": json.RawMessage(`"testing"`)},
			},
			`{"condition":"form with many fields","strategy":"Use <incremental> validation & wait","confidence":0.85,"occurrence_count":4,"success_count":3,` +
				`"last_validated":"2026-01-28T12:00:00Z","created_at":"2026-01-28T12:00:00Z","metadata":{"a":1},"category":"testing","z":1e2}`,
		},
		{alma.Heuristic{Strategy: "s"}, `{"strategy":"s","occurrence_count":0,"success_count":0}`},
		{
			alma.Outcome{TaskType: "api", TaskDescription: "d", Success: true, StrategyUsed: "s", DurationMS: 5, ErrorMessage: "e", UserFeedback: "f", Timestamp: at},
			`{"task_type":"api","task_description":"d","success":true,"strategy_used":"s","duration_ms":5,"error_message":"e","user_feedback":"f","timestamp":"2026-01-28T12:00:00Z"}`,
		},
		{alma.Preference{UserID: "u", Category: "c", Preference: "p", Source: "s", Confidence: 1}, `{"user_id":"u","category":"c","preference":"p","source":"s","confidence":1}`},
		{alma.DomainKnowledge{Domain: "d", Fact: "f", LastVerified: at}, `{"domain":"d","fact":"f","last_verified":"2026-01-28T12:00:00Z"}`},
		{alma.AntiPattern{Pattern: "p", WhyBad: "w", BetterAlternative: "b", OccurrenceCount: 2}, `{"pattern":"p","why_bad":"w","better_alternative":"b","occurrence_count":2}`},
	}
	for _, c := range cases {
		m, err := c.typed.ToMemory()
		if err != nil {
			t.Errorf("%T: %v", c.typed, err)
			continue
		}
		if m.Type != c.typed.Kind() || string(m.Data) != c.want {
			t.Errorf("%T:\n got %s %s\nwant %s", c.typed, m.Type, m.Data, c.want)
		}
		wantFaults(t, m.Prepare(now))
	}
}

func TestToMemoryFails(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		typed alma.Typed
		want  string
	}{
		"no JSON in Metadata":  {alma.Outcome{Metadata: map[string]any{"c": make(chan int)}}, "unsupported type"},
		"not a number":         {alma.Preference{Confidence: math.NaN()}, "unsupported value"},
		"malformed Extra":      {alma.AntiPattern{Extra: alma.Extra{"x": json.RawMessage("{")}}, `member "x" of Extra`},
		"named in Extra":       {alma.Heuristic{Extra: alma.Extra{"strategy": json.RawMessage(`"s"`)}}, `field for "strategy"`},
		"invalid UTF-8":        {alma.DomainKnowledge{Fact: "a\xff"}, "Fact: the text is not valid UTF-8"},
		"year that JSON lacks": {alma.Outcome{Timestamp: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}, "year"},
	}
	for name, c := range cases {
		if _, err := c.typed.ToMemory(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestFromMemory(t *testing.T) {
	t.Parallel()
	m := alma.Memory{
		ID: "m1", Type: alma.TypeHeuristic, Agent: "qa", ProjectID: "p1",
		Data: json.RawMessage(`{"strategy":"s","Strategy":"other case","confidence":null,"occurrence_count":2,"metadata":{"big":12345678901234567890},"tags":["a"]}`),
	}
	got, err := alma.DecodeMemory[alma.Heuristic](m)
	if err != nil {
		t.Fatal(err)
	}
	want := alma.Heuristic{
		ID: "m1", Agent: "qa", ProjectID: "p1", Strategy: "s", OccurrenceCount: 2,
		Metadata: map[string]any{"big": json.Number("12345678901234567890")},
		Extra:    alma.Extra{"Strategy": json.RawMessage(`"other case"`), "tags": json.RawMessage(`["a"]`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rate := (alma.Heuristic{OccurrenceCount: 4, SuccessCount: 3}).SuccessRate(); rate != 0.75 || (alma.Heuristic{}).SuccessRate() != 0 {
		t.Errorf("success rate %v", rate)
	}
}

func TestFromMemoryFails(t *testing.T) {
	t.Parallel()
	_, err := alma.FromMemory(alma.Memory{Type: "item_loan", Data: json.RawMessage(`{}`)})
	wantFaults(t, err, "memory_type")
	_, err = alma.FromMemory(alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage(`{"success":1}`)})
	wantFaults(t, err, "data.task_description", "data.success")
	_, err = alma.FromMemory(alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage(`{`)})
	wantFaults(t, err, "data")
	preference := alma.Memory{ID: "m1", Type: alma.TypePreference, Data: json.RawMessage(`{"preference":"p"}`)}
	if _, err := alma.DecodeMemory[alma.Outcome](preference); err == nil || !strings.Contains(err.Error(), `"m1": it is of type preference`) {
		t.Errorf("a preference as an outcome: %v", err)
	}
}

// jsonValue draws JSON of any shape, numbers as text.
func jsonValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?`), func(s string) any { return json.Number(s) }),
	)
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf, rapid.SliceOfN(jsonValue(depth-1), 0, 3).AsAny(), rapid.MapOfN(rapid.String(), jsonValue(depth-1), 0, 3).AsAny())
}

// TestRoundTrip: whatever validation accepts comes back whole from
// FromMemory and ToMemory, members that no type names included.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(alma.MemoryTypes()).Draw(t, "type")
		data := rapid.MapOfN(rapid.String(), jsonValue(2), 0, 4).Draw(t, "others")
		data[alma.MainMember(typ)] = "text " + rapid.String().Draw(t, "text")
		data["metadata"] = map[string]any{"k": jsonValue(2).Draw(t, "meta")}
		if rapid.Bool().Draw(t, "confident") {
			data["confidence"] = 0.5
		}
		raw, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		m := alma.Memory{ID: "m", Type: typ, Agent: "a", ProjectID: "p", Data: raw}
		if err := m.Prepare(now); err != nil {
			t.Skip(err) // A drawn name may be one that the type gives a form.
		}
		typed, err := alma.FromMemory(m)
		if err != nil {
			t.Fatalf("validation took what FromMemory does not: %v", err)
		}
		back, err := typed.ToMemory()
		if err != nil {
			t.Fatal(err)
		}
		if back.ID != "m" || back.Type != typ || back.Agent != "a" || back.ProjectID != "p" {
			t.Fatalf("lost the record's own members: %+v", back)
		}
		again := decodeNumbers(t, back.Data)
		for name, v := range decodeNumbers(t, m.Data) {
			if diff := cmp.Diff(v, again[name]); diff != "" {
				t.Fatalf("member %q (-before +after):\n%s", name, diff)
			}
		}
	})
}

func decodeNumbers(t *rapid.T, raw []byte) map[string]any {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
