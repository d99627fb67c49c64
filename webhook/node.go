package webhook

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/cluster"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/match"
)

// member is the manager's part among the nodes that share a storage. It owns
// some of the slots, and serves the webhooks in them; nobody else does.
//
// The files node_*.go hold what it does: keep the lease (node_lease.go), decide
// which slots to take and to give (node_balance.go), take them over
// (node_takeover.go), hand them on (node_release.go), follow what other nodes
// change (node_changes.go), and begin anew when others have taken its slots
// (node_session.go).
type member struct {
	store  alma.NodeStore
	name   string
	length time.Duration // Of the lease.

	session atomic.Pointer[session] // The present or the last one; nil before Start.
	news    chan struct{}           // Wakes serveNode.
	first   chan struct{}           // Closed when slots have been looked at once.

	mu        sync.Mutex
	slots     map[alma.Slot]*holding
	placement cluster.Placement
	functions map[string]handler // Of durable subscriptions, by their URL.

	reading   context.Context //nolint:containedctx // Ends when the manager stops.
	leasing   sync.WaitGroup
	stopLease context.CancelFunc
}

// holding is a slot that this node owns.
type holding struct {
	place  alma.Position   // Where it was when it was taken.
	group  *catchUp        // Reads the log from there on; nil when it has joined the tail.
	given  bool            // On its way to another node.
	ctx    context.Context //nolint:containedctx // The life of the attempts in the slot.
	cancel context.CancelFunc
}

func newHolding(s *session, g *catchUp, place alma.Position) *holding {
	held := &holding{place: place, group: g}
	held.ctx, held.cancel = context.WithCancel(s.ctx)
	return held
}

// newMember returns nil when the storage belongs to one process.
func newMember(cfg Config) *member {
	store, ok := cfg.Storage.(alma.NodeStore)
	if !ok {
		return nil
	}
	return &member{
		store: store, name: cfg.NodeName, length: cfg.Lease,
		news: make(chan struct{}, 1), first: make(chan struct{}),
		slots: map[alma.Slot]*holding{}, functions: map[string]handler{},
	}
}

// runNode starts what keeps this node a member. reading ends when the manager
// stops; the lease is kept until everything is settled.
func (m *Manager) runNode(reading context.Context) {
	if m.member == nil {
		return
	}
	leasing, stop := context.WithCancel(context.Background())
	m.member.stopLease, m.member.reading = stop, reading
	m.member.leasing.Go(func() { m.keepLease(leasing) })
	m.readers.Go(func() { m.serveNode(reading) })
}

// awaitFirstSlots waits until the node has taken what there was to take, so that
// a start is over when webhooks are served.
func (m *Manager) awaitFirstSlots(ctx context.Context) {
	if m.member == nil {
		return
	}
	select {
	case <-m.member.first:
	case <-ctx.Done():
	}
}

const (
	// nodePoll is the net below lost signals.
	nodePoll = time.Second
	// roundGap bounds how often signals make the node look.
	roundGap = 20 * time.Millisecond
	// storeTimeout bounds one call of the storage.
	storeTimeout = 30 * time.Second
	// orphanWarning is how often the log tells of subscriptions without function.
	orphanWarning = time.Minute
)

// serveNode follows what other nodes do: it brings changes of webhooks into
// effect, and takes and gives slots as nodes come and go.
func (m *Manager) serveNode(ctx context.Context) {
	signal := m.member.store.WatchNodes(ctx)
	ticker := time.NewTicker(nodePoll)
	defer ticker.Stop()
	first := sync.OnceFunc(func() { close(m.member.first) })
	defer first()
	warned := time.Now()
	for ctx.Err() == nil {
		s := m.member.session.Load()
		if s.over() {
			m.abandon()
			m.rejoin(ctx)
			continue
		}
		if err := m.round(ctx, s); err != nil && ctx.Err() == nil {
			m.logger.Warn("the other nodes' doings cannot be followed; trying again", "node", s.id, "error", err)
		}
		first()
		if time.Since(warned) > orphanWarning {
			warned = time.Now()
			m.warnOfOrphans()
		}
		pause(ctx, roundGap)
		select {
		case <-signal:
		case <-m.member.news:
		case <-ticker.C:
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
	}
}

// round looks once at what has changed, and at who owns what.
func (m *Manager) round(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := errors.Join(m.followChanges(ctx, s), m.balance(ctx, s))
	if errors.Is(err, alma.ErrFenced) {
		m.fenced(s.id)
	}
	return err
}

// warnOfOrphans tells of durable subscriptions that this node should serve and
// knows no function for.
func (m *Manager) warnOfOrphans() {
	for _, h := range m.allHooks() {
		if c := h.compiled.Load(); strings.HasPrefix(c.webhook.Config.URL, callbackScheme) && c.handle == nil {
			m.logger.Warn("a durable subscription belongs to this node, where nobody has subscribed; its events wait: subscribe under the same names on every node",
				"subscription", strings.TrimPrefix(c.webhook.Config.URL, callbackScheme))
		}
	}
}

func (p *member) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// serves reports whether the lane of a webhook is, or would be, on this node.
func (m *Manager) serves(webhookID string) bool {
	if m.member == nil {
		return true
	}
	m.member.mu.Lock()
	defer m.member.mu.Unlock()
	held := m.member.slots[alma.SlotOf(webhookID)]
	return held != nil && !held.given
}

// place says where a webhook's lane begins and is fed from: where its slot is.
func (p *member) place(h *hook, lc *lane.Config) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.slots[alma.SlotOf(h.id)]
	lc.Context, lc.Watermark, h.from = held.ctx, held.place, held.place
	if held.group != nil {
		h.group, h.index, lc.Apart = held.group, held.group.index, true
		h.feeder.Store(held.group)
	}
}

// subscribed notes the function of a durable subscription.
func (p *member) subscribed(url string, f handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.functions[url] = f
}

// function returns the function of a durable subscription, or nil.
func (p *member) function(url string) handler {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.functions[url]
}

// catchUp reads the log for slots that were taken over, from where they were to
// where the tail is. It has an index of its own: what it reads is not for the
// others.
type catchUp struct {
	index *match.Index[*hook]
	at    alma.Position // Everything up to here was offered; marks.dispatching guards it.

	reached atomic.Pointer[alma.Position] // at, for those who do not hold dispatching; nil before the first page.
}

// offered is how far the log has been offered to a webhook. The caller holds
// marks.dispatching.
func (m *Manager) offered(h *hook) alma.Position {
	at := *m.marks.tail.Load()
	if h.group != nil {
		at = h.group.at
	}
	if at.Before(h.from) {
		return h.from
	}
	return at
}

// fed is the same for who does not hold marks.dispatching: it may lag.
func (m *Manager) fed(s *lane.Settings) alma.Position {
	g := s.Target.(*hook).feeder.Load() //nolint:forcetypeassert // Settings are made in hook.go alone.
	if g == nil {
		return m.marks.tailAt()
	}
	if at := g.reached.Load(); at != nil {
		return *at
	}
	return alma.Position{}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
