package match

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

func event() alma.Event {
	return alma.Event{
		ID: "evt_1", Type: alma.Created, MemoryID: "m-1", MemoryType: alma.TypeHeuristic, Agent: "qa", ProjectID: "shop",
		Data: []byte(`{"confidence":0.85,"count":3,"strategy":"retry","tags":["a","b"],"nested":{"deep":true}}`),
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	filter := func(s string) *Filter {
		f, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, tc := range map[string]struct {
		selection Selection
		edit      func(*alma.Event)
		want      bool
	}{
		"nothing said wants all":           {Selection{}, nil, true},
		"operational events must be named": {Selection{}, func(e *alma.Event) { e.Type = "ALMA_LAG" }, false},
		"named operational event":          {Selection{Events: []alma.EventType{"ALMA_LAG"}}, func(e *alma.Event) { e.Type = "ALMA_LAG" }, true},
		"never about a webhook to itself":  {Selection{Events: []alma.EventType{"ALMA_LAG"}, Subject: "wh_1"}, func(e *alma.Event) { e.Type, e.MemoryID = "ALMA_LAG", "wh_1" }, false},
		"type":                             {Selection{Events: []alma.EventType{alma.Created}}, nil, true},
		"other type":                       {Selection{Events: []alma.EventType{alma.Deleted}}, nil, false},
		"agent":                            {Selection{Agents: []string{"dev", "qa"}}, nil, true},
		"other agent":                      {Selection{Agents: []string{"dev"}}, nil, false},
		"project":                          {Selection{Projects: []string{"shop"}}, nil, true},
		"other project":                    {Selection{Projects: []string{"blog"}}, nil, false},
		"owner":                            {Selection{Owner: "shop"}, nil, true},
		"other owner":                      {Selection{Owner: "blog"}, nil, false},
		"owner and project":                {Selection{Owner: "shop", Projects: []string{"shop", "blog"}}, nil, true},
		"owner and other project":          {Selection{Owner: "shop", Projects: []string{"blog"}}, nil, false},
		"memory type":                      {Selection{Types: []alma.MemoryType{alma.TypeHeuristic}}, nil, true},
		"other memory type":                {Selection{Types: []alma.MemoryType{alma.TypeOutcome}}, nil, false},
		"filter on a number":               {Selection{Filter: filter(`event.data.confidence > 0.8`)}, nil, true},
		"filter on a whole number":         {Selection{Filter: filter(`event.data.count == 3`)}, nil, true},
		"filter on text":                   {Selection{Filter: filter(`event.data.strategy.startsWith("re") && event.agent == "qa"`)}, nil, true},
		"filter on a list":                 {Selection{Filter: filter(`"b" in event.data.tags`)}, nil, true},
		"filter on nested members":         {Selection{Filter: filter(`event.data.nested.deep`)}, nil, true},
		"filter that is false":             {Selection{Filter: filter(`event.memory_type == "outcome"`)}, nil, false},
		"filter on a missing member":       {Selection{Filter: filter(`event.data.nothing == 1`)}, nil, false},
		"filter that asks first":           {Selection{Filter: filter(`!has(event.data.nothing)`)}, nil, true},
		"filter that gives no bool":        {Selection{Filter: filter(`event.data.strategy`)}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ev := event()
			if tc.edit != nil {
				tc.edit(&ev)
			}
			if got, _ := tc.selection.Match(flow.NewEntry(&ev)); got != tc.want {
				t.Errorf("match = %v, want %v", got, tc.want)
			}
			x := NewIndex[string]()
			x.Put("one", &tc.selection, "one")
			found := false
			x.Match(flow.NewEntry(&ev), func(string) { found = true }, func(string, error) {})
			if found != tc.want {
				t.Errorf("the index says %v, want %v", found, tc.want)
			}
		})
	}
}

func TestCompileExplains(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ expression, want string }{
		"syntax":       {"event.agent ==", "line 1, column"},
		"unknown name": {"evnt.agent == 'qa'", "undeclared reference"},
		"not a bool":   {"1 + 2", "want true or false"},
		"unknown func": {"frobnicate(event)", "undeclared reference"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(tc.expression)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v; want one that says %q", err, tc.want)
			}
		})
	}
}

