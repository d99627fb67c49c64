package settle

import (
	"context"

	"github.com/alma-events/alma/internal/flow"
)

// Begin says whose outcomes are recorded from now on: the session of a node, or
// empty for none. What has been recorded before and is not settled is dropped,
// and its owners are not told: it belongs to a session that is over.
func (s *Settler) Begin(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.records)
	s.records, s.marked, s.node = s.records[:0], false, node
}

func (s *Settler) session() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node
}

// refused notes that the storage takes nothing from a session any more.
func (s *Settler) refused(node string, records int) {
	s.cfg.Logger.Warn("the node's lease was taken over; late outcomes are dropped, and their deliveries repeated by who serves them now", "node", node, "outcomes", records)
	s.healed() // It answers.
	s.cfg.Fenced(node)
}

// Flush waits until everything that was recorded before is durable, or ctx
// ends.
func (s *Settler) Flush(ctx context.Context) error {
	f := make(flushed)
	s.Add(flow.Record{Owner: f})
	select {
	case <-f:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// flushed is closed when the record that it owns is durable.
type flushed chan struct{}

// Settled implements [flow.Owner].
func (f flushed) Settled([]flow.Record) { close(f) }
