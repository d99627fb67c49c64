package lane

import (
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// SetReplays tells the lane which replays of its webhook the store holds as
// unfinished, oldest first. seen is what Replays returned before they were
// read: when a replay has ended in between, nothing is changed, and the answer
// is false: read them again.
func (l *Lane) SetReplays(seen int64, list []alma.Replay) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen != l.replaysEnded {
		return false
	}
	if l.closed {
		return true
	}
	known := map[string]*replay{}
	for _, r := range l.replays {
		known[r.info.ID] = r
	}
	var next []*replay
	for i := range list {
		r := known[list[i].ID]
		if r == nil {
			r = newReplay(list[i])
		}
		delete(known, list[i].ID)
		if r.paused = list[i].State == alma.ReplayPaused; r.paused {
			r.rewind()
		}
		next = append(next, r)
	}
	for _, r := range known { // Canceled; what is under way is still its own.
		r.over = true
		r.buffer.drop()
		next = append(next, r)
	}
	l.replays = next
	l.sweepReplays()
	l.wake(time.Now())
	return true
}

// Replays returns a number that changes when a replay has ended for the store.
func (l *Lane) Replays() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replaysEnded
}

// sweepReplays forgets replays of which nothing is left.
func (l *Lane) sweepReplays() {
	l.replays = slices.DeleteFunc(l.replays, func(r *replay) bool { return r.over && !r.closed && r.inFlight == 0 })
}

// replaySettled is told that a replay's progress is durable.
func (l *Lane) replaySettled(p *alma.ReplayProgress) {
	if p.State == "" {
		return
	}
	l.replaysEnded++
	for _, r := range l.replays {
		if r.info.ID == p.ReplayID {
			r.closed = false
		}
	}
	l.sweepReplays()
}

// replaying returns the replay whose turn it is, or nil: the oldest that is
// not paused.
func (l *Lane) replaying() *replay {
	for _, r := range l.replays {
		if !r.over && !r.paused {
			return r
		}
	}
	return nil
}
