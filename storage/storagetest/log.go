package storagetest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

var logCases = []testCase{
	{"Order", "events are read in the order in which they were appended, at the positions that the append told", testOrder},
	{"RoundTrip", "an event is read as it was appended, to the byte and the nanosecond: listeners verify signatures over it", testRoundTrip},
	{"Duplicates", "a second append with an id changes nothing and says where the first stands: callers retry after a lost answer", testDuplicates},
	{"DuplicatesWithinCall", "an id that repeats within one append is stored once", testDuplicatesWithin},
	{"NothingToAppend", "an append of no events succeeds", func(e *env) { e.equal(e.append(), []alma.Position{}, "positions") }},
	{"ReadLimits", "a read holds at most limit events and about 8 MiB, and Next leads on without loss", testReadLimits},
	{"ReadAtEnd", "a read at the end finds nothing and does not go back", testReadAtEnd},
	{"Horizon", "the horizon is the position of the newest event that can be read", testHorizon},
	{"AppendedAt", "the time of an append is the same in the answer and in the log, and never goes back", testAppendedAt},
	{"Watch", "a watcher is signalled after events became readable; signals coalesce", testWatch},
	{"WatchEnds", "a watcher whose context ended holds nothing up", testWatchEnds},
	{"EndedContext", "a call whose context has ended stores nothing and says why", testEndedContext},
}

func testOrder(e *env) {
	first := e.appendN("a", 100)
	second := e.appendN("b", 37)
	all := slices.Concat(first, second)
	got := e.readAll(alma.Position{})
	if len(got) != len(all) {
		e.Fatalf("read %d events of %d", len(got), len(all))
	}
	for i, p := range all {
		if got[i].Position != p {
			e.Fatalf("event %d is read at %s; the append said %s", i, got[i].Position, p)
		}
		if i > 0 && !all[i-1].Before(p) {
			e.Fatalf("position %d (%s) does not follow %s", i, p, all[i-1])
		}
	}
	e.equal(eventIDs(e.readAll(first[99])), eventIDs(got[100:]), "events after a position")
}

func testRoundTrip(e *env) {
	events := []alma.Event{
		e.event("plain"),
		e.event("json", func(ev *alma.Event) {
			ev.Data = json.RawMessage(`{"z":1.0,"a":1e2,"big":12345678901234567890,"text":"\u00fc\/ü<&>\u2028","n":null,"list":[{},[]]}`)
			ev.Envelope = json.RawMessage(`{"id":"x","event":null}`)
		}),
		e.event("trace", func(ev *alma.Event) { ev.Trace = traceParent }),
		e.event("job", func(ev *alma.Event) { ev.Job = &alma.Job{ID: "j1", Records: 700000} }),
		e.event("empty", func(ev *alma.Event) { ev.MemoryType, ev.Agent, ev.ProjectID, ev.Data = "", "", "", nil }),
		e.event("nanos", func(ev *alma.Event) { ev.Timestamp = time.Date(2026, 2, 3, 4, 5, 6, 789_012_345, time.UTC) }),
		e.event("year1", func(ev *alma.Event) { ev.Timestamp = time.Date(1, 1, 2, 0, 0, 0, 1, time.UTC) }),
		e.event("year9999", func(ev *alma.Event) { ev.Timestamp = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC) }),
		e.event("unicode", func(ev *alma.Event) { ev.MemoryID, ev.Agent = "記憶 🧠", "Überprüfer" }),
		e.event("large", func(ev *alma.Event) { ev.Data = json.RawMessage(`{"x":"` + strings.Repeat("y", 900_000) + `"}`) }),
	}
	answers, err := e.Append(e.ctx, events)
	e.check(err, "append")
	want := make([]alma.Event, len(events))
	for i, ev := range events {
		ev.Position, ev.AppendedAt = answers[i].Position, answers[i].AppendedAt
		want[i] = ev
	}
	e.equal(e.readAll(alma.Position{}), want, "the log")
	for _, ev := range want {
		e.equal(e.events(alma.EventQuery{IDs: []string{ev.ID}}), []alma.Event{ev}, "the event found by its id")
	}
}

func testDuplicates(e *env) {
	first, err := e.Append(e.ctx, []alma.Event{e.event("a"), e.event("b")})
	e.check(err, "append")
	changed := e.event("a", func(ev *alma.Event) { ev.Agent = "somebody else" })
	second, err := e.Append(e.ctx, []alma.Event{e.event("c"), changed, e.event("d")})
	e.check(err, "append again")
	dup := first[0]
	dup.Duplicate = true
	e.equal(second[1], dup, "the answer for the repeated id")
	if first[0].Duplicate || second[0].Duplicate || second[2].Duplicate {
		e.Fatal("a new event is called a duplicate")
	}
	got := e.readAll(alma.Position{})
	e.equal(eventIDs(got), []string{"a", "b", "c", "d"}, "the log")
	e.equal(got[0].Agent, "agent", "the agent of the event that came first")
	e.equal(got[3].Position, second[2].Position, "the position after a duplicate")
	after := e.append(e.event("e"))
	e.equal(eventIDs(e.readAll(got[3].Position)), []string{"e"}, "what is read after the last position")
	e.equal(e.horizon(), after[0], "the horizon")
}

