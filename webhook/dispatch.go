package webhook

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/settle"
)

// marks is the common place of all lanes that have caught up.
type marks struct {
	dispatching sync.Mutex // Held while events are offered to lanes.
	tail        atomic.Pointer[alma.Position]

	mu     sync.Mutex
	active map[*lane.Lane]struct{} // Lanes that may hold the watermark.
	issued alma.Position           // The furthest watermark so far.
	sent   alma.Position           // What of it was handed to the settler.
	next   time.Time               // Not computed again before;
	later  *time.Timer             // this timer asks then.

	handovers
}

// markEvery spares the work of computing the watermark for every group. After
// a crash the attempts beyond it are looked up, so it may lag.
const markEvery = 50 * time.Millisecond

func (k *marks) start(watermark alma.Position) {
	k.tail.Store(&watermark)
	k.issued, k.sent = watermark, watermark
}

func (k *marks) tailAt() alma.Position { return *k.tail.Load() }

// dispatch offers a page of the log, event by event, and moves the tail.
func (m *Manager) dispatch(page alma.LogPage, offer func(*flow.Entry)) {
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	m.meter.Events(len(page.Events)) // First: who handles one finds it counted.
	for i := range page.Events {
		offer(flow.NewEntry(&page.Events[i]))
	}
	m.marks.tail.Store(&page.Next)
	m.settler.Touch()
	m.offerCallbacks(page.Next)
}

// offer hands an event to a lane. The lane is listed before the tail moves.
func (m *Manager) offer(h *hook, e *flow.Entry) {
	if !h.from.Before(e.Position()) {
		return // It had that from another reader.
	}
	e.Keep()
	if h.lane.Offer(e, time.Now()) {
		m.list(h.lane)
	}
}

func (m *Manager) list(l *lane.Lane) {
	m.marks.mu.Lock()
	defer m.marks.mu.Unlock()
	m.marks.active[l] = struct{}{}
}

// filterFailed counts an event whose filter failed, unless the lane reads the
// event for itself, and counts it then.
func (m *Manager) filterFailed(h *hook, e *flow.Entry, err error) {
	if h.lane.Expects(e.Position()) {
		h.noteFilterError(err)
	}
}

// tryAttach lets a lane that has caught up be fed by the tail again.
func (m *Manager) tryAttach(l *lane.Lane, pos alma.Position, attach func()) bool {
	m.marks.dispatching.Lock()
	defer m.marks.dispatching.Unlock()
	if h := m.hook(l.WebhookID()); h == nil || pos.Before(m.offered(h)) {
		return false
	}
	attach()
	m.list(l)
	m.settler.Touch() // Soon it shares the watermark.
	return true
}

// mark returns the watermark for the group that is about to be settled: what
// the tail has offered and no lane without a cursor of its own still works on.
// Lanes that have caught up with it give their own cursor up.
func (m *Manager) mark() settle.Mark {
	k := &m.marks
	now := time.Now()
	mark := *k.tail.Load() // Before the lanes are looked at: later events count next time.
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.silent {
		return settle.Mark{}
	}
	if wait := k.next.Sub(now); wait > 0 && !m.stopping.Load() {
		k.askAgain(wait, m.settler.Touch)
		return settle.Mark{}
	}
	k.next = now.Add(markEvery)
	if k.ceiling != nil && k.ceiling.Before(mark) {
		mark = *k.ceiling
	}
	for l := range k.active {
		low, holds, keep := l.Holds(now)
		if holds && low.Before(mark) {
			mark = low
		}
		if !keep {
			delete(k.active, l)
		}
	}
	if k.issued.Before(mark) {
		k.issued = mark
	}
	joined := k.join(mark)
	if len(k.joining) == 0 {
		for l := range k.active {
			l.Share(k.issued)
		}
	} else {
		k.askAgain(joinEvery, m.settler.Touch)
	}
	if k.sent == k.issued && len(joined) == 0 {
		return settle.Mark{}
	}
	k.sent = k.issued
	return settle.Mark{Watermark: k.issued, Joined: joined}
}

// askAgain makes sure that the last events of a burst are marked too.
func (k *marks) askAgain(wait time.Duration, touch func()) {
	if k.later != nil {
		return
	}
	k.later = time.AfterFunc(wait, func() {
		k.mu.Lock()
		k.later = nil
		k.mu.Unlock()
		touch()
	})
}

// clear forgets all lanes.
func (k *marks) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.active)
	k.handovers = handovers{}
}

func (k *marks) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.later != nil {
		k.later.Stop()
	}
}
