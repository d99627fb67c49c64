package sqlite

import (
	"context"
	"sync"
)

// hub tells watchers that the log has grown. Signals coalesce: a watcher that
// is slow to look finds one.
type hub struct {
	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

func newHub() *hub { return &hub{watchers: map[chan struct{}]struct{}{}} }

func (h *hub) watch(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	h.watchers[c] = struct{}{}
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		delete(h.watchers, c)
		h.mu.Unlock()
	})
	return c
}

func (h *hub) signal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// Watch returns a channel that receives a value after each commit that
// appended events, and at most a quarter of a second after a host's
// transaction with events committed. It is never closed.
func (s *Store) Watch(ctx context.Context) <-chan struct{} {
	c := s.hub.watch(ctx)
	s.hosts.wake()
	return c
}

// announce signals watchers when the log's end is further than was announced
// before.
func (s *Store) announce(head int64) {
	for {
		old := s.hosts.announced.Load()
		if head <= old {
			return
		}
		if s.hosts.announced.CompareAndSwap(old, head) {
			s.hub.signal()
			return
		}
	}
}
