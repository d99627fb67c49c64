package webhook

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Shutdown stops reading, lets the requests in flight finish until ctx ends or
// the grace is over, and settles. It is idempotent. An error says that a
// callback still runs, which heeds no context; its event comes again.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.state.Lock()
	defer m.state.Unlock()
	if m.stopping.Swap(true) {
		return nil
	}
	defer m.sender.Close()
	if !m.started {
		return nil
	}
	for _, detach := range m.detach {
		detach()
	}
	m.stop()
	err := m.drain(ctx)
	m.settler.Touch()
	m.settled()
	m.settling.Wait()
	m.leave()
	m.marks.stop()
	m.closeLanes()
	return err
}

// lastCall is what callbacks get to return in when their context has ended.
const lastCall = 2 * time.Second

// drain waits for the readers and for the requests in flight, and gives up
// those that take too long.
func (m *Manager) drain(ctx context.Context) error {
	grace, cancel := context.WithTimeout(ctx, m.cfg.Grace)
	defer cancel()
	sent, read := m.node.Workers.Close(), done(&m.readers)
	if !ends(grace, sent) {
		m.logger.Warn("requests in flight are given up; they will be made again after the next start")
	}
	ends(grace, read)
	m.abort()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCall)
	defer cancel()
	if !ends(last, sent) || !ends(last, read) {
		return errors.New("alma: shut the webhook manager down: a callback still runs although its context has ended")
	}
	return nil
}

func done(wg *sync.WaitGroup) <-chan struct{} {
	c := make(chan struct{})
	go func() { wg.Wait(); close(c) }()
	return c
}

// ends waits for c to be closed, until ctx ends.
func ends(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}
