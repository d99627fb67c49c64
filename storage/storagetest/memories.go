package storagetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

var memoryCases = []testCase{
	{"RoundTrip", "a memory comes back as it was stored, to the byte, embedding included", testMemoryRoundTrip},
	{"WithEvents", "changes and events commit together, and the answer says where the events stand", testMemoryEvents},
	{"Versions", "a change that expects another version than the stored one changes nothing at all, nor do its neighbours and events", testMemoryVersions},
	{"Order", "changes are made in their order", testMemoryOrder},
	{"Get", "of many ids those that exist are returned", testGetMemories},
	{"List", "memories are listed by filters, the newest first; empty selects all unless exactly is asked for", testListMemories},
	{"ListPages", "what is saved meanwhile neither shifts nor repeats pages", testMemoryPages},
}

// memory returns a memory of the case's agent and project.
func memory(id, text string, change ...func(*alma.Memory)) alma.Memory {
	data, _ := json.Marshal(map[string]string{"strategy": text}) //nolint:errchkjson // Texts always marshal.
	m := alma.Memory{ID: id, Type: alma.TypeHeuristic, Agent: "agent", ProjectID: "project", Data: data, Version: 1, CreatedAt: moment, UpdatedAt: moment}
	for _, f := range change {
		f(&m)
	}
	return m
}

// save stores new memories.
func (e *env) save(list ...alma.Memory) {
	e.Helper()
	changes := make([]alma.MemoryChange, len(list))
	for i, m := range list {
		changes[i].Memory = m
	}
	_, err := e.ApplyMemories(e.ctx, changes, nil)
	e.check(err, "save memories")
}

func (e *env) memories(ids ...string) []alma.Memory {
	e.Helper()
	list, err := e.GetMemories(e.ctx, ids)
	e.check(err, "get memories")
	slices.SortFunc(list, func(a, b alma.Memory) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func testMemoryRoundTrip(e *env) {
	want := []alma.Memory{
		memory("a", "plain"),
		memory("b", "", func(m *alma.Memory) {
			m.Data, m.Version, m.UpdatedAt = json.RawMessage(`{"z":1.0,"a":1e2,"strategy":"ü\u00fc","own":{"x":[null]}}`), 7, moment.Add(time.Hour)
		}),
		memory("c", "vector", func(m *alma.Memory) {
			m.Type, m.Agent, m.ProjectID, m.Embedding = alma.TypeOutcome, "", "", []float32{0.25, -1, 1e-30}
		}),
	}
	e.save(want...)
	e.equal(e.memories("a", "b", "c"), want, "memories")
}

func testMemoryEvents(e *env) {
	answers, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{{Memory: memory("a", "x")}}, []alma.Event{e.event("1"), e.event("2"), e.event("1")})
	e.check(err, "save with events")
	got := e.readAll(alma.Position{})
	e.equal(eventIDs(got), []string{"1", "2"}, "the log")
	e.equal([]alma.Position{answers[0].Position, answers[1].Position}, []alma.Position{got[0].Position, got[1].Position}, "positions")
	if !answers[2].Duplicate || answers[2].Position != answers[0].Position {
		e.Fatalf("the repeated event is answered with %+v", answers[2])
	}
	watch := e.Watch(e.ctx)
	_, err = e.ApplyMemories(e.ctx, nil, []alma.Event{e.event("3", func(ev *alma.Event) { ev.Trace = traceParent })})
	e.check(err, "events alone")
	e.await(watch, "an event was appended with a change of memories")
}

func testMemoryVersions(e *env) {
	e.save(memory("a", "one"), memory("b", "one"))
	two := memory("a", "two", func(m *alma.Memory) { m.Version = 2 })
	for name, change := range map[string]alma.MemoryChange{
		"save over an existing one":  {Memory: memory("b", "two")},
		"update of an older version": {Memory: memory("b", "two"), ExpectVersion: 2},
		"update of an absent one":    {Memory: memory("never", "two"), ExpectVersion: 1},
		"delete of another version":  {Memory: alma.Memory{ID: "b"}, ExpectVersion: 3, Delete: true},
		"delete of an absent one":    {Memory: alma.Memory{ID: "never"}, ExpectVersion: 1, Delete: true},
	} {
		_, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{{Memory: two, ExpectVersion: 1}, change}, []alma.Event{e.event("e")})
		e.wantErr(err, alma.ErrConflict, name)
	}
	e.equal(e.memories("a", "b", "never"), []alma.Memory{memory("a", "one"), memory("b", "one")}, "memories after refused changes")
	e.equal(len(e.readAll(alma.Position{})), 0, "number of events")
	_, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{{Memory: two, ExpectVersion: 1}, {Memory: alma.Memory{ID: "b"}, ExpectVersion: 1, Delete: true}}, nil)
	e.check(err, "update and delete")
	e.equal(e.memories("a", "b"), []alma.Memory{two}, "memories")
}

