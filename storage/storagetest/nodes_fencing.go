package storagetest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

var fencingCases = []testCase{
	{"Expiry", "a lease that is not renewed runs out by the database's clock, and others see it", testExpiry},
	{"Renewal", "a lease that is renewed does not run out; one that ran out unnoticed may be renewed, and nothing has happened", testRenewal},
	{"Fence", "who takes a slot of an owner whose lease ran out ends that owner's session: all of its slots become free, and everything that it says is refused", testFence},
	{"Settle", "of a settlement by a node whose session has ended nothing is stored: its successor is at work", testFencedSettle},
	{"Repeat", "a settlement that comes again under its id, since the answer to it was lost, adds nothing", testRepeatedSettle},
	{"Place", "a fenced owner's slots are handed on at the place that was settled last", testFencedPlace},
	{"Stranger", "a session that never was is one that has ended", testStranger},
	{"Race", "a settlement and the takeover of its node's slots happen one after the other: either the successor sees what was settled, or it was refused", testFencingRace},
}

// blink is a lease that runs out while a case waits for it. It is long enough
// for a node to be fast within it.
const blink = time.Second

// awaitExpiry waits until a node's lease is seen to have run out.
func (e *env) awaitExpiry(observer, node string) {
	e.Helper()
	tick := time.NewTicker(blink / 20)
	defer tick.Stop()
	for {
		for _, n := range e.renew(observer).Nodes {
			if n.ID == node && n.Expired {
				return
			}
		}
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			e.Fatal("a lease that nobody renews does not run out")
		}
	}
}

func testExpiry(e *env) {
	began := time.Now()
	a, b := e.join("a", blink), e.join("b", hour)
	e.take(a, 1)
	if c := e.renew(b); len(c.Nodes) != 2 || c.Nodes[0].Expired {
		if waited := time.Since(began); waited < blink {
			e.Errorf("nodes after %s: %+v", waited, c.Nodes)
		}
	}
	e.awaitExpiry(b, a)
	if waited := time.Since(began); waited < blink {
		e.Errorf("a lease of %s ran out after %s", blink, waited)
	}
	e.equal(e.owners(b), map[alma.Slot]string{1: a}, "owners while nobody has taken over")
}

func testRenewal(e *env) {
	a, b := e.join("a", blink), e.join("b", hour)
	e.take(a, 1)
	tick := time.NewTicker(blink / 8)
	defer tick.Stop()
	for end := time.Now().Add(2 * blink); time.Now().Before(end); <-tick.C {
		renewed := time.Now()
		e.renew(a)
		if others := e.renew(b); others.Nodes[0].Expired && time.Since(renewed) < blink {
			e.Fatalf("a lease of %s that was renewed %s ago is shown as run out", blink, time.Since(renewed))
		}
	}
	e.awaitExpiry(b, a)
	for _, n := range e.renew(a).Nodes {
		if n.Expired {
			e.Errorf("after a late renewal the node is shown as %+v", n)
		}
	}
	e.equal(e.owners(a), map[alma.Slot]string{1: a}, "owners after a late renewal")
}

func testFence(e *env) {
	a, b, c := e.join("a", blink), e.join("b", hour), e.join("c", hour)
	e.take(a, 1, 2)
	e.take(c, 3)
	e.awaitExpiry(b, a)
	e.equal(e.take(b, 1, 3), places(alma.Position{}, 1), "what another gets of one whose lease ran out")
	e.equal(e.owners(b), map[alma.Slot]string{1: b, 3: c}, "owners: the fenced one's other slot is free")
	for _, n := range e.renew(b).Nodes {
		if n.ID == a {
			e.Errorf("a session that has ended is listed: %+v", n)
		}
	}
	e.refused(a)
	e.equal(e.take(c, 2), places(alma.Position{}, 2), "the fenced one's other slot")
	again := e.join("a", hour)
	if again == a {
		e.Error("a process that comes back gets its old session, which was fenced")
	}
	e.equal(len(e.take(again, 1, 2)), 0, "number of slots that it gets back")
}

// refused expects that nothing of what a node says is done.
func (e *env) refused(node string) {
	e.Helper()
	_, err := e.nodes().RenewNode(e.ctx, node)
	e.wantErr(err, alma.ErrFenced, "renew")
	_, err = e.nodes().TakeSlots(e.ctx, node, []alma.Slot{100})
	e.wantErr(err, alma.ErrFenced, "take slots")
	e.wantErr(e.nodes().ReleaseSlots(e.ctx, node, []alma.Slot{1}), alma.ErrFenced, "release slots")
	e.wantErr(e.Settle(e.ctx, alma.Settlement{Node: node}), alma.ErrFenced, "settle")
	e.check(e.nodes().LeaveNode(e.ctx, node), "leave")
}

