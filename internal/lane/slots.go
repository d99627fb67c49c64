package lane

import "context"

// share is the part of a node's slots that one lane may hold while others wait.
const share = 8

// enter takes a slot of the node, as soon as there is one; false when ctx ends
// before. Who waits longest is next.
func (n *Node) enter(ctx context.Context) bool {
	select {
	case n.Slots <- struct{}{}:
		return true
	default:
	}
	n.queued.Add(1)
	defer n.queued.Add(-1)
	select {
	case n.Slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Node) leave() { <-n.Slots }

// greedy reports whether a lane with so many requests in flight should leave the
// next slot to others.
func (n *Node) greedy(inFlight int) bool {
	return inFlight >= max(1, cap(n.Slots)/share) && n.queued.Load() > 0
}
