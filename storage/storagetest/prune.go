package storagetest

import (
	"time"

	"github.com/alma-events/alma"
)

var pruneCases = []testCase{
	{"Zero", "without times everything is kept", testPruneNothing},
	{"Old", "old events go, with everything about their deliveries, and no reader gets them; newer ones stay", testPruneOld},
	{"Ids", "the id of a removed event is forgotten with it, and positions go on", testPruneIDs},
	{"EmptyLog", "a log that was emptied gives no position twice, after a restart neither", testPruneEmpty},
	{"Watermark", "an event beyond the watermark is needed by whoever shares it", testPruneWatermark},
	{"Cursor", "an event beyond a webhook's own cursor is needed, whatever the state of the webhook, until it is deleted", testPruneCursor},
	{"Pending", "an event whose delivery is pending is needed", testPrunePending},
	{"Replay", "events and finished deliveries that an unfinished replay has not come to are needed", testPruneReplay},
	{"Attempts", "old attempts go, those of events that the webhook has not come past stay, and so does the count of a failed delivery", testPruneAttempts},
	{"Deliveries", "finished deliveries of old events go, with their messages; pending ones stay", testPruneDeliveries},
	{"Replays", "finished replays go, unfinished ones stay", testPruneReplays},
}

// later is a time that everything in a case is older than.
func later() time.Time { return time.Now().Add(time.Hour) }

// prune removes all it can.
func (e *env) prune(r alma.Retention) alma.Pruned {
	e.Helper()
	var sum alma.Pruned
	for range 1000 {
		p, err := e.Prune(e.ctx, r)
		e.check(err, "prune")
		sum.Events += p.Events
		sum.Attempts += p.Attempts
		sum.Deliveries += p.Deliveries
		sum.Replays += p.Replays
		sum.Audit += p.Audit
		if !p.More {
			return sum
		}
	}
	e.Fatal("after 1,000 calls there is still more to prune")
	return sum
}

// exactly skips a case that needs old rows to go one by one.
func (e *env) exactly() {
	if e.features.PrunesCoarsely {
		e.Skip("the driver may keep more than it has to")
	}
}

// log lists the ids of the log.
func (e *env) log() []string {
	e.Helper()
	return eventIDs(e.readAll(alma.Position{}))
}

func testPruneNothing(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Watermark: at[2], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}}, Attempts: []alma.SettledAttempt{success("wh_1", at[0])}})
	e.equal(e.prune(alma.Retention{}), alma.Pruned{}, "what was pruned")
	e.equal(len(e.log()), 3, "number of events")
	e.equal(len(e.deliveries(alma.DeliveryQuery{})), 1, "number of deliveries")
}

func testPruneOld(e *env) {
	e.exactly()
	at := e.appendN("a", 600)
	var failures []alma.Exception
	for _, p := range at[100:200] {
		failures = append(failures, failed("wh_1", alma.ReasonTLS, p))
	}
	e.webhook("wh_1")
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{success("wh_1", at[:100]...), failure("wh_1", 1, at[100:200]...)}, Exceptions: failures})
	border := e.spaced("border-0", "border-1")[1]
	newer := e.append(e.event("new"))
	e.settle(alma.Settlement{Watermark: newer[0], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}}, Attempts: []alma.SettledAttempt{success("wh_1", newer[0])}})
	old := len(e.log()) - 2

	done := e.prune(alma.Retention{Events: border.AppendedAt})
	e.equal(done.Events, int64(old), "number of pruned events")
	e.equal(e.log(), []string{border.ID, "new"}, "the log")
	e.equal(eventIDs(e.events(alma.EventQuery{})), []string{"new", border.ID}, "listed events")
	e.equal(len(e.events(alma.EventQuery{IDs: []string{"a-3"}})), 0, "number of old events, asked for by id")
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 new SUCCESS 1"}, "deliveries")
	_, err := e.Exception(e.ctx, "wh_1", at[100])
	e.wantErr(err, alma.ErrNotFound, "the exception of an old event")
	e.equal(e.prune(alma.Retention{Events: border.AppendedAt}).Events, int64(0), "what is pruned the second time")
}

