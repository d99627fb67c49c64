package lane

import (
	"container/heap"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// Erase makes the lane forget what it holds of events whose data were erased:
// what it has read of them is read again, and their retries end. The store
// knows already. A request that is under way goes out.
func (l *Lane) Erase(positions []alma.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.erasures++
	if slices.ContainsFunc(positions, l.buffer.holds) {
		l.behind = true
		l.dropBuffer()
		l.claim()
	}
	for _, r := range l.replays {
		if slices.ContainsFunc(positions, r.buffer.holds) {
			r.rewind()
		}
	}
	erased := make(map[alma.Position]struct{}, len(positions))
	for _, p := range positions {
		erased[p] = struct{}{}
	}
	l.eraseWaiting(erased)
	if l.inFlight+l.unsettled > 0 { // Some of it may be about to wait.
		if l.erased == nil {
			l.erased = erased
		} else {
			for p := range erased {
				l.erased[p] = struct{}{}
			}
		}
	}
	l.wake(time.Now())
}

func (l *Lane) eraseWaiting(erased map[alma.Position]struct{}) {
	kept := make(waitingHeap, 0, len(l.waiting))
	for _, w := range l.waiting {
		if w = w.without(erased); w != nil {
			kept = append(kept, w)
		}
	}
	heap.Init(&kept)
	l.waiting = kept
}

// admit puts a delivery among those that wait, without what was erased while
// it was under way.
func (l *Lane) admit(w *Waiting) {
	if w = w.without(l.erased); w != nil && !l.closed {
		l.waiting.add(w)
	}
	if l.inFlight+l.unsettled == 0 {
		l.erased = nil
	}
}

// without returns the delivery without some of its events; nil when none is
// left. Another member becomes the first then, as in the store.
func (w *Waiting) without(gone map[alma.Position]struct{}) *Waiting {
	isGone := func(p alma.Position) bool { _, ok := gone[p]; return ok }
	if len(gone) == 0 || !slices.ContainsFunc(w.all(), isGone) {
		return w
	}
	rest := *w
	rest.Members = slices.DeleteFunc(slices.Clone(w.all()), isGone)
	if len(rest.Members) == 0 {
		return nil
	}
	rest.Position = rest.Members[0]
	return &rest
}

// lostMembers reports whether events of an attempt were erased while it was
// under way: then what the store holds of a batch has changed.
func (l *Lane) lostMembers(job *Job) bool {
	if len(l.erased) == 0 || job.Retry == nil && !job.parked {
		return false
	}
	return slices.ContainsFunc(job.positions(), func(p alma.Position) bool { _, ok := l.erased[p]; return ok })
}

// WaitingBeside returns the events whose deliveries wait in the lane and are
// not among those that the store shows as pending.
func (l *Lane) WaitingBeside(stored []alma.Exception) []alma.Position {
	pending := map[alma.Position]struct{}{}
	for i := range stored {
		pending[stored[i].Position] = struct{}{}
		for _, p := range stored[i].Members {
			pending[p] = struct{}{}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []alma.Position
	for _, w := range l.waiting {
		for _, p := range w.all() {
			if _, ok := pending[p]; !ok {
				out = append(out, p)
			}
		}
	}
	return out
}
