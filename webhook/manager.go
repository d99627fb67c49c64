package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/match"
	"github.com/alma-events/alma/internal/meter"
	"github.com/alma-events/alma/internal/netguard"
	"github.com/alma-events/alma/internal/send"
	"github.com/alma-events/alma/internal/settle"
	"github.com/alma-events/alma/internal/tail"
)

// Manager delivers the events of a log to webhooks. It may be used
// concurrently.
type Manager struct {
	cfg     Config
	store   Storage
	emitter *events.Emitter
	logger  *slog.Logger

	// The stages.
	tail    *tail.Tail
	index   *match.Index[*hook]
	node    *lane.Node
	guard   *netguard.Guard
	sender  *send.Sender
	settler *settle.Settler
	meter   meter.Meter
	// statsStored is what the stored minutes hold of the meter; nil for nothing.
	statsStored atomic.Pointer[alma.Stats]

	admin   sync.Mutex // Held while webhooks change, and over their storage.
	mu      sync.RWMutex
	hooks   map[string]*hook
	marks   marks
	local   localEvents
	calling callbackPlace
	news    news                    // To be announced as operational events.
	tailed  atomic.Pointer[failure] // The tail's last outcome.
	member  *member                 // nil where the storage belongs to this process.

	life
}

// life is where a manager stands between Start and the end of Shutdown.
type life struct {
	state    sync.Mutex
	started  bool
	running  atomic.Bool
	stopping atomic.Bool
	stop     context.CancelFunc // Ends tail and callbacks.
	abort    context.CancelFunc // Gives up the requests in flight.
	settled  context.CancelFunc // Ends the settler, after everything else.
	detach   []func()
	readers  sync.WaitGroup // Tail and callbacks.
	settling sync.WaitGroup
}

type failure struct{ err error }

// lanesReading is how many lanes read the log for themselves at a time: a page
// has up to 8 MiB.
const lanesReading = 16

// New returns a manager. Start makes it deliver; webhooks can be added before.
func New(cfg Config) (*Manager, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Manager{
		cfg: cfg, store: cfg.Storage, emitter: cfg.Emitter, logger: cfg.Logger,
		index: match.NewIndex[*hook](), hooks: map[string]*hook{},
		news: news{failing: map[string]*failing{}, wake: make(chan struct{}, 1)}, calling: callbackPlace{wake: make(chan struct{}, 1)},
	}
	m.marks.active = map[*lane.Lane]struct{}{}
	m.guard = netguard.New(cfg.AllowCIDRs)
	m.sender = send.New(send.Config{
		Guard: m.guard, RootCAs: cfg.RootCAs, Proxy: cfg.EgressProxy, ProxyResolves: cfg.EgressProxyResolves, Dial: cfg.Dial,
	})
	m.tail = tail.New(m.store, m.logger, m.observeTail)
	m.member = newMember(cfg)
	m.settler = settle.New(settle.Config{Store: m.store, Logger: m.logger, Mark: m.mark, Recovered: m.kickAll, Fenced: m.fenced})
	m.node = &lane.Node{
		Deliver: m.attempt, Record: m.record, Healthy: m.healthy, Store: m.store,
		TryAttach: m.tryAttach, Fed: m.fed, Disabled: m.laneDisabled, Breaker: m.breakerChanged, Logger: m.logger,
		Slots: make(chan struct{}, cfg.MaxInFlight), Doubtful: make(chan struct{}, max(1, cfg.MaxInFlight*3/4)),
		Reads: make(chan struct{}, lanesReading),
	}
	return m, nil
}

// Start resumes where deliveries stood, and begins to deliver. It also attaches
// the manager to its emitter: what is emitted there is appended to the log
// from now on. It does not block; ctx bounds the loading alone.
func (m *Manager) Start(ctx context.Context) error {
	m.state.Lock()
	defer m.state.Unlock()
	if m.stopping.Load() {
		return fmt.Errorf("alma: start webhook manager: %w", alma.ErrClosed)
	}
	if m.started {
		return nil
	}
	if err := m.begin(ctx); err != nil {
		return fmt.Errorf("alma: start webhook manager: %w", err)
	}
	m.awaitFirstSlots(ctx)
	return nil
}

// begin loads what there is and starts the stages.
func (m *Manager) begin(ctx context.Context) error {
	m.admin.Lock() // Who adds a webhook meanwhile finds the manager running.
	defer m.admin.Unlock()
	from, head, err := m.load(ctx)
	if err != nil {
		m.unload()
		return err
	}
	m.calling.passOver(head)
	m.run(from)
	m.started = true
	m.running.Store(true)
	return nil
}

