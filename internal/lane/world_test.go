package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/wire"
)

// world is a small engine around one lane: a log, a tail, a settling stage,
// and a listener whose answers a test decides. What was settled survives
// crash, as it would in a store. It lives inside a synctest bubble.
type world struct {
	t        *testing.T
	settings Settings

	dispatching sync.Mutex // Held while events are offered, as in the engine.

	mu     sync.Mutex
	log    []alma.Event
	tail   alma.Position
	lane   *Lane
	node   *Node
	cancel context.CancelFunc

	lapse    context.Context // Ends when attempts under way are given up.
	endLapse context.CancelFunc

	// The listener.
	answer   func(job *Job) (Outcome, time.Duration)
	calls    []call
	inFlight int
	most     int // Requests in flight at once, at most.

	// The store.
	stalled    bool
	pending    []flow.Record
	wake       chan struct{}
	shared     bool
	apart      bool // The next lane begins apart from the watermark.
	cursor     alma.Position
	watermark  alma.Position
	health     alma.LaneHealth
	exceptions map[alma.Position]alma.Exception
	attempts   map[alma.Position]int
	suppressed map[string]int64
	disabled   string
	replays    []*alma.Replay // In the order in which they were made.
	readFails  bool
	reads      int
	takes      time.Duration // What reading, and the way back from a commit, takes.
}

// call is one request that reached the listener.
type call struct {
	at        time.Duration // Since the world began.
	positions []int64
	replay    string
	number    int
	batch     string
}

func newWorld(t *testing.T, edit func(*Settings)) *world {
	t.Helper()
	w := &world{
		t: t, shared: true, wake: make(chan struct{}, 1),
		exceptions: map[alma.Position]alma.Exception{}, attempts: map[alma.Position]int{}, suppressed: map[string]int64{},
		settings: Settings{WebhookID: "wh_test", Window: 4, BatchSize: 1, BatchDelay: time.Second},
	}
	w.settings.Match = func(*flow.Entry) bool { return true }
	w.settings.Delay = func(n int) (time.Duration, bool) { return 5 * time.Second << (n - 1), n <= 3 }
	w.answer = func(*Job) (Outcome, time.Duration) { return succeed(), 0 }
	if edit != nil {
		edit(&w.settings)
	}
	w.lapse, w.endLapse = context.WithCancel(context.Background())
	t.Cleanup(func() { w.endLapse() })
	w.boot()
	t.Cleanup(w.shutdown)
	return w
}

func succeed() Outcome { return Outcome{} }

func failWith(reason alma.Reason) Outcome {
	return Outcome{Verdict: wire.Verdict{Outcome: wire.Retry, Reason: reason}, Attempt: alma.Attempt{Error: "it failed"}}
}

// began is when every bubble begins: midnight UTC, 2000-01-01.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// boot starts a node from what the store holds.
func (w *world) boot() {
	ctx, cancel := context.WithCancel(context.Background())
	node := &Node{
		Deliver: w.deliver, Record: w.record, Store: w, Logger: slog.New(slog.DiscardHandler),
		Slots: make(chan struct{}, 1000), Context: ctx, Disabled: func(_, reason string) {},
	}
	node.Healthy = func() bool { w.mu.Lock(); defer w.mu.Unlock(); return !w.stalled && w.node == node }
	node.Fed = func(*Settings) alma.Position { return w.tailAt() }
	node.TryAttach = func(_ *Lane, pos alma.Position, attach func()) bool {
		w.dispatching.Lock()
		defer w.dispatching.Unlock()
		w.mu.Lock()
		ok := !pos.Before(w.tail)
		w.mu.Unlock()
		if ok {
			attach()
		}
		return ok
	}
	settings := w.settings
	cfg := Config{Settings: &settings, Active: w.disabled == "", Cold: true, Watermark: w.watermark, Apart: w.apart}
	cfg.Record = &alma.LaneRecord{Shared: w.shared, Cursor: w.cursor, Health: w.health}
	for _, e := range w.exceptions {
		if e.Status == alma.StatusPending {
			cfg.Waiting = append(cfg.Waiting, e)
		}
	}
	w.mu.Lock()
	w.node, w.cancel, w.pending = node, cancel, nil
	w.tail = w.watermark
	w.lane = New(node, cfg, time.Now())
	w.mu.Unlock()
	go w.settle(ctx, w.lane)
	w.refreshReplays()
	w.lane.Kick()
	w.follow()
}

