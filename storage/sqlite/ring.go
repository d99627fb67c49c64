package sqlite

import (
	"sync"
	"sync/atomic"

	"github.com/alma-events/alma"
)

// Bounds of the ring, and about what an event weighs besides its data.
const (
	ringEvents    = 4096
	ringBytes     = 8 << 20
	eventOverhead = 512
)

// ring holds the newest events of the log, so that a reader who keeps up never
// touches SQLite. It knows all committed events after from, up to and
// including head, and nothing of those before.
type ring struct {
	mu     sync.RWMutex
	from   int64
	head   int64
	events []alma.Event // A circle: the oldest stands at start.
	start  int
	count  int
	bytes  int

	hits, misses atomic.Int64
}

func newRing(head int64) *ring {
	return &ring{from: head, head: head, events: make([]alma.Event, ringEvents)}
}

// extend adds the events of a commit, which found the log's end at base and
// left it at head. When base is not where the ring ends, somebody else has
// appended in between (a host's transaction): the ring starts anew from there.
func (r *ring) extend(base, head int64, events []alma.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meetLocked(base)
	for i := range events {
		r.push(events[i])
	}
	r.head = head
}

// meet starts the ring anew if the log does not end where the ring does.
func (r *ring) meet(base int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meetLocked(base)
}

func (r *ring) meetLocked(base int64) {
	if r.head == base {
		return
	}
	r.resetLocked(base)
}

func (r *ring) resetLocked(base int64) {
	clear(r.events)
	r.from, r.head, r.start, r.count, r.bytes = base, base, 0, 0, 0
}

// forget empties the ring if it may hold the event at seq or earlier ones.
func (r *ring) forget(seq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq > r.from {
		r.resetLocked(r.head)
	}
}

func (r *ring) push(e alma.Event) {
	for r.count == len(r.events) || r.count > 0 && r.bytes+weigh(&e) > ringBytes {
		r.drop()
	}
	r.events[(r.start+r.count)%len(r.events)] = e
	r.count++
	r.bytes += weigh(&e)
}

// drop forgets the oldest event.
func (r *ring) drop() {
	oldest := &r.events[r.start]
	r.from = oldest.Position.Seq
	r.bytes -= weigh(oldest)
	*oldest = alma.Event{}
	r.start = (r.start + 1) % len(r.events)
	r.count--
}

// read returns the events after a position. ok is false when the ring does not
// reach back that far.
func (r *ring) read(after int64, limit int) (events []alma.Event, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if after < r.from {
		r.misses.Add(1)
		return nil, false
	}
	r.hits.Add(1)
	i := r.search(after)
	if n := min(limit, r.count-i); n > 0 {
		events = make([]alma.Event, 0, n)
	}
	for size := 0; i < r.count && len(events) < limit && size < pageBytes; i++ {
		e := &r.events[(r.start+i)%len(r.events)]
		size += weigh(e)
		events = append(events, *e)
	}
	return events, true
}

// search returns the index of the first event after a position.
func (r *ring) search(after int64) int {
	low, high := 0, r.count
	for low < high {
		mid := (low + high) / 2
		if r.events[(r.start+mid)%len(r.events)].Position.Seq <= after {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func (r *ring) end() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.head
}

func (r *ring) length() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.count
}

// weigh returns about how many bytes of memory an event takes.
func weigh(e *alma.Event) int { return eventOverhead + len(e.Data) + len(e.Envelope) }
