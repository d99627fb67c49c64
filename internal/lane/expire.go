package lane

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Expire gives up a stretch of the log that is kept no longer for a lane that
// is so far behind: after from, which the lane has not come past when it is first
// asked, up to to. wanted are the events in it that the webhook wants. It returns
// how many are lost; false when nothing was done. What is under way goes on, and
// the lane's place follows when it has ended. What a lane had delivered ahead of
// its mark before a restart, two windows at most, it may count as lost.
func (l *Lane) Expire(from, to alma.Position, wanted []alma.Position) (lost int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begun, rest := l.begun()
	if l.closed || l.draining || !rest || begun.Before(from) {
		return 0, false
	}
	for _, p := range wanted {
		if begun.Before(p) && !l.wasSettled(p) && l.waits(p) == nil {
			lost++
		}
	}
	for l.buffer.len() > 0 && !to.Before(l.buffer.front().entry.Position()) {
		l.buffer.pop()
	}
	if l.read.Before(to) {
		l.read = to
	}
	l.health.stored.Lost += lost
	l.record(flow.Record{Owner: l, Lane: l.update()})
	l.wake(time.Now())
	return lost, true
}

// begun returns the place up to which first attempts have begun, and whether
// there may be anything beyond it.
func (l *Lane) begun() (alma.Position, bool) {
	if l.buffer.len() > 0 {
		return before(l.buffer.front().entry.Position()), true
	}
	return l.read, l.behind
}

// ExpireWaiting fails the deliveries that wait for a retry although their
// events, up to a place, are kept no longer. It returns how many events those
// are.
func (l *Lane) ExpireWaiting(to alma.Position) (lost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return 0
	}
	for i := 0; i < len(l.waiting); {
		w := l.waiting[i]
		members := w.all()
		if to.Before(members[len(members)-1]) {
			i++
			continue
		}
		l.waiting.remove(w.Position)
		lost += int64(len(members))
		l.expire(w)
		i = 0 // The heap is in another order now.
	}
	if lost > 0 {
		l.health.stored.Lost += lost
		l.record(flow.Record{Owner: l, Lane: l.update()})
		l.wake(time.Now())
	}
	return lost
}

func (l *Lane) expire(w *Waiting) {
	n := int64(len(w.all()))
	record := flow.Record{Owner: l, Exception: &alma.Exception{
		WebhookID: l.settings.WebhookID, Position: w.Position, Members: w.Members, BatchID: w.BatchID, ReplayID: w.ReplayID,
		Status: alma.StatusFailed, Attempts: w.Attempts, LastReason: alma.ReasonExpired,
		Notify:    l.settings.Notify,
		LastError: "the webhook was behind for longer than events are kept for it",
	}}
	if w.ReplayID != "" {
		record.Replay = &alma.ReplayProgress{ReplayID: w.ReplayID, Retrying: -n, Failed: n}
	}
	l.record(record)
}

// ExpireReplay moves a replay on over a stretch of the log that is kept no
// longer: events looked at, of which wanted would have been sent. It reports
// false when the replay is not there, or elsewhere.
func (l *Lane) ExpireReplay(id string, from, to alma.Position, looked, wanted int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.replays {
		if r.info.ID != id || r.over || l.draining {
			continue
		}
		r.rewind()
		if r.outstanding.front() != nil || r.read != from {
			return false
		}
		r.read, r.seen, r.passed = to, r.seen+looked, r.passed+wanted
		r.ended = !to.Before(r.info.Last)
		p := alma.ReplayProgress{ReplayID: id}
		r.advance(&p)
		l.record(flow.Record{Owner: l, Replay: &p})
		l.wake(time.Now())
		return true
	}
	return false
}
