package lane

import (
	"slices"

	"github.com/alma-events/alma"
)

// span is the part of the log that one first attempt is for: an event, or the
// members of a batch.
type span struct {
	first, last alma.Position
	done        bool // Settled, or stored as an exception.
	job         *Job
	number      int64 // Of a replay: the first event's among those it has read.
}

// outstanding holds the spans of first attempts under way, in log order. What
// lies before its front is done: that is the lane's low-water mark.
type outstanding struct {
	spans  []*span
	head   int
	passed alma.Position // The end of the last span that is done.
}

func (o *outstanding) push(s *span) { o.spans = append(o.spans, s) }

// len returns how far it is from the oldest span that is not done to the
// newest, both included.
func (o *outstanding) len() int {
	o.front()
	return len(o.spans) - o.head
}

// front returns the oldest span that is not done, or nil.
func (o *outstanding) front() *span {
	for o.head < len(o.spans) && o.spans[o.head].done {
		o.passed = o.spans[o.head].last
		o.spans[o.head] = nil
		o.head++
	}
	if o.head == len(o.spans) {
		o.spans, o.head = o.spans[:0], 0
		return nil
	}
	if o.head > 256 && o.head*2 > len(o.spans) {
		o.spans = append(o.spans[:0], o.spans[o.head:]...)
		o.head = 0
	}
	return o.spans[o.head]
}

// holds reports whether the event at pos is being attempted.
func (o *outstanding) holds(pos alma.Position) bool {
	for _, s := range o.spans[o.head:] {
		if pos.Before(s.first) {
			return false
		}
		if !s.done && !s.last.Before(pos) && slices.Contains(s.job.positions(), pos) {
			return true
		}
	}
	return false
}

// each calls f for each attempt that is not done.
func (o *outstanding) each(f func(*Job)) {
	for _, s := range o.spans[o.head:] {
		if !s.done {
			f(s.job)
		}
	}
}

// before returns a position behind everything ahead of p, and not behind p.
func before(p alma.Position) alma.Position {
	p.Seq--
	return p
}
