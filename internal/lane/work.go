package lane

import (
	"context"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

const (
	readPage  = 256
	readRetry = time.Second
	// shortestWait keeps a rounding error from becoming a busy loop.
	shortestWait = 250 * time.Microsecond
)

// wake starts a worker when there may be work for one more.
func (l *Lane) wake(now time.Time) {
	if !l.active || l.closed || l.draining || l.workers > l.inFlight+btoi(l.reading)+l.rereading {
		return // One that is about to look for work suffices.
	}
	if l.crowded() && l.workers > 0 || !l.promising() {
		l.armPark(now)
		return
	}
	if l.node.Workers.enter() {
		l.workers++
		go l.work()
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// promising reports cheaply whether a worker would find something, now or by
// arming the timer.
func (l *Lane) promising() bool {
	return l.buffer.len() > 0 || len(l.waiting) > 0 || len(l.again) > 0 || l.behind && !l.reading || l.replayPromising()
}

// work does one thing after another until there is nothing to do.
func (l *Lane) work() {
	defer l.node.Workers.leave()
	for l.workOnce() {
	}
}

// workOnce does one thing, on a slot of the node; false when the worker ends.
func (l *Lane) workOnce() bool {
	if doubtful := l.node.Doubtful; doubtful != nil && l.pressure.doubtful.Load() {
		if job := l.takeReading(time.Now()); job != nil {
			return l.doReading(job)
		}
		select {
		case doubtful <- struct{}{}:
			defer func() { <-doubtful }()
		case <-l.ctx.Done():
			return l.quit()
		}
	}
	if !l.node.enter(l.ctx) {
		return l.quit()
	}
	defer l.node.leave()
	job := l.take(time.Now())
	if job == nil {
		return false
	}
	l.do(job)
	return true
}

// doReading reads on a slot of the node: that needs nobody's answer.
func (l *Lane) doReading(job *Job) bool {
	if !l.node.enter(l.ctx) {
		return l.quit()
	}
	defer l.node.leave()
	l.do(job)
	return true
}

func (l *Lane) quit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.workers--
	return false
}

func (l *Lane) do(job *Job) {
	ctx := l.ctx
	switch job.kind {
	case readJob:
		l.readOn(ctx, job.Settings)
	case loadJob:
		l.loadSettled(ctx)
	case replayJob:
		l.readReplay(ctx, job.replay, job.Settings)
	default:
		out := l.node.Deliver(ctx, job)
		l.finish(job, out, time.Now())
	}
}

// readOn reads a page of the log for a lane that is behind.
func (l *Lane) readOn(ctx context.Context, settings *Settings) {
	l.mu.Lock()
	from, erasures := l.read, l.erasures
	l.mu.Unlock()
	page, err := l.node.read(ctx, func() (alma.LogPage, error) { return l.node.Store.Read(ctx, from, readPage) })
	matched := match(page.Events, settings)
	now := time.Now()

	l.mu.Lock()
	l.reading = false
	if err != nil {
		l.readAt = now.Add(readRetry)
		l.mu.Unlock()
		return
	}
	if !l.behind || !l.active || l.read != from || l.erasures != erasures {
		l.mu.Unlock() // Paused, closed, or erased in part meanwhile: what was read is read again.
		return
	}
	l.read = l.keep(matched, page.Next, now)
	l.discard(now)
	if len(matched) == 0 && len(page.Events) > 0 {
		l.noteProgress()
	}
	l.mu.Unlock()
	if len(page.Events) < readPage {
		l.attach(page.Next)
	}
}

// match returns what of a page the webhook wants, apart from the page: a lane that
// wants little of much would keep all of it in memory.
func match(events []alma.Event, settings *Settings) []*flow.Entry {
	var out []*flow.Entry
	for i := range events {
		if e := flow.NewEntryOf(events[i]); settings.Match(e) {
			out = append(out, e)
		}
	}
	return out
}

// attach lets the tail feed the lane again when it has caught up.
func (l *Lane) attach(pos alma.Position) {
	l.node.TryAttach(l, pos, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.behind && l.read == pos && l.active {
			l.behind, l.listed = false, true
		}
	})
}

// loadSettled learns what was settled beyond the cursor before a restart.
func (l *Lane) loadSettled(ctx context.Context) {
	l.mu.Lock()
	from := l.coldFrom
	id := l.settings.WebhookID
	l.mu.Unlock()
	positions, err := l.node.Store.Settled(ctx, id, from)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	if err != nil {
		l.node.Logger.Warn("cannot read what was delivered before; trying again", "webhook", id, "error", err)
		l.readAt = time.Now().Add(readRetry)
		return
	}
	l.cold = false
	if len(positions) > 0 {
		l.settled = make(map[alma.Position]struct{}, len(positions))
	}
	for _, p := range positions {
		l.settled[p] = struct{}{}
		if l.settledTo.Before(p) {
			l.settledTo = p
		}
	}
}

// arm sets the timer that wakes the lane: for a retry, a batch, a probe, the
// rate limit, or to park a slow request.
func (l *Lane) arm(now time.Time, wait time.Duration) {
	if !l.settings.Ordered {
		wait = min(wait, l.untilPark(&l.outstanding, now))
		for _, r := range l.replays {
			wait = min(wait, l.untilPark(&r.outstanding, now))
		}
	}
	if l.closed || wait == never {
		return
	}
	wait = max(wait, shortestWait)
	if at := now.Add(wait); l.timerAt.IsZero() || at.Before(l.timerAt) {
		l.timerAt = at
	} else {
		return // It rings earlier, and is set anew then.
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, l.tick)
		return
	}
	l.timer.Reset(wait)
}

// untilPark returns how long until the request at the head is to be parked.
func (l *Lane) untilPark(o *outstanding, now time.Time) time.Duration {
	s := o.front()
	if s == nil {
		return never
	}
	return max(0, s.job.started.Add(l.patience(o)).Sub(now))
}

// patience is how long the request at the head may take before it is parked.
func (l *Lane) patience(o *outstanding) time.Duration {
	if o.len() >= 2*l.settings.window() {
		return parkStretched
	}
	return parkAfter
}

// armPark keeps watch over slow requests when no worker is about to.
func (l *Lane) armPark(now time.Time) { l.arm(now, never) }

func (l *Lane) tick() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timerAt = time.Time{}
	l.park(now)
	l.wake(now)
	l.armPark(now)
}
