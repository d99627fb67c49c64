package lane

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// claim asks the store for a cursor of its own.
func (l *Lane) claim() {
	if l.cursor != shared || l.closed {
		return
	}
	l.cursor = claiming
	l.record(flow.Record{Owner: l, Lane: l.update()})
}

// update is the lane's place as it stands now.
func (l *Lane) update() *alma.LaneUpdate {
	u := &alma.LaneUpdate{WebhookID: l.settings.WebhookID, Shared: l.cursor == shared, Health: l.health.stored}
	u.Cursor, _ = l.low()
	l.health.changed = false
	return u
}

// low returns the low-water mark, and whether there may be anything beyond it
// to do; an attached lane without work has every position behind it.
func (l *Lane) low() (alma.Position, bool) {
	if s := l.outstanding.front(); s != nil {
		return before(s.first), true
	}
	if l.buffer.len() > 0 {
		return before(l.buffer.front().entry.Position()), true
	}
	if !l.behind && l.read.Before(l.outstanding.passed) {
		return l.outstanding.passed, false
	}
	return l.read, l.behind
}

// maxHold is how long a lane may keep the watermark at one place; then it
// takes a cursor of its own, so that the others' grows no tail. One that is
// apart takes it when it has been at work for so long: its shared place does
// not move at all.
const maxHold = time.Second

// Holds returns the position beyond which the watermark may not move for this
// lane's sake, if there is one. It reports in keep whether the lane must be
// looked at again.
func (l *Lane) Holds(now time.Time) (low alma.Position, holds, keep bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	low, busy := l.low()
	holds = l.cursor != own && busy && !l.closed
	switch {
	case !holds:
		l.heldAt = time.Time{}
	case l.heldAt.IsZero(), low != l.held && !l.apart:
		l.held, l.heldAt = low, now
	case now.Sub(l.heldAt) > maxHold:
		l.claim()
	default:
	}
	l.listed = holds || l.cursor == own && !l.behind && !l.closed
	if l.apart {
		holds, l.listed = false, !l.closed
	}
	l.tidy(low, busy)
	return low, holds, l.listed
}

// tidy gives back the memory of what is past.
func (l *Lane) tidy(low alma.Position, busy bool) {
	if !low.Before(l.settledTo) {
		l.settled = nil
	}
	if !busy {
		l.buffer.drop()
		l.outstanding.spans = nil
	}
}

// Share gives up the lane's own cursor when it is attached and has nothing
// open at or before the watermark. From then on Holds holds the watermark. A
// watermark from before the lane's beginning would bring events that are not
// meant for it, after a crash.
func (l *Lane) Share(watermark alma.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cursor != own || l.behind || l.closed || l.draining || l.apart || watermark.Before(l.floor) {
		return
	}
	if low, busy := l.low(); busy && low.Before(watermark) {
		return
	}
	l.cursor = shared
	l.record(flow.Record{Owner: l, Lane: l.update()})
}
