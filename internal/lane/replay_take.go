package lane

import (
	"time"

	"github.com/alma-events/alma/internal/flow"
)

// replayPromising reports cheaply whether a worker would find something to
// replay.
func (l *Lane) replayPromising() bool {
	r := l.replaying()
	return r != nil && (r.buffer.len() > 0 || !r.ended && !r.reading)
}

// liveWaits reports whether live deliveries stand still for a replay: those of
// an ordered webhook.
func (l *Lane) liveWaits() bool { return l.settings.Ordered && l.replaying() != nil }

// chooseReplay returns the next thing to do for the replay whose turn it is.
func (l *Lane) chooseReplay(now time.Time, wait *time.Duration) *Job {
	r := l.replaying()
	if r == nil || !l.mayReplay(r) {
		return nil
	}
	if entries, number := l.replayEntries(r, wait); entries != nil {
		job := l.firstAttempt(entries)
		job.replay, job.number = r, number
		return job
	}
	if r.ended || r.reading || r.over || r.buffer.full() {
		return nil
	}
	if rest := r.readAt.Sub(now); rest > 0 {
		*wait = min(*wait, rest)
		return nil
	}
	r.reading = true
	l.rereading++
	return &Job{kind: replayJob, Settings: l.settings, replay: r}
}

// mayReplay reports whether a replay may begin an attempt: while live
// deliveries have work it takes half of the window at most, and half of the
// places for deliveries that wait.
func (l *Lane) mayReplay(r *replay) bool {
	window := l.settings.window()
	if l.settings.Ordered {
		return l.onlyManual()
	}
	if (l.buffer.len() > 0 || l.behind) && r.inFlight >= max(1, l.pressure.current(window)/2) {
		return false
	}
	open := len(l.waiting) + l.deferred + l.inFlight
	if open >= maxWaiting || open >= maxWaiting/2 && l.replayWaiting()+r.inFlight >= maxWaiting/2 {
		return false
	}
	return r.outstanding.len() < 2*window
}

// replayWaiting counts deliveries of replays that wait for a retry.
func (l *Lane) replayWaiting() int {
	n := 0
	for _, w := range l.waiting {
		if w.ReplayID != "" {
			n++
		}
	}
	for w := range l.loose {
		if w.ReplayID != "" {
			n++
		}
	}
	return n
}

// replayEntries takes the events of a replay's next attempt from its buffer,
// and the number of the first of them. A batch waits for nothing but reading.
func (l *Lane) replayEntries(r *replay, wait *time.Duration) (entries []*flow.Entry, number int64) {
	if l.settings.batches() && !r.ended && r.buffer.len() < min(l.settings.BatchSize, bufferEvents) && !r.buffer.full() {
		return nil, 0 // More lies in the log.
	}
	bytes := 0
	for r.buffer.len() > 0 && len(entries) < max(1, l.settings.BatchSize) {
		front := r.buffer.front()
		ev := front.entry.Event
		if !l.reached(ev.Position) {
			*wait = min(*wait, reachWait)
			break
		}
		if l.passesOver(r, ev) {
			r.buffer.pop()
			continue
		}
		if bytes += memberSize(ev); len(entries) > 0 && bytes > maxBatchBytes {
			break
		}
		if entries == nil {
			number = front.number
		}
		entries = append(entries, r.buffer.pop())
	}
	if entries == nil && r.buffer.len() == 0 {
		l.tellReplay(r)
	}
	return entries, number
}
