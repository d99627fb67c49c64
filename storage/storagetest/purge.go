package storagetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

var purgeCases = []testCase{
	{"Nothing", "a purge that selects everything by mistake is refused", testPurgeNothing},
	{"Event", "of an erased event ids, types and times stay; data, envelope, agent and trace are gone for every reader", testPurgeEvent},
	{"Select", "memory, agent, project and time select, and add up; a dry run counts the same and erases nothing", testPurgeSelect},
	{"Repeat", "a purge that is repeated finds nothing more", testPurgeRepeat},
	{"Many", "a purge goes on from place to place until all is erased", testPurgeMany},
	{"Deliveries", "stored messages, what was exchanged and error texts go; statuses, reasons and counts stay", testPurgeDeliveries},
	{"Pending", "a pending delivery of an erased event fails, and is named", testPurgePending},
	{"Batch", "an erased member leaves its batch; the others wait on, without the stored body", testPurgeBatch},
	{"Late", "what a settlement brings later about an erased event is stored without its data", testPurgeLate},
	{"Memories", "memories are removed with the words by which they are found; others stay", testPurgeMemories},
	{"Answers", "what was answered to calls that may be repeated is forgotten; the calls stay claimed", testPurgeAnswers},
	{"Replay", "an erased event is read by replays, so that they can count it", testPurgeReplay},
	{"Reopen", "what is erased stays so after a restart", testPurgeReopen},
}

// purge erases all that q selects.
func (e *env) purge(q alma.PurgeQuery) alma.Purged {
	e.Helper()
	var sum alma.Purged
	for range 1000 {
		p, err := e.Purge(e.ctx, q, sum.Next)
		e.check(err, "purge")
		sum.Events += p.Events
		sum.Memories += p.Memories
		sum.Attempts += p.Attempts
		sum.Deliveries += p.Deliveries
		sum.Erased = append(sum.Erased, p.Erased...)
		sum.Ended = append(sum.Ended, p.Ended...)
		if sum.Next = p.Next; sum.Next == "" {
			return sum
		}
	}
	e.Fatal("after 1,000 calls the purge has not ended")
	return sum
}

func testPurgeAnswers(e *env) {
	e.claimCall(alma.Call{ID: "a", Request: "x"})
	e.check(e.FinishCall(e.ctx, "a", []byte("the memory of somebody")), "finish")
	e.purge(alma.PurgeQuery{Agent: "somebody", DryRun: true})
	found, _ := e.claimCall(alma.Call{ID: "a", Request: "x"})
	e.equal(string(found.Answer), "the memory of somebody", "the answer after a dry run")
	e.purge(alma.PurgeQuery{Agent: "somebody"})
	found, claimed := e.claimCall(alma.Call{ID: "a", Request: "x"})
	e.equal(claimed, false, "a second claim")
	e.equal(found, alma.Call{ID: "a", Request: "x"}, "the call after a purge")
}

func testPurgeNothing(e *env) {
	e.appendN("a", 2)
	if _, err := e.Purge(e.ctx, alma.PurgeQuery{}, ""); err == nil {
		e.Fatal("an empty query was taken")
	}
	for _, ev := range e.readAll(alma.Position{}) {
		if ev.Erased {
			e.Fatalf("%s is erased", ev.ID)
		}
	}
}

func testPurgeEvent(e *env) {
	before := e.event("a", func(ev *alma.Event) {
		ev.Envelope, ev.Job, ev.Erased = json.RawMessage(`{"institution":"x"}`), &alma.Job{ID: "j", Records: 3}, true
		ev.Trace = traceParent
	})
	at := e.append(before, e.event("b"))
	got := e.readAll(alma.Position{})
	if got[0].Erased {
		e.Fatal("a new event is erased: only the log says so")
	}
	want := got[0]
	want.Data, want.Envelope, want.Agent, want.Trace, want.Erased = json.RawMessage("{}"), nil, "", "", true
	done := e.purge(alma.PurgeQuery{MemoryID: "memory-a"})
	e.equal([]any{done.Events, done.Erased}, []any{int64(1), at[:1]}, "what was erased")
	e.equal(e.readAll(alma.Position{}), []alma.Event{want, got[1]}, "the log")
	e.equal(e.events(alma.EventQuery{IDs: []string{"a"}}), []alma.Event{want}, "the listed event")
	answers, err := e.Append(e.ctx, []alma.Event{before})
	e.check(err, "append again")
	if !answers[0].Duplicate {
		e.Fatal("the id of an erased event was taken again")
	}
}