// load prepares all that can fail. It returns where the tail begins, and where
// the callbacks do.
func (m *Manager) load(ctx context.Context) (from, head alma.Position, err error) {
	m.node.Context, m.abort = context.WithCancel(context.Background())
	if m.member != nil {
		from, err = m.join(ctx) // Webhooks come with slots.
	} else {
		from, err = m.resume(ctx)
	}
	if err != nil {
		return from, head, err
	}
	m.local.start()
	if head, err = m.store.Horizon(ctx); err != nil {
		return from, head, fmt.Errorf("find the end of the log: %w", err)
	}
	return from, head, m.attach()
}

// unload takes back what load did, so that Start can be called again.
func (m *Manager) unload() {
	m.abort()
	m.leave()
	m.closeLanes()
	m.local.stop()
	m.marks.clear()
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.hooks {
		m.index.Remove(id)
	}
	clear(m.hooks)
}

// run starts the stages. This is the way of an event through them.
func (m *Manager) run(from alma.Position) {
	reading, stop := context.WithCancel(context.Background())
	m.stop = stop
	settling, settled := context.WithCancel(context.Background())
	m.settled = settled

	m.readers.Go(func() {
		m.tail.Run(reading, from, func(page alma.LogPage) { // tail: the log is read once,
			m.dispatch(page, func(e *flow.Entry) {
				m.index.Match(e, func(h *hook) { // match: by all webhooks that want the event,
					m.offer(h, e) // lane: and offered to each of their lanes,
				}, func(h *hook, err error) { m.filterFailed(h, e, err) })
			})
		})
	})
	// send: whose workers call m.attempt, in the lane's order and pace,
	m.settling.Go(func() { m.settler.Run(settling, m.cfg.Grace) }) // settle: and whose outcomes become durable, in groups.

	m.readers.Go(func() { m.runCallbacks(reading) })
	m.readers.Go(func() { m.upkeep(reading) })
	m.readers.Go(func() { m.keepStats(reading) })
	m.readers.Go(func() { m.announce(reading) })
	if m.cfg.LagAlert != (LagAlert{}) {
		m.readers.Go(func() { m.watchLag(reading) })
	}
	if m.cfg.Notify != nil {
		m.readers.Go(func() { m.tellFailures(reading) })
	}
	m.runNode(reading) // Which of the webhooks are here, where many nodes share them.
	m.kickAll()
}

// Run starts the manager, waits for ctx to end, and shuts it down.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return m.Shutdown(context.WithoutCancel(ctx))
}

// healthy reports whether attempts may start.
func (m *Manager) healthy() bool {
	return !m.stopping.Load() && m.settler.Healthy() && m.leased(time.Now())
}

// Check reports whether the log can be read and outcomes can be stored.
func (m *Manager) Check() error {
	if f := m.tailed.Load(); f != nil && f.err != nil {
		return fmt.Errorf("alma: the event log cannot be read: %w", f.err)
	}
	if !m.settler.Healthy() {
		return errors.New("alma: outcomes of deliveries cannot be stored")
	}
	if m.running.Load() && !m.leased(time.Now()) {
		return errors.New("alma: this node's lease has run out: the storage does not answer in time, or other nodes have taken its webhooks over")
	}
	return nil
}

func (m *Manager) observeTail(err error) {
	if last := m.tailed.Load(); err != nil || last != nil && last.err != nil {
		m.tailed.Store(&failure{err})
	}
}

func (m *Manager) kickAll() {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, h := range m.hooks {
		h.lane.Kick()
	}
}

func (m *Manager) closeLanes() {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, h := range m.hooks {
		h.lane.Close()
	}
}

// resume loads webhooks and how far they had come; it returns where the tail
// begins.
func (m *Manager) resume(ctx context.Context) (alma.Position, error) {
	checkpoint, err := m.store.Checkpoint(ctx)
	if err != nil {
		return alma.Position{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	webhooks, err := m.store.Webhooks(ctx)
	if err != nil {
		return alma.Position{}, fmt.Errorf("read the webhooks: %w", err)
	}
	m.marks.start(checkpoint.Watermark)
	stood, err := m.stoodAt(ctx, checkpoint.Lanes)
	if err != nil {
		return alma.Position{}, err
	}
	now := time.Now()
	for _, w := range webhooks {
		lc := stood[w.ID]
		lc.Cold, lc.Watermark = true, checkpoint.Watermark
		m.restore(w, lc, now)
	}
	return checkpoint.Watermark, nil
}

// restore puts a stored webhook to work again.
func (m *Manager) restore(w alma.Webhook, lc lane.Config, now time.Time) *hook {
	c, err := m.compile(w)
	if err != nil {
		return m.installUnusable(w, lc, err, now)
	}
	lc.Active = c.runs()
	return m.install(c, lc, now)
}
