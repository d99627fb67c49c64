package lane

import (
	"slices"
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
}

type buffered struct {
	entry *flow.Entry
	at    time.Time // When it came in: a batch waits from here.
	// Of a replay: how many events it had read up to and with this one.
	number int64
}

func (b *buffer) len() int { return len(b.items) - b.head }

// full reports whether no further event fits; one always does.
func (b *buffer) full() bool {
	return b.len() >= bufferEvents || b.bytes >= bufferBytes
}

func (b *buffer) push(e *flow.Entry, now time.Time) {
	if b.head > 0 && len(b.items) == cap(b.items) {
		n := copy(b.items, b.items[b.head:])
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
	b.items = append(b.items, buffered{entry: e, at: now})
	b.bytes += e.Size()
}

func (b *buffer) front() *buffered { return &b.items[b.head] }

func (b *buffer) pop() *flow.Entry {
	e := b.items[b.head].entry
	b.items[b.head] = buffered{}
	b.head++
	b.bytes -= e.Size()
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

func (b *buffer) drop() { *b = buffer{} }
