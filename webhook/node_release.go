package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/lane"
)

// handover is how slots leave this node for others: nothing new starts in them,
// what is under way may finish, and when a slot has come to rest it is released.
type handover struct {
	m     *Manager
	s     *session
	began time.Time
	parts map[alma.Slot]*departing
	// cancelled says that requests which took too long were given up.
	cancelled bool
}

// departing is one slot on its way.
type departing struct {
	held  *holding
	hooks []*hook
	left  bool // What still runs is not waited for.
}

const (
	// restPoll is how often a handover looks which slots have come to rest.
	restPoll = 20 * time.Millisecond
	// A request that is under way may take half a lease more. Then it is given
	// up, counts for nothing, and is made again by the next owner.
	handoverShare = 2
)

// beginHandover hands slots on, unless that is being done for others already.
func (m *Manager) beginHandover(s *session, slots []alma.Slot) {
	if !s.handing.CompareAndSwap(false, true) {
		return
	}
	h := m.freeze(s, slots)
	m.readers.Go(func() {
		defer m.member.wake()
		defer s.handing.Store(false)
		ctx, cancel := m.during(s)
		defer cancel()
		h.run(ctx)
	})
}

// freeze stops the webhooks of slots: no event is offered to them any more, no
// attempt starts, and the watermark stays where it is.
func (m *Manager) freeze(s *session, slots []alma.Slot) *handover {
	h := &handover{m: m, s: s, began: time.Now(), parts: make(map[alma.Slot]*departing, len(slots))}
	m.admin.Lock()
	defer m.admin.Unlock()
	m.member.mu.Lock()
	for _, slot := range slots {
		h.parts[slot] = &departing{held: m.member.slots[slot]} // nil: it was never moved in.
		if held := h.parts[slot].held; held != nil {
			held.given = true
		}
	}
	m.member.mu.Unlock()
	for _, hook := range m.allHooks() {
		if part := h.parts[alma.SlotOf(hook.id)]; part != nil {
			hook.leaving = true
			part.hooks = append(part.hooks, hook)
		}
	}
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	m.marks.freeze(*m.marks.tail.Load(), slots)
	h.withdraw()
	return h
}

// withdraw takes the webhooks from where events come from.
func (h *handover) withdraw() {
	leaves := func(k *hook) bool { return h.parts[alma.SlotOf(k.id)] != nil }
	h.m.index.Drop(leaves)
	for _, part := range h.parts {
		if part.held != nil && part.held.group != nil {
			part.held.group.index.Drop(leaves)
		}
		for _, k := range part.hooks {
			k.lane.Drain()
		}
	}
}

// run releases the slots as they come to rest.
func (h *handover) run(ctx context.Context) {
	for len(h.parts) > 0 && ctx.Err() == nil {
		if rested := h.rested(); len(rested) > 0 {
			h.release(ctx, rested)
			continue
		}
		h.hurry()
		pause(ctx, restPoll)
	}
	if ctx.Err() == nil {
		h.m.marks.thaw()
		h.m.settler.Touch()
	}
}

// rested lists the slots in which nothing is under way.
func (h *handover) rested() []alma.Slot {
	var out []alma.Slot
	for slot, part := range h.parts {
		if part.rests() {
			out = append(out, slot)
		}
	}
	return out
}

func (p *departing) rests() bool {
	if p.left {
		return true
	}
	for _, k := range p.hooks {
		if !k.lane.Resting() {
			return false
		}
	}
	return true
}

// hurry gives up the requests that take too long, and leaves a callback behind
// that does not heed its context.
func (h *handover) hurry() {
	bound := h.m.member.length / handoverShare
	waited := time.Since(h.began)
	if waited > bound && !h.cancelled {
		h.cancelled = true
		for _, part := range h.parts {
			part.held.cancel()
		}
	}
	if waited <= bound+lastCall {
		return
	}
	for _, part := range h.parts {
		for _, k := range part.hooks {
			if !k.lane.Resting() {
				h.m.logger.Warn("a callback still runs although its context has ended; another node goes on without it", "subscription", k.id)
				k.lane.Abandon()
			}
		}
		part.left = true
	}
}

// release hands slots on: what their lanes came to is made durable, and then
// they are free.
func (h *handover) release(ctx context.Context, slots []alma.Slot) {
	var lanes []*lane.Lane
	for _, slot := range slots {
		for _, k := range h.parts[slot].hooks {
			lanes = append(lanes, k.lane)
		}
	}
	h.m.marks.depart(lanes)
	if h.m.settler.Flush(ctx) != nil {
		return // The session is over.
	}
	for ctx.Err() == nil {
		err := h.m.member.store.ReleaseSlots(ctx, h.s.id, slots)
		if err == nil {
			break
		}
		if errors.Is(err, alma.ErrFenced) {
			h.m.fenced(h.s.id)
			return
		}
		h.m.logger.Warn("slots cannot be released; trying again", "node", h.s.id, "slots", len(slots), "error", err)
		pause(ctx, nodePoll)
	}
	h.forget(slots)
}

// forget drops what is left of slots that are free.
func (h *handover) forget(slots []alma.Slot) {
	m := h.m
	m.admin.Lock()
	defer m.admin.Unlock()
	if h.s.over() {
		return // The next session may own them again.
	}
	m.member.mu.Lock()
	m.mu.Lock()
	for _, slot := range slots {
		part := h.parts[slot]
		if part.held != nil {
			part.held.cancel()
			delete(m.member.slots, slot)
		}
		for _, k := range part.hooks {
			delete(m.hooks, k.id)
		}
		delete(h.parts, slot)
	}
	m.mu.Unlock()
	m.member.mu.Unlock()
	m.logger.Info("handed webhooks on", "node", h.s.id, "slots", len(slots))
}
