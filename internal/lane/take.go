package lane

import (
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

const (
	// maxWaiting deliveries may wait for a retry; then no first attempts start.
	maxWaiting = 1000
	// parkAfter is how long a request may hold the low-water mark; parkStretched
	// takes its place when the newest attempt is as far from the mark as it may
	// be, so that the lane does not stand still for long.
	parkAfter     = time.Second
	parkStretched = 50 * time.Millisecond
	never         = time.Duration(1<<63 - 1)
	// maxBatchBytes cuts a batch, by the size of its members' data.
	maxBatchBytes = 1 << 20
	memberBytes   = 512 // Of a batch body, at most, beside a member's data and names: its id, its time, and what frames them.
)

// take returns the next thing to do, or nil; then the worker that asked ends.
func (l *Lane) take(now time.Time) *Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	job, wait := l.choose(now)
	if job == nil {
		l.workers--
		l.arm(now, wait)
		return nil
	}
	if job.kind == attemptJob {
		l.begin(job, now)
	}
	l.wake(now)
	return job
}

// takeReading returns what has to be read before there can be an attempt, or
// nil.
func (l *Lane) takeReading(now time.Time) *Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mayStart() || l.reading || now.Before(l.readAt) {
		return nil
	}
	empty := l.buffer.len() == 0
	job := &Job{kind: readJob, Settings: l.settings}
	switch {
	case l.cold && (!empty || l.behind):
		job.kind = loadJob
	case !l.behind || !empty || len(l.waiting) > 0 || l.health.stored.BreakerOpen || l.crowded() || !l.mayBegin():
		return nil
	default:
	}
	l.reading = true
	return job
}

// mayStart reports whether anything may start at all.
func (l *Lane) mayStart() bool { return l.active && !l.closed && !l.draining && l.node.Healthy() }

// choose decides what to do next; without anything it says how long until
// there may be something.
func (l *Lane) choose(now time.Time) (*Job, time.Duration) {
	if !l.mayStart() {
		return nil, never
	}
	if l.cold && (l.buffer.len() > 0 || l.behind) {
		if l.reading {
			return nil, never // The worker that asks the store goes on afterwards.
		}
		if rest := l.readAt.Sub(now); rest > 0 {
			return nil, rest
		}
		l.reading = true
		return &Job{kind: loadJob, Settings: l.settings}, 0
	}
	if l.crowded() {
		return nil, never // Finish or Settled wakes the lane.
	}
	if wait := l.throttle.wait(now); wait > 0 {
		return nil, wait
	}
	if l.health.stored.BreakerOpen {
		return l.chooseProbe(now)
	}
	return l.chooseAttempt(now)
}

// crowded reports whether the window is full. Attempts that are finished but
// not durable count too, so that a crash repeats at most two windows.
func (l *Lane) crowded() bool {
	limit := l.settings.window()
	if l.settings.Ordered {
		return l.inFlight+l.unsettled > 0
	}
	return l.inFlight >= l.pressure.current(limit) || l.inFlight+l.unsettled >= 2*limit || l.node.greedy(l.inFlight)
}

// chooseProbe lets one request through while the breaker is open: the oldest
// due delivery. That is the next event when no retry is due.
func (l *Lane) chooseProbe(now time.Time) (*Job, time.Duration) {
	if l.health.probing || l.deferred > 0 {
		return nil, never
	}
	if wait := l.health.stored.ProbeAt.Sub(now); wait > 0 {
		return nil, wait
	}
	job, wait := l.chooseAttempt(now)
	if job != nil && job.kind == attemptJob {
		l.health.probing, job.probe = true, true
	}
	return job, wait
}

// chooseAttempt prefers due retries, in at most half of the window.
func (l *Lane) chooseAttempt(now time.Time) (*Job, time.Duration) {
	wait := never
	if job := l.takeAgain(); job != nil {
		return job, 0
	}
	if w := l.waiting.next(); w != nil {
		due := w.Due.Sub(now)
		if due <= 0 && l.mayRetry() {
			l.noteLoose(l.waiting.take())
			l.noteManual(w)
			return &Job{Settings: l.settings, Retry: w, Number: w.Attempts + 1, BatchID: w.BatchID}, 0
		}
		wait = max(due, 0)
		if due <= 0 {
			wait = never // A finished retry wakes the lane.
		}
	}
	if l.replayTurn {
		if job := l.chooseReplay(now, &wait); job != nil {
			return job, 0
		}
	}
	if job := l.chooseLive(now, &wait); job != nil {
		return job, 0
	}
	return l.chooseReplay(now, &wait), wait
}

// chooseLive returns the first attempt of the next events, or a read.
func (l *Lane) chooseLive(now time.Time, wait *time.Duration) *Job {
	if l.liveWaits() {
		return nil
	}
	if l.mayBegin() {
		if entries := l.nextEntries(now, wait); entries != nil {
			return l.firstAttempt(entries)
		}
	}
	if l.mayRead(now, wait) {
		l.reading = true
		return &Job{kind: readJob, Settings: l.settings}
	}
	return nil
}

