package alma_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

func TestMemoryPrepareFillsIn(t *testing.T) {
	t.Parallel()
	m := alma.Memory{Type: alma.TypePreference, Data: json.RawMessage(` { "preference" : "p", "x": 1.0 } `)}
	wantFaults(t, m.Prepare(now))
	if m.ID == "" || m.CreatedAt != now.Truncate(1000) || m.UpdatedAt != m.CreatedAt || string(m.Data) != `{"preference":"p","x":1.0}` {
		t.Errorf("prepared: %+v", m)
	}
}

func TestMemoryPrepareFindsEveryFault(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		m      alma.Memory
		fields []string
	}{
		{"nothing but data", alma.Memory{Data: json.RawMessage(`{}`)}, []string{"memory_type"}},
		{"many at once", alma.Memory{ID: strings.Repeat("ü", 257), Type: "note", Agent: "a\n", ProjectID: "\xff", Version: -1, Data: json.RawMessage(`[]`)},
			[]string{"id", "memory_type", "agent", "project_id", "version", "data"}},
		{"main text missing", alma.Memory{Type: alma.TypeHeuristic}, []string{"data.strategy"}},
		{"main text null", alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage(`{"task_description":null}`)}, []string{"data.task_description"}},
		{"main text blank", alma.Memory{Type: alma.TypePreference, Data: json.RawMessage(`{"preference":" \n"}`)}, []string{"data.preference"}},
		{"main text no text", alma.Memory{Type: alma.TypeDomainKnowledge, Data: json.RawMessage(`{"fact":1}`)}, []string{"data.fact"}},
		{"main text in another case", alma.Memory{Type: alma.TypeAntiPattern, Data: json.RawMessage(`{"Pattern":"p"}`)}, []string{"data.pattern"}},
		{"every member wrong", alma.Memory{Type: alma.TypeHeuristic, Data: json.RawMessage(
			`{"strategy":"s","condition":{},"confidence":1.01,"occurrence_count":-1,"success_count":1.5,"last_validated":"yesterday","created_at":5,"metadata":[]}`)},
			[]string{"data.condition", "data.confidence", "data.occurrence_count", "data.success_count", "data.last_validated", "data.created_at", "data.metadata"}},
		{"truth and count", alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage(`{"task_description":"d","success":"yes","duration_ms":"5"}`)}, []string{"data.success", "data.duration_ms"}},
		{"nulls are not stated", alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage(`{"task_description":"d","success":null,"duration_ms":null,"error_message":null,"metadata":null}`)}, nil},
		{"malformed", alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage(`{"task_description":"d"`)}, []string{"data"}},
		{"invalid UTF-8", alma.Memory{Type: alma.TypeOutcome, Data: json.RawMessage("{\"task_description\":\"\xff\"}")}, []string{"data"}},
		{"too large", alma.Memory{Type: alma.TypePreference, Data: json.RawMessage(`{"preference":"` + strings.Repeat("x", alma.MaxMemoryBytes) + `"}`)}, []string{"data"}},
		{"too deep", alma.Memory{Type: alma.TypePreference, Data: nested(alma.MaxMemoryDepth + 1)}, []string{"data"}},
		{"deepest", alma.Memory{Type: alma.TypePreference, Data: nested(alma.MaxMemoryDepth)}, nil},
		{"id of 256 characters", alma.Memory{ID: strings.Repeat("ü", 256), Type: alma.TypePreference, Data: json.RawMessage(`{"preference":"p"}`)}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, c.m.Prepare(now), c.fields...)
		})
	}
}

// nested returns a preference whose data nests so many levels.
func nested(depth int) json.RawMessage {
	return json.RawMessage(`{"preference":"p","x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`)
}

// TestLargestMemoryFitsItsEvents: what may be saved may also be updated, and
// the event that tells of it is taken.
func TestLargestMemoryFitsItsEvents(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]json.RawMessage{
		"large": json.RawMessage(`{"preference":"` + strings.Repeat("x", alma.MaxMemoryBytes-17) + `"}`),
		"deep":  nested(alma.MaxMemoryDepth),
	} {
		m := alma.Memory{Type: alma.TypePreference, Data: data}
		wantFaults(t, m.Prepare(now))
		e := alma.Event{Type: alma.Updated, MemoryID: "m", Data: json.RawMessage(`{"old":` + string(m.Data) + `,"new":` + string(m.Data) + `}`)}
		if err := e.Prepare(now); err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}
