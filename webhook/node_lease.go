package webhook

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/cluster"
	"github.com/alma-events/alma/internal/lane"
)

// renewalsPerLease is how often a lease is renewed before it would run out.
const renewalsPerLease = 5

// keepLease renews the lease until ctx ends.
func (m *Manager) keepLease(ctx context.Context) {
	ticker := time.NewTicker(m.member.length / renewalsPerLease)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if s := m.member.session.Load(); !s.over() {
			m.renew(ctx, s) //nolint:errcheck // It is noted with the lease, and asked again.
		}
	}
}

// renew extends the lease and returns how the slots are shared.
func (m *Manager) renew(ctx context.Context, s *session) (alma.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, m.member.length/2)
	defer cancel()
	asked := time.Now()
	c, err := m.member.store.RenewNode(ctx, s.id)
	switch {
	case errors.Is(err, alma.ErrFenced):
		m.fenced(s.id)
	case err != nil:
		s.lease.Failed()
		m.logger.Warn("the node's lease cannot be renewed", "node", s.id, "left", s.lease.Left(time.Now()).String(), "error", err)
	default:
		lapsed := s.lease.Renewed(asked, time.Now())
		s.lapse.put(s.lease.Left(time.Now()))
		if lapsed {
			m.logger.Info("the node's lease is renewed; deliveries go on", "node", s.id)
			m.kickAll()
		}
	}
	return c, err //nolint:wrapcheck // The driver names the operation.
}

// leased reports whether attempts may start: nobody else can have taken this
// node's webhooks over.
func (m *Manager) leased(now time.Time) bool {
	if m.member == nil {
		return true
	}
	s := m.member.session.Load()
	return s != nil && !s.over() && s.lease.Holds(now)
}

// attempt makes one attempt. Those of ordered webhooks end with the lease at the
// latest: whoever takes over must not meet a request of this node under way.
func (m *Manager) attempt(ctx context.Context, job *lane.Job) lane.Outcome {
	if m.member == nil || !job.Settings.Ordered {
		return m.deliver(ctx, job)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := m.member.session.Load()
	defer s.lapse.onEnd(cancel)()
	if !s.lease.Holds(time.Now()) {
		return lane.Outcome{Canceled: true}
	}
	return m.deliver(ctx, job)
}

// lapse calls back when a lease runs out.
type lapse struct {
	lease *cluster.Lease

	mu    sync.Mutex
	last  int
	calls map[int]context.CancelFunc
	timer *time.Timer
}

func newLapse(lease *cluster.Lease) *lapse {
	l := &lapse{lease: lease, calls: map[int]context.CancelFunc{}}
	l.timer = time.AfterFunc(lease.Length(), l.ring)
	return l
}

// put sets the moment anew.
func (l *lapse) put(left time.Duration) { l.timer.Reset(left) }

func (l *lapse) stop() { l.timer.Stop() }

// onEnd calls f when the lease runs out, unless it was taken back before.
func (l *lapse) onEnd(f context.CancelFunc) (takeBack func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	id := l.last
	l.calls[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.calls, id)
	}
}

func (l *lapse) ring() {
	if left := l.lease.Left(time.Now()); left > 0 {
		l.put(left)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.calls {
		f()
	}
}