func testPurgeSelect(e *env) {
	by := func(memory, agent, project string) func(*alma.Event) {
		return func(ev *alma.Event) { ev.MemoryID, ev.Agent, ev.ProjectID = memory, agent, project }
	}
	first := e.spaced("a", "b")
	e.append(e.event("m1", by("m-1", "ann", "p1")), e.event("m2", by("m-1", "bob", "p1")), e.event("m3", by("m-2", "ann", "p2")), e.event("m4", by("m-3", "bob", "p2")))
	for name, c := range map[string]struct {
		query alma.PurgeQuery
		want  []string
	}{
		"memory":            {alma.PurgeQuery{MemoryID: "m-1"}, []string{"m1", "m2"}},
		"agent":             {alma.PurgeQuery{Agent: "ann"}, []string{"m1", "m3"}},
		"project":           {alma.PurgeQuery{ProjectID: "p2"}, []string{"m3", "m4"}},
		"agent and project": {alma.PurgeQuery{Agent: "bob", ProjectID: "p2"}, []string{"m4"}},
		"nobody":            {alma.PurgeQuery{Agent: "ann", MemoryID: "m-3"}, nil},
		"past":              {alma.PurgeQuery{Until: first[0].AppendedAt}, nil},
		"time":              {alma.PurgeQuery{Since: first[0].AppendedAt, Until: first[1].AppendedAt}, []string{first[0].ID}},
	} {
		c.query.DryRun = true
		done := e.purge(c.query)
		if name != "time" { // Events may stand beside the one that is named.
			e.equal(done.Events, int64(len(c.want)), name+": number of events")
		}
	}
	for _, ev := range e.readAll(alma.Position{}) {
		if ev.Erased || string(ev.Data) == "{}" {
			e.Fatalf("a dry run has erased %s", ev.ID)
		}
	}
	e.purge(alma.PurgeQuery{Agent: "ann"})
	e.purge(alma.PurgeQuery{Since: first[0].AppendedAt, Until: first[1].AppendedAt})
	var erased []string
	for _, ev := range e.readAll(alma.Position{}) {
		if ev.Erased && slices.Contains([]string{"a", first[1].ID, "m1", "m2", "m3", "m4"}, ev.ID) {
			erased = append(erased, ev.ID)
		}
	}
	e.equal(erased, []string{"a", "m1", "m3"}, "erased events")
}

func testPurgeRepeat(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Exceptions: []alma.Exception{pending("wh_1", 1, at[0])}})
	e.save(memory("m", "words"))
	q := alma.PurgeQuery{ProjectID: "project"}
	done := e.purge(q)
	e.equal([]int64{done.Events, done.Memories, done.Deliveries}, []int64{3, 1, 1}, "what was erased")
	done = e.purge(q)
	e.equal([]int64{done.Events, done.Memories, done.Deliveries, done.Attempts}, []int64{0, 0, 0, 0}, "what was erased the second time")
}

func testPurgeMany(e *env) {
	for i := range 3 {
		e.appendN(fmt.Sprint("a", i), 400)
		e.append(e.event(fmt.Sprint("other", i), func(ev *alma.Event) { ev.Agent = "other" }))
	}
	var memories []alma.Memory
	for i := range 600 {
		memories = append(memories, memory(fmt.Sprint("m", i), "words"))
	}
	e.save(memories...)
	done := e.purge(alma.PurgeQuery{Agent: "agent"})
	e.equal([]int64{done.Events, done.Memories, int64(len(done.Erased))}, []int64{1200, 600, 1200}, "what was erased")
	for _, ev := range e.readAll(alma.Position{}) {
		if ev.Erased == (ev.Agent == "other") {
			e.Fatalf("%s of agent %q: erased is %v", ev.ID, ev.Agent, ev.Erased)
		}
	}
}