// crash ends the node as a killed process does: what was not settled is gone.
func (w *world) crash() {
	w.mu.Lock()
	w.pending = nil
	node := w.node
	w.node = nil
	w.mu.Unlock()
	w.cancel()
	w.lane.Close()
	<-node.Workers.Close()
	synctest.Wait()
	w.mu.Lock()
	w.inFlight = 0
	w.mu.Unlock()
}

func (w *world) restart() { w.crash(); w.boot() }

func (w *world) shutdown() {
	if w.node != nil {
		w.crash()
	}
}

// append adds events to the log and lets the tail offer them.
func (w *world) append(n int) {
	for range n {
		w.appendEvent(alma.Event{})
	}
	w.follow()
}

func (w *world) appendEvent(ev alma.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev.Position = alma.Position{Seq: int64(len(w.log) + 1)}
	ev.ID, ev.Type = fmt.Sprint("evt_", ev.Position.Seq), cmpOr(ev.Type, alma.Created)
	if ev.Timestamp.IsZero() {
		ev.Timestamp = time.Now()
	}
	w.log = append(w.log, ev)
}

func cmpOr(a, b alma.EventType) alma.EventType {
	if a == "" {
		return b
	}
	return a
}

// follow is the tail: it offers what it has not offered yet.
func (w *world) follow() {
	w.dispatching.Lock()
	defer w.dispatching.Unlock()
	w.mu.Lock()
	events := slices.Clone(w.log[w.tail.Seq:])
	lane := w.lane
	w.mu.Unlock()
	for i := range events {
		if e := flow.NewEntry(&events[i]); w.settings.Match(e) {
			lane.Offer(e, time.Now())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(events) > 0 {
		w.tail = events[len(events)-1].Position
	}
}

// mark does what the engine does for the watermark.
func (w *world) mark() {
	w.mu.Lock()
	mark := w.tail
	lane := w.lane
	w.mu.Unlock()
	if low, holds, _ := lane.Holds(time.Now()); holds && low.Before(mark) {
		mark = low
	}
	lane.Share(mark)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watermark.Before(mark) && !w.stalled && len(w.pending) == 0 {
		w.watermark = mark
	}
}

func (w *world) deliver(ctx context.Context, job *Job) Outcome {
	message := alma.Message{Body: []byte("{}")}
	job.SetMessage(&message)
	c := call{at: time.Since(began), number: job.Number, batch: job.BatchID, replay: job.ReplayID()}
	for _, p := range job.positions() {
		c.positions = append(c.positions, p.Seq)
	}
	w.mu.Lock()
	w.calls = append(w.calls, c)
	w.inFlight++
	w.most = max(w.most, w.inFlight)
	out, took := w.answer(job)
	lapse := w.lapse
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(lapse, cancel)()
	canceled := took > 0 && !elapse(ctx, took)
	w.mu.Lock()
	w.inFlight--
	w.mu.Unlock()
	if canceled {
		return Outcome{Canceled: true}
	}
	out.Attempt.Number, out.Attempt.Reason = job.Number, out.Verdict.Reason
	return out
}

// giveUp cancels the attempts that are under way, as the engine does when the
// node may not make them any more.
func (w *world) giveUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLapse()
	w.lapse, w.endLapse = context.WithCancel(context.Background())
}

func (w *world) record(records ...flow.Record) {
	w.mu.Lock()
	w.pending = append(w.pending, records...)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// settle is the settling stage and the store behind it.
func (w *world) settle(ctx context.Context, lane *Lane) {
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		if w.stalled || ctx.Err() != nil {
			w.mu.Unlock()
			continue
		}
		group := w.pending
		w.pending = nil
		for i := range group {
			w.store(&group[i])
		}
		w.mu.Unlock()
		w.delay(ctx)
		lane.Settled(group)
	}
}

func (w *world) stall(on bool) {
	w.mu.Lock()
	w.stalled = on
	lane := w.lane
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	synctest.Wait()
	lane.Kick()
}

func (w *world) store(r *flow.Record) {
	if r.Attempt != nil {
		for _, p := range r.Attempt.Positions {
			w.attempts[p]++
		}
	}
	if r.Exception != nil {
		e := *r.Exception
		if e.Message == nil {
			e.Message = w.exceptions[e.Position].Message
		}
		w.leaveBatches(&e)
		w.exceptions[e.Position] = e
	}
	if r.Replay != nil {
		w.moveReplay(r.Replay)
	}
	if r.Resolved != nil {
		delete(w.exceptions, r.Resolved.Position)
	}
	if r.Suppressed != nil {
		w.suppressed[r.Suppressed.JobID] += r.Suppressed.Count
	}
	if r.Disabled != nil {
		w.disabled = r.Disabled.Reason
	}
	if r.Lane != nil {
		w.shared, w.cursor, w.health = r.Lane.Shared, r.Lane.Cursor, r.Lane.Health
	}
}

// mostReads ends a lane's busy loop, which no bubble survives.
const mostReads = 10_000

// Read implements Store.
func (w *world) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	defer w.delay(ctx) // What happens meanwhile, the answer does not know.
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reads++; w.readFails || w.reads > mostReads {
		return alma.LogPage{}, errors.New("the database is away")
	}
	rest := w.log[after.Seq:]
	rest = rest[:min(limit, len(rest))]
	page := alma.LogPage{Events: slices.Clone(rest), Next: after}
	if len(rest) > 0 {
		page.Next = rest[len(rest)-1].Position
	}
	return page, nil
}