func testFencedSettle(e *env) {
	at := e.appendN("a", 5)
	w := e.webhook("wh_1")
	slot := alma.SlotOf(w.ID)
	a, b := e.join("a", blink), e.join("b", hour)
	e.take(a, slot)
	e.settle(alma.Settlement{Node: a, Attempts: []alma.SettledAttempt{failure(w.ID, 1, at[0])}, Exceptions: []alma.Exception{pending(w.ID, 1, at[0])}})
	e.awaitExpiry(b, a)
	e.settle(alma.Settlement{Node: a, Attempts: []alma.SettledAttempt{success(w.ID, at[1])}, Lanes: []alma.LaneUpdate{{WebhookID: w.ID, Cursor: at[1]}}})
	e.take(b, slot)
	err := e.Settle(e.ctx, alma.Settlement{
		Node: a, Watermark: at[4], Joined: []alma.Slot{slot},
		Lanes:      []alma.LaneUpdate{{WebhookID: w.ID, Cursor: at[0], Health: alma.LaneHealth{Probes: 1}}},
		Attempts:   []alma.SettledAttempt{success(w.ID, at[2])},
		Exceptions: []alma.Exception{pending(w.ID, 1, at[3])},
		Resolved:   []alma.DeliveryKey{key(w.ID, at[0])},
		Suppressed: []alma.Suppression{{WebhookID: w.ID, JobID: "j", Position: at[4], Count: 1}},
		Disabled:   []alma.Disabling{{WebhookID: w.ID, Reason: "x"}},
	})
	e.wantErr(err, alma.ErrFenced, "a late settlement")
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 a-1 SUCCESS 1", "wh_1 a-0 PENDING 1"}, "deliveries")
	lanes, err := e.Lanes(e.ctx, []string{w.ID})
	e.check(err, "lanes")
	e.equal(lanes, []alma.LaneRecord{{WebhookID: w.ID, Cursor: at[1], Waiting: 1}}, "the lane: what was settled before the takeover, though the lease had run out")
	got, err := e.Webhook(e.ctx, w.ID)
	e.check(err, "webhook")
	e.equal(got.State, alma.StateActive, "state")
	e.equal(e.take(b, slot), places(alma.Position{}, slot), "the slot's place")
}

func testRepeatedSettle(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	node := e.join("a", hour)
	e.take(node, alma.SlotOf("wh_1"))
	r := e.replay("rpl_1", "wh_1", alma.ReplayQuery{})
	settlement := func(id string, n int) alma.Settlement {
		return alma.Settlement{
			ID: id, Node: node, Watermark: at[n], Attempts: []alma.SettledAttempt{success("wh_1", at[n])},
			Suppressed: []alma.Suppression{{WebhookID: "wh_1", JobID: "job", Position: at[2], Count: 5}},
			Replays:    []alma.ReplayProgress{{ReplayID: r.ID, Cursor: at[n], Looked: 1, Delivered: 1}},
		}
	}
	for n, id := range []string{"first", "first", "second", "second"} {
		e.settle(settlement(id, n/2))
	}
	got := e.getReplay(r.ID)
	if got.Looked != 2 || got.Delivered != 2 || got.Cursor != at[1] {
		e.Errorf("the replay is %+v; want it to have looked at two events, and to stand at %s", got, at[1])
	}
	x, err := e.Delivery(e.ctx, "wh_1", at[2])
	e.check(err, "read the suppressed delivery")
	if !strings.Contains(x.LastError, "10 events") {
		e.Errorf("of the job it is said %q; want 10 events not sent", x.LastError)
	}
	for _, p := range at[:2] {
		d, err := e.Delivery(e.ctx, "wh_1", p)
		e.check(err, "read a delivery")
		e.equal(len(d.Log), 1, "number of attempts")
	}
}

func testFencedPlace(e *env) {
	at := e.appendN("a", 3)
	a, b, c := e.join("a", blink), e.join("b", hour), e.join("c", hour)
	e.take(a, 1, 2, 3)
	e.settle(alma.Settlement{Node: a, Watermark: at[0], Joined: []alma.Slot{1, 2}})
	e.settle(alma.Settlement{Node: a, Watermark: at[1]})
	e.awaitExpiry(b, a)
	e.equal(e.take(b, 1, 3), append(places(at[1], 1), places(alma.Position{}, 3)...), "places of slots that were taken over")
	e.equal(e.take(c, 2), places(at[1], 2), "the place of one that became free by that")
}

func testStranger(e *env) {
	e.nodes()
	e.refused("nobody")
	e.refused("00000000-0000-0000-0000-000000000000")
}

func testFencingRace(e *env) {
	const lanes = 4
	b := e.join("b", hour)
	for slot := range alma.Slot(3) {
		e.fencingRound(b, slot, lanes)
	}
}

// fencingRound lets a node settle all the time while its slots are taken over.
func (e *env) fencingRound(successor string, slot alma.Slot, lanes int) {
	w := e.webhook(fmt.Sprintf("wh_race_%d", slot))
	at := e.appendN(fmt.Sprintf("race-%d", slot), 2000)
	a := e.join("a", blink/4)
	e.take(a, slot)
	e.awaitExpiry(successor, a)
	stored := make([][]alma.Position, lanes)
	var refused atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		together(lanes, func(i int) {
			for n := i; n < len(at); n += lanes {
				if err := e.Settle(e.ctx, alma.Settlement{Node: a, Attempts: []alma.SettledAttempt{success(w.ID, at[n])}}); err != nil {
					refused.Add(1)
					return
				}
				stored[i] = append(stored[i], at[n])
			}
		})
	}()
	e.take(successor, slot)
	seen, err := e.Settled(e.ctx, w.ID, alma.Position{})
	e.check(err, "settled")
	<-done
	total := 0
	for _, list := range stored {
		total += len(list)
	}
	e.equal(len(seen), total, fmt.Sprintf("what the successor saw, of what was stored (%d of %d settlers were refused)", refused.Load(), lanes))
}