func testMemoryOrder(e *env) {
	two := memory("a", "two", func(m *alma.Memory) { m.Version = 2 })
	again := memory("b", "again")
	_, err := e.ApplyMemories(e.ctx, []alma.MemoryChange{
		{Memory: memory("a", "one")},
		{Memory: two, ExpectVersion: 1},
		{Memory: memory("b", "one")},
		{Memory: alma.Memory{ID: "b"}, ExpectVersion: 1, Delete: true},
		{Memory: again},
	}, nil)
	e.check(err, "apply")
	e.equal(e.memories("a", "b"), []alma.Memory{two, again}, "memories")
}

func testGetMemories(e *env) {
	e.equal(len(e.memories()), 0, "number for no ids")
	list := make([]alma.Memory, 100)
	for i := range list {
		list[i] = memory(fmt.Sprintf("m%d", i), "x")
	}
	e.save(list...)
	ids := make([]string, 2_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%d", i)
	}
	e.equal(len(e.memories(ids...)), len(list), "number of memories")
}

func (e *env) listed(q alma.MemoryQuery) []string {
	e.Helper()
	list := pages(e, q.Size(), func(after string) (alma.Page[alma.Memory], error) {
		q.After = after
		return e.ListMemories(e.ctx, q)
	})
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

func testListMemories(e *env) {
	later := func(minutes int) func(*alma.Memory) {
		return func(m *alma.Memory) { m.CreatedAt = moment.Add(time.Duration(minutes) * time.Minute) }
	}
	e.save(
		memory("b", "x", later(2)),
		memory("a", "x", later(1)),
		memory("d", "x", later(4), func(m *alma.Memory) { m.Agent = "other" }),
		memory("c", "x", later(3), func(m *alma.Memory) { m.ProjectID = "" }),
		memory("e", "x", later(5), func(m *alma.Memory) { m.Type = alma.TypeOutcome }),
	)
	for name, c := range map[string]struct {
		query alma.MemoryQuery
		want  []string
	}{
		"all":                   {alma.MemoryQuery{}, []string{"e", "d", "c", "b", "a"}},
		"type":                  {alma.MemoryQuery{Type: alma.TypeHeuristic}, []string{"d", "c", "b", "a"}},
		"agent":                 {alma.MemoryQuery{Agent: "agent"}, []string{"e", "c", "b", "a"}},
		"project":               {alma.MemoryQuery{ProjectID: "project"}, []string{"e", "d", "b", "a"}},
		"exactly no project":    {alma.MemoryQuery{Agent: "agent", Exact: true}, []string{"c"}},
		"exactly both":          {alma.MemoryQuery{Agent: "agent", ProjectID: "project", Exact: true}, []string{"e", "b", "a"}},
		"exactly neither":       {alma.MemoryQuery{Exact: true}, nil},
		"since, inclusive":      {alma.MemoryQuery{Since: moment.Add(3 * time.Minute)}, []string{"e", "d", "c"}},
		"since and a type":      {alma.MemoryQuery{Since: moment.Add(3 * time.Minute), Type: alma.TypeOutcome}, []string{"e"}},
		"since after the last":  {alma.MemoryQuery{Since: moment.Add(time.Hour)}, nil},
		"somebody who is not":   {alma.MemoryQuery{Agent: "nobody"}, nil},
		"exact with all of one": {alma.MemoryQuery{Agent: "other", ProjectID: "project", Exact: true}, []string{"d"}},
	} {
		for _, limit := range []int{1, 2, 50} {
			c.query.Limit = limit
			e.equal(e.listed(c.query), c.want, fmt.Sprintf("%s, %d a page", name, limit))
		}
	}
}

func testMemoryPages(e *env) {
	for i := range 10 {
		e.save(memory(fmt.Sprintf("m%d", i), "x")) // All created at the same moment.
	}
	first, err := e.ListMemories(e.ctx, alma.MemoryQuery{Cursor: alma.Cursor{Limit: 4}})
	e.check(err, "first page")
	e.save(memory("newer", "x", func(m *alma.Memory) { m.CreatedAt = moment.Add(time.Hour) }))
	seen := map[string]bool{}
	for _, m := range first.Items {
		seen[m.ID] = true
	}
	for after := first.Next; after != ""; {
		page, err := e.ListMemories(e.ctx, alma.MemoryQuery{Cursor: alma.Cursor{Limit: 4, After: after}})
		e.check(err, "next page")
		for _, m := range page.Items {
			if seen[m.ID] || m.ID == "newer" {
				e.Fatalf("%s is on two pages, or came in between", m.ID)
			}
			seen[m.ID] = true
		}
		after = page.Next
	}
	e.equal(len(seen), 10, "number of memories")
}