func (w *world) delay(ctx context.Context) {
	if takes := look(w, func() time.Duration { return w.takes }); takes > 0 {
		elapse(ctx, takes)
	}
}

// Settled implements Store.
func (w *world) Settled(ctx context.Context, _ string, after alma.Position) ([]alma.Position, error) {
	defer w.delay(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[alma.Position]bool{}
	for p := range w.attempts {
		seen[p] = true
	}
	for p, e := range w.exceptions {
		seen[p] = true
		for _, member := range e.Members {
			seen[member] = true
		}
	}
	var out []alma.Position
	for p := range seen {
		if after.Before(p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// delivered lists the positions of the calls, in the order of the calls.
func (w *world) delivered() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int64
	for _, c := range w.calls {
		out = append(out, c.positions...)
	}
	return out
}

func (w *world) callList() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// setAnswer changes what the listener does.
func (w *world) setAnswer(f func(*Job) (Outcome, time.Duration)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

func upTo(n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i + 1)
	}
	return out
}

// inBubble runs a test inside a bubble, where time passes by itself.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// pass lets time pass, and everything that becomes due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// look reads the world's state while nothing else changes it.
func look[T any](w *world, f func() T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f()
}

func (w *world) exception(seq int64) (alma.Exception, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.exceptions[alma.Position{Seq: seq}]
	return e, ok
}

func (w *world) attemptsOf(seq int64) int {
	return look(w, func() int { return w.attempts[alma.Position{Seq: seq}] })
}

func (w *world) exceptionCount() int { return look(w, func() int { return len(w.exceptions) }) }
func (w *world) isShared() bool      { return look(w, func() bool { return w.shared }) }
func (w *world) disabledBy() string  { return look(w, func() string { return w.disabled }) }
func (w *world) tailAt() alma.Position {
	return look(w, func() alma.Position { return w.tail })
}

func (w *world) buffered() int {
	w.lane.mu.Lock()
	defer w.lane.mu.Unlock()
	return w.lane.buffer.len()
}

func elapse(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