// takeAgain returns the oldest first attempt that was given up, or nil.
func (l *Lane) takeAgain() *Job {
	l.again = slices.DeleteFunc(l.again, func(job *Job) bool {
		unwanted := job.replay != nil && job.replay.over
		if unwanted {
			job.span.done = true
		}
		return unwanted
	})
	if len(l.again) == 0 {
		return nil
	}
	oldest := 0
	for i, job := range l.again {
		if job.span.first.Before(l.again[oldest].span.first) {
			oldest = i
		}
	}
	job := l.again[oldest]
	l.again = slices.Delete(l.again, oldest, oldest+1)
	return job
}

func (l *Lane) mayRetry() bool {
	return l.retrying < max(1, l.pressure.current(l.settings.window())/2)
}

// mayBegin reports whether first attempts may start at all. Those in flight
// count as if they had failed.
func (l *Lane) mayBegin() bool {
	if l.settings.Ordered {
		return l.onlyManual()
	}
	return len(l.waiting)+l.deferred+l.inFlight < maxWaiting && !l.stretched()
}

// stretched reports whether the newest attempt is two windows from the low-water
// mark.
func (l *Lane) stretched() bool { return l.outstanding.len() >= 2*l.settings.window() }

// onlyManual reports whether nothing waits but what a person asked for:
// otherwise the head of an ordered lane is still being tried.
func (l *Lane) onlyManual() bool {
	if l.deferred > 0 {
		return false
	}
	for _, w := range l.waiting {
		if !w.Manual {
			return false
		}
	}
	return true
}

// nextEntries takes the events of the next first attempt from the buffer: one,
// or a batch that is full or has waited long enough.
func (l *Lane) nextEntries(now time.Time, wait *time.Duration) []*flow.Entry {
	l.discard(now)
	if l.buffer.len() == 0 {
		return nil
	}
	if !l.settings.batches() {
		return []*flow.Entry{l.buffer.pop()}
	}
	n, full := l.batchLength(now)
	if rest := l.buffer.front().at.Add(l.settings.BatchDelay).Sub(now); !full && rest > 0 {
		if l.behind && !l.reading {
			return nil // More may lie in the log.
		}
		*wait = min(*wait, rest)
		return nil
	}
	batch := make([]*flow.Entry, 0, n)
	for range n {
		l.discard(now)
		batch = append(batch, l.buffer.pop())
	}
	return batch
}

// batchLength returns how many of the buffered events that are to be sent make
// the next batch, and whether it can grow no further.
func (l *Lane) batchLength(now time.Time) (n int, full bool) {
	bytes := 0
	for i := l.buffer.head; i < len(l.buffer.items); i++ {
		ev := l.buffer.items[i].entry.Event
		if l.unwanted(ev, now) {
			continue
		}
		bytes += memberSize(ev)
		if n > 0 && bytes > maxBatchBytes {
			return n, true
		}
		if n++; n == l.settings.BatchSize {
			return n, true
		}
	}
	return n, bytes >= maxBatchBytes || l.buffer.full()
}

// memberSize bounds what an event takes in a batch body, its names escaped.
func memberSize(ev *alma.Event) int {
	names := len(ev.MemoryID) + len(ev.Agent) + len(ev.ProjectID)
	return len(ev.Data) + len(ev.Type) + len(ev.MemoryType) + 6*names + memberBytes
}

func (l *Lane) firstAttempt(entries []*flow.Entry) *Job {
	job := &Job{Settings: l.settings, Entries: entries, Number: 1}
	if l.settings.batches() {
		job.BatchID = alma.NewBatchID()
	}
	return job
}

// mayRead reports whether a worker should read on in the log: the lane is
// behind and its buffer runs low.
func (l *Lane) mayRead(now time.Time, wait *time.Duration) bool {
	if !l.behind || l.reading || !l.hungry(now) || !l.mayBegin() {
		return false
	}
	if rest := l.readAt.Sub(now); rest > 0 {
		*wait = min(*wait, rest)
		return false
	}
	return true
}

// hungry reports whether the buffer runs low, or makes no batch yet.
func (l *Lane) hungry(now time.Time) bool {
	if l.runsLow() {
		return true
	}
	if !l.settings.batches() {
		return false
	}
	_, full := l.batchLength(now)
	return !full
}

// begin notes an attempt that is about to start.
func (l *Lane) begin(job *Job, now time.Time) {
	job.started = now
	l.throttle.spend(now)
	l.inFlight++
	if job.Retry != nil {
		l.retrying++
		return
	}
	if job.replay != nil {
		job.replay.inFlight++
	}
	if job.span != nil {
		return // Given up before; its place in the log is kept.
	}
	job.span = &span{first: job.Entries[0].Position(), last: job.Entries[len(job.Entries)-1].Position(), job: job, number: job.number}
	l.replayTurn = job.replay == nil
	if job.replay != nil {
		job.replay.outstanding.push(job.span)
		return
	}
	l.outstanding.push(job.span)
}
