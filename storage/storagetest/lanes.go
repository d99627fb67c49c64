package storagetest

import (
	"time"

	"github.com/alma-events/alma"
)

var laneCases = []testCase{
	{"Empty", "a new storage has nothing to resume from", testNoCheckpoint},
	{"Watermark", "the shared position moves forward only: settles may arrive out of order", testWatermark},
	{"Lanes", "a lane's own cursor, sharing and health are remembered; one that shares and has nothing to remember is left out", testLanes},
	{"LanesOf", "the records of some webhooks: also of those about which there is nothing to remember, and with the place that they share", testLanesOf},
	{"Settled", "positions that were attempted, or are an exception, are told in order after a place: a restart must not attempt them first again", testSettled},
	{"Unknown", "what a settlement holds about webhooks that never were is left out, the rest is stored", testUnknownWebhook},
	{"Deleted", "about a deleted webhook nothing is kept but its attempts", testSettleDeleted},
}

func (e *env) checkpoint() alma.Checkpoint {
	e.Helper()
	c, err := e.Checkpoint(e.ctx)
	e.check(err, "checkpoint")
	return c
}

func (e *env) lanes() []alma.LaneRecord {
	e.Helper()
	return e.checkpoint().Lanes
}

func testNoCheckpoint(e *env) {
	e.equal(e.checkpoint(), alma.Checkpoint{}, "checkpoint")
	for what, f := range map[string]func() (int, error){
		"settled": func() (int, error) { l, err := e.Settled(e.ctx, "wh_never", alma.Position{}); return len(l), err },
		"waiting": func() (int, error) { l, err := e.Waiting(e.ctx, "wh_never"); return len(l), err },
	} {
		n, err := f()
		e.check(err, what)
		e.equal(n, 0, what)
	}
}

func testWatermark(e *env) {
	at := e.appendN("a", 3)
	e.settle(alma.Settlement{Watermark: at[1]})
	e.equal(e.checkpoint().Watermark, at[1], "the watermark")
	e.settle(alma.Settlement{Watermark: at[0]})
	e.equal(e.checkpoint().Watermark, at[1], "the watermark after one that lies before")
	e.settle(alma.Settlement{})
	e.equal(e.checkpoint().Watermark, at[1], "the watermark after a settlement without one")
	e.settle(alma.Settlement{Watermark: at[2]})
	e.equal(e.checkpoint().Watermark, at[2], "the watermark after one that lies ahead")
}

func testLanes(e *env) {
	at := e.appendN("a", 3)
	for _, id := range []string{"wh_own", "wh_shared", "wh_ill", "wh_waiting"} {
		e.webhook(id)
	}
	health := alma.LaneHealth{FailingSince: moment, BreakerOpen: true, ProbeAt: moment.Add(time.Minute), Probes: 3, Expired: 7}
	e.settle(alma.Settlement{
		Lanes: []alma.LaneUpdate{
			{WebhookID: "wh_own", Cursor: at[1]},
			{WebhookID: "wh_shared", Shared: true},
			{WebhookID: "wh_ill", Shared: true, Health: health},
			{WebhookID: "wh_waiting", Shared: true},
		},
		Exceptions: []alma.Exception{pending("wh_waiting", 1, at[0]), batch("wh_waiting", "bat_1", at[1], at[2])},
	})
	want := map[string]alma.LaneRecord{
		"wh_own":     {WebhookID: "wh_own", Cursor: at[1]},
		"wh_ill":     {WebhookID: "wh_ill", Shared: true, Health: health},
		"wh_waiting": {WebhookID: "wh_waiting", Shared: true, Waiting: 2},
	}
	got := map[string]alma.LaneRecord{}
	for _, l := range e.lanes() {
		if l.Shared {
			l.Cursor = alma.Position{} // Means nothing.
		}
		got[l.WebhookID] = l
	}
	e.equal(got, want, "lanes")
	e.settle(alma.Settlement{Lanes: []alma.LaneUpdate{{WebhookID: "wh_ill", Shared: true}}})
	for _, l := range e.lanes() {
		if l.WebhookID == "wh_ill" {
			e.Fatalf("a lane that is well again and shares is still listed: %+v", l)
		}
	}
}

