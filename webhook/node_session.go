package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/cluster"
)

// session is a node's time from joining until it leaves, or is fenced.
type session struct {
	id       string
	revision int64 // Of the changes that were followed; serveNode's alone.
	lease    *cluster.Lease
	lapse    *lapse
	handing  atomic.Bool // Slots are being handed on.

	ctx context.Context //nolint:containedctx // Ends with the session.
	end context.CancelFunc
}

func (s *session) over() bool { return s.ctx.Err() != nil }

// during returns a context for work that ends with the session, and when the
// manager stops.
func (m *Manager) during(s *session) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(m.member.reading)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// join begins a session. It returns where the tail begins: at the end of the
// log, since slots bring their own places.
func (m *Manager) join(ctx context.Context) (alma.Position, error) {
	from, err := m.store.Horizon(ctx)
	if err != nil {
		return from, fmt.Errorf("find the end of the log: %w", err)
	}
	m.marks.start(from)
	return from, m.beginSession(ctx)
}

func (m *Manager) beginSession(ctx context.Context) error {
	asked := time.Now()
	joined, err := m.member.store.JoinNode(ctx, m.member.name, m.member.length)
	if err != nil {
		return fmt.Errorf("join the nodes that share the storage: %w", err)
	}
	s := &session{id: joined.Node, revision: joined.Revision, lease: cluster.NewLease(m.member.length, asked)}
	s.ctx, s.end = context.WithCancel(m.node.Context)
	s.lapse = newLapse(s.lease)
	m.settler.Begin(s.id)
	m.marks.speak()
	m.member.session.Store(s)
	m.logger.Info("joined the nodes that share the webhooks", "node", s.id, "name", m.member.name)
	return nil
}

// fenced notes that other nodes have taken slots over, which ended the session.
// No attempt starts from now on, those in flight are given up, and serveNode
// begins anew. It does not block.
func (m *Manager) fenced(node string) {
	if m.member == nil {
		return
	}
	if s := m.member.session.Load(); s.id == node && !s.over() {
		m.logger.Warn("other nodes have taken this node's webhooks over, since its lease had run out", "node", node)
		s.end()
		m.member.wake()
	}
}

// abandon forgets everything about the webhooks that others serve now. What
// their attempts come to is dropped.
func (m *Manager) abandon() {
	m.admin.Lock()
	defer m.admin.Unlock()
	for _, h := range m.allHooks() {
		h.lane.Abandon()
	}
	m.index.Drop(func(*hook) bool { return true })
	m.mu.Lock()
	clear(m.hooks)
	m.mu.Unlock()
	m.member.mu.Lock()
	clear(m.member.slots)
	m.member.mu.Unlock()
	m.marks.silence() // Before the settler: a mark that comes too late is dropped.
	m.settler.Begin("")
}

// rejoin begins a new session.
func (m *Manager) rejoin(ctx context.Context) {
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, storeTimeout)
		err := m.beginSession(limited)
		cancel()
		if err == nil {
			return
		}
		m.logger.Warn("cannot join the nodes; trying again", "error", err)
		pause(ctx, nodePoll)
	}
}

// leave ends the node's part when everything is settled, so that others need
// not wait for its lease.
func (m *Manager) leave() {
	if m.member == nil {
		return
	}
	s := m.member.session.Load()
	if s == nil {
		return
	}
	if m.member.stopLease != nil {
		m.member.stopLease()
		m.member.leasing.Wait()
	}
	defer s.lapse.stop()
	defer s.end()
	ctx, cancel := context.WithTimeout(context.Background(), m.member.length)
	defer cancel()
	if err := m.member.store.LeaveNode(ctx, s.id); err != nil && !errors.Is(err, alma.ErrFenced) {
		m.logger.Warn("cannot leave the nodes; the others take over when the lease has run out", "node", s.id, "error", err)
	}
}
