package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

var findEventsCases = []testCase{
	{"Filters", "each filter selects what it names, and filters add up", testEventFilters},
	{"Time", "since is inclusive, until exclusive, and both mean the time of the append", testEventTime},
	{"Pages", "pages run from the newest event to the oldest; what arrives meanwhile neither shifts nor repeats them", testEventPages},
	{"ManyIDs", "a list of ids may be longer than a database takes parameters", testManyIDs},
	{"BadCursor", "a cursor that no page gave out is refused, with the field's name", testBadCursor},
}

func testEventFilters(e *env) {
	with := func(f func(*alma.Event)) func(*alma.Event) { return f }
	e.append(
		e.event("1"),
		e.event("2", with(func(ev *alma.Event) { ev.Type = alma.Deleted })),
		e.event("3", with(func(ev *alma.Event) { ev.MemoryType = alma.TypeOutcome })),
		e.event("4", with(func(ev *alma.Event) { ev.MemoryID = "memory-1" })),
		e.event("5", with(func(ev *alma.Event) { ev.Agent = "other" })),
		e.event("6", with(func(ev *alma.Event) { ev.ProjectID = "other" })),
		e.event("7", with(func(ev *alma.Event) { ev.Agent, ev.ProjectID = "other", "other" })),
	)
	for name, c := range map[string]struct {
		query alma.EventQuery
		want  []string
	}{
		"none":              {alma.EventQuery{}, []string{"7", "6", "5", "4", "3", "2", "1"}},
		"ids":               {alma.EventQuery{IDs: []string{"6", "2", "nobody", "2"}}, []string{"6", "2"}},
		"id and agent":      {alma.EventQuery{IDs: []string{"5", "2"}, Agent: "other"}, []string{"5"}},
		"type":              {alma.EventQuery{Type: alma.Deleted}, []string{"2"}},
		"memory type":       {alma.EventQuery{MemoryType: alma.TypeOutcome}, []string{"3"}},
		"memory":            {alma.EventQuery{MemoryID: "memory-1"}, []string{"4", "1"}},
		"memory and type":   {alma.EventQuery{MemoryID: "memory-2", Type: alma.Created}, nil},
		"agent":             {alma.EventQuery{Agent: "other"}, []string{"7", "5"}},
		"project":           {alma.EventQuery{ProjectID: "other"}, []string{"7", "6"}},
		"agent and project": {alma.EventQuery{Agent: "other", ProjectID: "other"}, []string{"7"}},
		"nothing matches":   {alma.EventQuery{Agent: "nobody"}, nil},
	} {
		e.equal(eventIDs(e.events(c.query)), c.want, "events by "+name)
		c.query.Limit = 1
		e.equal(eventIDs(e.events(c.query)), c.want, "events one at a time by "+name)
	}
}

// spread appends events at different times.
func (e *env) spread(ids ...string) []time.Time {
	e.Helper()
	var times []time.Time
	for _, id := range ids {
		for {
			answers, err := e.Append(e.ctx, []alma.Event{e.event(id + "-" + alma.NewEventID()), e.event(id)})
			e.check(err, "append")
			at := answers[1].AppendedAt
			if answers[1].Duplicate || len(times) == 0 || at.After(times[len(times)-1]) {
				times = append(times, at)
				break
			}
			e.Fatal("two appends one after another have the same time")
		}
	}
	return times
}

func testEventTime(e *env) {
	at := e.spread("a", "b", "c")
	ids := func(q alma.EventQuery) []string {
		list := eventIDs(e.events(q))
		return slices.DeleteFunc(list, func(id string) bool { return len(id) > 1 })
	}
	for name, c := range map[string]struct {
		since, until time.Time
		want         []string
	}{
		"since is inclusive":  {since: at[1], want: []string{"c", "b"}},
		"since just after":    {since: at[1].Add(1), want: []string{"c"}},
		"until is exclusive":  {until: at[1], want: []string{"a"}},
		"until just after":    {until: at[1].Add(1), want: []string{"b", "a"}},
		"both":                {since: at[1], until: at[2], want: []string{"b"}},
		"nothing in between":  {since: at[1], until: at[1]},
		"since the future":    {since: at[2].Add(time.Hour)},
		"until the far past":  {until: at[0].Add(-time.Hour)},
		"a span around it":    {since: at[0].Add(-time.Hour), until: at[2].Add(time.Hour), want: []string{"c", "b", "a"}},
		"the wrong way round": {since: at[2], until: at[0]},
	} {
		e.equal(ids(alma.EventQuery{Since: c.since, Until: c.until}), c.want, name)
		e.equal(ids(alma.EventQuery{Since: c.since, Until: c.until, IDs: []string{"a", "b", "c"}}), c.want, name+", with ids")
	}
}

func testEventPages(e *env) {
	e.appendN("old", 25)
	first, err := e.FindEvents(e.ctx, alma.EventQuery{Cursor: alma.Cursor{Limit: 10}})
	e.check(err, "first page")
	e.appendN("new", 5)
	second, err := e.FindEvents(e.ctx, alma.EventQuery{Cursor: alma.Cursor{Limit: 10, After: first.Next}})
	e.check(err, "second page")
	third, err := e.FindEvents(e.ctx, alma.EventQuery{Cursor: alma.Cursor{Limit: 10, After: second.Next}})
	e.check(err, "third page")
	if third.Next != "" {
		e.Fatalf("the last page has 5 events, but says %q follows", third.Next)
	}
	var want []string
	for i := 24; i >= 0; i-- {
		want = append(want, fmt.Sprintf("old-%d", i))
	}
	e.equal(eventIDs(slices.Concat(first.Items, second.Items, third.Items)), want, "three pages")
	full, err := e.FindEvents(e.ctx, alma.EventQuery{Cursor: alma.Cursor{Limit: 30}})
	e.check(err, "a page that holds exactly all")
	if len(full.Items) != 30 || full.Next != "" {
		e.Fatalf("a page that holds exactly all has %d events and Next %q", len(full.Items), full.Next)
	}
}

func testManyIDs(e *env) {
	e.appendN("a", 150)
	ids := make([]string, 33_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("a-%d", i)
	}
	page, err := e.FindEvents(e.ctx, alma.EventQuery{IDs: ids, Cursor: alma.Cursor{Limit: 200}})
	e.check(err, "find events")
	e.equal(len(page.Items), 150, "number of events found")
}

func testBadCursor(e *env) {
	after := alma.Cursor{After: "no such cursor!"}
	_, err := e.FindEvents(e.ctx, alma.EventQuery{Cursor: after})
	e.wantFault(err, "after")
	_, err = e.FindDeliveries(e.ctx, alma.DeliveryQuery{Cursor: after})
	e.wantFault(err, "after")
	_, err = e.FailedGroups(e.ctx, alma.FailedQuery{Cursor: after})
	e.wantFault(err, "after")
	_, err = e.ListMemories(e.ctx, alma.MemoryQuery{Cursor: after})
	e.wantFault(err, "after")
}