func testLanesOf(e *env) {
	at := e.appendN("a", 2)
	for _, id := range []string{"wh_idle", "wh_own", "wh_other", "wh_gone"} {
		e.webhook(id)
	}
	later := e.appendN("b", 3)
	node, joined := e.owner("wh_idle")
	e.settle(alma.Settlement{
		Node: node, Joined: joined, Watermark: later[1],
		Lanes: []alma.LaneUpdate{
			{WebhookID: "wh_idle", Shared: true},
			{WebhookID: "wh_own", Cursor: later[0], Health: alma.LaneHealth{Probes: 1}},
		},
		Exceptions: []alma.Exception{pending("wh_own", 1, at[0]), batch("wh_own", "bat_1", at[1], later[0]), {WebhookID: "wh_own", Position: later[1], Status: alma.StatusFailed}},
	})
	e.check(e.DeleteWebhook(e.ctx, "wh_gone"), "delete")
	list, err := e.Lanes(e.ctx, []string{"wh_idle", "wh_own", "wh_gone", "wh_never"})
	e.check(err, "lanes")
	got := map[string]alma.LaneRecord{}
	for _, l := range list {
		got[l.WebhookID] = l
	}
	e.equal(got, map[string]alma.LaneRecord{
		"wh_idle": {WebhookID: "wh_idle", Shared: true, Cursor: later[1]},
		"wh_own":  {WebhookID: "wh_own", Cursor: later[0], Waiting: 2, Health: alma.LaneHealth{Probes: 1}},
	}, "lanes")
	e.equal(len(list), 2, "number of records")
	list, err = e.Lanes(e.ctx, []string{"wh_other"})
	e.check(err, "lanes")
	e.equal(list, []alma.LaneRecord{{WebhookID: "wh_other", Cursor: at[1]}}, "the lane of a new webhook")
	list, err = e.Lanes(e.ctx, nil)
	e.check(err, "lanes of none")
	e.equal(len(list), 0, "number of records for none")
}

func testSettled(e *env) {
	at := e.appendN("a", 8)
	e.webhook("wh_1")
	e.webhook("wh_2")
	e.settle(alma.Settlement{
		Attempts:   []alma.SettledAttempt{success("wh_1", at[6]), success("wh_1", at[1], at[2]), failure("wh_1", 1, at[4]), failure("wh_1", 2, at[4]), success("wh_2", at[3])},
		Exceptions: []alma.Exception{pending("wh_1", 2, at[4]), {WebhookID: "wh_1", Position: at[5], Status: alma.StatusPending, InFlight: true}},
	})
	for after, want := range map[alma.Position][]alma.Position{
		{}:    {at[1], at[2], at[4], at[5], at[6]},
		at[2]: {at[4], at[5], at[6]},
		at[6]: nil,
	} {
		got, err := e.Settled(e.ctx, "wh_1", after)
		e.check(err, "settled")
		e.equal(got, want, "settled after "+after.String())
	}
}

func testUnknownWebhook(e *env) {
	at := e.appendN("a", 2)
	e.webhook("wh_1")
	e.settle(alma.Settlement{
		Watermark:  at[1],
		Lanes:      []alma.LaneUpdate{{WebhookID: "wh_never", Cursor: at[0]}},
		Attempts:   []alma.SettledAttempt{success("wh_never", at[0]), success("wh_1", at[0])},
		Exceptions: []alma.Exception{pending("wh_never", 1, at[0])},
		Resolved:   []alma.DeliveryKey{key("wh_never", at[0])},
		Suppressed: []alma.Suppression{{WebhookID: "wh_never", JobID: "j", Position: at[0], Count: 1}},
	})
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 a-0 SUCCESS 1"}, "deliveries")
	e.equal(e.checkpoint().Watermark, at[1], "the watermark")
}

func testSettleDeleted(e *env) {
	at := e.appendN("a", 5)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{failure("wh_1", 1, at[0])}, Exceptions: []alma.Exception{pending("wh_1", 1, at[0])}})
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete")
	e.settle(alma.Settlement{
		Lanes:    []alma.LaneUpdate{{WebhookID: "wh_1", Cursor: at[3], Health: alma.LaneHealth{Probes: 1}}},
		Attempts: []alma.SettledAttempt{success("wh_1", at[0]), success("wh_1", at[1]), failure("wh_1", 1, at[2]), failure("wh_1", 1, at[3])},
		Exceptions: []alma.Exception{
			pending("wh_1", 1, at[2]),
			{WebhookID: "wh_1", Position: at[3], Status: alma.StatusFailed, Attempts: 1, LastReason: alma.ReasonGone},
		},
		Resolved:   []alma.DeliveryKey{key("wh_1", at[0])},
		Suppressed: []alma.Suppression{{WebhookID: "wh_1", JobID: "j", Position: at[4], Count: 1}},
		Disabled:   []alma.Disabling{{WebhookID: "wh_1", Reason: "x"}},
	})
	e.equal(len(e.lanes()), 0, "number of lanes")
	list := e.deliveries(alma.DeliveryQuery{})
	e.equal(rows(list), []string{"wh_1 a-3 FAILED 1", "wh_1 a-2 FAILED 1", "wh_1 a-1 SUCCESS 1", "wh_1 a-0 FAILED 2"}, "deliveries")
	e.equal([]alma.Reason{list[0].LastReason, list[1].LastReason, list[3].LastReason},
		[]alma.Reason{alma.ReasonGone, alma.ReasonWebhookDeleted, alma.ReasonWebhookDeleted}, "reasons")
	waiting, err := e.Waiting(e.ctx, "wh_1")
	e.check(err, "waiting")
	e.equal(len(waiting), 0, "number of waiting deliveries")
}