func TestCostIsCapped(t *testing.T) {
	t.Parallel()
	f, err := Compile(`event.data.list.all(a, event.data.list.all(b, event.data.list.all(c, a + b + c >= 0)))`)
	if err != nil {
		t.Fatal(err)
	}
	ev := event()
	ev.Data = []byte(`{"list":[` + strings.TrimSuffix(strings.Repeat("1,", 1000), ",") + `]}`)
	if ok, err := f.Match(flow.NewEntry(&ev)); ok || err == nil {
		t.Errorf("a filter of a billion steps gave %v, %v; want an error", ok, err)
	}
}

// TestIndexAgreesWithSelection compares the index with asking every selection,
// through insertions, replacements and removals.
func TestIndexAgreesWithSelection(t *testing.T) {
	t.Parallel()
	types := []alma.EventType{alma.Created, alma.Updated, "ALMA_LAG"}
	projects := []string{"", "a", "b"}
	agents := []string{"", "x", "y"}
	for i := range mostPlaces { // More than one subscriber stands in.
		agents = append(agents, fmt.Sprint("z", i))
	}
	rapid.Check(t, func(rt *rapid.T) {
		x := NewIndex[string]()
		kept := map[string]Selection{}
		for i := range rapid.IntRange(0, 30).Draw(rt, "changes") {
			id := fmt.Sprint(rapid.IntRange(0, 9).Draw(rt, "id"))
			if rapid.IntRange(0, 3).Draw(rt, "remove") == 0 {
				if rapid.Bool().Draw(rt, "drop") {
					x.Drop(func(value string) bool { return value == id })
				} else {
					x.Remove(id)
				}
				delete(kept, id)
				continue
			}
			s := Selection{
				Events:   rapid.SliceOfN(rapid.SampledFrom(types), 0, 3).Draw(rt, fmt.Sprint("events", i)),
				Projects: rapid.SliceOfN(rapid.SampledFrom(projects), 0, 2).Draw(rt, fmt.Sprint("projects", i)),
				Owner:    rapid.SampledFrom(projects).Draw(rt, fmt.Sprint("owner", i)),
				Agents:   rapid.SliceOfN(rapid.SampledFrom(agents), 0, 3).Draw(rt, fmt.Sprint("agents", i)),
			}
			if rapid.IntRange(0, 4).Draw(rt, "many agents") == 0 {
				s.Agents = agents
			}
			if s.Owner != "" && len(s.Projects) > 0 && !slices.Contains(s.Projects, s.Owner) {
				s.Projects = nil // Refused at registration.
			}
			x.Put(id, &s, id)
			kept[id] = s
		}
		ev := alma.Event{
			Type:      rapid.SampledFrom(types).Draw(rt, "type"),
			ProjectID: rapid.SampledFrom(projects).Draw(rt, "project"),
			Agent:     rapid.SampledFrom(agents).Draw(rt, "agent"),
			Data:      []byte("{}"),
		}
		e := flow.NewEntry(&ev)
		want, got := []string{}, []string{}
		for id, s := range kept {
			if ok, _ := s.Match(e); ok {
				want = append(want, id)
			}
		}
		x.Match(e, func(id string) { got = append(got, id) }, func(string, error) {})
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("matches (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("webhooks=%d", n), func(b *testing.B) {
			x := NewIndex[int]()
			for i := range n {
				x.Put(fmt.Sprint(i), &Selection{Owner: fmt.Sprint("project", i)}, i)
			}
			ev := event()
			ev.ProjectID = "project0"
			e := flow.NewEntry(&ev)
			b.ReportAllocs()
			for b.Loop() {
				x.Match(e, func(int) {}, func(int, error) {})
			}
		})
	}
}
