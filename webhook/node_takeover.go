package webhook

import (
	"context"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/match"
)

// takeOver makes slots this node's own and puts their webhooks to work. An error
// leaves them to the next round: those that the node owns by then are in the
// answer again.
func (m *Manager) takeOver(ctx context.Context, s *session, slots []alma.Slot) error {
	t, err := m.member.store.TakeSlots(ctx, s.id, slots)
	if err != nil || len(t.Slots) == 0 {
		return err //nolint:wrapcheck // The driver names the operation.
	}
	configs, err := m.resumed(ctx, &t)
	if err != nil {
		return err
	}
	g := m.settleIn(s, &t, configs)
	m.readers.Go(func() {
		ctx, cancel := m.during(s)
		defer cancel()
		m.catchUp(ctx, g)
	})
	m.logger.Info("took webhooks over", "node", s.id, "slots", len(t.Slots), "webhooks", len(t.Webhooks))
	return nil
}

// resumed says where each webhook of a takeover goes on.
func (m *Manager) resumed(ctx context.Context, t *alma.Takeover) ([]lane.Config, error) {
	stood, err := m.stoodAt(ctx, t.Lanes)
	if err != nil {
		return nil, err
	}
	configs := make([]lane.Config, len(t.Webhooks))
	for i := range t.Webhooks {
		lc := stood[t.Webhooks[i].ID]
		lc.Cold = true
		configs[i] = lc
	}
	return configs, nil
}

// settleIn installs the webhooks of slots that were taken over, to be fed by a
// reader of their own at first.
func (m *Manager) settleIn(s *session, t *alma.Takeover, configs []lane.Config) *catchUp {
	m.admin.Lock()
	defer m.admin.Unlock()
	g := &catchUp{index: match.NewIndex[*hook](), at: t.Slots[0].Watermark}
	m.member.mu.Lock()
	for _, p := range t.Slots {
		m.member.slots[p.Slot] = newHolding(s, g, p.Watermark)
		if p.Watermark.Before(g.at) {
			g.at = p.Watermark
		}
	}
	m.member.mu.Unlock()
	now := time.Now()
	for i, w := range t.Webhooks {
		m.restore(w, configs[i], now).lane.Kick()
	}
	return g
}

// catchUpPage is how many events are offered at once to webhooks that were taken
// over: the tail waits meanwhile.
const catchUpPage = 256

// catchUp offers to the webhooks of a takeover what lies between their place
// and the tail, and then lets the tail feed them.
func (m *Manager) catchUp(ctx context.Context, g *catchUp) {
	for ctx.Err() == nil {
		page, err := m.store.Read(ctx, g.at, catchUpPage)
		if err != nil {
			if ctx.Err() == nil {
				m.logger.Warn("cannot read what webhooks that were taken over have missed; trying again", "error", err)
			}
			pause(ctx, nodePoll)
			continue
		}
		m.offerMissed(page, g)
		if len(page.Events) < catchUpPage && m.merge(ctx, g) {
			return
		}
	}
}

func (m *Manager) offerMissed(page alma.LogPage, g *catchUp) {
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	for i := range page.Events {
		e := flow.NewEntry(&page.Events[i])
		g.index.Match(e, func(h *hook) { m.offer(h, e) }, func(h *hook, err error) { m.filterFailed(h, e, err) })
	}
	g.at = page.Next
	g.reached.Store(&page.Next)
}

// merge lets the tail feed the webhooks of a takeover, if their own reader has
// come as far. From then on the node's watermark waits for them too, and speaks
// for their slots as soon as it has passed all that they had open.
func (m *Manager) merge(ctx context.Context, g *catchUp) bool {
	m.admin.Lock()
	defer m.admin.Unlock()
	if ctx.Err() != nil {
		return true
	}
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	if g.at.Before(*m.marks.tail.Load()) {
		return false
	}
	m.member.mu.Lock()
	joining := map[alma.Slot]alma.Position{}
	for slot, held := range m.member.slots {
		if held.group == g && !held.given {
			held.group = nil
			joining[slot] = held.place
		}
	}
	m.member.mu.Unlock()
	for _, h := range m.allHooks() {
		if _, mine := joining[alma.SlotOf(h.id)]; mine && h.group == g {
			m.follow(h)
		}
	}
	m.marks.await(joining)
	m.settler.Touch()
	return true
}

// follow lets the tail feed a webhook from where its own reader has come to.
func (m *Manager) follow(h *hook) {
	h.from, h.group, h.index = h.group.at, nil, m.index
	h.feeder.Store(nil)
	h.lane.Join()
	if c := h.compiled.Load(); c.unusable == nil {
		m.index.Put(h.id, &c.selection, h)
	}
}