func testPruneIDs(e *env) {
	e.exactly()
	at := e.appendN("a", 3)
	e.settle(alma.Settlement{Watermark: at[2]})
	e.prune(alma.Retention{Events: later()})
	e.equal(len(e.log()), 0, "number of events")
	answers, err := e.Append(e.ctx, []alma.Event{e.event("a-1")})
	e.check(err, "append")
	if answers[0].Duplicate || !at[2].Before(answers[0].Position) {
		e.Fatalf("the id of a removed event was appended as %+v; want a new event after %s", answers[0], at[2])
	}
	e.equal(eventIDs(e.readAll(at[2])), []string{"a-1"}, "what is read after the last position")
}

func testPruneEmpty(e *env) {
	at := e.appendN("a", 3)
	e.settle(alma.Settlement{Watermark: at[2]})
	e.prune(alma.Retention{Events: later()})
	if e.features.Reopen != nil {
		e.Storage = e.features.Reopen(e.T, e.Storage)
	}
	next := e.append(e.event("b"))
	if !at[2].Before(next[0]) {
		e.Fatalf("after the log was emptied an event came to stand at %s, not after %s", next[0], at[2])
	}
	e.webhook("wh_1")
	e.append(e.event("c"))
	lanes := e.lanes()
	e.equal(len(lanes), 1, "number of lanes")
	e.equal(eventIDs(e.readAll(lanes[0].Cursor)), []string{"c"}, "what a new webhook sees")
}

// survives fails the case unless exactly these events are in the log; where
// old ones may stay, unless these at least are.
func (e *env) survives(want ...string) {
	e.Helper()
	got := e.log()
	if !e.features.PrunesCoarsely {
		e.equal(got, want, "the log")
		return
	}
	have := map[string]bool{}
	for _, id := range got {
		have[id] = true
	}
	for _, id := range want {
		if !have[id] {
			e.Fatalf("%s was removed although it is needed; left are %v", id, got)
		}
	}
}

func testPruneWatermark(e *env) {
	at := e.appendN("a", 4)
	e.prune(alma.Retention{Events: later()})
	e.survives("a-0", "a-1", "a-2", "a-3")
	e.settle(alma.Settlement{Watermark: at[1]})
	e.prune(alma.Retention{Events: later()})
	e.survives("a-2", "a-3")
	e.equal(eventIDs(e.readAll(at[1])), []string{"a-2", "a-3"}, "what is read from the watermark on")
}

func testPruneCursor(e *env) {
	at := e.appendN("a", 4)
	paused := e.webhook("wh_1")
	paused.State = alma.StatePaused
	_, err := e.UpdateWebhook(e.ctx, paused)
	e.check(err, "pause")
	e.settle(alma.Settlement{Watermark: at[3], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Cursor: at[1]}}})
	e.prune(alma.Retention{Events: later()})
	e.survives("a-2", "a-3")
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete")
	e.prune(alma.Retention{Events: later()})
	e.survives()
}

func testPrunePending(e *env) {
	at := e.appendN("a", 6)
	e.webhook("wh_1")
	e.settle(alma.Settlement{
		Watermark: at[5], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}},
		Exceptions: []alma.Exception{pending("wh_1", 1, at[1]), batch("wh_1", "bat_1", at[3], at[4])},
	})
	e.prune(alma.Retention{Events: later(), Attempts: later(), Deliveries: later()})
	e.survives("a-1", "a-3", "a-4")
	e.equal(len(e.waiting("wh_1")), 2, "number of waiting deliveries")
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[1]), key("wh_1", at[3])}})
	e.prune(alma.Retention{Events: later()})
	e.survives()
}

func testPruneReplay(e *env) {
	at := e.appendN("a", 6)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Watermark: at[5], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}}, Exceptions: []alma.Exception{
		failed("wh_1", alma.ReasonTLS, at[1]), failed("wh_1", alma.ReasonTLS, at[4]),
	}})
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{Status: alma.StatusFailed, From: at[2]})
	e.prune(alma.Retention{Deliveries: later()})
	e.equal(e.replayed(r, 10), []string{"a-4"}, "what is replayed after finished deliveries were pruned")
	e.prune(alma.Retention{Events: later(), Deliveries: later()})
	e.equal(e.replayed(r, 10), []string{"a-4"}, "what is replayed after events were pruned")
	e.survives("a-2", "a-3", "a-4", "a-5")
	_, err := e.SetReplayState(e.ctx, "rpl_1", alma.ReplayPaused, "")
	e.check(err, "pause")
	e.prune(alma.Retention{Events: later(), Deliveries: later()})
	e.survives("a-2", "a-3", "a-4", "a-5")
	_, err = e.SetReplayState(e.ctx, "rpl_1", alma.ReplayCanceled, "")
	e.check(err, "cancel")
	e.prune(alma.Retention{Events: later(), Deliveries: later()})
	e.survives()
}

