package storagetest

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alma-events/alma"
)

var nodeCases = []testCase{
	{"Join", "each session has an id of its own, and every node sees all of them: placement is computed from that", testJoin},
	{"Take", "a free slot goes to who asks, one of a live owner stays with it; asking again gives the same answer, since the first may have been lost", testTake},
	{"Takeover", "a new owner gets the webhooks of its slots, whatever their state, what is remembered about them, and nothing of other slots", testTakeover},
	{"Watermark", "each node moves a watermark of its own, forward only; a slot that has not joined stays where it is", testNodeWatermark},
	{"Place", "a slot that has joined is handed on at its owner's watermark, one that has not at the place where it was taken", testPlace},
	{"LanesOf", "one that shares follows its slot's place, and the owner's watermark once the slot has joined", testSlotLanes},
	{"Release", "released slots are free at once; those of others are passed over", testRelease},
	{"Leave", "who leaves frees all its slots and is gone; leaving twice is no mistake", testLeave},
	{"ConcurrentTakes", "of many nodes that ask for the same slots at once, each slot gets one", testConcurrentTakes},
}

// hour is a lease that does not run out during a case.
const hour = time.Hour

// nodes returns the storage's other face.
func (e *env) nodes() alma.NodeStore {
	e.Helper()
	if !e.features.Nodes {
		e.Skip("the driver's storage belongs to one process")
	}
	n, ok := e.Storage.(alma.NodeStore)
	if !ok {
		e.Fatal("the storage is no alma.NodeStore")
	}
	return n
}

// join begins a session and returns its id.
func (e *env) join(name string, lease time.Duration) string {
	e.Helper()
	s, err := e.nodes().JoinNode(e.ctx, name, lease)
	e.check(err, "join")
	return s.Node
}

func (e *env) renew(node string) alma.Cluster {
	e.Helper()
	c, err := e.nodes().RenewNode(e.ctx, node)
	e.check(err, "renew")
	return c
}

// take takes slots and returns what became the node's own, in order.
func (e *env) take(node string, slots ...alma.Slot) []alma.SlotPlace {
	e.Helper()
	t, err := e.nodes().TakeSlots(e.ctx, node, slots)
	e.check(err, "take slots")
	slices.SortFunc(t.Slots, func(a, b alma.SlotPlace) int { return int(a.Slot) - int(b.Slot) })
	return t.Slots
}

// owner makes a node the owner of a webhook's slot, where there are nodes.
func (e *env) owner(webhookID string) (node string, slots []alma.Slot) {
	e.Helper()
	if !e.features.Nodes {
		return "", nil
	}
	node, slots = e.join("owner", hour), []alma.Slot{alma.SlotOf(webhookID)}
	e.take(node, slots...)
	return node, slots
}

// places is what take returns for slots that all are at one place.
func places(at alma.Position, slots ...alma.Slot) []alma.SlotPlace {
	out := make([]alma.SlotPlace, len(slots))
	for i, s := range slots {
		out[i] = alma.SlotPlace{Slot: s, Watermark: at}
	}
	return out
}

// owners lists the slots that have an owner, as a node sees them.
func (e *env) owners(node string) map[alma.Slot]string {
	e.Helper()
	out := map[alma.Slot]string{}
	cluster := e.renew(node)
	for s, owner := range cluster.Owners {
		if owner != "" {
			out[alma.Slot(s)] = owner
		}
	}
	return out
}

func testJoin(e *env) {
	a, b := e.join("alpha", hour), e.join("beta", hour)
	again := e.join("alpha", hour)
	cluster := e.renew(a)
	got := make([]string, len(cluster.Nodes))
	for i, n := range cluster.Nodes {
		got[i] = n.ID + " " + n.Name
		if n.Expired || n.JoinedAt.IsZero() || time.Since(n.JoinedAt).Abs() > time.Minute {
			e.Errorf("a node that just joined is shown as %+v", n)
		}
	}
	e.equal(got, []string{a + " alpha", b + " beta", again + " alpha"}, "nodes, the oldest first")
	e.equal(e.owners(b), map[alma.Slot]string{}, "owners before anybody took a slot")
	if a == again {
		e.Error("two sessions have one id, so that neither could be fenced")
	}
}

func testTake(e *env) {
	a, b := e.join("a", hour), e.join("b", hour)
	e.equal(e.take(a, 0, 7, alma.Slots-1), places(alma.Position{}, 0, 7, alma.Slots-1), "what the first got")
	e.equal(e.take(b, 7, 8), places(alma.Position{}, 8), "what the second got")
	e.equal(e.take(a, 7, 8), places(alma.Position{}, 7), "what the first got when it asked again")
	e.equal(e.take(b), []alma.SlotPlace{}, "what who asks for nothing gets")
	want := map[alma.Slot]string{0: a, 7: a, alma.Slots - 1: a, 8: b}
	e.equal(e.owners(a), want, "owners, as the first sees them")
	e.equal(e.owners(b), want, "owners, as the second sees them")
	all := make([]alma.Slot, alma.Slots)
	for i := range all {
		all[i] = alma.Slot(i)
	}
	e.equal(len(e.take(b, all...)), alma.Slots-3, "number of slots of who takes all")
}

