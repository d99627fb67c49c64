// Package lane brings the events of one webhook to its listener: in a window
// of concurrent requests, batched, ordered, throttled, retried, and behind a
// circuit breaker. A lane knows nothing of HTTP or storage; a [Node] gives it
// the stages before and behind it.
//
// # Where a lane reads
//
// A lane is attached or behind. Attached, it is offered events by the tail
// ([Lane.Offer]) and keeps them in a bounded buffer. When the buffer is full,
// when the breaker opens or the webhook pauses, it falls behind: from then on
// it reads the log for itself, and attaches again when it has caught up.
//
// # Where it resumes
//
// A lane that has caught up shares the node's watermark; one that is behind
// has a cursor of its own in the store ([Lane.Holds] and [Lane.Share] manage
// the change between the two). Both stand at the low-water mark: everything
// before it is delivered or stored as an exception. What was delivered beyond
// it is found in the attempts at the next start, and not sent again.
package lane

import (
	"context"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Lane is the way to one webhook. It may be used concurrently.
type Lane struct {
	node *Node

	mu       sync.Mutex
	settings *Settings
	ctx      context.Context //nolint:containedctx // The life of the lane's attempts, not of a call.
	active   bool            // Attempts may start.
	closed   bool            // The webhook is gone, or served by another node.
	draining bool            // Nothing starts any more.
	silent   bool            // What it comes to is not to be stored.

	// The log side.
	behind   bool          // The lane reads for itself.
	read     alma.Position // While behind: read up to here. Offers up to here are ignored.
	reading  bool          // A worker is reading.
	readAt   time.Time     // After a failed read: not before.
	buffer   buffer
	cold     bool // Positions may be settled already: ask before the first take.
	coldFrom alma.Position
	// Positions beyond the cursor that are not to be taken again, and the last
	// of them. The map goes when everything open lies behind that.
	settled   map[alma.Position]struct{}
	settledTo alma.Position

	// Replays, the oldest first.
	replays      []*replay
	rereading    int   // Workers that read for one.
	replayTurn   bool  // The last first attempt was a live one.
	replaysEnded int64 // How many ended, for the store too.

	// The delivery side.
	outstanding outstanding
	waiting     waitingHeap
	again       []*Job                // First attempts that were given up, to be made anew.
	manual      map[alma.Position]int // Retries that a person asked for and that were begun, with the attempts before.
	deferred    int                   // Failed, and not yet durable: will be waiting.
	// Deliveries that are being retried, or deferred; and first attempts that
	// were parked and are still under way.
	loose     map[*Waiting]struct{}
	parked    map[*Job]struct{}
	erased    map[alma.Position]struct{} // While something was under way.
	erasures  int                        // What was read across one is read again.
	disabling bool                       // It ended its own active state, which is not yet durable.
	ended     string                     // Why it did so, until it is active again.
	inFlight  int
	retrying  int // Of inFlight: not first attempts.
	unsettled int // Finished, and not yet durable.
	workers   int
	pressure  pressure
	throttle  throttle
	health    health

	// The durable side.
	cursor cursorState
	apart  bool          // The shared place is not the watermark; see Config.Apart.
	floor  alma.Position // Where the lane began: its stored place never lies before.
	listed bool          // The engine looks at the lane for the watermark.

	held   alma.Position // The low-water mark that Holds returned last,
	heldAt time.Time     // and since when it has been that.

	timer   *time.Timer
	timerAt time.Time // When it rings; zero when it is not set.
}

// cursorState says where the lane's place is stored.
type cursorState int

const (
	shared   cursorState = iota // It is the watermark.
	claiming                    // A cursor of its own is on the way to the store.
	own                         // It is its own cursor.
)

// Config says how a lane begins.
type Config struct {
	Settings *Settings
	Active   bool
	// Record is what was stored about the lane. Without one it starts
	// attached, sharing the watermark.
	Record *alma.LaneRecord
	// Waiting are its pending exceptions.
	Waiting []alma.Exception
	// Replays are its unfinished replays, the oldest first.
	Replays []alma.Replay
	// Cold says that events beyond the watermark may be settled already.
	Cold      bool
	Watermark alma.Position
	// Apart says that Watermark is not the node's but a place of its own, which
	// stays where it is until [Lane.Join]: while the lane shares that, it
	// neither holds the node's watermark nor is held by it.
	Apart bool
	// Context ends when the lane's attempts are to be given up. Defaults to the
	// node's.
	Context context.Context //nolint:containedctx // As in Node.
}

// New returns a lane. It does nothing until it is kicked or offered an event.
func New(node *Node, cfg Config, now time.Time) *Lane {
	l := &Lane{
		node: node, settings: cfg.Settings, active: cfg.Active, ctx: cfg.Context,
		cold: cfg.Cold, coldFrom: cfg.Watermark, apart: cfg.Apart,
	}
	if l.ctx == nil {
		l.ctx = node.Context
	}
	l.buffer.held = &node.held
	l.throttle.set(cfg.Settings.Rate)
	l.pressure.doubtful.Store(true)
	if r := cfg.Record; r != nil {
		l.health.resume(r.Health, now)
		if !r.Shared {
			l.behind, l.read, l.floor, l.cursor = true, r.Cursor, r.Cursor, own
			l.cold, l.coldFrom = true, r.Cursor
		}
	}
	for i := range cfg.Waiting {
		l.waiting.add(FromException(&cfg.Waiting[i], now))
	}
	for i := range cfg.Replays {
		r := newReplay(cfg.Replays[i])
		r.paused = cfg.Replays[i].State == alma.ReplayPaused
		l.replays = append(l.replays, r)
	}
	return l
}

// Offer gives the lane an event that its webhook wants; the tail calls it, in
// log order. It reports whether the lane has to be listed for the watermark.
func (l *Lane) Offer(e *flow.Entry, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pos := e.Position()
	if l.closed || l.behind || !l.read.Before(pos) {
		return false
	}
	if !l.active || l.health.stored.BreakerOpen || l.buffer.full() {
		l.fallBehind(before(pos))
	} else {
		l.buffer.push(e, now)
	}
	l.wake(now)
	list := !l.listed
	l.listed = true
	return list
}

// Expects reports whether the lane takes the event at pos from the tail, and
// does not read it for itself.
func (l *Lane) Expects(pos alma.Position) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.behind && l.read.Before(pos)
}

