package alma_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

func TestEventPrepareFillsIn(t *testing.T) {
	t.Parallel()
	e := alma.Event{Type: "ORDER_PAID", MemoryID: "42", Data: json.RawMessage("{ \"b\": 1.50,\n \"a\": \"\\u00e9 <\" }")}
	wantFaults(t, e.Prepare(now))
	if !strings.HasPrefix(e.ID, "evt_") || !e.Timestamp.Equal(now) {
		t.Errorf("id %q, timestamp %v", e.ID, e.Timestamp)
	}
	if want := `{"b":1.50,"a":"\u00e9 <"}`; string(e.Data) != want {
		t.Errorf("data %s, want %s: order, number text and escapes kept", e.Data, want)
	}
	if e.Envelope != nil {
		t.Errorf("envelope %s out of nothing", e.Envelope)
	}
	bare := alma.Event{ID: "mine-1_A", Type: alma.Deleted, MemoryID: "42", Timestamp: now.In(time.FixedZone("", 3600)), Data: json.RawMessage("null"), Job: &alma.Job{ID: "j"}}
	wantFaults(t, bare.Prepare(now.Add(time.Hour)))
	if bare.ID != "mine-1_A" || !bare.Timestamp.Equal(now) || bare.Timestamp.Location() != time.UTC || string(bare.Data) != "{}" {
		t.Errorf("prepared: %+v", bare)
	}
}

func TestEventPrepareFindsEveryFault(t *testing.T) {
	t.Parallel()
	valid := func(edit func(*alma.Event)) alma.Event {
		e := alma.Event{ID: "e", Type: alma.Created, MemoryID: "m", MemoryType: "item_loan"}
		edit(&e)
		return e
	}
	cases := []struct {
		name   string
		event  alma.Event
		fields []string
	}{
		{"empty", alma.Event{}, []string{"event_type", "memory_id"}},
		{"everything", alma.Event{
			ID: "a b", Type: "created", MemoryID: strings.Repeat("m", 257), MemoryType: "Heuristic", Agent: "a\tb", ProjectID: strings.Repeat("p", 257),
			Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Data: json.RawMessage(`"x"`), Envelope: json.RawMessage(`[`), Job: &alma.Job{Records: -1},
		}, []string{"event_id", "event_type", "memory_id", "memory_type", "agent", "project_id", "timestamp", "job.id", "job.records", "data", "envelope"}},
		{"id with a dot", valid(func(e *alma.Event) { e.ID = "a.b" }), []string{"event_id"}},
		{"id too long", valid(func(e *alma.Event) { e.ID = strings.Repeat("a", 129) }), []string{"event_id"}},
		{"type with a digit first", valid(func(e *alma.Event) { e.Type = "1A" }), []string{"event_type"}},
		{"type too long", valid(func(e *alma.Event) { e.Type = alma.EventType(strings.Repeat("A", 257)) }), []string{"event_type"}},
		{"type with a newline", valid(func(e *alma.Event) { e.Type = "CREATED\n" }), []string{"event_type"}},
		{"memory id of no UTF-8", valid(func(e *alma.Event) { e.MemoryID = "\xff" }), []string{"memory_id"}},
		{"data too large", valid(func(e *alma.Event) { e.Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`) }), []string{"data"}},
		{"data and envelope too large together", valid(func(e *alma.Event) {
			e.Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 1<<19) + `"}`)
			e.Envelope = e.Data
		}), []string{"data"}},
		{"too deep", valid(func(e *alma.Event) {
			e.Data = json.RawMessage(`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`)
		}), []string{"data"}},
		{"invalid UTF-8 in data", valid(func(e *alma.Event) { e.Data = json.RawMessage("{\"x\":\"\xff\"}") }), []string{"data"}},
		{"two values", valid(func(e *alma.Event) { e.Data = json.RawMessage(`{} {}`) }), []string{"data"}},
		{"white space does not count", valid(func(e *alma.Event) { e.Data = json.RawMessage(`{` + strings.Repeat(" ", 1<<20) + `}`) }), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, c.event.Prepare(now), c.fields...)
		})
	}
}

func TestFaultMessagesAreShort(t *testing.T) {
	t.Parallel()
	e := alma.Event{Type: alma.EventType(strings.Repeat("ü", 5000)), MemoryID: "m"}
	if msg := e.Prepare(now).Error(); len(msg) > 400 || !strings.Contains(msg, "event_type: ") {
		t.Errorf("message of %d bytes: %.500s", len(msg), msg)
	}
}

func TestReservedTypes(t *testing.T) {
	t.Parallel()
	var f alma.Faults
	alma.CheckReserved(&f, "event_type", "ALMA_X")
	alma.CheckReserved(&f, "event_type", "ALMANAC")
	wantFaults(t, f.Err(), "event_type")
	if n := len(alma.MemoryEventTypes()); n != 5 {
		t.Errorf("%d memory events, want 5", n)
	}
}

// TestPrepareIsIdempotent: an event that was prepared stays as it is.
func TestPrepareIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(rapid.MapOf(rapid.String(), jsonValue(2)).Draw(t, "data"))
		if err != nil {
			t.Fatal(err)
		}
		e := alma.Event{Type: alma.Created, MemoryID: "m", Data: raw}
		if err := e.Prepare(now); err != nil {
			t.Fatal(err)
		}
		again := e
		if err := again.Prepare(now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if again.ID != e.ID || !again.Timestamp.Equal(e.Timestamp) || string(again.Data) != string(e.Data) {
			t.Fatalf("changed from %+v to %+v", e, again)
		}
	})
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1,"a\"]"]`, `{"a":[[`, "\xff", `"\ud800"`, strings.Repeat("[", 200)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if alma.CheckJSON(raw) == nil && !json.Valid(raw) {
			t.Errorf("took %q", raw)
		}
	})
}