func testPurgeDeliveries(e *env) {
	at := e.append(e.event("a"), e.event("b"), e.event("c", func(ev *alma.Event) { ev.Agent = "other" }))
	e.webhook("wh_1")
	detail := &alma.AttemptDetail{RequestHeaders: map[string]string{"X": "secret"}, ResponseBody: "secret"}
	good, bad, other := success("wh_1", at[0]), failure("wh_1", 1, at[1]), success("wh_1", at[2])
	good.Attempt.Detail, bad.Attempt.Detail, other.Attempt.Detail = detail, detail, detail
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{good, bad, other}, Exceptions: []alma.Exception{failed("wh_1", alma.ReasonStatus5xx, at[1])}})
	done := e.purge(alma.PurgeQuery{Agent: "agent"})
	e.equal([]int64{done.Attempts, done.Deliveries}, []int64{2, 0}, "what was erased")
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 c SUCCESS 1", "wh_1 b FAILED 1", "wh_1 a SUCCESS 1"}, "deliveries")
	good.Attempt.Detail, bad.Attempt.Detail, bad.Attempt.Error = nil, nil, ""
	for i, want := range []alma.Attempt{good.Attempt, bad.Attempt, other.Attempt} {
		d, err := e.Delivery(e.ctx, "wh_1", at[i])
		e.check(err, "delivery")
		e.equal(d.Log, []alma.Attempt{want}, "the log of "+d.EventID)
	}
	x := e.exception("wh_1", at[1])
	e.equal([]any{x.Status, x.LastReason, x.LastStatusCode, x.LastError, x.Message}, []any{alma.StatusFailed, alma.ReasonStatus5xx, 503, "", (*alma.Message)(nil)}, "the failed delivery")
}

func testPurgePending(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	e.webhook("wh_2")
	one := pending("wh_1", 2, at[0])
	one.ReplayID = "rpl_1"
	e.settle(alma.Settlement{
		Attempts:   []alma.SettledAttempt{failure("wh_1", 1, at[0]), failure("wh_1", 2, at[0])},
		Exceptions: []alma.Exception{one, {WebhookID: "wh_2", Position: at[0], Status: alma.StatusPending, InFlight: true}, pending("wh_1", 1, at[2])},
	})
	done := e.purge(alma.PurgeQuery{MemoryID: "memory-a-0"})
	e.equal(done.Deliveries, int64(2), "number of deliveries that ended")
	slices.SortFunc(done.Ended, func(a, b alma.DeliveryKey) int { return strings.Compare(a.WebhookID, b.WebhookID) })
	e.equal(done.Ended, []alma.DeliveryKey{key("wh_1", at[0]), key("wh_2", at[0])}, "which they are")
	x := e.exception("wh_1", at[0])
	if x.Status != alma.StatusFailed || x.LastReason != alma.ReasonErased || x.Attempts != 2 || x.Message != nil || !x.NextAttemptAt.IsZero() || x.InFlight || x.ReplayID != "rpl_1" {
		e.Fatalf("the delivery of the erased event is %+v", x)
	}
	e.equal(e.exception("wh_2", at[0]).Status, alma.StatusFailed, "the status of the one in flight")
	e.equal(len(e.waiting("wh_1")), 1, "number of waiting deliveries")
}

func testPurgeBatch(e *env) {
	at := e.appendN("a", 6)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Exceptions: []alma.Exception{batch("wh_1", "bat_1", at[:3]...), batch("wh_1", "bat_2", at[3:]...)}})
	e.purge(alma.PurgeQuery{MemoryID: "memory-a-1"})
	e.purge(alma.PurgeQuery{MemoryID: "memory-a-3"})
	var got [][]alma.Position
	for _, x := range e.waiting("wh_1") {
		got = append(got, x.Members)
		if m := e.exception("wh_1", x.Position).Message; m != nil {
			e.Fatalf("the batch at %s still has its body", x.Position)
		}
	}
	e.equal(got, [][]alma.Position{{at[0], at[2]}, {at[4], at[5]}}, "members of what waits")
	for _, p := range []alma.Position{at[1], at[3]} {
		x := e.exception("wh_1", p)
		e.equal([]any{x.Status, x.LastReason, x.BatchID, x.Message}, []any{alma.StatusFailed, alma.ReasonErased, "", (*alma.Message)(nil)}, "the erased member")
	}
	bad := failure("wh_1", 2, at[4], at[5])
	bad.Attempt.Detail = &alma.AttemptDetail{ResponseBody: "secret"}
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{bad}})
	e.purge(alma.PurgeQuery{MemoryID: "memory-a-5"})
	d, err := e.Delivery(e.ctx, "wh_1", at[4])
	e.check(err, "delivery")
	if d.Log[0].Detail != nil {
		e.Fatal("what was exchanged for a batch with an erased member is still there")
	}
}