// fallBehind makes the lane read for itself after a position.
func (l *Lane) fallBehind(read alma.Position) {
	if !l.behind {
		l.behind = true
		if l.read.Before(read) {
			l.read = read
		}
	}
	if !l.active || l.health.stored.BreakerOpen {
		l.dropBuffer()
		l.rewindReplays()
	}
	l.claim()
}

// dropBuffer gives memory back; what was buffered is read again later.
func (l *Lane) dropBuffer() {
	if l.buffer.len() > 0 {
		l.read = before(l.buffer.front().entry.Position())
		l.buffer.drop()
	}
}

// Settled is told by the settling stage which records are durable now.
func (l *Lane) Settled(records []flow.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		r := &records[i]
		if r.Lane != nil && !r.Lane.Shared && l.cursor == claiming {
			l.cursor = own
		}
		if r.Attempt != nil {
			l.unsettled--
		}
		if r.Replay != nil {
			l.replaySettled(r.Replay)
		}
		if r.Disabled != nil {
			l.disabling = false
		}
		w, ok := r.Tag.(*Waiting)
		if !ok {
			continue
		}
		l.deferred--
		delete(l.loose, w)
		l.admit(w)
	}
	l.wake(time.Now())
}

// Configure changes the settings; attempts that start from now on follow them.
func (l *Lane) Configure(s *Settings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settings = s
	l.throttle.set(s.Rate)
	l.wake(time.Now())
}

// SetActive starts or stops attempts; those under way go on. tail is how far
// the tail has come; it must not offer events meanwhile.
func (l *Lane) SetActive(active bool, tail alma.Position) (list bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.active == active {
		return false
	}
	l.active = active
	if active {
		l.ended = ""
		now := time.Now()
		if l.health.revive(now) {
			l.record(flow.Record{Owner: l, Lane: l.update()})
		}
		l.wake(now)
		return false
	}
	if l.buffer.len() > 0 && !l.behind {
		l.behind = true
	}
	l.fallBehind(tail)
	list = !l.listed
	l.listed = true
	return list
}

// Detach makes the lane keep a place of its own from a position on: its events
// wait there.
func (l *Lane) Detach(read alma.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fallBehind(read)
}

// Retry attempts a delivery now: the exception must be stored as pending. It
// replaces a wait for the same delivery.
func (l *Lane) Retry(w *Waiting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.waiting.remove(w.Position)
	l.hurry(w)
}

// Close ends the lane: nothing starts any more.
func (l *Lane) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

func (l *Lane) close() {
	l.closed, l.active, l.behind = true, false, false
	l.buffer.drop()
	l.waiting, l.again, l.replays = nil, nil, nil
	if l.timer != nil {
		l.timer.Stop()
	}
}

// Kick makes the lane look for work.
func (l *Lane) Kick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake(time.Now())
}

// Status is a lane as an operator sees it.
type Status struct {
	Behind   bool
	Low      alma.Position // Meaningful when Busy.
	Busy     bool          // Something lies between Low and the head of the log.
	InFlight int
	Waiting  int
	Replays  int // Unfinished ones.
	Health   alma.LaneHealth
	Ended    string // Why the lane ended the webhook's active state; empty when it has not.
}

// Status returns the lane's present state.
func (l *Lane) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	low, busy := l.low()
	return Status{
		Behind: l.behind, Low: low, Busy: busy, InFlight: l.inFlight,
		Waiting: len(l.waiting) + l.deferred, Replays: len(l.replays), Health: l.health.stored, Ended: l.ended,
	}
}

// Hurry makes a waiting delivery due at once; false when it does not wait.
func (l *Lane) Hurry(pos alma.Position) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting.remove(pos)
	if w == nil {
		return false
	}
	l.hurry(w)
	return true
}

// hurry puts a delivery that a person asked for ahead of all others: it needs
// no probe's turn, but is one.
func (l *Lane) hurry(w *Waiting) {
	now := time.Now()
	w.Due = time.Time{}
	l.waiting.add(w)
	if l.health.stored.BreakerOpen {
		l.health.stored.ProbeAt = now
	}
	l.wake(now)
}