func testPruneAttempts(e *env) {
	at := e.appendN("a", 4)
	e.webhook("wh_1")
	e.webhook("wh_2")
	e.settle(alma.Settlement{
		Watermark: at[3], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}, {WebhookID: "wh_2", Cursor: at[1]}},
		Attempts: []alma.SettledAttempt{
			success("wh_1", at[0]), failure("wh_1", 1, at[1]), failure("wh_1", 2, at[1]), success("wh_2", at[0]), success("wh_2", at[2]), success("wh_2", at[3]),
		},
		Exceptions: []alma.Exception{{WebhookID: "wh_1", Position: at[1], Status: alma.StatusFailed, Attempts: 2, LastReason: alma.ReasonStatus5xx}},
	})
	again := success("wh_1", at[2])
	again.Attempt.At = later().Add(time.Hour)
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{again}})
	e.prune(alma.Retention{Attempts: later()})
	settled, err := e.Settled(e.ctx, "wh_2", at[1])
	e.check(err, "settled")
	e.equal(settled, []alma.Position{at[2], at[3]}, "what a webhook that is behind has settled")
	e.equal(len(e.log()), 4, "number of events")
	if e.features.PrunesCoarsely {
		return
	}
	e.equal(rows(e.deliveries(alma.DeliveryQuery{WebhookID: "wh_1"})), []string{"wh_1 a-2 SUCCESS 1", "wh_1 a-1 FAILED 2"}, "deliveries that are left")
	e.equal(rows(e.deliveries(alma.DeliveryQuery{WebhookID: "wh_2"})), []string{"wh_2 a-3 SUCCESS 1", "wh_2 a-2 SUCCESS 1"}, "those of the one that is behind")
}

func testPruneDeliveries(e *env) {
	bulk := func(ev *alma.Event) { ev.Job = &alma.Job{ID: "j", Records: 9} }
	at := e.append(e.event("a"), e.event("b"), e.event("c"), e.event("d"), e.event("e", bulk), e.event("f"))
	e.webhook("wh_1")
	e.settle(alma.Settlement{
		Attempts:   []alma.SettledAttempt{failure("wh_1", 1, at[0]), success("wh_1", at[5])},
		Exceptions: []alma.Exception{failed("wh_1", alma.ReasonTLS, at[0]), failed("wh_1", alma.ReasonTLS, at[1], at[2]), pending("wh_1", 1, at[3])},
		Suppressed: []alma.Suppression{{WebhookID: "wh_1", JobID: "j", Position: at[4], Count: 1}},
	})
	e.prune(alma.Retention{Deliveries: moment.AddDate(-10, 0, 0)})
	e.equal(len(e.deliveries(alma.DeliveryQuery{})), 6, "number of deliveries when none is old")
	e.prune(alma.Retention{Deliveries: later()})
	e.equal(len(e.log()), 6, "number of events")
	e.equal(len(e.waiting("wh_1")), 1, "number of waiting deliveries")
	if e.features.PrunesCoarsely {
		return
	}
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 f SUCCESS 1", "wh_1 d PENDING 1"}, "deliveries")
	_, err := e.Exception(e.ctx, "wh_1", at[2])
	e.wantErr(err, alma.ErrNotFound, "a member of an old batch")
}

func testPruneReplays(e *env) {
	e.appendN("a", 1)
	e.webhook("wh_1")
	e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	e.replay("rpl_2", "wh_1", alma.ReplayQuery{})
	_, err := e.SetReplayState(e.ctx, "rpl_1", alma.ReplayCanceled, "")
	e.check(err, "cancel")
	e.equal(e.prune(alma.Retention{Deliveries: time.Now().Add(-time.Hour)}).Replays, int64(0), "replays when none is old")
	e.equal(e.prune(alma.Retention{Deliveries: later()}).Replays, int64(1), "old replays")
	_, err = e.Replay(e.ctx, "rpl_1")
	e.wantErr(err, alma.ErrNotFound, "the old replay")
	e.equal(e.getReplay("rpl_2").State, alma.ReplayRunning, "the state of the other")
}
