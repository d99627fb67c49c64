package lane

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// The bounds of a lane's buffer. Behind them the lane reads for itself.
const (
	bufferEvents = 1024
	bufferBytes  = 1 << 20
)

// buffer holds matched events that wait for their first attempt, in log order.
type buffer struct {
	items []buffered
	head  int
	bytes int
	// held counts the bytes that the lane read for itself, over all lanes of the
	// node; nil where nobody counts.
	held *atomic.Int64
}

type buffered struct {
	entry *flow.Entry
	at    time.Time // When it came in: a batch waits from here.
	own   bool      // Read by the lane itself: no other one shares its memory.
	// Of a replay: how many events it had read up to and with this one.
	number int64
}

func (b *buffer) len() int { return len(b.items) - b.head }

// full reports whether no further event fits; one always does.
func (b *buffer) full() bool {
	return b.len() >= bufferEvents || b.bytes >= bufferBytes
}

// push adds an event that other lanes were offered too.
func (b *buffer) push(e *flow.Entry, now time.Time) { b.add(buffered{entry: e, at: now}) }

// pushOwn adds an event that the lane has read for itself.
func (b *buffer) pushOwn(e *flow.Entry, now time.Time) {
	b.add(buffered{entry: e, at: now, own: true})
	b.hold(e.Size())
}

func (b *buffer) add(x buffered) {
	if b.head > 0 && len(b.items) == cap(b.items) {
		n := copy(b.items, b.items[b.head:])
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
	b.items = append(b.items, x)
	b.bytes += x.entry.Size()
}

func (b *buffer) hold(bytes int) {
	if b.held != nil {
		b.held.Add(int64(bytes))
	}
}

func (b *buffer) front() *buffered { return &b.items[b.head] }

func (b *buffer) pop() *flow.Entry {
	e, own := b.items[b.head].entry, b.items[b.head].own
	b.items[b.head] = buffered{}
	b.head++
	b.bytes -= e.Size()
	if own {
		b.hold(-e.Size())
	}
	if b.head == len(b.items) {
		b.items, b.head = b.items[:0], 0
	}
	return e
}

// holds reports whether the event at pos is in the buffer.
func (b *buffer) holds(pos alma.Position) bool {
	_, ok := slices.BinarySearchFunc(b.items[b.head:], pos, func(x buffered, pos alma.Position) int {
		return x.entry.Position().Compare(pos)
	})
	return ok
}

func (b *buffer) drop() {
	for i := b.head; i < len(b.items); i++ {
		if b.items[i].own {
			b.hold(-b.items[i].entry.Size())
		}
	}
	*b = buffer{held: b.held}
}
