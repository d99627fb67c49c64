package postgres

import (
	"context"
	"sync"
)

// hub tells watchers that something has changed. Signals coalesce: a watcher
// that is slow to look finds one.
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
		signal(c)
	}
}

func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}
