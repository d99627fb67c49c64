package lane

import (
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// reachWait is how soon a replay asks again whether live delivery was offered
// what the replay is about to send.
const reachWait = 20 * time.Millisecond

// reached reports whether live delivery has come to a place in the log, or
// will come to it later than now: then the event is passed over.
func (l *Lane) reached(pos alma.Position) bool {
	return l.behind || !l.node.Fed(l.settings).Before(pos)
}

// passesOver reports whether a replay does not send an event, and counts it.
func (l *Lane) passesOver(r *replay, ev *alma.Event) bool {
	w := l.waits(ev.Position)
	switch {
	case w != nil && w.ReplayID == r.info.ID:
		return true // Its own, from before a restart: counted already.
	case w != nil, ev.Erased, l.isUnderWay(ev.Position):
	case l.isBulk(ev) && r.info.Status != alma.StatusSuppressed && r.info.EventID == "":
	default:
		return false
	}
	r.passed++
	return true
}

// waits returns the delivery of an event that waits for a retry or is being
// retried, or nil.
func (l *Lane) waits(pos alma.Position) *Waiting {
	for _, w := range l.waiting {
		if w.holds(pos) {
			return w
		}
	}
	for w := range l.loose {
		if w.holds(pos) {
			return w
		}
	}
	return nil
}

// isUnderWay reports whether an event is being attempted, or waits for its
// first attempt: then it needs no replay.
func (l *Lane) isUnderWay(pos alma.Position) bool {
	if !l.wasSettled(pos) {
		if l.behind && l.read.Before(pos) || l.buffer.holds(pos) || l.outstanding.holds(pos) {
			return true
		}
	}
	for job := range l.parked {
		if slices.Contains(job.positions(), pos) {
			return true
		}
	}
	return slices.ContainsFunc(l.replays, func(r *replay) bool { return r.outstanding.holds(pos) })
}