func testTakeover(e *env) {
	node := e.join("a", hour)
	at := e.appendN("a", 4)
	ids := e.inSlots("idle", "own", "ill", "waiting", "paused")
	elsewhere := e.webhook("wh_elsewhere")
	paused, err := e.UpdateWebhook(e.ctx, alma.Webhook{ID: ids["paused"], Version: 1, State: alma.StatePaused, StateReason: "x", Config: alma.WebhookConfig{URL: "https://example.com/p", Secret: "s"}})
	e.check(err, "pause")
	health := alma.LaneHealth{FailingSince: moment, BreakerOpen: true, ProbeAt: moment.Add(time.Minute), Probes: 3}
	e.settle(alma.Settlement{
		Lanes: []alma.LaneUpdate{
			{WebhookID: ids["idle"], Shared: true}, {WebhookID: ids["own"], Cursor: at[1]}, {WebhookID: ids["ill"], Shared: true, Health: health},
			{WebhookID: ids["waiting"], Shared: true}, {WebhookID: ids["paused"], Cursor: at[2]}, {WebhookID: elsewhere.ID, Cursor: at[3]},
		},
		Exceptions: []alma.Exception{pending(ids["waiting"], 1, at[0]), pending(elsewhere.ID, 1, at[0])},
	})
	var slots []alma.Slot
	for _, id := range ids {
		slots = append(slots, alma.SlotOf(id))
	}
	got, err := e.nodes().TakeSlots(e.ctx, node, slots)
	e.check(err, "take")
	names := []string{}
	for _, w := range got.Webhooks {
		names = append(names, w.ID)
		if w.ID == paused.ID {
			e.equal(w, paused, "a webhook, secret included")
		}
	}
	e.equal(sorted(names), sorted([]string{ids["idle"], ids["own"], ids["ill"], ids["waiting"], ids["paused"]}), "webhooks")
	lanes := map[string]alma.LaneRecord{}
	for _, l := range got.Lanes {
		if l.Shared {
			l.Cursor = alma.Position{} // Means nothing.
		}
		lanes[l.WebhookID] = l
	}
	e.equal(lanes, map[string]alma.LaneRecord{
		ids["own"]: {WebhookID: ids["own"], Cursor: at[1]}, ids["paused"]: {WebhookID: ids["paused"], Cursor: at[2]},
		ids["ill"]: {WebhookID: ids["ill"], Shared: true, Health: health}, ids["waiting"]: {WebhookID: ids["waiting"], Shared: true, Waiting: 1},
	}, "lanes")
}

// inSlots creates a webhook for each name, in any slots but that of
// wh_elsewhere.
func (e *env) inSlots(names ...string) map[string]string {
	e.Helper()
	out := map[string]string{}
	for _, name := range names {
		id := "wh_" + name
		for i := 0; alma.SlotOf(id) == alma.SlotOf("wh_elsewhere"); i++ {
			id = fmt.Sprintf("wh_%s_%d", name, i)
		}
		out[name] = e.webhook(id).ID
	}
	return out
}

func testNodeWatermark(e *env) {
	at := e.appendN("a", 4)
	a, b := e.join("a", hour), e.join("b", hour)
	e.take(a, 1)
	e.take(b, 2)
	e.settle(alma.Settlement{Node: a, Watermark: at[1], Joined: []alma.Slot{1, 2}}) // Not its own: passed over.
	e.settle(alma.Settlement{Node: a, Watermark: at[0]})
	e.settle(alma.Settlement{Node: a})
	e.settle(alma.Settlement{Node: b, Watermark: at[3]})
	e.equal(e.take(a, 1), places(at[1], 1), "a slot that joined, after a watermark that lies before and none")
	e.equal(e.take(b, 2), places(alma.Position{}, 2), "a slot that has not joined")
	e.settle(alma.Settlement{Node: a, Watermark: at[2]})
	e.equal(e.take(a, 1), places(at[2], 1), "a slot that joined, after a watermark that lies ahead")
}

