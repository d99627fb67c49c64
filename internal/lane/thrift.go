package lane

import (
	"context"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Each lane's buffer is bounded, but very many lanes may be behind at the same
// moment, each with events that it has read for itself. Together they keep about
// nodeBytes: beyond that lanes keep little of what they read, and go on reading
// only when they have nothing left.
const (
	nodeBytes  = 64 << 20
	tightBytes = 16 << 10 // What a lane keeps then, and one event in any case.
)

// tight reports whether the lanes of the node hold as much as they may.
func (n *Node) tight() bool { return n.held.Load() >= nodeBytes }

// read lets only some lanes read at a time: what is read is in memory before
// anybody can count it.
func (n *Node) read(ctx context.Context, f func() (alma.LogPage, error)) (alma.LogPage, error) {
	if n.Reads != nil {
		select {
		case n.Reads <- struct{}{}:
			defer func() { <-n.Reads }()
		case <-ctx.Done():
			return alma.LogPage{}, ctx.Err()
		}
	}
	return f()
}

// mayKeep reports whether the buffer takes one more event that the lane has
// read for itself. A batch may always be filled.
func (l *Lane) mayKeep() bool {
	switch {
	case l.buffer.len() == 0:
		return true
	case l.buffer.full():
		return false
	default:
		return l.settings.batches() || l.buffer.bytes < tightBytes || !l.node.tight()
	}
}

// runsLow reports whether a lane that reads for itself should read on.
func (l *Lane) runsLow() bool {
	if l.node.tight() {
		return l.buffer.len() == 0
	}
	return l.buffer.len() <= bufferEvents/2 && l.buffer.bytes <= bufferBytes/2
}

// keep puts what the lane has read for itself into its buffer, as far as there
// is room; it returns up to where.
func (l *Lane) keep(matched []*flow.Entry, end alma.Position, now time.Time) alma.Position {
	for _, e := range matched {
		if !l.mayKeep() {
			return before(e.Position())
		}
		l.buffer.pushOwn(e, now)
	}
	return end
}