func testPurgeLate(e *env) {
	at := e.appendN("a", 4)
	e.webhook("wh_1")
	e.purge(alma.PurgeQuery{MemoryID: "memory-a-0"})
	e.purge(alma.PurgeQuery{MemoryID: "memory-a-2"})
	bad := failure("wh_1", 1, at[0])
	bad.Attempt.Detail = &alma.AttemptDetail{ResponseBody: "secret"}
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{bad}, Exceptions: []alma.Exception{pending("wh_1", 1, at[0]), batch("wh_1", "bat_1", at[1], at[2], at[3])}})
	x := e.exception("wh_1", at[0])
	e.equal([]any{x.Status, x.LastReason, x.Attempts, x.Message}, []any{alma.StatusFailed, alma.ReasonErased, 1, (*alma.Message)(nil)}, "the exception that came late")
	d, err := e.Delivery(e.ctx, "wh_1", at[0])
	e.check(err, "delivery")
	if d.Log[0].Detail != nil || d.Log[0].Error != "" || d.Log[0].Reason != alma.ReasonStatus5xx {
		e.Fatalf("the attempt that came late is kept as %+v", d.Log[0])
	}
	rest := e.exception("wh_1", at[3])
	e.equal([]any{rest.Status, rest.Members, rest.Message}, []any{alma.StatusPending, []alma.Position{at[1], at[3]}, (*alma.Message)(nil)}, "the rest of the batch")
	e.equal(e.exception("wh_1", at[2]).LastReason, alma.ReasonErased, "the reason of its erased member")
}

func testPurgeMemories(e *env) {
	mine := func(m *alma.Memory) { m.Agent = "mine" }
	aged := func(m *alma.Memory) { m.CreatedAt, m.UpdatedAt = moment.AddDate(-1, 0, 0), moment.AddDate(-1, 0, 1) }
	touched := func(m *alma.Memory) { m.CreatedAt = moment.AddDate(-1, 0, 0) }
	e.save(memory("a", "unrepeatable words"), memory("b", "unrepeatable words", mine), memory("c", "unrepeatable", aged), memory("d", "unrepeatable", touched), memory("e", "other"))
	done := e.purge(alma.PurgeQuery{MemoryID: "a"})
	e.equal(done.Memories, int64(1), "number of memories")
	e.equal(sorted(e.found("unrepeatable")), []string{"c", "d"}, "found memories")
	e.equal(len(e.memories("a")), 0, "number of memories with the id")
	e.equal(e.purge(alma.PurgeQuery{Agent: "mine"}).Memories, int64(1), "number of memories of an agent")
	e.equal(e.purge(alma.PurgeQuery{Since: moment.Add(-time.Hour), Until: moment.Add(time.Hour), DryRun: true}).Memories, int64(2), "number of those made or changed in a time")
	e.equal(e.purge(alma.PurgeQuery{Until: moment.AddDate(0, -1, 0)}).Memories, int64(2), "number of those made before a time")
	e.equal(len(e.found("unrepeatable")), 0, "number of found memories")
	e.equal(e.found("other"), []string{"e"}, "found memories of others")
	e.save(memory("a", "unrepeatable words"))
	e.equal(e.found("unrepeatable"), []string{"a"}, "a memory that is saved again")
}

func testPurgeReplay(e *env) {
	e.appendN("a", 3)
	e.webhook("wh_1")
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	e.purge(alma.PurgeQuery{MemoryID: "memory-a-1"})
	page, err := e.ReadReplay(e.ctx, r, r.Cursor, 10)
	e.check(err, "read replay")
	e.equal(eventIDs(page.Events), []string{"a-0", "a-1", "a-2"}, "what is read")
	if !page.Events[1].Erased || string(page.Events[1].Data) != "{}" {
		e.Fatalf("the erased event is read as %+v", page.Events[1])
	}
}

func testPurgeReopen(e *env) {
	if e.features.Reopen == nil {
		e.Skip("the driver keeps nothing over a restart")
	}
	e.appendN("a", 3)
	e.save(memory("m", "words"))
	e.purge(alma.PurgeQuery{ProjectID: "project"})
	log := e.readAll(alma.Position{})
	e.Storage = e.features.Reopen(e.T, e.Storage)
	e.equal(e.readAll(alma.Position{}), log, "the log")
	e.equal(len(e.found("words")), 0, "number of found memories")
	if !log[0].Erased {
		e.Fatal("the event is not erased")
	}
}