func testPlace(e *env) {
	at := e.appendN("a", 6)
	a, b := e.join("a", hour), e.join("b", hour)
	e.take(a, 1, 2)
	e.settle(alma.Settlement{Node: a, Watermark: at[1], Joined: []alma.Slot{1}})
	e.settle(alma.Settlement{Node: a, Watermark: at[2]})
	e.check(e.nodes().ReleaseSlots(e.ctx, a, []alma.Slot{1, 2}), "release")
	e.settle(alma.Settlement{Node: a, Watermark: at[3]})
	e.equal(e.take(b, 1, 2), append(places(at[2], 1), places(alma.Position{}, 2)...), "places after a release, and a later watermark of who had the slots")
	e.settle(alma.Settlement{Node: b, Watermark: at[4]})
	e.check(e.nodes().LeaveNode(e.ctx, b), "leave")
	e.equal(e.take(a, 1), places(at[2], 1), "the place of a slot that never joined its second owner")
	e.settle(alma.Settlement{Node: a, Joined: []alma.Slot{1}})
	e.check(e.nodes().LeaveNode(e.ctx, a), "leave")
	c := e.join("c", hour)
	e.equal(e.take(c, 1), places(at[3], 1), "the place of a slot that joined, after its owner left")
}

func testSlotLanes(e *env) {
	at := e.appendN("a", 4)
	node := e.join("a", hour)
	w := e.webhook("wh_1")
	slot := alma.SlotOf(w.ID)
	e.take(node, slot)
	place := func() alma.Position {
		list, err := e.Lanes(e.ctx, []string{w.ID})
		e.check(err, "lanes")
		return list[0].Cursor
	}
	e.settle(alma.Settlement{Node: node, Watermark: at[1], Lanes: []alma.LaneUpdate{{WebhookID: w.ID, Cursor: at[2]}}})
	e.equal(place(), at[2], "a cursor of its own")
	e.settle(alma.Settlement{Node: node, Lanes: []alma.LaneUpdate{{WebhookID: w.ID, Shared: true}}})
	e.equal(place(), alma.Position{}, "the place of one that shares, before its slot has joined")
	e.settle(alma.Settlement{Node: node, Joined: []alma.Slot{slot}})
	e.equal(place(), at[1], "its place when the slot has joined")
	e.settle(alma.Settlement{Node: node, Watermark: at[3]})
	e.check(e.nodes().LeaveNode(e.ctx, node), "leave")
	e.equal(place(), at[3], "its place when nobody owns the slot")
}

func testRelease(e *env) {
	a, b := e.join("a", hour), e.join("b", hour)
	e.take(a, 1, 2)
	e.take(b, 3)
	e.check(e.nodes().ReleaseSlots(e.ctx, a, []alma.Slot{2, 3, 4}), "release")
	e.check(e.nodes().ReleaseSlots(e.ctx, a, nil), "release nothing")
	e.equal(e.owners(a), map[alma.Slot]string{1: a, 3: b}, "owners after a release")
	e.equal(e.take(b, 1, 2), places(alma.Position{}, 2), "what another node gets then")
}

func testLeave(e *env) {
	a, b := e.join("a", hour), e.join("b", hour)
	e.take(a, 1, 2)
	e.take(b, 3)
	for range 2 {
		e.check(e.nodes().LeaveNode(e.ctx, a), "leave")
	}
	e.check(e.nodes().LeaveNode(e.ctx, "nobody"), "leave without having joined")
	cluster := e.renew(b)
	e.equal(len(cluster.Nodes), 1, "number of nodes after one left")
	e.equal(e.owners(b), map[alma.Slot]string{3: b}, "owners after one left")
	e.equal(e.take(b, 1, 2), places(alma.Position{}, 1, 2), "what another node gets then")
	_, err := e.nodes().RenewNode(e.ctx, a)
	e.wantErr(err, alma.ErrFenced, "renew after leaving")
}

func testConcurrentTakes(e *env) {
	const n = 4
	nodes := make([]string, n)
	for i := range nodes {
		nodes[i] = e.join(strconv.Itoa(i), hour)
	}
	slots := make([]alma.Slot, 64)
	for i := range slots {
		slots[i] = alma.Slot(i * 3)
	}
	got := make([][]alma.SlotPlace, n)
	together(n, func(i int) {
		mine := slices.Clone(slots)
		slices.Reverse(mine[i:]) // Each in another order.
		t, err := e.nodes().TakeSlots(e.ctx, nodes[i], mine)
		if err != nil {
			e.Errorf("take: %v", err)
		}
		got[i] = t.Slots
	})
	want := map[alma.Slot]string{}
	for i, list := range got {
		for _, p := range list {
			if owner, taken := want[p.Slot]; taken {
				e.Errorf("slot %d was given to %s and to %s", p.Slot, owner, nodes[i])
			}
			want[p.Slot] = nodes[i]
		}
	}
	e.equal(len(want), len(slots), "number of slots that somebody got")
	e.equal(e.owners(nodes[0]), want, "owners")
}
