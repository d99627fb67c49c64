package lane

import (
	"container/heap"
	"encoding/json"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Erased are events whose data were erased. One value serves all lanes.
type Erased struct {
	positions []alma.Position
	set       map[alma.Position]struct{}
}

// NewErased returns the set of events at these positions.
func NewErased(positions []alma.Position) Erased {
	e := Erased{positions: positions, set: make(map[alma.Position]struct{}, len(positions))}
	for _, p := range positions {
		e.set[p] = struct{}{}
	}
	return e
}

// within reports whether some of the events lie in a buffer.
func (e *Erased) within(b *buffer) bool {
	return b.len() > 0 && slices.ContainsFunc(e.positions, b.holds)
}

// Erase makes the lane forget what it holds of events whose data were erased:
// what it has read of them is read again, and their retries end. The store
// knows already. A request that is under way goes out. An idle lane has nothing
// to do. It returns how many deliveries ended that waited.
func (l *Lane) Erase(gone Erased) (ended int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0
	}
	l.erasures++
	if gone.within(&l.buffer) {
		l.behind = true
		l.dropBuffer()
		l.claim()
	}
	for _, r := range l.replays {
		if gone.within(&r.buffer) {
			r.rewind()
		}
	}
	if len(l.waiting) > 0 {
		ended = l.eraseWaiting(gone.set)
	}
	for _, job := range l.again {
		job.erase(gone.set)
	}
	l.noteErased(gone.set)
	l.wake(time.Now())
	return ended
}

// noteErased remembers what was erased while it is under way: it may be about
// to wait.
func (l *Lane) noteErased(gone map[alma.Position]struct{}) {
	note := func(positions []alma.Position) {
		for _, p := range positions {
			if _, ok := gone[p]; !ok {
				continue
			}
			if l.erased == nil {
				l.erased = map[alma.Position]struct{}{}
			}
			l.erased[p] = struct{}{}
		}
	}
	l.outstanding.each(func(job *Job) { note(job.positions()) })
	for _, r := range l.replays {
		r.outstanding.each(func(job *Job) { note(job.positions()) })
	}
	for w := range l.loose {
		note(w.all())
	}
	for job := range l.parked {
		note(job.positions())
	}
}

// erase takes the data out of an attempt that was given up and is to be made
// anew: what it is for stands in the log without them by now.
func (j *Job) erase(gone map[alma.Position]struct{}) {
	for i, e := range j.Entries {
		if _, ok := gone[e.Position()]; !ok {
			continue
		}
		ev := *e.Event
		ev.Data, ev.Envelope, ev.Agent, ev.Erased = json.RawMessage("{}"), nil, "", true
		j.Entries[i] = flow.NewEntryOf(ev)
	}
}

func (l *Lane) eraseWaiting(erased map[alma.Position]struct{}) (ended int64) {
	kept := make(waitingHeap, 0, len(l.waiting))
	for _, w := range l.waiting {
		ended += int64(len(w.all()))
		if w = w.without(erased); w != nil {
			ended -= int64(len(w.all()))
			kept = append(kept, w)
		}
	}
	heap.Init(&kept)
	l.waiting = kept
	return ended
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