func testDuplicatesWithin(e *env) {
	answers, err := e.Append(e.ctx, []alma.Event{e.event("a"), e.event("b"), e.event("a"), e.event("b"), e.event("c")})
	e.check(err, "append")
	for i, first := range map[int]int{2: 0, 3: 1} {
		if !answers[i].Duplicate || answers[i].Position != answers[first].Position {
			e.Fatalf("answer %d is %+v; want a duplicate of %+v", i, answers[i], answers[first])
		}
	}
	e.equal(eventIDs(e.readAll(alma.Position{})), []string{"a", "b", "c"}, "the log")
}

func testReadLimits(e *env) {
	big := func(ev *alma.Event) { ev.Data = json.RawMessage(`{"x":"` + strings.Repeat("y", 1_000_000) + `"}`) }
	const n = 10
	for i := range n {
		e.append(e.event(string(rune('a'+i)), big))
	}
	page, err := e.Read(e.ctx, alma.Position{}, 3)
	e.check(err, "read")
	e.equal(eventIDs(page.Events), []string{"a", "b", "c"}, "a page of three")
	page, err = e.Read(e.ctx, page.Next, 1000)
	e.check(err, "read on")
	if len(page.Events) == 0 || len(page.Events) > 12 {
		e.Fatalf("a page holds %d events of 1 MB; want about 8 MiB", len(page.Events))
	}
	e.equal(page.Events[0].ID, "d", "the first event of the next page")
	if got := len(e.readAll(alma.Position{})); got != n {
		e.Fatalf("all pages hold %d events of %d", got, n)
	}
}

func testReadAtEnd(e *env) {
	page, err := e.Read(e.ctx, alma.Position{}, 10)
	e.check(err, "read the empty log")
	e.equal(page, alma.LogPage{}, "the page of an empty log")
	last := e.appendN("a", 3)[2]
	page, err = e.Read(e.ctx, last, 10)
	e.check(err, "read at the end")
	if len(page.Events) != 0 || page.Next.Before(last) {
		e.Fatalf("at the end %s got %d events and Next %s", last, len(page.Events), page.Next)
	}
	e.append(e.event("later"))
	e.equal(eventIDs(e.readAll(page.Next)), []string{"later"}, "what is read after Next")
}

func testHorizon(e *env) {
	if h := e.horizon(); !h.IsZero() {
		e.Fatalf("the horizon of an empty log is %s", h)
	}
	list := e.appendN("a", 5)
	if h := e.horizon(); h.Before(list[4]) {
		e.Fatalf("the horizon %s lies before the newest event, %s", h, list[4])
	}
	if rest := e.readAll(e.horizon()); len(rest) != 0 {
		e.Fatalf("%d events lie after the horizon", len(rest))
	}
}

func testAppendedAt(e *env) {
	var last time.Time
	for _, id := range []string{"a", "b", "c"} {
		answers, err := e.Append(e.ctx, []alma.Event{e.event(id)})
		e.check(err, "append")
		at := answers[0].AppendedAt
		if at.Before(last) || at.Location() != time.UTC {
			e.Fatalf("appended at %v after %v; want UTC, and no step back", at, last)
		}
		last = at
		e.equal(e.events(alma.EventQuery{IDs: []string{id}})[0].AppendedAt, at, "the time in the log")
	}
}

// await waits for a signal.
func (e *env) await(c <-chan struct{}, what string) {
	e.Helper()
	select {
	case <-c:
	case <-e.ctx.Done():
		e.Fatalf("no signal: %s", what)
	}
}

func testWatch(e *env) {
	a, b := e.Watch(e.ctx), e.Watch(e.ctx)
	for range 3 {
		after := e.horizon()
		e.append(e.event(alma.NewEventID()))
		e.await(a, "an event was appended")
		if len(e.readAll(after)) == 0 {
			e.Fatal("signalled, but there is nothing to read")
		}
	}
	e.await(b, "three events were appended meanwhile")
}

func testWatchEnds(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	e.Watch(ctx)
	cancel()
	c := e.Watch(e.ctx)
	e.appendN("a", 3)
	e.await(c, "an event was appended")
}

func testEndedContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := e.Append(ctx, []alma.Event{e.event("a")})
	e.wantErr(err, context.Canceled, "append")
	_, err = e.FindEvents(ctx, alma.EventQuery{})
	e.wantErr(err, context.Canceled, "find events")
	e.equal(len(e.readAll(alma.Position{})), 0, "number of events")
}
