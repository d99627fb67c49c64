package lane

import (
	"container/heap"
	"slices"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

type messageBox = atomic.Pointer[alma.Message]

// Waiting is a delivery, or a batch, that waits for its next attempt. What is
// to be sent stays in the store until then.
type Waiting struct {
	Position alma.Position
	Members  []alma.Position // Of a batch; nil for a single event.
	BatchID  string
	Attempts int // Finished so far.
	Due      time.Time
	Manual   bool   // Asked for by a person; at its end there is no further retry.
	ReplayID string // The replay that it belongs to; empty for none.
}

// FromException returns the waiting delivery of a stored exception. The
// remaining wait is never longer than the one that had been given.
func FromException(e *alma.Exception, now time.Time) *Waiting {
	remaining := max(0, min(e.NextAttemptAt.Sub(now), e.Delay))
	if e.InFlight {
		remaining = 0
	}
	return &Waiting{
		Position: e.Position, Members: e.Members, BatchID: e.BatchID,
		Attempts: e.Attempts, Due: now.Add(remaining), Manual: e.Manual, ReplayID: e.ReplayID,
	}
}

func (w *Waiting) all() []alma.Position {
	if w.Members != nil {
		return w.Members
	}
	return []alma.Position{w.Position}
}

// holds reports whether the delivery is for the event at pos.
func (w *Waiting) holds(pos alma.Position) bool {
	return w.Position == pos || slices.Contains(w.Members, pos)
}

// waitingHeap holds the earliest due on top; of those due together, the oldest.
type waitingHeap []*Waiting

func (h waitingHeap) Len() int { return len(h) }
func (h waitingHeap) Less(i, j int) bool {
	if !h[i].Due.Equal(h[j].Due) {
		return h[i].Due.Before(h[j].Due)
	}
	return h[i].Position.Before(h[j].Position)
}
func (h waitingHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds x; for package heap.
func (h *waitingHeap) Push(x any) { *h = append(*h, x.(*Waiting)) } //nolint:forcetypeassert // heap.Push is called below alone.

// Pop removes the last; for package heap.
func (h *waitingHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

func (h *waitingHeap) add(w *Waiting) { heap.Push(h, w) }

// next returns the one due first, or nil.
func (h waitingHeap) next() *Waiting {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

func (h *waitingHeap) take() *Waiting {
	return heap.Pop(h).(*Waiting) //nolint:forcetypeassert // Push takes nothing else.
}

// find returns the delivery that holds pos, or nil.
func (h waitingHeap) find(pos alma.Position) *Waiting {
	for _, w := range h {
		if slices.Contains(w.all(), pos) {
			return w
		}
	}
	return nil
}

// remove takes the delivery that holds pos out and returns it, or nil.
func (h *waitingHeap) remove(pos alma.Position) *Waiting {
	for i, w := range *h {
		for _, p := range w.all() {
			if p == pos {
				heap.Remove(h, i)
				return w
			}
		}
	}
	return nil
}
